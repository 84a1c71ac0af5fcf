"""Authentication: locked addresses, trusted proxies, and keys that are added and revoked while the server runs."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy.engine import Connection

from ccfs.db.system import tenants
from ccfs.db.system.tenant_cache import TenantCache
from ccfs.protocol.operations import BASE_PATH
from ccfs.server.node import Node
from tests.api.api_client import ApiClient, Reply, send_request
from tests.server.ccfs_server import CcfsServer, run_server
from tests.two_tenants import add_app

SK = "the-secret-of-the-auth-app-00000"
FAILURES = 3
LOCK_SECONDS = 5  # longer than a test needs to observe the lock
PROXY_ADDRESS = "127.0.0.9"  # the trusted proxy
NO_DATA_CODE = "0300012"  # the signature was valid, the call does not exist


@pytest.fixture(scope="module")
def locking_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CcfsServer]:
    """A server of two web processes that locks an address early and briefly, and trusts one proxy."""
    data: Path = tmp_path_factory.mktemp("auth")
    proxies = f"{PROXY_ADDRESS}/32,2001:db8::/32"
    with run_server(
        data, workers=2, lock_failures=FAILURES, lock_seconds=LOCK_SECONDS, trusted_proxies=proxies
    ) as running:
        add_app(running.node, "auth", SK, 1)
        yield running


@pytest.fixture
def good_client(locking_server: CcfsServer) -> ApiClient:
    """A client with valid signatures."""
    return ApiClient(server=locking_server, ak="AUTHAK0001", sk=SK)


def request_call(client: ApiClient) -> Reply:
    return client.request("downloadRecord", {"callId": "none"})


def make_bad_client(client: ApiClient) -> ApiClient:
    return replace(client, sk="wrong")


def lock_address(client: ApiClient) -> None:
    """Lock the client's address."""
    assert [request_call(make_bad_client(client)).status for _ in range(FAILURES)] == [401] * FAILURES


def assert_locked(reply: Reply) -> None:
    """Assert the 403 of D0836, to the byte except its time."""
    path = re.escape(BASE_PATH + "downloadRecord")
    expected = '{"timestamp":(\\d{13}),"status":403,"error":"Forbidden","message":"No message available","path":"%s"}'
    match = re.fullmatch(expected % path, reply.body.decode())
    assert match
    assert abs(int(match[1]) / 1000 - time.time()) < 60
    assert reply.status == 403


def test_an_address_that_fails_too_often_is_locked_alone_and_for_a_while(good_client: ApiClient) -> None:
    attacker, neighbour = replace(good_client, source="127.0.0.2"), replace(good_client, source="127.0.0.3")
    began = time.monotonic()
    lock_address(attacker)
    assert_locked(request_call(make_bad_client(attacker)))
    assert_locked(request_call(attacker))  # even with a valid signature
    assert_locked(send_request(attacker.server, "POST", BASE_PATH + "downloadRecord", source="127.0.0.2"))
    assert request_call(neighbour).result_code == NO_DATA_CODE
    while (reply := request_call(attacker)).status == 403:
        assert time.monotonic() - began < LOCK_SECONDS + 30
        time.sleep(0.1)
    assert reply.result_code == NO_DATA_CODE
    assert time.monotonic() - began > LOCK_SECONDS


def test_a_few_failures_lock_nobody(good_client: ApiClient) -> None:
    clumsy = replace(good_client, source="127.0.0.4")
    assert [request_call(make_bad_client(clumsy)).status for _ in range(FAILURES - 1)] == [401] * (FAILURES - 1)
    assert request_call(clumsy).result_code == NO_DATA_CODE


def test_a_locked_address_can_play_recordings_and_read_health(good_client: ApiClient) -> None:
    lock_address(replace(good_client, source="127.0.0.5"))
    assert send_request(good_client.server, "GET", "/healthz", source="127.0.0.5").status == 200
    assert (
        send_request(good_client.server, "GET", f"{BASE_PATH}playVoice?st=", source="127.0.0.5").result_code == "010106"
    )


def test_a_trusted_proxy_reports_the_client_address(good_client: ApiClient) -> None:
    attacker = replace(good_client, source=PROXY_ADDRESS, headers={"X-Forwarded-For": "203.0.113.1"})
    lock_address(attacker)
    assert_locked(request_call(attacker))
    assert request_call(replace(attacker, headers={"X-Forwarded-For": "203.0.113.2"})).result_code == NO_DATA_CODE
    assert request_call(replace(attacker, headers={})).result_code == NO_DATA_CODE


