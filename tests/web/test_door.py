"""Signing at the door: locked addresses, proxies that are believed, and keys that come and go while the server runs."""

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
from tests.cast import add_app
from tests.web.callers import Caller, Reply, send
from tests.web.serving import Server, serving

SK = "the-secret-of-the-door-000000000"
FAILURES = 3
LOCK_SECONDS = 5  # longer than a test needs to find itself locked
PROXY = "127.0.0.9"  # the one that is believed
MISSING = "0300012"  # the signature was good: there is only no such call


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of two web processes that locks an address soon and briefly, and believes one proxy."""
    data: Path = tmp_path_factory.mktemp("door")
    proxies = f"{PROXY}/32,2001:db8::/32"
    with serving(data, workers=2, lock_failures=FAILURES, lock_seconds=LOCK_SECONDS, trusted_proxies=proxies) as one:
        add_app(one.node, "door", SK, 1)
        yield one


@pytest.fixture
def honest(guarded: Server) -> Caller:
    """A client whose signatures are good."""
    return Caller(server=guarded, ak="DOORAK0001", sk=SK)


def ask(caller: Caller) -> Reply:
    return caller.ask("downloadRecord", {"callId": "none"})


def bad(caller: Caller) -> Caller:
    return replace(caller, sk="wrong")


def lock(caller: Caller) -> None:
    """Get the caller's address locked."""
    assert [ask(bad(caller)).status for _ in range(FAILURES)] == [401] * FAILURES


def assert_locked(reply: Reply) -> None:
    """The 403 of D0836, to the byte but for its time."""
    path = re.escape(BASE_PATH + "downloadRecord")
    expected = '{"timestamp":(\\d{13}),"status":403,"error":"Forbidden","message":"No message available","path":"%s"}'
    match = re.fullmatch(expected % path, reply.body.decode())
    assert match
    assert abs(int(match[1]) / 1000 - time.time()) < 60
    assert reply.status == 403


def test_an_address_that_fails_too_often_is_locked_alone_and_for_a_while(honest: Caller) -> None:
    attacker, other = replace(honest, source="127.0.0.2"), replace(honest, source="127.0.0.3")
    began = time.monotonic()
    lock(attacker)
    assert_locked(ask(bad(attacker)))
    assert_locked(ask(attacker))  # even a good signature
    assert_locked(send(attacker.server, "POST", BASE_PATH + "downloadRecord", source="127.0.0.2"))
    assert ask(other).code == MISSING
    while (reply := ask(attacker)).status == 403:
        assert time.monotonic() - began < LOCK_SECONDS + 30
        time.sleep(0.1)
    assert reply.code == MISSING
    assert time.monotonic() - began > LOCK_SECONDS


def test_a_few_failures_lock_nobody(honest: Caller) -> None:
    clumsy = replace(honest, source="127.0.0.4")
    assert [ask(bad(clumsy)).status for _ in range(FAILURES - 1)] == [401] * (FAILURES - 1)
    assert ask(clumsy).code == MISSING


def test_who_is_locked_can_play_and_be_watched(honest: Caller) -> None:
    lock(replace(honest, source="127.0.0.5"))
    assert send(honest.server, "GET", "/healthz", source="127.0.0.5").status == 200
    assert send(honest.server, "GET", f"{BASE_PATH}playVoice?st=", source="127.0.0.5").code == "010106"


def test_a_trusted_proxy_says_who_is_behind_it(honest: Caller) -> None:
    attacker = replace(honest, source=PROXY, headers={"X-Forwarded-For": "203.0.113.1"})
    lock(attacker)
    assert_locked(ask(attacker))
    assert ask(replace(attacker, headers={"X-Forwarded-For": "203.0.113.2"})).code == MISSING
    assert ask(replace(attacker, headers={})).code == MISSING


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
def test_the_last_address_that_nobody_vouches_for_counts(honest: Caller, chain: str, address: str) -> None:
    lock(replace(honest, source=PROXY, headers={"X-Forwarded-For": chain}))
    assert_locked(ask(replace(honest, source=PROXY, headers={"X-Forwarded-For": address})))


