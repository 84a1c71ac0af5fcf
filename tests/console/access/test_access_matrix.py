"""The access matrix: docs/security.md has it as the route table does, and a server answers every cell of it so."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest

from ccfs.console.access import AccessScope, Route
from ccfs.console.routes import ROUTES
from ccfs.db.system import nodes, tenants
from ccfs.db.system.certificates import trusted_certificates
from ccfs.db.system.certificates.trusted_certificates import TrustedCertificate
from ccfs.db.system.console import users
from ccfs.db.tenant import deliveries, guest_links, recordings
from ccfs.model.exports.delivery import Delivery
from ccfs.model.exports.export import ExportKind
from ccfs.model.identity.user import Permission, Role
from ccfs.model.recordings.guest_link import GuestLinkDraft
from tests.api.api_client import Reply
from tests.console.access.access_matrix import PAGE, is_allowed, replace_matrix
from tests.console.access.foreign_requests import LIST_FORMS
from tests.console.bulk.bulk_download_server import request_bulk_download, wait_until_ready
from tests.console.call_centre_data import CallCentreData
from tests.console.conftest import SignIn
from tests.console.console_client import ConsoleClient, extract_text
from tests.console.quality.matrix_requests import OWN_OBJECTS, add_own_quality_object, build_quality_requests
from tests.server.ccfs_server import CcfsServer
from tests.two_tenants import CALLBACK_URL, add_export

ROLES = {
    "olga": Role.OPERATOR,
    "anna": Role.ADMINISTRATOR,
    "emil": Role.EXPORTER,
    "eva": Role.EVALUATOR,
    "lucy": Role.LISTENER,
    "audrey": Role.AUDITOR,
    "gus": Role.AGENT,
    "nick": None,
}
RESPONSE_ID, RECEIVER, SETUP_TOKEN, CALL_ID = "5" * 32, "http://127.0.0.1:9", "a-setup-token", "1700000000-1"
Fields = dict[str, str]
RouteKey = tuple[str, str]
ANSWERED_BY_OIDC_TESTS = ("/console/oidc", "/console/oidc/callback", "/console/oidc/logout")  # they need a provider
SAVED_SEARCH_DELETIONS = ("/console/saved-searches/delete", "/console/saved-searches/unshare")
ANSWERED_BY_LINK_TESTS = ("/console/guest", "/console/guest/audio")  # they need a link
ROUTES_HERE = [route for route in ROUTES if route.path not in (*ANSWERED_BY_OIDC_TESTS, *ANSWERED_BY_LINK_TESTS)]


@pytest.fixture(scope="module")
def objects(console_server: CcfsServer, call_centre: CallCentreData) -> None:
    """An export with a callback, a certificate, and a setup link of nick."""
    app, node, now = call_centre.acme, console_server.node, datetime.now(UTC)
    add_export(node, app, b"zip", ExportKind.BILL, RESPONSE_ID)
    delivery = Delivery(id="6" * 32, app=app.id, ak=app.ak, url=f"{CALLBACK_URL}x", body=b"{}", created_at=now)
    certificate = TrustedCertificate(name="pem", der=b"der", sha256="0" * 64, subject="CN=pem", not_after=now)
    with node.database.write_transaction() as connection:
        deliveries.add(connection, app, delivery, RESPONSE_ID, RECEIVER, now + timedelta(days=1))
        trusted_certificates.add_certificate(connection, certificate, now)
        nick = users.find_by_name(connection, "nick")
        users.create_setup_link(connection, SETUP_TOKEN, nick, now + timedelta(days=1))


LOCATION_FORMS: dict[RouteKey, Fields] = {
    ("POST", "/console/cluster/location/add"): {"location": "x"},
    ("POST", "/console/cluster/location/remove"): {"location": "0"},
    ("POST", "/console/cluster/moves"): {"source": "0", "target": "0"},
    ("POST", "/console/cluster/moves/state"): {"move": "x", "state": "paused"},
}


def build_requests(server: CcfsServer, call_centre: CallCentreData) -> dict[RouteKey, Fields]:
    """Return fields with which each route answers whoever may call it. Forms are invalid where a valid one would change much."""
    account, app = {"account": call_centre.account_param}, {"app": call_centre.acme.ak}
    recording, export = account | {"name": call_centre.first_recording.file_name}, app | {"id": RESPONSE_ID}
    with server.node.database.read_transaction() as connection:
        [node] = nodes.list_all(connection)
        oldest_key = tenants.list_keys(connection, call_centre.acme)[0][0]
    return {
        ("GET", "/console/setup"): {"link": SETUP_TOKEN},
        ("POST", "/console/setup"): {"link": SETUP_TOKEN, "password": "short"},
        ("POST", "/console/language"): {"language": "en"},
        ("GET", "/console/calls/csv"): account,
        ("GET", "/console/calls/suggest"): account,
        ("GET", "/console/call"): account | {"id": CALL_ID},
        ("GET", "/console/audio"): recording,
        ("GET", "/console/waveform"): recording,
        ("GET", "/console/download"): recording,
        **build_recording_requests(account, recording),
        ("POST", "/console/bulk-downloads"): account,
        ("GET", "/console/bulk-download"): account | {"id": "c" * 32},
        ("POST", "/console/bulk-download"): account | {"id": "c" * 32},
        ("GET", "/console/bulk-download/zip"): account | {"id": "c" * 32},
        ("GET", "/console/statistics/csv"): account,
        ("GET", "/console/agent"): account | {"agent": "512"},
        ("POST", "/console/reports"): account | {"frequency": "daily", "format": "csv", "recipients": "?"},
        ("POST", "/console/reports/delete"): account,
        ("POST", "/console/apps/targets"): account | {"service_level": "x"},
        ("GET", "/console/export"): export,
        ("POST", "/console/export"): export,
        ("GET", "/console/callbacks"): app,
        ("GET", "/console/callbacks/retry"): app | {"receiver": RECEIVER},
        ("POST", "/console/callbacks/retry"): app | {"receiver": RECEIVER},
        ("POST", "/console/apps/account"): app | {"account": "a/b"},
        ("GET", "/console/app"): app,
        ("POST", "/console/app/rename"): app | {"name": ""},
        ("POST", "/console/app/zone"): app | {"account": "acme-account", "zone": "x"},
        ("POST", "/console/app/vdn"): app | {"vdn": "x"},
        ("POST", "/console/app/key"): app | {"name": "x" * 65},
        ("POST", "/console/app/callback"): app | {"prefix": "x"},
        ("POST", "/console/app/callback/remove"): app | {"prefix": CALLBACK_URL},
        ("POST", "/console/account/sessions"): {"all": "yes"},
        ("POST", "/console/users/sessions"): {"user": "basil"},
        ("POST", "/console/cluster/node/remove"): {"node": node.id},
        **LOCATION_FORMS,
        ("POST", "/console/apps/key"): app,
        ("POST", "/console/apps/revoke"): app | {"key": "999999999"},
        ("POST", "/console/apps/revoke-older"): app | {"older_than": str(oldest_key)},
        ("POST", "/console/apps/limits"): app | {"queued_exports": "x"},
        ("POST", "/console/users/add"): {"name": "?", "role": "listener"},
        ("POST", "/console/users/grant"): {"user": "basil", "role": "listener"},
        ("POST", "/console/users/revoke"): {"user": "olga", "grant": "0"},
        ("POST", "/console/users/disable"): {"user": "olga"},
        ("POST", "/console/users/reset"): {"user": "basil"},
        ("POST", "/console/ingest/reread"): app | {"file": "/x"},
        ("POST", "/console/cluster/node"): {"node": node.id, "state": "active"},
        ("POST", "/console/cluster/location"): {"location": "0", "state": "active"},
        ("POST", "/console/settings/certificates/remove"): {"name": "pem"},
    }


def build_recording_requests(account: Fields, recording: Fields) -> dict[RouteKey, Fields]:
    """Return those of annotations, and of guest links, which are off on this site."""
    return {
        ("POST", "/console/annotation"): recording | {"offset": "x", "text": "y"},
        ("POST", "/console/annotation/change"): recording | {"annotation": "1", "offset": "x"},
        ("POST", "/console/annotation/delete"): recording | {"annotation": "1"},
        ("POST", "/console/links"): account | {"id": CALL_ID},
        ("GET", "/console/links/new"): account | {"id": CALL_ID},
        ("POST", "/console/links/switch"): account | {"state": "off"},
        ("POST", "/console/links/revoke"): recording,
    }


def add_own_object(client: ConsoleClient, route: Route, fields: Fields) -> Fields:
    """Return the fields with the id of an object of the user's own, where the route needs one."""
    if route.path == "/console/annotation/delete":
        query = urlencode({"account": fields["account"], "name": fields["name"]})
        client.post(f"/console/annotation?{query}", offset="1", text="mine")
        page = client.get("/console/call?" + urlencode({"account": fields["account"], "id": CALL_ID})).body.decode()
        return fields | {"annotation": re.findall(r'name="annotation" value="(\d+)"', page)[-1]}
    if route.path.startswith("/console/saved-searches/r") or route.path in SAVED_SEARCH_DELETIONS:
        is_shared = "share" in route.path
        path = "/console/saved-searches/share" if is_shared else "/console/saved-searches/save"
        client.post(path, account=fields["account"], name="mine", replace="yes")
        page = client.get("/console/saved-searches?" + urlencode(fields)).body.decode()
        name = "unshare" if is_shared else "delete"
        form = page.partition(f'action="/console/saved-searches/{name}"')[2]
        return fields | {"id": re.findall(r'name="id" value="(\w+)"', form)[0]}
    if route.path == "/console/links/revoke":
        return fields | {"id": add_guest_link(client, fields)}
    if route.path == "/console/reports/delete":
        client.post("/console/reports", account=fields["account"], frequency="daily", format="csv")
        page = client.get("/console/reports?" + urlencode(fields)).body.decode()
        return fields | {"id": re.findall(r'name="id" value="(\w+)"', page)[-1]}
    if route.key in OWN_OBJECTS:
        return add_own_quality_object(client, route.path, fields)
    if route.path.startswith("/console/bulk-download") and "id" in fields:
        query = request_bulk_download(client, fields["account"], **{"call.1": CALL_ID})
        wait_until_ready(client, query)
        return fields | {"id": query.partition("id=")[2]}
    return fields


