"""What each role may see and do. What somebody may not see is answered as what is not there."""

from urllib.parse import quote, urlencode

import pytest

from tests.console.conftest import Enter
from tests.console.floor import Floor
from tests.console.visitor import text_of

FRONT = {"calls", "figures", "exports", "ingest", "apps", "people", "audit", "node"}
MAY_OPEN = {
    "olga": FRONT,
    "anna": {"calls", "figures", "exports", "apps"},
    "emil": {"calls", "figures", "exports"},
    "lucy": {"calls", "figures"},
    "audrey": {"audit"},
    "nick": set(),
}


def call(place: str, call_id: str) -> str:
    return "/console/call?" + urlencode({"in": place, "id": call_id})


def file(what: str, place: str, name: str) -> str:
    return f"/console/{what}?" + urlencode({"in": place, "name": name})


@pytest.mark.parametrize("name", MAY_OPEN)
def test_a_role_opens_its_own_pages_and_its_menu_shows_no_other(enter: Enter, name: str) -> None:
    visitor = enter(name)
    opened = {page for page in FRONT if visitor.get(f"/console/{page}").status == 200}
    me = visitor.get("/console/me").body.decode()
    shown = {page for page in FRONT if f'href="/console/{page}"' in me}
    assert (opened, shown) == (MAY_OPEN[name], MAY_OPEN[name])


def test_a_page_that_is_not_one_s_own_looks_like_one_that_is_not_there(enter: Enter) -> None:
    lucy = enter("lucy")
    for page in FRONT - {"calls", "figures"}:
        there, nowhere = lucy.get(f"/console/{page}"), lucy.get("/console/nothing")
        assert (there.status, text_of(there)) == (nowhere.status, text_of(nowhere))
        assert there.status == 404


def test_a_listener_of_one_account_finds_nothing_of_another(enter: Enter, floor: Floor) -> None:
    lucy, mine = enter("lucy"), floor.place
    theirs = [f"{floor.acme.ak}/acme-other", f"{floor.bolt.ak}/bolt-account"]
    ours = lucy.text("/console/calls?when=30")
    assert "02079460001" in ours
    assert "0777" not in ours
    assert "acme-other" not in ours
    for place in (
        *theirs,
        f"{floor.acme.ak}/",
        floor.acme.ak,
        "/",
        f"{floor.acme.ak}/no-such",
        "%",
        f"{mine} ",
        "' or 1=1",
    ):
        absent = lucy.get("/console/calls?in=no%2Fwhere")
        found = lucy.get(f"/console/calls?in={quote(place, safe='')}")
        assert (found.status, text_of(found)) == (404, text_of(absent)), place


def test_a_listener_of_one_account_opens_no_call_and_no_file_of_another(enter: Enter, floor: Floor) -> None:
    lucy, mine = enter("lucy"), floor.place
    other, bolt = f"{floor.acme.ak}/acme-other", f"{floor.bolt.ak}/bolt-account"
    assert lucy.get(call(mine, "1700000000-1")).status == 200
    assert lucy.get(file("audio", mine, floor.heard.file_name)).status == 200
    absent = [lucy.get(call(mine, "1700000000-99")), lucy.get(file("audio", mine, "/0/1/record/x/no.wav"))]
    doors = [
        *(call(place, call_id) for place in (other, bolt, mine) for call_id in ("1700000000-7", "1700000000-99")),
        call(bolt, "1700000000-1"),
        *(file("audio", place, floor.other.file_name) for place in (other, mine)),
        *(file("audio", place, floor.foreign.file_name) for place in (bolt, mine)),
        file("audio", mine, floor.other.original_file_name),
        file("download", mine, floor.heard.file_name),  # a listener only listens
        file("download", other, floor.other.file_name),
    ]
    for door in doors:
        reply = lucy.get(door)
        assert (reply.status, text_of(reply)) == (404, text_of(absent[0])), door
    assert text_of(absent[0]) == text_of(absent[1])


def test_an_id_leads_to_calls_of_one_s_own_accounts_only(enter: Enter, floor: Floor) -> None:
    assert "acme-account" in enter("lucy").get("/console/calls?id=1700000000-1").headers["location"]
    assert "bolt-account" in enter("basil").get("/console/calls?id=1700000000.1").headers["location"]
    assert enter("lucy").get("/console/calls?id=1700000000-7").status == 404
    assert "acme-other" in enter("emil").get("/console/calls?id=1700000000-7-leg").headers["location"]
    both = enter("olga").text("/console/calls?id=1700000000-1")
    assert "acme-account" in both
    assert "bolt-account" in both


def test_an_exporter_of_the_app_takes_recordings_of_all_its_accounts_away(enter: Enter, floor: Floor) -> None:
    emil = enter("emil")
    reply = emil.get(file("download", f"{floor.acme.ak}/acme-other", floor.other.file_name))
    assert reply.status == 200
    assert reply.headers["content-disposition"] == 'attachment; filename="other.wav"'
    assert emil.get(file("download", f"{floor.bolt.ak}/bolt-account", floor.foreign.file_name)).status == 404


def test_an_auditor_hears_and_sees_no_call(enter: Enter, floor: Floor) -> None:
    audrey = enter("audrey")
    for door in (
        "/console/calls",
        call(floor.place, "1700000000-1"),
        file("audio", floor.place, floor.heard.file_name),
    ):
        assert audrey.get(door).status == 404


@pytest.mark.parametrize(
    ("path", "form"),
    [
        ("/console/apps/add", {"name": "mine"}),
        ("/console/apps/key", {"app": "ACMEAK0001"}),
        ("/console/apps/revoke", {"app": "ACMEAK0001", "key": "1"}),
        ("/console/apps/account", {"app": "ACMEAK0001", "account": "new", "vdn": "77", "zone": "Asia/Shanghai"}),
        ("/console/people/add", {"name": "eve", "role": "operator"}),
        ("/console/people/give", {"user": "lucy", "role": "operator"}),
        ("/console/people/take", {"user": "olga", "grant": "0"}),
        ("/console/people/disable", {"user": "olga"}),
        ("/console/people/reset", {"user": "olga"}),
        ("/console/export", {"app": "ACMEAK0001", "id": "x"}),
    ],
)
def test_nobody_changes_what_the_role_does_not_allow(enter: Enter, path: str, form: dict[str, str]) -> None:
    for name in ("lucy", "audrey", "basil", "nick"):
        assert enter(name).post(path, **form).status == 404, name
    if "people" in path or path.endswith("add"):
        assert enter("anna").post(path, **form).status == 404
