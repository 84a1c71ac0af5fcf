"""The callback worker against real sockets, on both engines: attempts, retries, leases, and receivers that hang."""

import itertools
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from socket import socket

import pytest

from ccfs.db.system.certificates.trusted_certificates import TrustedCertificate, add_certificate
from ccfs.db.system.jobs import callback_jobs
from ccfs.db.tenant import deliveries
from ccfs.model.exports.delivery import DeliveryState, Lane
from ccfs.protocol import signature
from ccfs.server.node import utc_now
from ccfs.workers.callbacks.safe_network import ExchangeLimits
from tests import databases, receivers
from tests.certificates import DAY, create_identity
from tests.receivers import HANG, OK, CallbackReceiver, make_closed_receiver, respond_with, run_receiver
from tests.waiting import wait_until
from tests.workers.callbacks.callback_node import (
    AK,
    LONG_TIMEOUTS,
    RETRY_INTERVAL,
    SK,
    CallbackNode,
    open_callback_node,
)

SHORT_TIMEOUTS = ExchangeLimits(connect_seconds=1.5, send_seconds=1.5, receive_seconds=1.5, total_seconds=3)
HOUR = timedelta(hours=1)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def shared_callback_node(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[CallbackNode]:
    """A node on each engine, for all of these tests."""
    data = tmp_path_factory.mktemp("node")
    if request.param == "sqlite":
        with open_callback_node(data, "") as node:
            yield node
    else:
        with (
            databases.create_database(request.getfixturevalue("postgres_url")) as url,
            open_callback_node(data, url) as node,
        ):
            yield node


@pytest.fixture
def callback_node(shared_callback_node: CallbackNode) -> Iterator[CallbackNode]:
    """A node whose app has no bound prefix yet."""
    yield shared_callback_node
    shared_callback_node.clear()


def bind_receiver(callback_node: CallbackNode, receiver: CallbackReceiver) -> CallbackReceiver:
    callback_node.bind_prefix(receiver.prefix)
    return receiver


def test_a_callback_is_signed_has_its_id_and_leaves_an_attempt(callback_node: CallbackNode) -> None:
    with run_receiver() as receiver, callback_node.run_callback_worker():
        (delivery_id,) = callback_node.add_deliveries(bind_receiver(callback_node, receiver).url + "?y=1")
        callback_node.wait_until_delivered(delivery_id)
    (got,) = receiver.received
    path, _, query = got.target.partition("?")
    request = signature.SignedRequest(method=got.method, path=path, query=query, headers=got.headers, body=got.body)
    assert signature.verify_request(signature.parse_authorization(got.headers["authorization"]), request, [SK])
    assert signature.parse_authorization(got.headers["authorization"]).ak == AK
    assert got.headers["webhook-id"] == delivery_id
    assert abs(int(got.headers["webhook-timestamp"]) - time.time()) < 60
    ((outcome, decision),) = callback_node.get_delivery(delivery_id).attempts
    assert (outcome.address, outcome.status, outcome.failure) == ("127.0.0.1", 200, "")
    assert outcome.response == receivers.SUCCESS
    assert 0 <= outcome.milliseconds < LONG_TIMEOUTS.total_seconds * 1000
    assert (decision.state, decision.due_at) == (DeliveryState.DELIVERED, None)


def test_deliveries_to_twelve_misbehaving_receivers_are_retried_until_the_limit(callback_node: CallbackNode) -> None:
    """Each attempt stores its reason, and all attempts of a delivery have one id."""
    expired, other_host = create_identity("127.0.0.1", ends=-DAY), create_identity("elsewhere.example")
    trust_certificate(callback_node, "expired", expired.der)
    trust_certificate(callback_node, "elsewhere", other_host.der)
    behaviours = {
        "timeout while receiving": receivers.HANG,
        "connection reset": receivers.reset_connection,
        "status 500": receivers.FAIL,
        "redirect": receivers.REDIRECT,
        "empty response": receivers.NO_CONTENT,
        "resultCode 1": receivers.REJECT,
    }
    with ExitStack() as stack:
        by_reason = {reason: stack.enter_context(run_receiver(behaviour)) for reason, behaviour in behaviours.items()}
        cases = [(reason, receiver.url, receiver) for reason, receiver in by_reason.items()]
        for reason, behaviour in (
            ("empty response", receivers.EMPTY_BODY),
            ("timeout while receiving", receivers.HANG_IN_BODY),
            ("", receivers.HUGE_BODY),
        ):
            receiver = stack.enter_context(run_receiver(behaviour))
            cases.append((reason, receiver.url, receiver))
        for reason, identity in (
            ("certificate has expired", expired),
            ("certificate is for another host", other_host),
        ):
            receiver = stack.enter_context(run_receiver(OK, tls=identity.build_tls_context()))
            cases.append((reason, receiver.url, receiver))
        cases.append(("connection refused", make_closed_receiver().url, make_closed_receiver()))
        internal = stack.enter_context(run_receiver())
        cases.append(("address not allowed", internal.build_prefix("cb.example") + "cb", internal))
        for _, url, _ in cases:
            callback_node.bind_prefix(url)
        running_worker = callback_node.run_callback_worker(
            attempts=3, limits=SHORT_TIMEOUTS, resolve=lambda host, port: ["127.0.0.1"]
        )
        stack.enter_context(running_worker)
        ids = callback_node.add_deliveries(*(url for _, url, _ in cases))
        wait_until(lambda: callback_node.count_by_state().get("due", 0) == 0)
        for (reason, _, receiver), delivery in zip(cases, ids, strict=True):
            view = callback_node.get_delivery(delivery)
            if not reason:  # 64 KB of the gigabyte are read: a 2xx with a body
                assert (view.state, len(view.attempts[0][0].response)) == (DeliveryState.DELIVERED, 1024)
                assert receiver.sent < 100_000_000
                continue
            assert view.state is DeliveryState.DEAD
            assert callback_node.list_failures(delivery) == [reason] * 3
            moments = [outcome.attempted_at for outcome, _ in view.attempts]
            assert all(b - a >= RETRY_INTERVAL for a, b in itertools.pairwise(moments))
            assert [decision.due_at for _, decision in view.attempts[:2]] == [at + RETRY_INTERVAL for at in moments[:2]]
            assert {got.headers["webhook-id"] for got in receiver.received if got.headers} <= {delivery}
        assert internal.received == []
        assert len(by_reason["status 500"].received) == 3


def test_a_delivery_that_succeeds_at_last_is_not_sent_again(callback_node: CallbackNode) -> None:
    with (
        run_receiver(receivers.FAIL, receivers.EMPTY_BODY, OK) as receiver,
        callback_node.run_callback_worker(attempts=9),
    ):
        (delivery_id,) = callback_node.add_deliveries(bind_receiver(callback_node, receiver).url)
        callback_node.wait_until_delivered(delivery_id)
        time.sleep(0.5)
    assert callback_node.list_failures(delivery_id) == ["status 500", "empty response", ""]
    assert {got.headers["webhook-id"] for got in receiver.received} == {delivery_id}
    assert len({got.headers["authorization"] for got in receiver.received}) >= 1  # each attempt is signed


def test_a_retry_waits_as_long_as_retry_after_says(callback_node: CallbackNode) -> None:
    busy = respond_with(503, b"busy", "Retry-After: 2")
    with run_receiver(busy, OK) as receiver, callback_node.run_callback_worker():
        (delivery_id,) = callback_node.add_deliveries(bind_receiver(callback_node, receiver).url)
        callback_node.wait_until_delivered(delivery_id)
    (first, decision), (second, _) = callback_node.get_delivery(delivery_id).attempts
    assert decision.due_at == first.attempted_at + timedelta(seconds=2)
    assert second.attempted_at >= decision.due_at
    assert len(receiver.received) == 2


def test_forty_receivers_that_hang_do_not_delay_a_fast_one(callback_node: CallbackNode) -> None:
    with ExitStack() as stack:
        hanging = [stack.enter_context(run_receiver(HANG)) for _ in range(40)]
        fast = stack.enter_context(run_receiver())
        for receiver in (*hanging, fast):
            callback_node.bind_prefix(receiver.prefix)
        callback_node.add_deliveries(*(receiver.url for receiver in hanging for _ in range(5)))
        stack.enter_context(callback_node.run_callback_worker(attempts=9))
        wait_until(lambda: all(receiver.received for receiver in hanging))
        started = time.monotonic()
        ids = callback_node.add_deliveries(*[fast.url] * 200)
        wait_until(lambda: len(fast.received) == 200)
        took = time.monotonic() - started
        assert took < LONG_TIMEOUTS.receive_seconds / 2  # about a second on an idle machine
        callback_node.wait_until_delivered(*ids)
        assert callback_node.count_by_state() == {"delivered": 200, "due": 200}
        assert [len(receiver.received) for receiver in hanging] == [1] * 40  # one post in flight each
        for receiver in hanging:
            receiver.closing.set()
    print(f"200 deliveries beside 40 receivers that hang: {took:.2f} s")


def test_two_callback_workers_on_one_database_send_no_delivery_twice(callback_node: CallbackNode) -> None:
    with run_receiver() as receiver, callback_node.run_callback_worker(), callback_node.run_callback_worker():
        ids = callback_node.add_deliveries(*[bind_receiver(callback_node, receiver).url] * 300)
        callback_node.wait_until_delivered(*ids)
    assert sorted(got.headers["webhook-id"] for got in receiver.received) == sorted(ids)


def test_a_dead_delivery_is_sent_again_when_an_operator_retries_it(callback_node: CallbackNode) -> None:
    with run_receiver(receivers.FAIL, receivers.FAIL, OK) as receiver, callback_node.run_callback_worker(attempts=2):
        (delivery_id,) = callback_node.add_deliveries(bind_receiver(callback_node, receiver).url)
        wait_until(lambda: callback_node.count_by_state() == {"dead": 1})
        with callback_node.node.database.write_transaction() as connection:
            assert deliveries.retry(connection, callback_node.app, [delivery_id], utc_now()) == 1
        callback_node.wait_until_delivered(delivery_id)
    assert callback_node.list_failures(delivery_id) == ["status 500", "status 500", ""]
    assert {got.headers["webhook-id"] for got in receiver.received} == {delivery_id}


def test_stopping_a_callback_worker_does_not_wait_for_a_receiver_that_hangs(callback_node: CallbackNode) -> None:
    with run_receiver(HANG, OK) as receiver:
        bind_receiver(callback_node, receiver)
        with callback_node.run_callback_worker():
            (delivery_id,) = callback_node.add_deliveries(receiver.url)
            wait_until(lambda: len(receiver.received) == 1)
            stopped = time.monotonic()
        assert time.monotonic() - stopped < LONG_TIMEOUTS.receive_seconds / 2
        view = callback_node.get_delivery(delivery_id)
        assert view.state is DeliveryState.DUE
        assert view.due_at is not None
        assert view.due_at <= utc_now()
        assert callback_node.list_failures(delivery_id) == ["cut off: this node stopped"]
        with callback_node.run_callback_worker():
            callback_node.wait_until_delivered(delivery_id)
    assert [got.headers["webhook-id"] for got in receiver.received] == [delivery_id, delivery_id]


def test_a_delivery_leased_by_a_dead_process_is_sent_when_the_lease_ends(callback_node: CallbackNode) -> None:
    with run_receiver() as receiver:
        (delivery_id,) = callback_node.add_deliveries(bind_receiver(callback_node, receiver).url)
        with callback_node.node.database.write_transaction() as connection:
            lane, claimed_at = Lane(f"http://127.0.0.1:{receiver.port}", callback_node.app.id), utc_now()
            assert callback_jobs.claim(connection, lane, claimed_at, "dead", timedelta(seconds=1), 9)
        with callback_node.run_callback_worker():
            callback_node.wait_until_delivered(delivery_id)
        ((outcome, _),) = callback_node.get_delivery(delivery_id).attempts
        assert outcome.attempted_at >= claimed_at + timedelta(seconds=1)
    assert len(receiver.received) == 1


def test_a_delivery_whose_workers_die_each_time_is_given_up(callback_node: CallbackNode) -> None:
    (delivery_id,) = callback_node.add_deliveries("http://127.0.0.1:9/")
    moment = utc_now() + timedelta(seconds=1)
    for turn in range(10):
        with callback_node.node.database.write_transaction() as connection:
            assert callback_jobs.claim(
                connection,
                Lane("http://127.0.0.1:9", callback_node.app.id),
                moment + turn * HOUR,
                f"{turn}",
                timedelta(seconds=1),
                9,
            )
    late = moment + 10 * HOUR
    with callback_node.run_callback_worker(attempts=1, clock=lambda: late):
        wait_until(lambda: callback_node.count_by_state() == {"dead": 1})
    assert callback_node.list_failures(delivery_id) == ["claimed 11 times and never finished"]


def test_a_delivery_whose_prefix_is_unbound_meanwhile_fails_without_a_post(callback_node: CallbackNode) -> None:
    def unbinds(connection: socket, receiver: CallbackReceiver) -> bool:
        callback_node.unbind_prefix(receiver.prefix)
        return receivers.FAIL(connection, receiver)

    with run_receiver(unbinds, OK) as receiver, callback_node.run_callback_worker(attempts=999):
        (delivery_id,) = callback_node.add_deliveries(bind_receiver(callback_node, receiver).url)
        wait_until(lambda: len(callback_node.list_failures(delivery_id)) >= 2)
        assert callback_node.list_failures(delivery_id)[:2] == ["status 500", "address not bound"]
        assert len(receiver.received) == 1
        bind_receiver(callback_node, receiver)
        callback_node.wait_until_delivered(delivery_id)


def test_a_certificate_trusted_meanwhile_is_accepted_at_the_next_attempt(callback_node: CallbackNode) -> None:
    identity = create_identity("127.0.0.1")
    with run_receiver(tls=identity.build_tls_context()) as receiver, callback_node.run_callback_worker(attempts=999):
        (delivery_id,) = callback_node.add_deliveries(bind_receiver(callback_node, receiver).url)
        wait_until(lambda: len(callback_node.list_failures(delivery_id)) == 1)
        trust_certificate(callback_node, "mine", identity.der)
        callback_node.wait_until_delivered(delivery_id)
    assert callback_node.list_failures(delivery_id)[0].startswith("certificate is not trusted")
    assert callback_node.list_failures(delivery_id)[-1] == ""


def test_a_clock_that_is_set_back_an_hour_delays_deliveries_and_loses_none(callback_node: CallbackNode) -> None:
    shift = timedelta(0)
    with run_receiver() as receiver, callback_node.run_callback_worker(clock=lambda: datetime.now(UTC) + shift):
        (before,) = callback_node.add_deliveries(bind_receiver(callback_node, receiver).url)
        callback_node.wait_until_delivered(before)
        shift = -HOUR
        (after,) = callback_node.add_deliveries(receiver.url)
        time.sleep(0.5)
        assert callback_node.get_delivery(after).state is DeliveryState.DUE  # at a time that is in the future again
        shift = timedelta(0)
        callback_node.wait_until_delivered(after)


def trust_certificate(callback_node: CallbackNode, name: str, der: bytes) -> None:
    with callback_node.node.database.write_transaction() as connection:
        certificate = TrustedCertificate(name=name, der=der, sha256=name, subject=name, not_after=utc_now())
        add_certificate(connection, certificate, utc_now())