def add_guest_link(client: ConsoleClient, fields: Fields) -> str:
    """Add a guest link of the user, and return its number."""
    name = next(name for name in ROLES if f">{name}</a>" in client.get("/console/account").body.decode())
    now = datetime.now(UTC)
    draft = GuestLinkDraft(expires_at=now + timedelta(days=1))
    with client.server.node.database.write_transaction() as connection:
        app, user = (
            tenants.get_app_by_ak(connection, fields["account"].partition("/")[0]),
            users.find_by_name(connection, name),
        )
        recording = recordings.find_by_name(connection, app, fields["name"])
        assert user
        assert recording
        return str(guest_links.add(connection, app, recording, draft, user, f"{name} {now}", now))


def send_request(client: ConsoleClient, route: Route, fields: Fields) -> Reply:
    path = f"{route.path}?{urlencode(fields)}"
    return client.post(path, **fields) if route.method == "POST" else client.get(path)


@pytest.fixture(scope="module")
def requests(console_server: CcfsServer, call_centre: CallCentreData, objects: None) -> Callable[[Route], Fields]:
    known = build_requests(console_server, call_centre)
    of_account = {"account": call_centre.account_param}
    known |= {("POST", f"/console/{path}"): of_account for path in LIST_FORMS}
    known |= build_quality_requests(console_server.node, call_centre, CALL_ID)
    return lambda route: known.get(route.key, {})


