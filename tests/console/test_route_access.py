"""Every page, form and file of the console, taken from the door's own table, so that none can be forgotten: what it gives to
somebody who has no business there, to nobody, to another site's form, and within another site's frame."""

from collections.abc import Callable
from urllib.parse import urlencode

import pytest

from ccfs.console.routes import ROUTES
from ccfs.db.schema import METADATA
from ccfs.model.exports.export import ExportKind
from tests.api.api_client import Reply
from tests.console.call_centre_data import CallCentreData
from tests.console.conftest import SignIn
from tests.console.console_client import ConsoleClient, extract_text
from tests.server.ccfs_server import CcfsServer
from tests.two_tenants import add_export

RouteKey = tuple[str, str]
FormFields = dict[str, str]
OWN_DATA_ONLY = "one's own, whoever one is: it names nothing of anybody else"
RESPONSE_ID = "b" * 32  # of bolt's export
UNCOMPARED_TABLES = (
    "audit_log",
    "console_sessions",
    "call_statistics",
    "storage_statistics",
)  # what looking leaves, and what the worker counts


def build_account_fields(floor: CallCentreData) -> FormFields:
    """An account of somebody else, as `in` names it."""
    return {"account": f"{floor.bolt.ak}/bolt-account"}


def build_app_fields(floor: CallCentreData, **more: str) -> FormFields:
    return {"app": floor.bolt.ak, **more}


# What to ask each room for, that is another's. A room that is missing here fails a test: say what it may leak, or why nothing.
FOREIGN_REQUESTS: dict[RouteKey, str | Callable[[CallCentreData], FormFields]] = {
    ("GET", "/console"): OWN_DATA_ONLY,
    ("GET", "/console/"): OWN_DATA_ONLY,
    ("GET", "/console/calls"): build_account_fields,
    ("GET", "/console/call"): lambda floor: build_account_fields(floor) | {"id": "1700000000-1"},
    ("GET", "/console/audio"): lambda floor: (
        build_account_fields(floor) | {"name": floor.other_app_recording.file_name}
    ),
    ("GET", "/console/download"): lambda floor: (
        build_account_fields(floor) | {"name": floor.other_app_recording.file_name}
    ),
    ("GET", "/console/statistics"): build_account_fields,
    ("GET", "/console/waveform"): lambda floor: (
        build_account_fields(floor) | {"name": floor.other_app_recording.file_name}
    ),
    ("POST", "/console/annotation"): lambda floor: (
        build_account_fields(floor) | {"name": floor.other_app_recording.file_name, "offset": "1", "text": "x"}
    ),
    ("POST", "/console/annotation/delete"): lambda floor: (
        build_account_fields(floor) | {"name": floor.other_app_recording.file_name, "annotation": "1"}
    ),
    ("GET", "/console/calls/csv"): build_account_fields,
    ("GET", "/console/bulk-downloads"): "lists one's own; who may not download anywhere is tried by test_take",
    ("POST", "/console/bulk-downloads"): lambda floor: build_account_fields(floor) | {"call.1700000000-1": "on"},
    ("GET", "/console/bulk-download"): lambda floor: build_account_fields(floor) | {"id": "c" * 32},
    ("POST", "/console/bulk-download"): lambda floor: build_account_fields(floor) | {"id": "c" * 32},
    ("GET", "/console/bulk-download/zip"): lambda floor: build_account_fields(floor) | {"id": "c" * 32},
    ("POST", "/console/logout"): OWN_DATA_ONLY,
    ("GET", "/console/exports"): build_app_fields,
    ("GET", "/console/export"): lambda floor: build_app_fields(floor, id=RESPONSE_ID),
    ("POST", "/console/export"): lambda floor: build_app_fields(floor, id=RESPONSE_ID),
    ("GET", "/console/callbacks"): build_app_fields,
    ("GET", "/console/callbacks/retry"): lambda floor: build_app_fields(floor, receiver="http://127.0.0.1:9"),
    ("POST", "/console/callbacks/retry"): lambda floor: build_app_fields(floor, receiver="http://127.0.0.1:9"),
    ("GET", "/console/ingest"): lambda floor: {},
    ("POST", "/console/ingest/reread"): lambda floor: build_app_fields(floor, file="/x"),
    ("GET", "/console/apps"): "lists what one administers; the listener is tried by test_roles",
    ("POST", "/console/apps/add"): lambda floor: {"name": "mine"},
    ("POST", "/console/apps/account"): lambda floor: build_app_fields(
        floor, account="new", vdn="99", zone="Asia/Shanghai"
    ),
    ("POST", "/console/apps/key"): build_app_fields,
    ("POST", "/console/apps/revoke"): lambda floor: build_app_fields(floor, key="2"),
    ("POST", "/console/apps/revoke-older"): lambda floor: build_app_fields(floor, than="2", confirmed="yes"),
    ("GET", "/console/users"): lambda floor: {},
    ("POST", "/console/users/add"): lambda floor: {"name": "eve", "role": "operator", "scope": ""},
    ("POST", "/console/users/grant"): lambda floor: {"user": "lucy", "role": "operator", "scope": ""},
    ("POST", "/console/users/revoke"): lambda floor: {"user": "basil", "grant": "0"},
    ("POST", "/console/users/disable"): lambda floor: {"user": "basil"},
    ("POST", "/console/users/reset"): lambda floor: {"user": "olga"},
    ("GET", "/console/audit"): lambda floor: {"actor": "basil"},
    ("GET", "/console/audit/csv"): lambda floor: {"actor": "basil"},
    ("GET", "/console/settings"): lambda floor: {},
    ("POST", "/console/settings/certificates/add"): lambda floor: {"name": "evil"},
    ("POST", "/console/settings/certificates/remove"): lambda floor: {"name": "x"},
    ("GET", "/console/cluster"): lambda floor: {},
    ("POST", "/console/cluster/node"): lambda floor: {"node": "0", "state": "draining"},
    ("POST", "/console/cluster/location"): lambda floor: {"location": "0", "state": "draining"},
    ("GET", "/console/account"): OWN_DATA_ONLY,
    ("POST", "/console/account/password"): OWN_DATA_ONLY,
    ("POST", "/console/account/totp"): OWN_DATA_ONLY,
    ("POST", "/console/account/totp/enable"): OWN_DATA_ONLY,
    ("POST", "/console/account/totp/disable"): OWN_DATA_ONLY,
}
FOREIGN_CASES = [(step, ask) for step, ask in FOREIGN_REQUESTS.items() if not isinstance(ask, str)]
FORMS = [route.key for route in ROUTES if route.method == "POST"]
PAGES = [route.key for route in ROUTES if route.method == "GET"]
PRIVATE_ROUTES = [route.key for route in ROUTES if not route.is_public]


