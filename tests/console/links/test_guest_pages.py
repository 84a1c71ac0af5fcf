"""What a guest gets by a link: its page, the passage and nothing else; and one answer for each link that does not work."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import pytest
import sqlalchemy as sa

from ccfs.console.login.attempts import MAX_ANONYMOUS_ENTRIES
from ccfs.db import schema
from ccfs.db.system import tenants
from ccfs.db.system.console import audit, users
from ccfs.model.identity.audit import AuditAction, AuditEntry
from tests.api.api_client import Reply
from tests.console.console_client import ConsoleClient, extract_text
from tests.console.links.conftest import LIMIT, LINK_PASSWORD, RATE, SAMPLES, GuestLinkSite
from tests.media.audio_samples import CALL_ID

GONE = "This link does not work"


def get_policy(reply: Reply) -> dict[str, str]:
    """Return the headers that keep a page from leaking."""
    names = ("referrer-policy", "x-robots-tag", "cache-control", "x-content-type-options", "x-frame-options")
    return {name: reply.headers.get(name, "") for name in names}


def test_a_guest_opens_a_link_and_hears_the_recording_without_its_metadata(site: GuestLinkSite) -> None:
    token, guest = site.make_link(), site.make_guest()
    form = site.show(guest, token)
    assert (form.status, "<audio" in form.body.decode()) == (200, False)
    assert site.hear(guest, token).status == 404
    opened = site.open_link(guest, token)
    assert (opened.status, opened.headers["location"]) == (303, f"/console/guest?{urlencode({'link': token})}")
    page = site.show(guest, token)
    assert (page.status, "<audio" in page.body.decode()) == (200, True)
    audio = site.hear(guest, token, range="bytes=0-")
    assert (audio.status, audio.headers["content-range"]) == (206, f"bytes 0-{len(SAMPLES) + 43}/{len(SAMPLES) + 44}")
    assert audio.body[44:] == SAMPLES
    assert site.hear(guest, token).body == audio.body
    for reply in (form, opened, page, audio):
        text = reply.body.decode("latin-1") + str(reply.headers)
        for secret in (CALL_ID, "caller", "0207946", "512", "acme", "samples", site.recording.blob.sha256[:16]):
            assert secret not in text, secret
        assert get_policy(reply) == {
            "referrer-policy": "no-referrer",
            "x-robots-tag": "noindex, nofollow, noarchive",
            "cache-control": "no-store",
            "x-content-type-options": "nosniff",
            "x-frame-options": "DENY",
        }
        assert "default-src 'none'" in reply.headers["content-security-policy"]
        assert "script-src" not in reply.headers["content-security-policy"]
    assert "<nav" not in page.body.decode()
    assert "<script" not in page.body.decode()


def test_only_the_passage_leaves(site: GuestLinkSite) -> None:
    token, guest = site.make_link(**{"from": "1", "to": "1.5"}), site.make_guest()
    site.open_link(guest, token)
    size, part = RATE + 44, SAMPLES[2 * RATE : 3 * RATE]
    whole = site.hear(guest, token)
    assert (whole.status, whole.body[44:]) == (200, part)
    for asked, status, found in (
        ("bytes=0-", 206, whole.body),
        ("bytes=44-99999999", 206, part),
        ("bytes=-100", 206, part[-100:]),
        (f"bytes={size - 1}-{size + 500}", 206, part[-1:]),
        (f"bytes={size}-", 416, b""),
        ("bytes=0-10,20-30", 200, whole.body),
    ):
        reply = site.hear(guest, token, range=asked)
        assert (reply.status, reply.body) == (status, found), asked
    parameters = {"account": site.data.account_param, "name": site.recording.file_name, "link": token}
    for path in ("audio", "waveform", "download", "call"):
        assert guest.get(f"/console/{path}?{urlencode(parameters)}").status == 303  # to the login


def test_a_page_shows_what_its_maker_chose_in_the_guests_language(site: GuestLinkSite) -> None:
    fields = {"title": "The <offer>", "shows_date": "yes", "link_password": LINK_PASSWORD}
    token = site.make_link(**fields)
    guest = site.make_guest("zh-CN,zh;q=0.9")
    form = extract_text(site.show(guest, token))
    assert "播放录音" in form
    assert "offer" not in form
    assert site.open_link(guest, token, "a wrong password").status == 401
    assert site.open_link(guest, token).status == 401
    assert site.open_link(guest, token, LINK_PASSWORD).status == 303
    page = extract_text(site.show(guest, token))
    assert "The <offer>" in page
    recorded = site.recording.call_begin.astimezone(UTC) + timedelta(hours=8)  # the account's zone is Shanghai
    assert f"录制时间： {recorded:%Y-%m-%d %H:%M:%S}" in page


def test_a_play_is_counted_once_a_browser_and_ends_with_the_greatest_number(site: GuestLinkSite) -> None:
    token, first, second, third = site.make_link(plays="2"), *(site.make_guest() for _ in range(3))
    for guest in (first, first, second):
        site.show(guest, token)
        assert site.open_link(guest, token).status == 303
    assert site.open_link(third, token).status == 404
    assert GONE in extract_text(site.show(third, token))
    assert site.hear(first, token, range="bytes=0-").status == 206
    number = site.change_row(token, title="")
    assert site.list_targets(AuditAction.LINK_PLAYED, f"(link {number})") == [site.recording.file_name] * 2
    third.cookies = {f"ccfs_link_{number + 1}": first.cookies[f"ccfs_link_{number}"], f"ccfs_link_{number}": "x"}
    assert site.hear(third, token).status == 404


def test_two_guests_at_once_do_not_share_the_last_play(site: GuestLinkSite) -> None:
    token = site.make_link(plays="1")
    guests = [site.make_guest() for _ in range(2)]
    assert sorted(site.open_link(guest, token).status for guest in guests) == [303, 404]


def expire(site: GuestLinkSite, token: str) -> None:
    site.change_row(token, expires_at=datetime.now(UTC) - timedelta(seconds=1))


def age(site: GuestLinkSite, token: str) -> None:
    """Make the link older than the setting allows, though its own end is later."""
    site.change_row(token, created_at=datetime.now(UTC) - timedelta(days=7, minutes=1))


def revoke(site: GuestLinkSite, token: str) -> None:
    number = str(site.change_row(token, title=""))
    assert site.sign_in("emil").post("/console/links/revoke", account=site.data.account_param, id=number).status == 303


def use_up(site: GuestLinkSite, token: str) -> None:
    site.change_row(token, plays=1000)


def disable_maker(site: GuestLinkSite, _token: str) -> None:
    set_maker(site, is_disabled=True)


def delete_recording(site: GuestLinkSite, token: str) -> None:
    site.change_row(token, recording="/0/1/record/samples/deleted")


def switch_off(site: GuestLinkSite, _token: str) -> None:
    fields = {"account": site.data.account_param, "state": "off"}
    assert site.sign_in("anna").post("/console/links/switch", **fields).status == 303


def set_maker(site: GuestLinkSite, *, is_disabled: bool) -> None:
    with site.server.node.database.write_transaction() as connection:
        maker = users.find_by_name(connection, "emil")
        assert maker
        users.set_disabled(connection, maker, datetime.now(UTC) if is_disabled else None)


@pytest.fixture
def restored(site: GuestLinkSite) -> GuestLinkSite:
    """The site, whose maker and switch are as they were after the test before."""
    set_maker(site, is_disabled=False)
    with site.server.node.database.write_transaction() as connection:
        tenants.set_account_links(connection, site.data.acme, "acme-account", allows_links=True)
    site.users.pop("emil", None)  # his sessions ended
    return site


@pytest.mark.parametrize("end", [expire, age, revoke, use_up, delete_recording, disable_maker, switch_off])
def test_a_link_that_ended_answers_as_one_that_never_was(
    restored: GuestLinkSite, end: Callable[[GuestLinkSite, str], None]
) -> None:
    site = restored
    fields = {"link_password": LINK_PASSWORD} if end in (expire, revoke) else {}
    token, listener, guest = site.make_link(**fields), site.make_guest(), site.make_guest()
    assert site.open_link(listener, token, LINK_PASSWORD).status == 303
    end(site, token)
    unknown = [(reply.status, reply.body) for reply in collect_answers(site, guest, "A" * 43)]
    assert [status for status, _ in unknown] == [404, 404, 404]
    guest = site.make_guest()
    assert [(reply.status, reply.body) for reply in collect_answers(site, guest, token)] == unknown
    if end is not use_up:  # who listens already may hear the end
        assert site.hear(listener, token).status == 404


def collect_answers(site: GuestLinkSite, guest: ConsoleClient, token: str) -> list[Reply]:
    return [site.show(guest, token), site.open_link(guest, token, LINK_PASSWORD), site.hear(guest, token)]


def test_tries_are_counted_as_sign_ins_are(restored: GuestLinkSite) -> None:
    site, guest = restored, restored.make_guest()
    statuses = [site.show(guest, f"guess {number}").status for number in range(LIMIT + 2)]
    assert statuses == [404] * LIMIT + [429] * 2
    token = site.make_link(link_password=LINK_PASSWORD)
    assert site.show(guest, token).status == 429
    assert guest.sign_in("lucy").status == 303  # the sign-in of the address is not locked
    guessers = [site.make_guest() for _ in range(LIMIT + 1)]
    wrong = [site.open_link(guesser, token, "a wrong password").status for guesser in guessers]
    assert wrong == [401] * LIMIT + [429]
    assert site.open_link(site.make_guest(), token, LINK_PASSWORD).status == 429  # the link itself is locked


def test_refusals_are_logged_up_to_a_limit(restored: GuestLinkSite) -> None:
    site, token = restored, restored.make_link()
    number = site.change_row(token, plays=1000)
    site.show(site.make_guest(), token)
    assert site.list_targets(AuditAction.LINK_REFUSED, "")[-1] == f"link {number}"
    entry = AuditEntry(logged_at=datetime.now(UTC), actor="", action=AuditAction.LINK_REFUSED, target="x")
    with site.server.node.database.write_transaction() as connection:
        for _ in range(MAX_ANONYMOUS_ENTRIES):
            audit.add(connection, entry)
    before = len(site.list_targets(AuditAction.LINK_REFUSED, ""))
    assert site.show(site.make_guest(), token).status == 404
    assert len(site.list_targets(AuditAction.LINK_REFUSED, "")) == before


def test_a_token_is_stored_nowhere(restored: GuestLinkSite) -> None:
    token = restored.make_link(link_password=LINK_PASSWORD)
    restored.open_link(restored.make_guest(), token, LINK_PASSWORD)
    with restored.server.node.database.read_transaction() as connection:
        for table in (schema.guest_links, schema.audit_log, schema.console_notes):
            rows = str(connection.execute(sa.select(table)).all())
            assert token not in rows
            assert LINK_PASSWORD not in rows
    assert token not in restored.server.read_log()
