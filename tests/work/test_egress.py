"""Callbacks against real sockets of this machine: what is sent, what comes of each receiver, which connections are kept."""

import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta

import pytest

from ccfs.model.exports.delivery import AttemptOutcome
from ccfs.workers.callbacks.connection_pool import ConnectionPool
from ccfs.workers.callbacks.http_client import STORED_RESPONSE_BYTES, CallbackHttpClient
from ccfs.workers.callbacks.safe_network import ExchangeLimits
from tests import receivers
from tests.receivers import Behaviour, Receiver, answers, deaf, nobody, receiver, says
from tests.work.announcing import until

NOW = datetime(2026, 10, 21, 7, 28, 0, tzinfo=UTC)
PATIENT = ExchangeLimits(connect_seconds=60, send_seconds=60, receive_seconds=60, total_seconds=90)
IMPATIENT = ExchangeLimits(connect_seconds=0.8, send_seconds=0.8, receive_seconds=0.8, total_seconds=2.0)
LONGEST = (
    20_000  # milliseconds that it may take to give up, where the machine is busy: far less than a receiver goes on
)
BODY = b'{"request":{"version":"2.0"}}'


@pytest.fixture
def egress() -> Iterator[CallbackHttpClient]:
    """One with much patience."""
    with CallbackHttpClient(limits=PATIENT, now=lambda: NOW) as egress:
        yield egress


@pytest.fixture
def impatient() -> Iterator[CallbackHttpClient]:
    """One with little."""
    with CallbackHttpClient(limits=IMPATIENT, now=lambda: NOW) as egress:
        yield egress


def post(egress: CallbackHttpClient, to: Receiver, body: bytes = BODY) -> AttemptOutcome:
    """A callback to a receiver that is bound by its address."""
    return egress.post(to.url, {}, body, allowed_prefixes=[to.prefix])


def failure(egress: CallbackHttpClient, behaviour: Behaviour) -> str:
    with receiver(behaviour) as there:
        return post(egress, there).failure


class TestWhatIsSent:
    """The request, as it was signed."""

    def test_it_is_sent_as_given_with_host_and_length_where_they_lack(self, egress: CallbackHttpClient) -> None:
        with receiver() as there:
            headers = {"Content-Type": "application/json;charset=UTF-8", "Accept": "*/*"}
            outcome = egress.post(there.prefix + "cb%20x?y=1&z", headers, BODY, allowed_prefixes=[there.prefix])
        (got,) = there.received
        assert (got.method, got.target, got.body) == ("POST", "/cb%20x?y=1&z", BODY)
        assert got.headers == {
            "host": f"127.0.0.1:{there.port}",
            "content-length": str(len(BODY)),
            "content-type": "application/json;charset=UTF-8",
            "accept": "*/*",
        }
        assert outcome == AttemptOutcome(
            attempted_at=NOW,
            address="127.0.0.1",
            status=200,
            milliseconds=outcome.milliseconds,
            response=receivers.SUCCESS,
        )

    def test_a_host_without_port_is_sent_as_it_was_signed(self, egress: CallbackHttpClient) -> None:
        with receiver() as there:
            egress.post(there.url, {"host": "127.0.0.1"}, BODY, allowed_prefixes=[there.prefix])
        assert there.received[0].headers["host"] == "127.0.0.1"

    def test_proxies_of_the_environment_are_not_asked(
        self, egress: CallbackHttpClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, nobody().prefix)
        assert failure(egress, receivers.OK) == ""


