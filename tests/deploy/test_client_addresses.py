"""Clients behind a proxy are told apart by the address that the proxy reports, and by nothing that they say themselves."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from ccfs.db.system.console import passwords, users
from ccfs.model.identity.user import Grant, Role
from ccfs.server.node import utc_now
from tests.api.api_client import ApiClient, create_client
from tests.console.console_client import PASSWORD, ConsoleClient
from tests.deploy.proxy_sites import OTHER_OUTSIDE, OUTSIDE, PROXIES, ProxySite, run_proxy_site
from tests.two_tenants import add_recording
from tests.waiting import wait_until

LIMIT = 5  # failures
SPOOFED = [
    {}, {"X-Forwarded-For": OTHER_OUTSIDE}, {"X-Forwarded-For": f"{OTHER_OUTSIDE}, 127.0.0.1"}, {"X-Forwarded-For": "127.0.0.1"},
    {"X-Forwarded-For": "nonsense"}, {"X-Forwarded-For": f"{OTHER_OUTSIDE}," * 50}, {"Forwarded": f"for={OTHER_OUTSIDE}"},
    {"X-Real-IP": OTHER_OUTSIDE}, {"x-forwarded-for ": OTHER_OUTSIDE}, {"X_Forwarded_For": OTHER_OUTSIDE},
    {"Connection": "close, X-Forwarded-For"},
]  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a site."""
    return tmp_path_factory.mktemp("addresses")


@pytest.fixture(scope="module")
def site(folder: Path) -> Iterator[ProxySite]:
    """The node, which locks an address after a few failures, and its proxies, which allow three connections."""
    nginx, haproxy = {"limit_conn ccfs_clients 256;": "limit_conn ccfs_clients 3;"}, {"gt 256": "gt 3"}
    with run_proxy_site(folder, nginx, haproxy, lock_failures=LIMIT, lock_seconds=600) as running:
        with running.node.node.database.write_transaction() as connection:
            user = users.add(connection, "ann", passwords.hash_password(PASSWORD), utc_now())
            users.grant_role(connection, user, Grant(role=Role.OPERATOR))
        yield running


def build_client(site: ProxySite, way: str, source: str) -> ApiClient:
    """Return a client of the first app at an address."""
    return replace(create_client(site.get_server(way), site.tenants.acme), source=source)


def get_status(client: ApiClient, headers: dict[str, str]) -> int:
    """Return the status of a signed request."""
    target, body = "/CCFS/resource/ccfs/downloadRecord", client.build_body({"callId": "x"})
    return client.post(target, body, headers).status


@pytest.mark.parametrize(("number", "spoofed"), [*enumerate(SPOOFED)])
@pytest.mark.parametrize("way", PROXIES)
def test_the_address_that_fails_is_locked_whatever_it_claims(
    site: ProxySite, way: str, number: int, spoofed: dict[str, str]
) -> None:
    attacker, victim = f"127.{10 + PROXIES.index(way)}.1.{number + 1}", OTHER_OUTSIDE
    forger = replace(build_client(site, way, attacker), sk="wrong")
    statuses = [get_status(forger, spoofed) for _ in range(LIMIT + 2)]
    if 400 in statuses:  # the proxy refuses such a name
        assert set(statuses) == {400}
        return
    assert (statuses[0], statuses[-1]) == (401, 403)
    wait_until(lambda: get_status(build_client(site, way, attacker), {}) == 403)
    assert get_status(build_client(site, way, victim), {}) == 200


@pytest.mark.parametrize("way", PROXIES)
def test_failed_logins_lock_one_address_behind_a_proxy(site: ProxySite, way: str) -> None:
    attacker, victim = (f"127.{20 + PROXIES.index(way)}.1.{number}" for number in (1, 2))
    server = site.get_server(way)
    statuses = [
        ConsoleClient(server=server, source=attacker).sign_in(f"nobody{number}", "wrong password").status
        for number in range(LIMIT * 4)
    ]
    assert statuses[0] == 401
    assert statuses[-1] == 429
    assert ConsoleClient(server=server, source=victim).sign_in("ann").status == 303


@pytest.mark.parametrize("way", PROXIES)
def test_an_address_that_uses_up_its_connections_does_not_stop_another(site: ProxySite, way: str) -> None:
    name = f"/0/1/record/large-{way}.V3"
    add_recording(
        site.node.node, site.tenants.acme.app, bytes(40 << 20), name, f"Y:/4/0/{way}", call_id="1602728619-900"
    )
    server = site.get_server(way)
    with ExitStack() as stack:
        client = build_client(site, way, OUTSIDE)
        for _ in range(3):
            held = stack.enter_context(socket.create_connection(("127.0.0.1", server.port), 30, (OUTSIDE, 0)))
            held.sendall(build_download(client, name))
            assert held.recv(12) == b"HTTP/1.1 200"
        try:
            with socket.create_connection(("127.0.0.1", server.port), 30, (OUTSIDE, 0)) as fourth:
                fourth.sendall(build_download(client, name))
                received = fourth.recv(12)
        except ConnectionError:  # HAProxy may reset it while it connects
            received = b""
        assert received in (b"", b"HTTP/1.1 503")
        # HAProxy may still count connections of the test before.
        wait_until(lambda: is_served(build_client(site, way, OTHER_OUTSIDE)), 20)
    wait_until(lambda: is_served(build_client(site, way, OUTSIDE)))


def is_served(client: ApiClient) -> bool:
    """Return whether the client gets a response of the node."""
    try:
        return get_status(client, {}) == 200
    except OSError:
        return False


def build_download(client: ApiClient, name: str) -> bytes:
    """Return a signed request for a file."""
    target, body = "/CCFS/resource/ccfs/downloadRecordFile", client.build_body({"fileName": name})
    lines = "".join(f"{key}: {value}\r\n" for key, value in client.sign_headers(target, body).items())
    return f"POST {target} HTTP/1.1\r\n{lines}\r\n".encode() + body
