"""Deliveries against real sockets, on both engines: what is retried and when, and that nobody waits for anybody else."""

import itertools
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from socket import socket

import psycopg
import pytest

from ccfs.db.system import callback_jobs
from ccfs.db.system.trusted_certificates import TrustedCertificate, add_certificate
from ccfs.db.tenant import deliveries
from ccfs.model.exports.delivery import DeliveryState
from ccfs.protocol import signature
from ccfs.server.node import utc_now
from ccfs.workers.callbacks.safe_network import ExchangeLimits
from tests import receivers, servers
from tests.certificates import DAY, create_identity
from tests.receivers import HANG, OK, CallbackReceiver, make_closed_receiver, respond_with, run_receiver
from tests.workers.callbacks.callback_node import (
    AK,
    LONG_TIMEOUTS,
    RETRY_INTERVAL,
    SK,
    CallbackNode,
    open_callback_node,
    wait_until,
)

SHORT_TIMEOUTS = ExchangeLimits(connect_seconds=1.5, send_seconds=1.5, receive_seconds=1.5, total_seconds=3)
HOUR = timedelta(hours=1)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def shared_callback_node(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[CallbackNode]:
    """A stage on each engine, for all of these tests."""
    data = tmp_path_factory.mktemp("stage")
    if request.param == "sqlite":
        with open_callback_node(data, "") as one:
            yield one
    else:
        with (
            servers.create_database(request.getfixturevalue("postgres_url")) as url,
            open_callback_node(data, url) as one,
        ):
            yield one


@pytest.fixture
def callback_node(shared_callback_node: CallbackNode) -> Iterator[CallbackNode]:
    """A stage whose app may call nobody yet."""
    yield shared_callback_node
    shared_callback_node.clear()


def bind_receiver(acme: CallbackNode, there: CallbackReceiver) -> CallbackReceiver:
    acme.bind_prefix(there.prefix)
    return there


def test_a_callback_is_signed_carries_its_id_and_leaves_its_row(callback_node: CallbackNode) -> None:
    with run_receiver() as there, callback_node.run_callback_worker():
        (one,) = callback_node.add_deliveries(bind_receiver(callback_node, there).url + "?y=1")
        callback_node.wait_until_delivered(one)
    (got,) = there.received
    path, _, query = got.target.partition("?")
    request = signature.SignedRequest(method=got.method, path=path, query=query, headers=got.headers, body=got.body)
    assert signature.verify_request(signature.parse_authorization(got.headers["authorization"]), request, [SK])
    assert signature.parse_authorization(got.headers["authorization"]).ak == AK
    assert got.headers["webhook-id"] == one
    assert abs(int(got.headers["webhook-timestamp"]) - time.time()) < 60
    ((outcome, then),) = callback_node.get_delivery(one).attempts
    assert (outcome.address, outcome.status, outcome.failure) == ("127.0.0.1", 200, "")
    assert outcome.response == receivers.SUCCESS
    assert 0 <= outcome.milliseconds < LONG_TIMEOUTS.total_seconds * 1000
    assert (then.state, then.due_at) == (DeliveryState.DELIVERED, None)


def test_twelve_that_misbehave_are_called_again_in_time_until_the_limit(callback_node: CallbackNode) -> None:
    """The issue's twelve, side by side: each has its reason in each attempt's row, and always the same id."""
    expired, elsewhere = create_identity("127.0.0.1", ends=-DAY), create_identity("elsewhere.example")
    trust_certificate(callback_node, "expired", expired.der)
    trust_certificate(callback_node, "elsewhere", elsewhere.der)
    behaviours = {
        "timeout while receiving": receivers.HANG,
        "connection reset": receivers.reset_connection,
        "status 500": receivers.FAIL,
        "redirect": receivers.REDIRECT,
        "empty response": receivers.NO_CONTENT,
        "resultCode 1": receivers.REJECT,
    }
    with ExitStack() as stack:
        there = {name: stack.enter_context(run_receiver(one)) for name, one in behaviours.items()}
        cases = [(reason, one.url, one) for reason, one in there.items()]
        for reason, behaviour in (
            ("empty response", receivers.EMPTY_BODY),
            ("timeout while receiving", receivers.HANG_IN_BODY),
            ("", receivers.HUGE_BODY),
        ):
            one = stack.enter_context(run_receiver(behaviour))
            cases.append((reason, one.url, one))
        for reason, mine in (
            ("certificate has expired", expired),
            ("certificate is for another host", elsewhere),
        ):
            one = stack.enter_context(run_receiver(OK, tls=mine.build_tls_context()))
            cases.append((reason, one.url, one))
        cases.append(("connection refused", make_closed_receiver().url, make_closed_receiver()))
        inner = stack.enter_context(run_receiver())
        cases.append(("address not allowed", inner.build_prefix("cb.example") + "cb", inner))
        for _, url, _ in cases:
            callback_node.bind_prefix(url)
        here = callback_node.run_callback_worker(
            attempts=3, limits=SHORT_TIMEOUTS, resolve=lambda host, port: ["127.0.0.1"]
        )
        stack.enter_context(here)
        ids = callback_node.add_deliveries(*(url for _, url, _ in cases))
        wait_until(lambda: callback_node.count_by_state().get("due", 0) == 0)
        for (reason, _, one), delivery in zip(cases, ids, strict=True):
            found = callback_node.get_delivery(delivery)
            if not reason:  # 64 KB of the gigabyte are read: a 2xx with a body
                assert (found.state, len(found.attempts[0][0].response)) == (DeliveryState.DELIVERED, 1024)
                assert one.sent < 100_000_000
                continue
            assert found.state is DeliveryState.DEAD
            assert callback_node.list_failures(delivery) == [reason] * 3
            moments = [outcome.attempted_at for outcome, _ in found.attempts]
            assert all(b - a >= RETRY_INTERVAL for a, b in itertools.pairwise(moments))
            assert [then.due_at for _, then in found.attempts[:2]] == [at + RETRY_INTERVAL for at in moments[:2]]
            assert {got.headers["webhook-id"] for got in one.received if got.headers} <= {delivery}
        assert inner.received == []  # nobody talks to it, whatever its name says
        assert len(there["status 500"].received) == 3


def test_what_succeeds_at_last_is_called_no_more(callback_node: CallbackNode) -> None:
    with run_receiver(receivers.FAIL, receivers.EMPTY_BODY, OK) as there, callback_node.run_callback_worker(attempts=9):
        (one,) = callback_node.add_deliveries(bind_receiver(callback_node, there).url)
        callback_node.wait_until_delivered(one)
        time.sleep(0.5)
    assert callback_node.list_failures(one) == ["status 500", "empty response", ""]
    assert {got.headers["webhook-id"] for got in there.received} == {one}
    assert len({got.headers["authorization"] for got in there.received}) >= 1  # signed anew each time


def test_a_receiver_that_asks_for_time_is_given_it(callback_node: CallbackNode) -> None:
    busy = respond_with(503, b"busy", "Retry-After: 2")
    with run_receiver(busy, OK) as there, callback_node.run_callback_worker():
        (one,) = callback_node.add_deliveries(bind_receiver(callback_node, there).url)
        callback_node.wait_until_delivered(one)
    (first, then), (second, _) = callback_node.get_delivery(one).attempts
    assert then.due_at == first.attempted_at + timedelta(seconds=2)
    assert second.attempted_at >= then.due_at
    assert len(there.received) == 2


def test_forty_that_hang_delay_a_fast_one_by_nothing(callback_node: CallbackNode) -> None:
    with ExitStack() as stack:
        dead = [stack.enter_context(run_receiver(HANG)) for _ in range(40)]
        fast = stack.enter_context(run_receiver())
        for one in (*dead, fast):
            callback_node.bind_prefix(one.prefix)
        callback_node.add_deliveries(*(one.url for one in dead for _ in range(5)))
        stack.enter_context(callback_node.run_callback_worker(attempts=9))
        wait_until(lambda: all(one.received for one in dead))
        began = time.monotonic()
        ids = callback_node.add_deliveries(*[fast.url] * 200)
        wait_until(lambda: len(fast.received) == 200)
        took = time.monotonic() - began
        assert took < LONG_TIMEOUTS.receive_seconds / 2  # a second or two where nothing else runs
        callback_node.wait_until_delivered(*ids)
        assert callback_node.count_by_state() == {"delivered": 200, "due": 200}
        assert [len(one.received) for one in dead] == [1] * 40  # what hangs has one under way
        for one in dead:
            one.closing.set()
    print(f"200 deliveries beside 40 receivers that hang: {took:.2f} s")


def test_two_announcers_on_one_database_call_nobody_twice(callback_node: CallbackNode) -> None:
    with run_receiver() as there, callback_node.run_callback_worker(), callback_node.run_callback_worker():
        ids = callback_node.add_deliveries(*[bind_receiver(callback_node, there).url] * 300)
        callback_node.wait_until_delivered(*ids)
    assert sorted(got.headers["webhook-id"] for got in there.received) == sorted(ids)


def test_the_dead_are_called_again_when_an_operator_says_so(callback_node: CallbackNode) -> None:
    with run_receiver(receivers.FAIL, receivers.FAIL, OK) as there, callback_node.run_callback_worker(attempts=2):
        (one,) = callback_node.add_deliveries(bind_receiver(callback_node, there).url)
        wait_until(lambda: callback_node.count_by_state() == {"dead": 1})
        with callback_node.node.database.write_transaction() as connection:
            assert deliveries.retry(connection, callback_node.app, [one], utc_now()) == 1
        callback_node.wait_until_delivered(one)
    assert callback_node.list_failures(one) == ["status 500", "status 500", ""]
    assert {got.headers["webhook-id"] for got in there.received} == {one}


def test_stopping_waits_for_nobody_who_hangs_and_hands_back(callback_node: CallbackNode) -> None:
    with run_receiver(HANG, OK) as there:
        bind_receiver(callback_node, there)
        with callback_node.run_callback_worker():
            (one,) = callback_node.add_deliveries(there.url)
            wait_until(lambda: len(there.received) == 1)
            began = time.monotonic()
        assert time.monotonic() - began < LONG_TIMEOUTS.receive_seconds / 2
        found = callback_node.get_delivery(one)
        assert found.state is DeliveryState.DUE
        assert found.due_at is not None
        assert found.due_at <= utc_now()
        assert callback_node.list_failures(one) == ["cut off: this node stopped"]
        with callback_node.run_callback_worker():
            callback_node.wait_until_delivered(one)
    assert [got.headers["webhook-id"] for got in there.received] == [one, one]


def test_what_a_dead_process_held_is_called_when_its_lease_ends(callback_node: CallbackNode) -> None:
    with run_receiver() as there:
        (one,) = callback_node.add_deliveries(bind_receiver(callback_node, there).url)
        with callback_node.node.database.write_transaction() as connection:
            name, claimed_at = f"http://127.0.0.1:{there.port}", utc_now()
            assert callback_jobs.claim(connection, name, claimed_at, "dead", timedelta(seconds=1), 9)
        with callback_node.run_callback_worker():
            callback_node.wait_until_delivered(one)
        ((outcome, _),) = callback_node.get_delivery(one).attempts
        assert outcome.attempted_at >= claimed_at + timedelta(seconds=1)
    assert len(there.received) == 1


def test_whoever_dies_of_it_each_time_is_not_asked_for_ever(callback_node: CallbackNode) -> None:
    (one,) = callback_node.add_deliveries("http://127.0.0.1:9/")
    moment = utc_now() + timedelta(seconds=1)
    for turn in range(10):
        with callback_node.node.database.write_transaction() as connection:
            assert callback_jobs.claim(
                connection, "http://127.0.0.1:9", moment + turn * HOUR, f"{turn}", timedelta(seconds=1), 9
            )
    late = moment + 10 * HOUR
    with callback_node.run_callback_worker(attempts=1, clock=lambda: late):
        wait_until(lambda: callback_node.count_by_state() == {"dead": 1})
    assert callback_node.list_failures(one) == ["claimed 11 times and never finished"]


def test_a_prefix_that_is_unbound_meanwhile_ends_it(callback_node: CallbackNode) -> None:
    def unbinds(connection: socket, there: CallbackReceiver) -> bool:
        callback_node.unbind_prefix(there.prefix)
        return receivers.FAIL(connection, there)

    with run_receiver(unbinds, OK) as there, callback_node.run_callback_worker(attempts=999):
        (one,) = callback_node.add_deliveries(bind_receiver(callback_node, there).url)
        wait_until(lambda: len(callback_node.list_failures(one)) >= 2)
        assert callback_node.list_failures(one)[:2] == ["status 500", "address not bound"]
        assert len(there.received) == 1
        bind_receiver(callback_node, there)
        callback_node.wait_until_delivered(one)


def test_trust_that_is_added_while_it_runs_holds_at_the_next_attempt(callback_node: CallbackNode) -> None:
    mine = create_identity("127.0.0.1")
    with run_receiver(tls=mine.build_tls_context()) as there, callback_node.run_callback_worker(attempts=999):
        (one,) = callback_node.add_deliveries(bind_receiver(callback_node, there).url)
        wait_until(lambda: len(callback_node.list_failures(one)) == 1)
        trust_certificate(callback_node, "mine", mine.der)
        callback_node.wait_until_delivered(one)
    assert callback_node.list_failures(one)[0].startswith("certificate is not trusted")
    assert callback_node.list_failures(one)[-1] == ""


def test_a_clock_that_steps_back_an_hour_puts_off_and_loses_nothing(callback_node: CallbackNode) -> None:
    step = timedelta(0)
    with run_receiver() as there, callback_node.run_callback_worker(clock=lambda: datetime.now(UTC) + step):
        (before,) = callback_node.add_deliveries(bind_receiver(callback_node, there).url)
        callback_node.wait_until_delivered(before)
        step = -HOUR
        (after,) = callback_node.add_deliveries(there.url)
        time.sleep(0.5)
        assert (
            callback_node.get_delivery(after).state is DeliveryState.DUE
        )  # it was due at a time that is to come once more
        step = timedelta(0)
        callback_node.wait_until_delivered(after)


def test_a_database_that_drops_all_connections_loses_nothing(postgres_url: str, tmp_path: Path) -> None:
    with (
        servers.create_database(postgres_url) as url,
        open_callback_node(tmp_path, url) as acme,
        run_receiver() as there,
    ):
        bind_receiver(acme, there)
        with acme.run_callback_worker():
            ids = acme.add_deliveries(*[there.url] * 200)
            for _ in range(10):
                close_connections(url)
                time.sleep(0.1)
            acme.wait_until_delivered(*ids)
    got = [one.headers["webhook-id"] for one in there.received]
    assert set(got) == set(ids)
    print(f"200 deliveries while every connection was cut 10 times: {len(got) - len(ids)} repeated, none lost")


def close_connections(url: str) -> None:
    """End every connection to the database but this one."""
    with closing(psycopg.connect(url.replace("+psycopg", ""), autocommit=True)) as connection:
        connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity "
            "where datname = current_database() and pid <> pg_backend_pid()"
        )


def trust_certificate(acme: CallbackNode, name: str, der: bytes) -> None:
    with acme.node.database.write_transaction() as connection:
        one = TrustedCertificate(name=name, der=der, sha256=name, subject=name, not_after=utc_now())
        add_certificate(connection, one, utc_now())
