"""Making, listing and revoking guest links, for users with permission, where the site and the account allow it."""

from urllib.parse import urlencode

import pytest

from ccfs.model.identity.audit import AuditAction
from tests.console.console_client import ConsoleClient, extract_text
from tests.console.links.conftest import GuestLinkSite
from tests.media.audio_samples import CALL_ID, add_audio_recording
from tests.server.ccfs_server import CcfsServer


def build_path(site: GuestLinkSite, path: str, **more: str) -> str:
    return f"/console/{path}?" + urlencode({"account": site.data.account_param, **more})


def test_the_page_of_a_call_shows_its_links_and_who_heard_it_by_them(site: GuestLinkSite) -> None:
    token = site.make_link(**{"from": "0:01", "to": "0:02", "title": "Complaint", "plays": "3"})
    number = site.change_row(token, title="Complaint")
    site.open_link(site.make_guest(), token)
    page = site.sign_in("emil").get_text(build_path(site, "call", id=CALL_ID))
    assert f"{number} Complaint 0:01–0:02 Active 1 / 3 emil" in page
    page = site.sign_in("anna").get_text(build_path(site, "call", id=CALL_ID))
    assert f"(link {number}) Played a recording through a guest link" in page
    listed = site.sign_in("anna").get_text(build_path(site, "links"))
    assert f"{number} Complaint {CALL_ID} 0:01–0:02 Active 1 / 3" in listed
    assert "Guest links" not in site.sign_in("lucy").get_text(build_path(site, "call", id=CALL_ID))
    sentence = f"Played shared of call {CALL_ID} through a guest link"
    assert sentence in site.sign_in("olga").get_text("/console/audit?action=link_played")


def test_a_link_is_shown_once(site: GuestLinkSite) -> None:
    location, emil = site.request_link().headers["location"], site.sign_in("emil")
    assert "/console/guest?link=" in emil.get(location).body.decode()
    assert "/console/guest?link=" not in emil.get(location).body.decode()


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"from": "x"}, "Enter a position in minutes and seconds"),
        ({"from": "0:02", "to": "0:01"}, "The end must be after the position."),
        ({"to": "9:00"}, "This recording runs from 0:00 to 0:03."),
        ({"hours": "720"}, "Choose how long the link is valid."),
        ({"plays": "0"}, "Enter a number of plays from 1 to 1000"),
        ({"title": "x" * 101}, "A title can have up to 100 characters."),
        ({"link_password": "short"}, "A password must have 10 to 200 characters."),
        ({"recording": "/0/1/record/x/heard.wav"}, "Choose a recording."),
    ],
)
def test_a_form_that_is_not_accepted_says_why_and_keeps_its_entries(
    site: GuestLinkSite, fields: dict[str, str], problem: str
) -> None:
    reply = site.request_link(**{"title": "Kept"} | fields)
    assert reply.status == 400
    text, source = extract_text(reply), reply.body.decode()
    assert problem in text
    assert 'aria-invalid="true"' in source
    assert "Kept" in source or "title" in fields
    assert "short" not in source


def test_a_recording_that_cannot_be_decoded_has_no_links(site: GuestLinkSite) -> None:
    broken = b"RIFF\0\0\0\0WAVEnonsense" * 20
    recording = add_audio_recording(site.server.node, site.data.acme, "acme-account", "bad", broken, "1700000100-1", 3)
    reply = site.request_link(id="1700000100-1", recording=recording.file_name)
    assert (reply.status, "cannot be decoded" in extract_text(reply)) == (400, True)


def test_users_revoke_their_own_links_and_administrators_any(site: GuestLinkSite) -> None:
    account = {"account": site.data.account_param}
    numbers = [str(site.change_row(site.make_link(who), title="")) for who in ("emil", "anna", "anna")]
    assert site.sign_in("emil").post("/console/links/revoke", **account, id=numbers[1]).status == 404
    question = site.sign_in("emil").post("/console/links/revoke", **account, id=numbers[0], confirmed="")
    assert f"Revoke guest link {numbers[0]}?" in extract_text(question)
    for who, number in (("anna", numbers[0]), ("anna", numbers[1]), ("olga", numbers[2])):
        assert site.sign_in(who).post("/console/links/revoke", **account, id=number).status == 303
    page = site.sign_in("olga").get_text(build_path(site, "links"))
    assert page.count("Revoked") >= 3
    assert site.list_targets(AuditAction.LINK_REVOKED, "olga") == [f"link {numbers[2]} of anna"]
    for number in ("x", "9" * 30, "0"):
        assert site.sign_in("olga").post("/console/links/revoke", **account, id=number).status == 404


def test_an_account_has_no_links_unless_its_switch_is_on(site: GuestLinkSite) -> None:
    other = {"account": f"{site.data.acme.ak}/acme-other"}
    emil, anna = site.sign_in("emil"), site.sign_in("anna")
    recording = site.data.other_account_recording
    fields = {**other, "id": "1700000000-7", "recording": recording.file_name, "hours": "1"}
    assert emil.post("/console/links", **fields).headers["location"] == f"/console/links?{urlencode(other)}"
    assert "turned off for this account" in emil.get_text(f"/console/links?{urlencode(other)}")
    assert emil.post("/console/links/switch", **other, state="on").status == 404
    assert anna.post("/console/links/switch", **other, state="on").status == 303
    assert "Create a guest link" in emil.get_text(f"/console/links/new?{urlencode(other | {'id': '1700000000-7'})}")
    assert "note=" in emil.post("/console/links", **fields).headers["location"]
    assert anna.post("/console/links/switch", **other, state="off").status == 303
    assert site.list_targets(AuditAction.LINKS_SWITCHED, "anna")[-2:] == ["on", "off"]


def test_a_site_has_no_links_unless_its_setting_is_on(
    console_server: CcfsServer, call_centre: object, anonymous: ConsoleClient
) -> None:
    anna = ConsoleClient(server=console_server)
    anna.sign_in("anna")
    assert "turned off on this server" in anna.get_text("/console/links")
    assert anonymous.get("/console/guest?link=x").status == 404