def format_route(step: object) -> str:
    return " ".join(step) if isinstance(step, tuple) else ""


def send_request(visitor: ConsoleClient, step: RouteKey, what: FormFields) -> Reply:
    """The room's answer."""
    method, path = step
    there = f"{path}?{urlencode(what)}"
    return visitor.post(there, **what) if method == "POST" else visitor.get(there)


@pytest.fixture(scope="module")
def foreign_export(console_server: CcfsServer, call_centre: CallCentreData) -> None:
    add_export(console_server.node, call_centre.bolt, b"zip", ExportKind.BILL, RESPONSE_ID)


def count_rows(console: CcfsServer) -> dict[str, int]:
    """How many rows each table has, and in what state those are that forms change; looking leaves its row in the log."""
    with console.node.database.read_transaction() as connection:
        count = {
            name: connection.exec_driver_sql(f"SELECT count(*) FROM {name}").scalar_one()
            for name in METADATA.tables
            if name not in UNCOMPARED_TABLES
        }
        for table, column in (("users", "disabled_at"), ("access_keys", "revoked_at"), ("exports", "ready_at")):
            found = connection.exec_driver_sql(f"SELECT count({column}) FROM {table}").scalar_one()
            count[f"{table}.{column}"] = found
        return count


def test_no_room_of_the_door_is_forgotten() -> None:
    assert set(FOREIGN_REQUESTS) == set(PRIVATE_ROUTES)


