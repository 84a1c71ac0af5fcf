"""Pages, calls and forms by role. What a user may not see is answered as what does not exist."""

from urllib.parse import quote, urlencode

import pytest

from tests.console.call_centre_data import CallCentreData
from tests.console.conftest import SignIn
from tests.console.console_client import extract_text

ALL_PAGES = {
    "status",
    "calls",
    "statistics",
    "evaluations",
    "exports",
    "ingest",
    "apps",
    "users",
    "audit",
    "settings",
} | {"my-evaluations"}
ALLOWED_PAGES = {
    "olga": ALL_PAGES - {"my-evaluations"},
    "anna": {"calls", "statistics", "evaluations", "exports", "apps"},
    "emil": {"calls", "statistics", "exports"},
    "eva": {"calls", "statistics", "evaluations"},
    "lucy": {"calls", "statistics"},
    "gus": {"my-evaluations"},
    "audrey": {"audit"},
    "nick": set(),
}


def build_call_path(account: str, call_id: str) -> str:
    return "/console/call?" + urlencode({"account": account, "id": call_id})


def build_file_path(what: str, account: str, name: str) -> str:
    return f"/console/{what}?" + urlencode({"account": account, "name": name})


@pytest.mark.parametrize("name", ALLOWED_PAGES)
def test_a_role_opens_the_pages_of_its_menu_and_no_other(signed_in: SignIn, name: str) -> None:
    client = signed_in(name)
    opened = {page for page in ALL_PAGES if client.get(f"/console/{page}").status == 200}
    me = client.get("/console/account").body.decode()
    shown = {page for page in ALL_PAGES if f'href="/console/{page}"' in me}
    assert (opened, shown) == (ALLOWED_PAGES[name], ALLOWED_PAGES[name])


def test_a_forbidden_page_looks_like_one_that_does_not_exist(signed_in: SignIn) -> None:
    lucy = signed_in("lucy")
    for page in ALL_PAGES - {"calls", "statistics"}:
        forbidden, absent = lucy.get(f"/console/{page}"), lucy.get("/console/nothing")
        assert (forbidden.status, extract_text(forbidden)) == (absent.status, extract_text(absent))
        assert forbidden.status == 404


def test_a_listener_of_one_account_finds_nothing_of_another(signed_in: SignIn, call_centre: CallCentreData) -> None:
    lucy, mine = signed_in("lucy"), call_centre.account_param
    theirs = [f"{call_centre.acme.ak}/acme-other", f"{call_centre.bolt.ak}/bolt-account"]
    ours = lucy.get_text("/console/calls?period=30")
    assert "02079460001" in ours
    assert "0777" not in ours
    assert "acme-other" not in ours
    for account in (
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
        found = lucy.get(f"/console/calls?account={quote(account, safe='')}")
        assert (found.status, extract_text(found)) == (404, extract_text(absent)), account


def test_a_listener_of_one_account_opens_no_call_and_no_recording_of_another(
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
    paths = [
        *(
            build_call_path(account, call_id)
            for account in (other, bolt, mine)
            for call_id in ("1700000000-7", "1700000000-99")
        ),
        build_call_path(bolt, "1700000000-1"),
        *(
            build_file_path("audio", account, call_centre.other_account_recording.file_name)
            for account in (other, mine)
        ),
        *(build_file_path("audio", account, call_centre.other_app_recording.file_name) for account in (bolt, mine)),
        build_file_path("audio", mine, call_centre.other_account_recording.original_file_name),
        build_file_path("download", mine, call_centre.first_recording.file_name),  # a listener only listens
        build_file_path("download", other, call_centre.other_account_recording.file_name),
    ]
    for path in paths:
        reply = lucy.get(path)
        assert (reply.status, extract_text(reply)) == (404, extract_text(absent[0])), path
    assert extract_text(absent[0]) == extract_text(absent[1])


def test_a_call_id_finds_calls_of_permitted_accounts_only(signed_in: SignIn, call_centre: CallCentreData) -> None:
    assert "acme-account" in signed_in("lucy").get("/console/calls?id=1700000000-1").headers["location"]
    assert "bolt-account" in signed_in("basil").get("/console/calls?id=1700000000.1").headers["location"]
    assert signed_in("lucy").get("/console/calls?id=1700000000-7").status == 404
    assert "acme-other" in signed_in("emil").get("/console/calls?id=1700000000-7-leg").headers["location"]
    both = signed_in("olga").get_text("/console/calls?id=1700000000-1")
    assert "acme-account" in both
    assert "bolt-account" in both


def test_an_exporter_of_an_app_downloads_recordings_of_all_its_accounts(
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


def test_an_auditor_finds_and_plays_no_call(signed_in: SignIn, call_centre: CallCentreData) -> None:
    audrey = signed_in("audrey")
    for path in (
        "/console/calls",
        build_call_path(call_centre.account_param, "1700000000-1"),
        build_file_path("audio", call_centre.account_param, call_centre.first_recording.file_name),
    ):
        assert audrey.get(path).status == 404


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
def test_a_form_changes_nothing_without_the_role_s_permission(
    signed_in: SignIn, path: str, form: dict[str, str]
) -> None:
    for name in ("lucy", "audrey", "basil", "nick"):
        assert signed_in(name).post(path, **form).status == 404, name
    if "users" in path or path.endswith("add"):
        assert signed_in("anna").post(path, **form).status == 404
