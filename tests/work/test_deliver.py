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

from ccfs.db.system.trusted_certificates import TrustedCertificate, add_certificate
from ccfs.db.tenant import deliveries
from ccfs.model.exports.delivery import DeliveryState
from ccfs.protocol import signature
from ccfs.server.node import utc_now
from ccfs.workers.callbacks.safe_network import ExchangeLimits
from tests import receivers, servers
from tests.certificates import DAY, identity
from tests.receivers import HANGS, OK, Receiver, answers, nobody, receiver
from tests.work.announcing import AK, EVERY, PATIENT, SK, Stage, stage, until

IMPATIENT = ExchangeLimits(connect_seconds=1.5, send_seconds=1.5, receive_seconds=1.5, total_seconds=3)
HOUR = timedelta(hours=1)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def stages(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A stage on each engine, for all of these tests."""
    data = tmp_path_factory.mktemp("stage")
    if request.param == "sqlite":
        with stage(data, "") as one:
            yield one
    else:
        with servers.database(request.getfixturevalue("postgres_url")) as url, stage(data, url) as one:
            yield one


@pytest.fixture
def acme(stages: Stage) -> Iterator[Stage]:
    """A stage whose app may call nobody yet."""
    yield stages
    stages.clear()


def bound(acme: Stage, there: Receiver) -> Receiver:
    acme.bind(there.prefix)
    return there


def test_a_callback_is_signed_carries_its_id_and_leaves_its_row(acme: Stage) -> None:
    with receiver() as there, acme.announcing():
        (one,) = acme.announce(bound(acme, there).url + "?y=1")
        acme.delivered(one)
    (got,) = there.received
    path, _, query = got.target.partition("?")
    request = signature.SignedRequest(method=got.method, path=path, query=query, headers=got.headers, body=got.body)
    assert signature.verify_request(signature.parse_authorization(got.headers["authorization"]), request, [SK])
    assert signature.parse_authorization(got.headers["authorization"]).ak == AK
    assert got.headers["webhook-id"] == one
    assert abs(int(got.headers["webhook-timestamp"]) - time.time()) < 60
    ((outcome, then),) = acme.shown(one).attempts
    assert (outcome.address, outcome.status, outcome.failure) == ("127.0.0.1", 200, "")
    assert outcome.response == receivers.SUCCESS
    assert 0 <= outcome.milliseconds < PATIENT.total_seconds * 1000
    assert (then.state, then.due_at) == (DeliveryState.DELIVERED, None)


def test_twelve_that_misbehave_are_called_again_in_time_until_the_limit(acme: Stage) -> None:
    """The issue's twelve, side by side: each has its reason in each attempt's row, and always the same id."""
    expired, elsewhere = identity("127.0.0.1", ends=-DAY), identity("elsewhere.example")
    trust(acme, "expired", expired.der)
    trust(acme, "elsewhere", elsewhere.der)
    behaviours = {
        "timeout while answering": receivers.HANGS,
        "reset": receivers.resets,
        "status 500": receivers.FAILS,
        "redirect": receivers.REDIRECTS,
        "empty answer": receivers.SAYS_NOTHING,
        "resultCode 1": receivers.REFUSES,
    }
    with ExitStack() as stack:
        there = {name: stack.enter_context(receiver(one)) for name, one in behaviours.items()}
        cases = [(reason, one.url, one) for reason, one in there.items()]
        for reason, behaviour in (
            ("empty answer", receivers.EMPTY),
            ("timeout while answering", receivers.HANGS_IN_BODY),
            ("", receivers.HUGE),
        ):
            one = stack.enter_context(receiver(behaviour))
            cases.append((reason, one.url, one))
        for reason, mine in (
            ("certificate has expired", expired),
            ("certificate is for another host", elsewhere),
        ):
            one = stack.enter_context(receiver(OK, tls=mine.tls()))
            cases.append((reason, one.url, one))
        cases.append(("refused", nobody().url, nobody()))
        inner = stack.enter_context(receiver())
        cases.append(("address not allowed", inner.under("cb.example") + "cb", inner))
        for _, url, _ in cases:
            acme.bind(url)
        here = acme.announcing(attempts=3, limits=IMPATIENT, resolve=lambda host, port: ["127.0.0.1"])
        stack.enter_context(here)
        ids = acme.announce(*(url for _, url, _ in cases))
        until(lambda: acme.counts().get("due", 0) == 0)
        for (reason, _, one), delivery in zip(cases, ids, strict=True):
            found = acme.shown(delivery)
            if not reason:  # 64 KB of the gigabyte are read: a 2xx with a body
                assert (found.state, len(found.attempts[0][0].response)) == (DeliveryState.DELIVERED, 1024)
                assert one.sent < 100_000_000
                continue
            assert found.state is DeliveryState.DEAD
            assert acme.failures(delivery) == [reason] * 3
            moments = [outcome.attempted_at for outcome, _ in found.attempts]
            assert all(b - a >= EVERY for a, b in itertools.pairwise(moments))
            assert [then.due_at for _, then in found.attempts[:2]] == [at + EVERY for at in moments[:2]]
            assert {got.headers["webhook-id"] for got in one.received if got.headers} <= {delivery}
        assert inner.received == []  # nobody talks to it, whatever its name says
        assert len(there["status 500"].received) == 3


def test_what_succeeds_at_last_is_called_no_more(acme: Stage) -> None:
    with receiver(receivers.FAILS, receivers.EMPTY, OK) as there, acme.announcing(attempts=9):
        (one,) = acme.announce(bound(acme, there).url)
        acme.delivered(one)
        time.sleep(0.5)
    assert acme.failures(one) == ["status 500", "empty answer", ""]
    assert {got.headers["webhook-id"] for got in there.received} == {one}
    assert len({got.headers["authorization"] for got in there.received}) >= 1  # signed anew each time


def test_a_receiver_that_asks_for_time_is_given_it(acme: Stage) -> None:
    busy = answers(503, b"busy", "Retry-After: 2")
    with receiver(busy, OK) as there, acme.announcing():
        (one,) = acme.announce(bound(acme, there).url)
        acme.delivered(one)
    (first, then), (second, _) = acme.shown(one).attempts
    assert then.due_at == first.attempted_at + timedelta(seconds=2)
    assert second.attempted_at >= then.due_at
    assert len(there.received) == 2


def test_forty_that_hang_delay_a_fast_one_by_nothing(acme: Stage) -> None:
    with ExitStack() as stack:
        dead = [stack.enter_context(receiver(HANGS)) for _ in range(40)]
        fast = stack.enter_context(receiver())
        for one in (*dead, fast):
            acme.bind(one.prefix)
        acme.announce(*(one.url for one in dead for _ in range(5)))
        stack.enter_context(acme.announcing(attempts=9))
        until(lambda: all(one.received for one in dead))
        began = time.monotonic()
        ids = acme.announce(*[fast.url] * 200)
        until(lambda: len(fast.received) == 200)
        took = time.monotonic() - began
        assert took < PATIENT.receive_seconds / 2  # a second or two where nothing else runs
        acme.delivered(*ids)
        assert acme.counts() == {"delivered": 200, "due": 200}
        assert [len(one.received) for one in dead] == [1] * 40  # what hangs has one under way
        for one in dead:
            one.closing.set()
    print(f"200 deliveries beside 40 receivers that hang: {took:.2f} s")


def test_two_announcers_on_one_database_call_nobody_twice(acme: Stage) -> None:
    with receiver() as there, acme.announcing(), acme.announcing():
        ids = acme.announce(*[bound(acme, there).url] * 300)
        acme.delivered(*ids)
    assert sorted(got.headers["webhook-id"] for got in there.received) == sorted(ids)


def test_the_dead_are_called_again_when_an_operator_says_so(acme: Stage) -> None:
    with receiver(receivers.FAILS, receivers.FAILS, OK) as there, acme.announcing(attempts=2):
        (one,) = acme.announce(bound(acme, there).url)
        until(lambda: acme.counts() == {"dead": 1})
        with acme.node.database.write_transaction() as connection:
            assert deliveries.retry(connection, acme.app, [one], utc_now()) == 1
        acme.delivered(one)
    assert acme.failures(one) == ["status 500", "status 500", ""]
    assert {got.headers["webhook-id"] for got in there.received} == {one}


def test_stopping_waits_for_nobody_who_hangs_and_hands_back(acme: Stage) -> None:
    with receiver(HANGS, OK) as there:
        bound(acme, there)
        with acme.announcing():
            (one,) = acme.announce(there.url)
            until(lambda: len(there.received) == 1)
            began = time.monotonic()
        assert time.monotonic() - began < PATIENT.receive_seconds / 2
        found = acme.shown(one)
        assert found.state is DeliveryState.DUE
        assert found.due_at is not None
        assert found.due_at <= utc_now()
        assert acme.failures(one) == ["cut off: this node stopped"]
        with acme.announcing():
            acme.delivered(one)
    assert [got.headers["webhook-id"] for got in there.received] == [one, one]


def test_what_a_dead_process_held_is_called_when_its_lease_ends(acme: Stage) -> None:
    with receiver() as there:
        (one,) = acme.announce(bound(acme, there).url)
        with acme.node.database.write_transaction() as connection:
            name, claimed_at = f"http://127.0.0.1:{there.port}", utc_now()
            assert deliveries.claim(connection, name, claimed_at, "dead", timedelta(seconds=1), 9)
        with acme.announcing():
            acme.delivered(one)
        ((outcome, _),) = acme.shown(one).attempts
        assert outcome.attempted_at >= claimed_at + timedelta(seconds=1)
    assert len(there.received) == 1


def test_whoever_dies_of_it_each_time_is_not_asked_for_ever(acme: Stage) -> None:
    (one,) = acme.announce("http://127.0.0.1:9/")
    moment = utc_now() + timedelta(seconds=1)
    for turn in range(10):
        with acme.node.database.write_transaction() as connection:
            assert deliveries.claim(
                connection, "http://127.0.0.1:9", moment + turn * HOUR, f"{turn}", timedelta(seconds=1), 9
            )
    late = moment + 10 * HOUR
    with acme.announcing(attempts=1, clock=lambda: late):
        until(lambda: acme.counts() == {"dead": 1})
    assert acme.failures(one) == ["claimed 11 times and never finished"]


def test_a_prefix_that_is_unbound_meanwhile_ends_it(acme: Stage) -> None:
    def unbinds(connection: socket, there: Receiver) -> bool:
        acme.unbind(there.prefix)
        return receivers.FAILS(connection, there)

    with receiver(unbinds, OK) as there, acme.announcing(attempts=999):
        (one,) = acme.announce(bound(acme, there).url)
        until(lambda: len(acme.failures(one)) >= 2)
        assert acme.failures(one)[:2] == ["status 500", "address not bound"]
        assert len(there.received) == 1
        bound(acme, there)
        acme.delivered(one)


def test_trust_that_is_added_while_it_runs_holds_at_the_next_attempt(acme: Stage) -> None:
    mine = identity("127.0.0.1")
    with receiver(tls=mine.tls()) as there, acme.announcing(attempts=999):
        (one,) = acme.announce(bound(acme, there).url)
        until(lambda: len(acme.failures(one)) == 1)
        trust(acme, "mine", mine.der)
        acme.delivered(one)
    assert acme.failures(one)[0].startswith("certificate is not trusted")
    assert acme.failures(one)[-1] == ""


def test_a_clock_that_steps_back_an_hour_puts_off_and_loses_nothing(acme: Stage) -> None:
    step = timedelta(0)
    with receiver() as there, acme.announcing(clock=lambda: datetime.now(UTC) + step):
        (before,) = acme.announce(bound(acme, there).url)
        acme.delivered(before)
        step = -HOUR
        (after,) = acme.announce(there.url)
        time.sleep(0.5)
        assert acme.shown(after).state is DeliveryState.DUE  # it was due at a time that is to come once more
        step = timedelta(0)
        acme.delivered(after)


def test_a_database_that_drops_all_connections_loses_nothing(postgres_url: str, tmp_path: Path) -> None:
    with servers.database(postgres_url) as url, stage(tmp_path, url) as acme, receiver() as there:
        bound(acme, there)
        with acme.announcing():
            ids = acme.announce(*[there.url] * 200)
            for _ in range(10):
                hang_up(url)
                time.sleep(0.1)
            acme.delivered(*ids)
    got = [one.headers["webhook-id"] for one in there.received]
    assert set(got) == set(ids)
    print(f"200 deliveries while every connection was cut 10 times: {len(got) - len(ids)} repeated, none lost")


def hang_up(url: str) -> None:
    """End every connection to the database but this one."""
    with closing(psycopg.connect(url.replace("+psycopg", ""), autocommit=True)) as connection:
        connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity "
            "where datname = current_database() and pid <> pg_backend_pid()"
        )


def trust(acme: Stage, name: str, der: bytes) -> None:
    with acme.node.database.write_transaction() as connection:
        one = TrustedCertificate(name=name, der=der, sha256=name, subject=name, not_after=utc_now())
        add_certificate(connection, one, utc_now())