def test_a_client_of_ip_6_counts_by_its_network(honest: Caller) -> None:
    lock(replace(honest, source=PROXY, headers={"X-Forwarded-For": "2001:db9:0:1::1"}))
    assert_locked(ask(replace(honest, source=PROXY, headers={"X-Forwarded-For": "2001:db9:0:1:ffff::2"})))
    assert ask(replace(honest, source=PROXY, headers={"X-Forwarded-For": "2001:db9:0:2::1"})).code == MISSING


@pytest.mark.parametrize("said", ["", "unknown", "fe80::1%eth0", "203.0.113.9:4711", "9" * 4000, ",,,", "10.0.0.1/8"])
def test_a_strange_forwarded_for_does_no_harm(honest: Caller, said: str) -> None:
    assert ask(replace(honest, source=PROXY, headers={"X-Forwarded-For": said})).code == MISSING
    assert ask(bad(replace(honest, source=PROXY, headers={"X-Forwarded-For": said + ", 203.0.113.77"}))).status in (
        401,
        403,
    )


def test_nobody_else_is_believed(honest: Caller) -> None:
    attacker = replace(honest, source="127.0.0.6")
    for number in range(FAILURES):
        ask(bad(replace(attacker, headers={"X-Forwarded-For": f"203.0.113.{100 + number}"})))
    assert_locked(ask(replace(attacker, headers={"X-Forwarded-For": "203.0.113.200"})))


@contextmanager
def changing(node: Node) -> Iterator[Connection]:
    """A change that the server has seen when the block is left."""
    with node.database.write_transaction() as connection:
        yield connection
    time.sleep(TenantCache.SQLITE_MAX_AGE_SECONDS)


def test_a_key_is_good_from_when_it_is_added_until_it_is_revoked(honest: Caller) -> None:
    node = honest.server.node
    newcomer = replace(honest, sk="a-second-secret", source="127.0.0.7")
    with node.database.read_transaction() as connection:
        app = tenants.get_app_by_ak(connection, honest.ak)
    assert ask(newcomer).status == 401
    with changing(node) as connection:
        tenants.add_key(connection, app, app.ak, newcomer.sk, node.secret_box, datetime.now(UTC))
    assert ask(newcomer).code == MISSING
    assert ask(replace(honest, source="127.0.0.7")).code == MISSING  # two SKs under one AK
    with changing(node) as connection:
        newest = max(number for number, _, _ in tenants.list_keys(connection, app))
        tenants.revoke_key(connection, app, newest, datetime.now(UTC))
    assert ask(newcomer).status == 401
    assert ask(replace(honest, source="127.0.0.7")).code == MISSING


def test_an_app_may_have_several_aks_and_loses_only_the_one_that_is_revoked(honest: Caller) -> None:
    node = honest.server.node
    second = replace(honest, ak="DOORAK0002", sk="the-secret-of-the-second-ak", source="127.0.0.8")
    with changing(node) as connection:
        app = tenants.get_app_by_ak(connection, honest.ak)
        tenants.add_key(connection, app, second.ak, second.sk, node.secret_box, datetime.now(UTC))
    assert ask(second).code == MISSING
    with changing(node) as connection:
        number = next(number for number, ak, _ in tenants.list_keys(connection, app) if ak == second.ak)
        tenants.revoke_key(connection, app, number, datetime.now(UTC))
    assert ask(second).status == 401
    assert ask(honest).code == MISSING


def test_a_new_app_is_let_in_at_once(guarded: Server) -> None:
    newcomer = Caller(server=guarded, ak="LATERAK0001", sk=SK, source="127.0.0.10")
    assert ask(newcomer).status == 401
    add_app(guarded.node, "later", SK, 1)
    time.sleep(TenantCache.SQLITE_MAX_AGE_SECONDS)
    assert ask(newcomer).code == MISSING
