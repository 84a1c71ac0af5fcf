"""What each role may see and do. What somebody may not see is answered as what is not there."""

from urllib.parse import quote, urlencode

import pytest

from tests.console.call_centre_data import CallCentreData
from tests.console.conftest import SignIn
from tests.console.console_client import extract_text

ALL_PAGES = {"calls", "statistics", "exports", "ingest", "apps", "users", "audit", "settings"}
ALLOWED_PAGES = {
    "olga": ALL_PAGES,
    "anna": {"calls", "statistics", "exports", "apps"},
    "emil": {"calls", "statistics", "exports"},
    "lucy": {"calls", "statistics"},
    "audrey": {"audit"},
    "nick": set(),
}


def build_call_path(place: str, call_id: str) -> str:
    return "/console/call?" + urlencode({"account": place, "id": call_id})


def build_file_path(what: str, place: str, name: str) -> str:
    return f"/console/{what}?" + urlencode({"account": place, "name": name})


@pytest.mark.parametrize("name", ALLOWED_PAGES)
def test_a_role_opens_its_own_pages_and_its_menu_shows_no_other(signed_in: SignIn, name: str) -> None:
    visitor = signed_in(name)
    opened = {page for page in ALL_PAGES if visitor.get(f"/console/{page}").status == 200}
    me = visitor.get("/console/account").body.decode()
    shown = {page for page in ALL_PAGES if f'href="/console/{page}"' in me}
    assert (opened, shown) == (ALLOWED_PAGES[name], ALLOWED_PAGES[name])


def test_a_page_that_is_not_one_s_own_looks_like_one_that_is_not_there(signed_in: SignIn) -> None:
    lucy = signed_in("lucy")
    for page in ALL_PAGES - {"calls", "statistics"}:
        there, nowhere = lucy.get(f"/console/{page}"), lucy.get("/console/nothing")
        assert (there.status, extract_text(there)) == (nowhere.status, extract_text(nowhere))
        assert there.status == 404


def test_a_listener_of_one_account_finds_nothing_of_another(signed_in: SignIn, call_centre: CallCentreData) -> None:
    lucy, mine = signed_in("lucy"), call_centre.account_param
    theirs = [f"{call_centre.acme.ak}/acme-other", f"{call_centre.bolt.ak}/bolt-account"]
    ours = lucy.get_text("/console/calls?period=30")
    assert "02079460001" in ours
    assert "0777" not in ours
    assert "acme-other" not in ours
    for place in (
        *theirs,
        f"{call_centre.acme.ak}/",
        call_centre.acme.ak,
        "/",
        f"{call_centre.acme.ak}/no-such",
        "%",
        f"{mine} ",
        "' or 1=1",
    ):
        absent = lucy.get("/console/calls?account=no%2Fwhere")
        found = lucy.get(f"/console/calls?account={quote(place, safe='')}")
        assert (found.status, extract_text(found)) == (404, extract_text(absent)), place


def test_a_listener_of_one_account_opens_no_call_and_no_file_of_another(
    signed_in: SignIn, call_centre: CallCentreData
) -> None:
    lucy, mine = signed_in("lucy"), call_centre.account_param
    other, bolt = f"{call_centre.acme.ak}/acme-other", f"{call_centre.bolt.ak}/bolt-account"
    assert lucy.get(build_call_path(mine, "1700000000-1")).status == 200
    assert lucy.get(build_file_path("audio", mine, call_centre.first_recording.file_name)).status == 200
    absent = [
        lucy.get(build_call_path(mine, "1700000000-99")),
        lucy.get(build_file_path("audio", mine, "/0/1/record/x/no.wav")),
    ]
    doors = [
        *(
            build_call_path(place, call_id)
            for place in (other, bolt, mine)
            for call_id in ("1700000000-7", "1700000000-99")
        ),
        build_call_path(bolt, "1700000000-1"),
        *(build_file_path("audio", place, call_centre.other_account_recording.file_name) for place in (other, mine)),
        *(build_file_path("audio", place, call_centre.other_app_recording.file_name) for place in (bolt, mine)),
        build_file_path("audio", mine, call_centre.other_account_recording.original_file_name),
        build_file_path("download", mine, call_centre.first_recording.file_name),  # a listener only listens
        build_file_path("download", other, call_centre.other_account_recording.file_name),
    ]
    for door in doors:
        reply = lucy.get(door)
        assert (reply.status, extract_text(reply)) == (404, extract_text(absent[0])), door
    assert extract_text(absent[0]) == extract_text(absent[1])


def test_an_id_leads_to_calls_of_one_s_own_accounts_only(signed_in: SignIn, call_centre: CallCentreData) -> None:
    assert "acme-account" in signed_in("lucy").get("/console/calls?id=1700000000-1").headers["location"]
    assert "bolt-account" in signed_in("basil").get("/console/calls?id=1700000000.1").headers["location"]
    assert signed_in("lucy").get("/console/calls?id=1700000000-7").status == 404
    assert "acme-other" in signed_in("emil").get("/console/calls?id=1700000000-7-leg").headers["location"]
    both = signed_in("olga").get_text("/console/calls?id=1700000000-1")
    assert "acme-account" in both
    assert "bolt-account" in both


def test_an_exporter_of_the_app_takes_recordings_of_all_its_accounts_away(
    signed_in: SignIn, call_centre: CallCentreData
) -> None:
    emil = signed_in("emil")
    reply = emil.get(
        build_file_path("download", f"{call_centre.acme.ak}/acme-other", call_centre.other_account_recording.file_name)
    )
    assert reply.status == 200
    assert reply.headers["content-disposition"] == 'attachment; filename="other.wav"'
    assert (
        emil.get(
            build_file_path(
                "download", f"{call_centre.bolt.ak}/bolt-account", call_centre.other_app_recording.file_name
            )
        ).status
        == 404
    )


def test_an_auditor_hears_and_sees_no_call(signed_in: SignIn, call_centre: CallCentreData) -> None:
    audrey = signed_in("audrey")
    for door in (
        "/console/calls",
        build_call_path(call_centre.account_param, "1700000000-1"),
        build_file_path("audio", call_centre.account_param, call_centre.first_recording.file_name),
    ):
        assert audrey.get(door).status == 404


@pytest.mark.parametrize(
    ("path", "form"),
    [
        ("/console/apps/add", {"name": "mine"}),
        ("/console/apps/key", {"app": "ACMEAK0001"}),
        ("/console/apps/revoke", {"app": "ACMEAK0001", "key": "1"}),
        ("/console/apps/account", {"app": "ACMEAK0001", "account": "new", "vdn": "77", "zone": "Asia/Shanghai"}),
        ("/console/users/add", {"name": "eve", "role": "operator"}),
        ("/console/users/grant", {"user": "lucy", "role": "operator"}),
        ("/console/users/revoke", {"user": "olga", "grant": "0"}),
        ("/console/users/disable", {"user": "olga"}),
        ("/console/users/reset", {"user": "olga"}),
        ("/console/export", {"app": "ACMEAK0001", "id": "x"}),
    ],
)
def test_nobody_changes_what_the_role_does_not_allow(signed_in: SignIn, path: str, form: dict[str, str]) -> None:
    for name in ("lucy", "audrey", "basil", "nick"):
        assert signed_in(name).post(path, **form).status == 404, name
    if "users" in path or path.endswith("add"):
        assert signed_in("anna").post(path, **form).status == 404
