"""Every page, form and file of the console, taken from the door's own table, so that none can be forgotten: what it gives to
somebody who has no business there, to nobody, to another site's form, and within another site's frame."""

from collections.abc import Callable
from urllib.parse import urlencode

import pytest

from ccfs.console.router import PUBLIC_ROUTES, ROUTES
from ccfs.db.schema import METADATA
from ccfs.model.exports.export import ExportKind
from tests.cast import keep_export
from tests.console.conftest import Enter
from tests.console.floor import Floor
from tests.console.visitor import Visitor, text_of
from tests.web.callers import Reply
from tests.web.serving import Server

Step = tuple[str, str]
Asked = dict[str, str]
OWN = "one's own, whoever one is: it names nothing of anybody else"
RESPONSE = "b" * 32  # of bolt's export
UNASKED = ("audit", "console_sessions", "call_counts", "kept_sizes")  # what looking leaves, and what the worker counts


def place(floor: Floor) -> Asked:
    """An account of somebody else, as `in` names it."""
    return {"in": f"{floor.bolt.ak}/bolt-account"}


def app(floor: Floor, **more: str) -> Asked:
    return {"app": floor.bolt.ak, **more}


# What to ask each room for, that is another's. A room that is missing here fails a test: say what it may leak, or why nothing.
THEIRS: dict[Step, str | Callable[[Floor], Asked]] = {
    ("GET", "/console"): OWN,
    ("GET", "/console/"): OWN,
    ("GET", "/console/calls"): place,
    ("GET", "/console/call"): lambda floor: place(floor) | {"id": "1700000000-1"},
    ("GET", "/console/audio"): lambda floor: place(floor) | {"name": floor.foreign.file_name},
    ("GET", "/console/download"): lambda floor: place(floor) | {"name": floor.foreign.file_name},
    ("GET", "/console/figures"): place,
    ("GET", "/console/waveform"): lambda floor: place(floor) | {"name": floor.foreign.file_name},
    ("POST", "/console/mark"): lambda floor: place(floor) | {"name": floor.foreign.file_name, "at": "1", "text": "x"},
    ("POST", "/console/mark/remove"): lambda floor: place(floor) | {"name": floor.foreign.file_name, "mark": "1"},
    ("GET", "/console/calls/csv"): place,
    ("GET", "/console/takes"): "lists one's own; who may not download anywhere is tried by test_take",
    ("POST", "/console/takes"): lambda floor: place(floor) | {"call.1700000000-1": "on"},
    ("GET", "/console/take"): lambda floor: place(floor) | {"id": "c" * 32},
    ("POST", "/console/take"): lambda floor: place(floor) | {"id": "c" * 32},
    ("GET", "/console/take/zip"): lambda floor: place(floor) | {"id": "c" * 32},
    ("POST", "/console/logout"): OWN,
    ("GET", "/console/exports"): app,
    ("GET", "/console/export"): lambda floor: app(floor, id=RESPONSE),
    ("POST", "/console/export"): lambda floor: app(floor, id=RESPONSE),
    ("GET", "/console/callbacks"): app,
    ("GET", "/console/callbacks/again"): lambda floor: app(floor, receiver="http://127.0.0.1:9"),
    ("POST", "/console/callbacks/again"): lambda floor: app(floor, receiver="http://127.0.0.1:9"),
    ("GET", "/console/ingest"): lambda floor: {},
    ("POST", "/console/ingest/again"): lambda floor: app(floor, file="/x"),
    ("GET", "/console/apps"): "lists what one administers; the listener is tried by test_roles",
    ("POST", "/console/apps/add"): lambda floor: {"name": "mine"},
    ("POST", "/console/apps/account"): lambda floor: app(floor, account="new", vdn="99", zone="Asia/Shanghai"),
    ("POST", "/console/apps/key"): app,
    ("POST", "/console/apps/revoke"): lambda floor: app(floor, key="2"),
    ("POST", "/console/apps/retire"): lambda floor: app(floor, than="2", sure="yes"),
    ("GET", "/console/people"): lambda floor: {},
    ("POST", "/console/people/add"): lambda floor: {"name": "eve", "role": "operator", "where": ""},
    ("POST", "/console/people/give"): lambda floor: {"user": "lucy", "role": "operator", "where": ""},
    ("POST", "/console/people/take"): lambda floor: {"user": "basil", "grant": "0"},
    ("POST", "/console/people/disable"): lambda floor: {"user": "basil"},
    ("POST", "/console/people/reset"): lambda floor: {"user": "olga"},
    ("GET", "/console/audit"): lambda floor: {"who": "basil"},
    ("GET", "/console/audit/csv"): lambda floor: {"who": "basil"},
    ("GET", "/console/node"): lambda floor: {},
    ("POST", "/console/node/trust"): lambda floor: {"name": "evil"},
    ("POST", "/console/node/distrust"): lambda floor: {"name": "x"},
    ("GET", "/console/places"): lambda floor: {},
    ("POST", "/console/places/node"): lambda floor: {"node": "0", "state": "draining"},
    ("POST", "/console/places/location"): lambda floor: {"location": "0", "state": "draining"},
    ("GET", "/console/me"): OWN,
    ("POST", "/console/me/password"): OWN,
    ("POST", "/console/me/factor"): OWN,
    ("POST", "/console/me/factor/set"): OWN,
    ("POST", "/console/me/factor/end"): OWN,
}
LEADING = [(step, ask) for step, ask in THEIRS.items() if not isinstance(ask, str)]
FORMS = [step for step in {**PUBLIC_ROUTES, **ROUTES} if step[0] == "POST"]
PAGES = [step for step in {**PUBLIC_ROUTES, **ROUTES} if step[0] == "GET"]