@pytest.mark.parametrize(
    ("chain", "address"),
    [
        ("203.0.113.11", "203.0.113.11"),
        ("198.51.100.7, 203.0.113.12", "203.0.113.12"),  # the client may write to the left what it likes
        ("127.0.0.9,203.0.113.13", "203.0.113.13"),
        ("nonsense, 203.0.113.14, 127.0.0.9", "203.0.113.14"),  # a second trusted proxy
        ("203.0.113.15 , 2001:db8::5", "203.0.113.15"),
        ("::ffff:203.0.113.16", "203.0.113.16"),
    ],
)
def test_the_last_forwarded_address_of_no_trusted_proxy_counts(
    good_client: ApiClient, chain: str, address: str
) -> None:
    lock_address(replace(good_client, source=PROXY_ADDRESS, headers={"X-Forwarded-For": chain}))
    assert_locked(request_call(replace(good_client, source=PROXY_ADDRESS, headers={"X-Forwarded-For": address})))


def test_an_ipv6_client_counts_by_its_network(good_client: ApiClient) -> None:
    lock_address(replace(good_client, source=PROXY_ADDRESS, headers={"X-Forwarded-For": "2001:db9:0:1::1"}))
    assert_locked(
        request_call(replace(good_client, source=PROXY_ADDRESS, headers={"X-Forwarded-For": "2001:db9:0:1:ffff::2"}))
    )
    assert (
        request_call(
            replace(good_client, source=PROXY_ADDRESS, headers={"X-Forwarded-For": "2001:db9:0:2::1"})
        ).result_code
        == NO_DATA_CODE
    )


@pytest.mark.parametrize(
    "forwarded", ["", "unknown", "fe80::1%eth0", "203.0.113.9:4711", "9" * 4000, ",,,", "10.0.0.1/8"]
)
def test_an_invalid_forwarded_for_header_is_harmless(good_client: ApiClient, forwarded: str) -> None:
    assert (
        request_call(replace(good_client, source=PROXY_ADDRESS, headers={"X-Forwarded-For": forwarded})).result_code
        == NO_DATA_CODE
    )
    assert request_call(
        make_bad_client(
            replace(good_client, source=PROXY_ADDRESS, headers={"X-Forwarded-For": forwarded + ", 203.0.113.77"})
        )
    ).status in (
        401,
        403,
    )


def test_an_untrusted_peer_cannot_report_a_client_address(good_client: ApiClient) -> None:
    attacker = replace(good_client, source="127.0.0.6")
    for number in range(FAILURES):
        request_call(make_bad_client(replace(attacker, headers={"X-Forwarded-For": f"203.0.113.{100 + number}"})))
    assert_locked(request_call(replace(attacker, headers={"X-Forwarded-For": "203.0.113.200"})))


@contextmanager
def change_and_wait(node: Node) -> Iterator[Connection]:
    """Commit a change; at the end of the block, the server has seen it."""
    with node.database.write_transaction() as connection:
        yield connection
    time.sleep(TenantCache.SQLITE_MAX_AGE_SECONDS)


def test_a_key_is_valid_from_its_addition_to_its_revocation(good_client: ApiClient) -> None:
    node = good_client.server.node
    newcomer = replace(good_client, sk="a-second-secret", source="127.0.0.7")
    with node.database.read_transaction() as connection:
        app = tenants.get_app_by_ak(connection, good_client.ak)
    assert request_call(newcomer).status == 401
    with change_and_wait(node) as connection:
        tenants.add_key(connection, app, app.ak, newcomer.sk, node.secret_box, datetime.now(UTC))
    assert request_call(newcomer).result_code == NO_DATA_CODE
    assert request_call(replace(good_client, source="127.0.0.7")).result_code == NO_DATA_CODE  # two SKs under one AK
    with change_and_wait(node) as connection:
        newest = max(number for number, _, _ in tenants.list_keys(connection, app))
        tenants.revoke_key(connection, app, newest, datetime.now(UTC))
    assert request_call(newcomer).status == 401
    assert request_call(replace(good_client, source="127.0.0.7")).result_code == NO_DATA_CODE


def test_an_app_may_have_several_aks_and_loses_only_the_one_that_is_revoked(good_client: ApiClient) -> None:
    node = good_client.server.node
    second = replace(good_client, ak="AUTHAK0002", sk="the-secret-of-the-second-ak", source="127.0.0.8")
    with change_and_wait(node) as connection:
        app = tenants.get_app_by_ak(connection, good_client.ak)
        tenants.add_key(connection, app, second.ak, second.sk, node.secret_box, datetime.now(UTC))
    assert request_call(second).result_code == NO_DATA_CODE
    with change_and_wait(node) as connection:
        number = next(number for number, ak, _ in tenants.list_keys(connection, app) if ak == second.ak)
        tenants.revoke_key(connection, app, number, datetime.now(UTC))
    assert request_call(second).status == 401
    assert request_call(good_client).result_code == NO_DATA_CODE


def test_a_new_app_is_accepted_at_once(locking_server: CcfsServer) -> None:
    newcomer = ApiClient(server=locking_server, ak="LATERAK0001", sk=SK, source="127.0.0.10")
    assert request_call(newcomer).status == 401
    add_app(locking_server.node, "later", SK, 1)
    time.sleep(TenantCache.SQLITE_MAX_AGE_SECONDS)
    assert request_call(newcomer).result_code == NO_DATA_CODE