def format_route(value: object) -> str | None:
    return " ".join(value.key) if isinstance(value, Route) else None


def test_the_security_page_has_the_access_matrix_of_the_route_table() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert replace_matrix(page) == page


@pytest.mark.parametrize(
    "rule",
    [
        {"permission": Permission.AUDIT},
        {"scope": AccessScope.GLOBAL},
        {"permission": Permission.AUDIT, "scope": AccessScope.GLOBAL, "is_public": True},
    ],
)
def test_a_route_with_half_an_access_rule_is_rejected(rule: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="inconsistent access rule"):
        Route("GET", "/console/half", ROUTES[0].handler, **rule)


@pytest.mark.parametrize("name", ROLES)
@pytest.mark.parametrize("route", ROUTES_HERE, ids=format_route)
def test_a_route_answers_a_role_as_the_access_matrix_says(
    signed_in: SignIn, requests: Callable[[Route], Fields], route: Route, name: str
) -> None:
    client, fields = signed_in(name), requests(route)
    if route.path == "/console/logout":
        client = ConsoleClient(server=client.server)
        client.sign_in(name)
    if is_allowed(route, ROLES[name]):
        reply = send_request(client, route, add_own_object(client, route, fields))
        assert reply.status in (200, 206, 303, 400, 401)
        if reply.status == 303:
            assert not reply.headers["location"].startswith("/console/login?next")
    else:
        reply, absent = send_request(client, route, fields), client.get("/console/nothing")
        assert (reply.status, extract_text(reply)) == (404, extract_text(absent))


@pytest.mark.parametrize("route", ROUTES_HERE, ids=format_route)
def test_a_route_answers_nobody_without_a_session_unless_it_is_public(
    anonymous: ConsoleClient, requests: Callable[[Route], Fields], route: Route
) -> None:
    reply = send_request(anonymous, route, requests(route))
    if route.is_public:
        assert reply.status in (200, 303, 400, 401)
        if reply.status == 303:
            assert not reply.headers["location"].startswith("/console/login")
    elif route.method == "POST":
        assert reply.status == 403
    else:
        assert reply.status == 303
        assert reply.headers["location"].startswith("/console/login")
