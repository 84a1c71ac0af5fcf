"""Every route of the route table: its answer to users without permission, without a session, to another site's form and frame."""

from collections.abc import Callable
from urllib.parse import urlencode

import pytest

from ccfs.console.routes import ROUTES
from ccfs.db.schema import METADATA
from ccfs.model.exports.export import ExportKind
from tests.api.api_client import Reply
from tests.console.access.foreign_requests import FOREIGN_REQUESTS, RESPONSE_ID, FormFields, RouteKey
from tests.console.call_centre_data import CallCentreData
from tests.console.conftest import SignIn
from tests.console.console_client import ConsoleClient, extract_text
from tests.server.ccfs_server import CcfsServer
from tests.two_tenants import add_export

UNCOMPARED_TABLES = (
    "audit_log",
    "console_sessions",
    "call_statistics",
    "daily_statistics",
    "storage_statistics",
)  # changed by viewing, and by the worker


FOREIGN_CASES = [
    (route, request_fields) for route, request_fields in FOREIGN_REQUESTS.items() if not isinstance(request_fields, str)
]
FORMS = [route.key for route in ROUTES if route.method == "POST" and not route.is_sessionless]
PAGES = [route.key for route in ROUTES if route.method == "GET"]
PRIVATE_ROUTES = [route.key for route in ROUTES if not route.is_public]


def format_route(route: object) -> str:
    return " ".join(route) if isinstance(route, tuple) else ""


def send_request(client: ConsoleClient, route: RouteKey, fields: FormFields) -> Reply:
    """Return the route's response."""
    method, path = route
    url = f"{path}?{urlencode(fields)}"
    return client.post(url, **fields) if method == "POST" else client.get(url)


@pytest.fixture(scope="module")
def foreign_export(console_server: CcfsServer, call_centre: CallCentreData) -> None:
    add_export(console_server.node, call_centre.bolt, b"zip", ExportKind.BILL, RESPONSE_ID)


def count_rows(console: CcfsServer) -> dict[str, int]:
    """Return the number of rows of each table, and of those in states that forms change. Viewing adds audit entries only."""
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


def test_every_route_has_a_foreign_request() -> None:
    assert set(FOREIGN_REQUESTS) == set(PRIVATE_ROUTES)


@pytest.mark.parametrize(("route", "request_fields"), FOREIGN_CASES, ids=format_route)
@pytest.mark.parametrize("who", ["lucy", "nick"])
def test_a_route_answers_a_user_without_permission_as_if_it_did_not_exist(
    signed_in: SignIn,
    console_server: CcfsServer,
    call_centre: CallCentreData,
    foreign_export: None,
    who: str,
    route: RouteKey,
    request_fields: Callable[[CallCentreData], FormFields],
) -> None:
    client = signed_in(who)
    absent, before = client.get("/console/nothing"), count_rows(console_server)
    for fields in (request_fields(call_centre), _for_other_account(request_fields(call_centre), call_centre)):
        reply = send_request(client, route, fields)
        assert (reply.status, extract_text(reply)) == (404, extract_text(absent))
        assert reply.without_headers("date", "x-request-id")[1] == absent.without_headers("date", "x-request-id")[1] | {
            "content-length": reply.headers["content-length"]
        }
    assert count_rows(console_server) == before


def _for_other_account(fields: FormFields, call_centre: CallCentreData) -> FormFields:
    """Return the fields for the other account of the listener's own app."""
    swapped = {
        "account": f"{call_centre.acme.ak}/acme-other",
        "app": call_centre.acme.ak,
        "name": call_centre.other_account_recording.file_name,
        "id": "1700000000-7",
    }
    return {
        field: swapped.get(field, value) if field != "name" or "account" in fields else value
        for field, value in fields.items()
    }


def test_a_route_answers_nothing_of_another_app(
    signed_in: SignIn, console_server: CcfsServer, call_centre: CallCentreData, foreign_export: None
) -> None:
    before = count_rows(console_server)
    absent = {who: extract_text(signed_in(who).get("/console/nothing")) for who in ("anna", "emil")}
    of_bolt = [
        (route, request_fields(call_centre))
        for route, request_fields in FOREIGN_CASES
        if call_centre.bolt.ak in str(request_fields(call_centre))
    ]
    assert len(of_bolt) > 10
    for who, nothing in absent.items():
        for route, fields in of_bolt:
            reply = send_request(signed_in(who), route, fields)
            assert (reply.status, extract_text(reply)) == (404, nothing), route
    assert count_rows(console_server) == before


@pytest.mark.parametrize("route", PRIVATE_ROUTES, ids=format_route)
def test_a_route_answers_nothing_without_a_session(
    anonymous: ConsoleClient, console_server: CcfsServer, call_centre: CallCentreData, route: RouteKey
) -> None:
    before, request_fields = count_rows(console_server), FOREIGN_REQUESTS[route]
    reply = send_request(anonymous, route, request_fields(call_centre) if callable(request_fields) else {})
    if reply.status == 303:  # to the login page; a form without a session's token is answered by 403
        assert reply.headers["location"].split("?")[0] == "/console/login"
    else:
        assert reply.status == 403
        assert "location" not in reply.headers
    assert "bolt" not in reply.body.decode()
    assert count_rows(console_server) == before


@pytest.mark.parametrize("route", FORMS, ids=format_route)
def test_a_form_of_another_origin_is_rejected(
    signed_in: SignIn, console_server: CcfsServer, call_centre: CallCentreData, route: RouteKey
) -> None:
    olga, request_fields = signed_in("olga"), FOREIGN_REQUESTS.get(route, "")
    fields, before = request_fields(call_centre) if callable(request_fields) else {}, count_rows(console_server)
    for origin in ("https://evil.example", "null", None):
        assert olga.post(route[1], origin=origin, csrf=olga.csrf, **fields).status == 403
    if route in PRIVATE_ROUTES:
        assert olga.post(route[1], csrf=signed_in("lucy").csrf, **fields).status == 403
        assert olga.post(route[1], csrf="", **fields).status == 403
    assert count_rows(console_server) == before


@pytest.mark.parametrize("route", PAGES, ids=format_route)
def test_no_page_is_shown_in_a_frame_of_another_site(
    signed_in: SignIn, call_centre: CallCentreData, route: RouteKey
) -> None:
    request_fields = FOREIGN_REQUESTS.get(route, "")
    for client in (signed_in("olga"), signed_in("lucy")):
        reply = send_request(client, route, request_fields(call_centre) if callable(request_fields) else {})
        if reply.headers.get("content-type", "").startswith("text/html") or reply.status == 303:
            assert reply.headers["x-frame-options"] == "DENY"
            assert "frame-ancestors 'none'" in reply.headers["content-security-policy"]
        assert reply.headers["x-content-type-options"] == "nosniff"
        assert "access-control-allow-origin" not in reply.headers