class TestReceiversThatMisbehave:
    """Each ends in time, with its reason."""

    @pytest.mark.parametrize(
        ("behaviour", "failure_is", "status"),
        [
            (receivers.HANGS, "timeout while answering", 0),
            (receivers.HANGS_IN_BODY, "timeout while answering", 200),
            (receivers.hangs(b"HTTP/1.1 200 OK\r\nX-"), "timeout while answering", 0),
            (receivers.hangs(b"HTTP/1.1 500 -\r\nContent-Length: 9\r\n\r\nError"), "status 500", 500),
        ],
    )
    def test_one_that_hangs_fails_in_time(
        self, impatient: CallbackHttpClient, behaviour: Behaviour, failure_is: str, status: int
    ) -> None:
        with receiver(behaviour) as there:
            outcome = post(impatient, there)
        assert (outcome.failure, outcome.status, outcome.address) == (failure_is, status, "127.0.0.1")
        assert IMPATIENT.receive_seconds * 900 < outcome.milliseconds < LONGEST

    @pytest.mark.parametrize(
        ("behaviour", "failure_is", "status"),
        [
            (receivers.resets, "reset", 0),
            (receivers.hangs_up, "closed without an answer", 0),
            (receivers.FAILS, "status 500", 500),
            (receivers.REDIRECTS, "redirect", 302),
            (receivers.SAYS_NOTHING, "empty answer", 204),
            (receivers.EMPTY, "empty answer", 200),
            (receivers.REFUSES, "resultCode 1", 200),
            (says(b"SSH-2.0-OpenSSH_9.2\r\n"), "answer is not HTTP", 0),
            (says(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort"), "answer cut short", 200),
            (says(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 50_000), "answer is not HTTP", 0),
            (says(b"HTTP/1.1 100 Continue\r\n\r\n" * 50_000), "answer too large", 0),
            (says(b"HTTP/1.1 101 -\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"), "answer is not HTTP", 0),
            (says(b"HTTP/1.0 200 OK\r\n\r\nto the end"), "", 200),
        ],
    )
    def test_it_fails_with_the_reason(
        self, egress: CallbackHttpClient, behaviour: Behaviour, failure_is: str, status: int
    ) -> None:
        with receiver(behaviour) as there:
            outcome = post(egress, there)
        assert (outcome.failure, outcome.status, outcome.address) == (failure_is, status, "127.0.0.1")

    def test_one_that_refuses_connections(self, egress: CallbackHttpClient) -> None:
        outcome = post(egress, nobody())
        assert (outcome.failure, outcome.status, outcome.address) == ("refused", 0, "")

    def test_one_that_lets_nobody_in(self, impatient: CallbackHttpClient) -> None:
        with deaf() as there:
            assert post(impatient, there).failure == "timeout while connecting"

    def test_one_that_takes_nothing(self, impatient: CallbackHttpClient) -> None:
        with socket.create_server((receivers.HOST, 0)) as door:
            door.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            there = Receiver(port=door.getsockname()[1])
            assert post(impatient, there, bytes(20_000_000)).failure == "timeout while sending"

    def test_one_that_trickles_ends_at_the_limit_of_the_whole(self, impatient: CallbackHttpClient) -> None:
        with receiver(receivers.trickles(0.02)) as there:
            outcome = post(impatient, there)
        assert outcome.failure == "timeout while answering"
        assert IMPATIENT.total_seconds * 900 < outcome.milliseconds < LONGEST

    def test_a_body_without_end_costs_nothing_and_is_an_answer(self, egress: CallbackHttpClient) -> None:
        with receiver(receivers.HUGE, receivers.OK) as there:
            outcome = post(egress, there)
            assert (outcome.failure, outcome.response) == ("", b"x" * STORED_RESPONSE_BYTES)
            post(egress, there)
        assert there.sent < 100_000_000  # what the kernel took off its hands
        assert there.connections == 2  # the first was hung up on

    def test_what_it_asks_for_is_heeded(self, egress: CallbackHttpClient) -> None:
        with receiver(answers(503, b"", "Retry-After: 120"), answers(200, b"x", "retry-after: soon")) as there:
            assert post(egress, there).retry_after == timedelta(seconds=120)
            assert post(egress, there).retry_after is None

    def test_a_slow_one_holds_up_no_other(self) -> None:
        with CallbackHttpClient(limits=PATIENT) as egress, receiver(receivers.HANGS) as slow, receiver() as quick:
            threads = [threading.Thread(target=post, args=(egress, slow)) for _ in range(40)]
            for thread in threads:
                thread.start()
            until(lambda: slow.connections == 40)
            assert post(egress, quick).milliseconds < PATIENT.receive_seconds * 500
            slow.closing.set()
            for thread in threads:
                thread.join()


class TestConnections:
    """Kept alive, within bounds."""

    def test_posts_in_turn_share_one(self, egress: CallbackHttpClient) -> None:
        with receiver() as there:
            assert [post(egress, there).failure for _ in range(5)] == [""] * 5
        assert there.connections == 1

    def test_one_that_the_receiver_ended_is_not_used(self, egress: CallbackHttpClient) -> None:
        with receiver(answers(keep=False)) as there:
            assert [post(egress, there).failure for _ in range(3)] == [""] * 3
        assert there.connections == 3

    @pytest.mark.parametrize("behaviour", [receivers.hangs_up, receivers.resets])
    def test_one_that_ends_while_it_is_used_again_costs_no_attempt(
        self, egress: CallbackHttpClient, behaviour: Behaviour
    ) -> None:
        with receiver(receivers.OK, behaviour, receivers.OK) as there:
            assert [post(egress, there).failure for _ in range(2)] == ["", ""]
        assert [one.connection for one in there.received] == [0, 0, 1]

    def test_a_receiver_that_began_to_answer_is_not_asked_twice(self, egress: CallbackHttpClient) -> None:
        with receiver(receivers.OK, says(b"HTTP/1.1 2")) as there:
            assert [post(egress, there).failure for _ in range(2)] == ["", "answer is not HTTP"]
        assert len(there.received) == 2

    def test_they_are_bounded_by_receiver_and_together(self) -> None:
        with ExitStack() as stack:
            egress = stack.enter_context(
                CallbackHttpClient(limits=PATIENT, idle=ConnectionPool(per_receiver=2, together=3))
            )
            pair = [stack.enter_context(receiver(meet(4))) for _ in range(2)]
            for there in pair:
                in_parallel(4, lambda there=there: post(egress, there))  # type: ignore[misc]
            assert [there.connections for there in pair] == [4, 4]
            for there in pair:
                in_parallel(4, lambda there=there: post(egress, there))  # type: ignore[misc]
            assert [there.connections for there in pair] == [4 + 4 - 1, 4 + 4 - 1]

    def test_they_end_after_a_while(self) -> None:
        with CallbackHttpClient(idle=ConnectionPool(idle_seconds=0.05)) as egress, receiver() as there:
            post(egress, there)
            time.sleep(0.1)
            post(egress, there)
        assert there.connections == 2

    def test_none_is_left_open_at_the_end(self) -> None:
        with receiver(meet(2)) as there, CallbackHttpClient(limits=PATIENT) as other:
            egress = CallbackHttpClient(limits=PATIENT)
            posting = threading.Thread(target=post, args=(egress, there))
            posting.start()
            until(lambda: len(there.received) == 1)
            egress.close()
            post(other, there)  # now both are answered
            posting.join()
            assert len(there.received) == 2  # it went on to its end; that its socket is closed, the warnings tell


def meet(count: int) -> Behaviour:
    """Answers when so many are there."""
    gate = threading.Barrier(count)

    def behave(connection: socket.socket, there: Receiver) -> bool:
        gate.wait(60)
        return receivers.OK(connection, there)

    return behave


def in_parallel(count: int, action: Callable[[], object]) -> None:
    threads = [threading.Thread(target=action) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_nothing_of_a_callback_is_logged(egress: CallbackHttpClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    failure(egress, receivers.OK)
    assert caplog.records == []