def name_of(step: object) -> str:
    return " ".join(step) if isinstance(step, tuple) else ""


def asked(visitor: Visitor, step: Step, what: Asked) -> Reply:
    """The room's answer."""
    method, path = step
    there = f"{path}?{urlencode(what)}"
    return visitor.post(there, **what) if method == "POST" else visitor.get(there)


@pytest.fixture(scope="module")
def theirs(console: Server, floor: Floor) -> None:
    keep_export(console.node, floor.bolt, b"zip", ExportKind.BILL, RESPONSE)


def rows(console: Server) -> dict[str, int]:
    """How many rows each table has, and in what state those are that forms change; looking leaves its row in the log."""
    with console.node.database.read_transaction() as connection:
        count = {
            name: connection.exec_driver_sql(f"SELECT count(*) FROM {name}").scalar_one()
            for name in METADATA.tables
            if name not in UNASKED
        }
        for table, column in (("users", "disabled_at"), ("access_keys", "revoked_at"), ("exports", "ready_at")):
            found = connection.exec_driver_sql(f"SELECT count({column}) FROM {table}").scalar_one()
            count[f"{table}.{column}"] = found
        return count


def test_no_room_of_the_door_is_forgotten() -> None:
    assert set(THEIRS) == set(ROUTES)


@pytest.mark.parametrize(("step", "ask"), LEADING, ids=name_of)
@pytest.mark.parametrize("who", ["lucy", "nick"])
def test_who_has_no_business_there_gets_what_is_absent(
    enter: Enter, console: Server, floor: Floor, theirs: None, who: str, step: Step, ask: Callable[[Floor], Asked]
) -> None:
    visitor = enter(who)
    absent, before = visitor.get("/console/nothing"), rows(console)
    for what in (ask(floor), _of_other_account(ask(floor), floor)):
        reply = asked(visitor, step, what)
        assert (reply.status, text_of(reply)) == (404, text_of(absent))
        assert reply.without("date", "x-request-id")[1] == absent.without("date", "x-request-id")[1] | {
            "content-length": reply.headers["content-length"]
        }
    assert rows(console) == before


def _of_other_account(what: Asked, floor: Floor) -> Asked:
    """The same of the other account of the listener's own app."""
    swapped = {
        "in": f"{floor.acme.ak}/acme-other",
        "app": floor.acme.ak,
        "name": floor.other.file_name,
        "id": "1700000000-7",
    }
    return {
        field: swapped.get(field, value) if field != "name" or "in" in what else value for field, value in what.items()
    }


def test_who_runs_one_app_gets_nothing_of_another_s(enter: Enter, console: Server, floor: Floor, theirs: None) -> None:
    before = rows(console)
    absent = {who: text_of(enter(who).get("/console/nothing")) for who in ("anna", "emil")}
    of_bolt = [(step, ask(floor)) for step, ask in LEADING if floor.bolt.ak in str(ask(floor))]
    assert len(of_bolt) > 10
    for who, nothing in absent.items():
        for step, what in of_bolt:
            reply = asked(enter(who), step, what)
            assert (reply.status, text_of(reply)) == (404, nothing), step
    assert rows(console) == before


@pytest.mark.parametrize("step", ROUTES, ids=name_of)
def test_nobody_gets_anything(stranger: Visitor, console: Server, floor: Floor, step: Step) -> None:
    before, ask = rows(console), THEIRS[step]
    reply = asked(stranger, step, ask(floor) if callable(ask) else {})
    assert (reply.status, reply.headers.get("location", "/console/login").split("?")[0]) in (
        (303, "/console/login"),
        (403, "/console/login"),
    )
    assert "bolt" not in reply.body.decode()
    assert rows(console) == before


@pytest.mark.parametrize("step", FORMS, ids=name_of)
def test_no_form_is_taken_from_another_site(enter: Enter, console: Server, floor: Floor, step: Step) -> None:
    olga, ask = enter("olga"), THEIRS.get(step, "")
    what, before = ask(floor) if callable(ask) else {}, rows(console)
    for origin in ("https://evil.example", "null", None):
        assert olga.post(step[1], origin=origin, csrf=olga.csrf, **what).status == 403
    if step in ROUTES:
        assert olga.post(step[1], csrf=enter("lucy").csrf, **what).status == 403
        assert olga.post(step[1], csrf="", **what).status == 403
    assert rows(console) == before


@pytest.mark.parametrize("step", PAGES, ids=name_of)
def test_nothing_is_shown_in_another_site_s_frame(enter: Enter, floor: Floor, step: Step) -> None:
    ask = THEIRS.get(step, "")
    for visitor in (enter("olga"), enter("lucy")):
        reply = asked(visitor, step, ask(floor) if callable(ask) else {})
        if reply.headers.get("content-type", "").startswith("text/html") or reply.status == 303:
            assert reply.headers["x-frame-options"] == "DENY"
            assert "frame-ancestors 'none'" in reply.headers["content-security-policy"]
        assert reply.headers["x-content-type-options"] == "nosniff"
        assert "access-control-allow-origin" not in reply.headers