@pytest.mark.parametrize(("step", "ask"), FOREIGN_CASES, ids=format_route)
@pytest.mark.parametrize("who", ["lucy", "nick"])
def test_who_has_no_business_there_gets_what_is_absent(
    signed_in: SignIn,
    console_server: CcfsServer,
    call_centre: CallCentreData,
    foreign_export: None,
    who: str,
    step: RouteKey,
    ask: Callable[[CallCentreData], FormFields],
) -> None:
    visitor = signed_in(who)
    absent, before = visitor.get("/console/nothing"), count_rows(console_server)
    for what in (ask(call_centre), _for_other_account(ask(call_centre), call_centre)):
        reply = send_request(visitor, step, what)
        assert (reply.status, extract_text(reply)) == (404, extract_text(absent))
        assert reply.without_headers("date", "x-request-id")[1] == absent.without_headers("date", "x-request-id")[1] | {
            "content-length": reply.headers["content-length"]
        }
    assert count_rows(console_server) == before


def _for_other_account(what: FormFields, floor: CallCentreData) -> FormFields:
    """The same of the other account of the listener's own app."""
    swapped = {
        "account": f"{floor.acme.ak}/acme-other",
        "app": floor.acme.ak,
        "name": floor.other_account_recording.file_name,
        "id": "1700000000-7",
    }
    return {
        field: swapped.get(field, value) if field != "name" or "account" in what else value
        for field, value in what.items()
    }


def test_who_runs_one_app_gets_nothing_of_another_s(
    signed_in: SignIn, console_server: CcfsServer, call_centre: CallCentreData, foreign_export: None
) -> None:
    before = count_rows(console_server)
    absent = {who: extract_text(signed_in(who).get("/console/nothing")) for who in ("anna", "emil")}
    of_bolt = [(step, ask(call_centre)) for step, ask in FOREIGN_CASES if call_centre.bolt.ak in str(ask(call_centre))]
    assert len(of_bolt) > 10
    for who, nothing in absent.items():
        for step, what in of_bolt:
            reply = send_request(signed_in(who), step, what)
            assert (reply.status, extract_text(reply)) == (404, nothing), step
    assert count_rows(console_server) == before


@pytest.mark.parametrize("step", PRIVATE_ROUTES, ids=format_route)
def test_nobody_gets_anything(
    anonymous: ConsoleClient, console_server: CcfsServer, call_centre: CallCentreData, step: RouteKey
) -> None:
    before, ask = count_rows(console_server), FOREIGN_REQUESTS[step]
    reply = send_request(anonymous, step, ask(call_centre) if callable(ask) else {})
    assert (reply.status, reply.headers.get("location", "/console/login").split("?")[0]) in (
        (303, "/console/login"),
        (403, "/console/login"),
    )
    assert "bolt" not in reply.body.decode()
    assert count_rows(console_server) == before


@pytest.mark.parametrize("step", FORMS, ids=format_route)
def test_no_form_is_taken_from_another_site(
    signed_in: SignIn, console_server: CcfsServer, call_centre: CallCentreData, step: RouteKey
) -> None:
    olga, ask = signed_in("olga"), FOREIGN_REQUESTS.get(step, "")
    what, before = ask(call_centre) if callable(ask) else {}, count_rows(console_server)
    for origin in ("https://evil.example", "null", None):
        assert olga.post(step[1], origin=origin, csrf=olga.csrf, **what).status == 403
    if step in PRIVATE_ROUTES:
        assert olga.post(step[1], csrf=signed_in("lucy").csrf, **what).status == 403
        assert olga.post(step[1], csrf="", **what).status == 403
    assert count_rows(console_server) == before


@pytest.mark.parametrize("step", PAGES, ids=format_route)
def test_nothing_is_shown_in_another_site_s_frame(
    signed_in: SignIn, call_centre: CallCentreData, step: RouteKey
) -> None:
    ask = FOREIGN_REQUESTS.get(step, "")
    for visitor in (signed_in("olga"), signed_in("lucy")):
        reply = send_request(visitor, step, ask(call_centre) if callable(ask) else {})
        if reply.headers.get("content-type", "").startswith("text/html") or reply.status == 303:
            assert reply.headers["x-frame-options"] == "DENY"
            assert "frame-ancestors 'none'" in reply.headers["content-security-policy"]
        assert reply.headers["x-content-type-options"] == "nosniff"
        assert "access-control-allow-origin" not in reply.headers
