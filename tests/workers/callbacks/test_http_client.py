"""The callback client against real sockets: requests, misbehaving receivers, and keep-alive connections."""

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
from tests.receivers import (
    Behaviour,
    CallbackReceiver,
    make_closed_receiver,
    respond_with,
    run_receiver,
    run_unreachable_receiver,
    send_raw,
)
from tests.waiting import wait_until

NOW = datetime(2026, 10, 21, 7, 28, 0, tzinfo=UTC)
LONG_TIMEOUTS = ExchangeLimits(connect_seconds=60, send_seconds=60, receive_seconds=60, total_seconds=90)
SHORT_TIMEOUTS = ExchangeLimits(connect_seconds=0.8, send_seconds=0.8, receive_seconds=0.8, total_seconds=2.0)
MAX_MILLISECONDS = 20_000  # until a timeout on a busy machine: far less than a receiver continues
BODY = b'{"request":{"version":"2.0"}}'


@pytest.fixture
def http_client() -> Iterator[CallbackHttpClient]:
    """A client with long timeouts."""
    with CallbackHttpClient(limits=LONG_TIMEOUTS, now=lambda: NOW) as client:
        yield client


@pytest.fixture
def short_timeout_client() -> Iterator[CallbackHttpClient]:
    """A client with short timeouts."""
    with CallbackHttpClient(limits=SHORT_TIMEOUTS, now=lambda: NOW) as client:
        yield client


def post_callback(client: CallbackHttpClient, receiver: CallbackReceiver, body: bytes = BODY) -> AttemptOutcome:
    """Post a callback to a receiver whose prefix is bound."""
    return client.post(receiver.url, {}, body, allowed_prefixes=[receiver.prefix])


def get_failure(client: CallbackHttpClient, behaviour: Behaviour) -> str:
    with run_receiver(behaviour) as receiver:
        return post_callback(client, receiver).failure


class TestRequests:
    """The request as it was signed."""

    def test_a_callback_is_sent_as_given_with_host_and_length_where_they_lack(
        self, http_client: CallbackHttpClient
    ) -> None:
        with run_receiver() as receiver:
            headers = {"Content-Type": "application/json;charset=UTF-8", "Accept": "*/*"}
            outcome = http_client.post(
                receiver.prefix + "cb%20x?y=1&z", headers, BODY, allowed_prefixes=[receiver.prefix]
            )
        (got,) = receiver.received
        assert (got.method, got.target, got.body) == ("POST", "/cb%20x?y=1&z", BODY)
        assert got.headers == {
            "host": f"127.0.0.1:{receiver.port}",
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

    def test_a_callback_host_without_port_is_sent_as_it_was_signed(self, http_client: CallbackHttpClient) -> None:
        with run_receiver() as receiver:
            http_client.post(receiver.url, {"host": "127.0.0.1"}, BODY, allowed_prefixes=[receiver.prefix])
        assert receiver.received[0].headers["host"] == "127.0.0.1"

    def test_callbacks_do_not_use_proxies_of_the_environment(
        self, http_client: CallbackHttpClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, make_closed_receiver().prefix)
        assert get_failure(http_client, receivers.OK) == ""


class TestMisbehavingReceivers:
    """Each post ends in time, with its reason."""

    @pytest.mark.parametrize(
        ("behaviour", "failure_is", "status"),
        [
            (receivers.HANG, "timeout while receiving", 0),
            (receivers.HANG_IN_BODY, "timeout while receiving", 200),
            (receivers.send_and_hang(b"HTTP/1.1 200 OK\r\nX-"), "timeout while receiving", 0),
            (receivers.send_and_hang(b"HTTP/1.1 500 -\r\nContent-Length: 9\r\n\r\nError"), "status 500", 500),
        ],
    )
    def test_a_receiver_that_hangs_fails_in_time(
        self, short_timeout_client: CallbackHttpClient, behaviour: Behaviour, failure_is: str, status: int
    ) -> None:
        with run_receiver(behaviour) as receiver:
            outcome = post_callback(short_timeout_client, receiver)
        assert (outcome.failure, outcome.status, outcome.address) == (failure_is, status, "127.0.0.1")
        assert SHORT_TIMEOUTS.receive_seconds * 900 < outcome.milliseconds < MAX_MILLISECONDS

    @pytest.mark.parametrize(
        ("behaviour", "failure_is", "status"),
        [
            (receivers.reset_connection, "connection reset", 0),
            (receivers.close_connection, "closed without a response", 0),
            (receivers.FAIL, "status 500", 500),
            (receivers.REDIRECT, "redirect", 302),
            (receivers.NO_CONTENT, "empty response", 204),
            (receivers.EMPTY_BODY, "empty response", 200),
            (receivers.REJECT, "resultCode 1", 200),
            (send_raw(b"SSH-2.0-OpenSSH_9.2\r\n"), "response is not HTTP", 0),
            (send_raw(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort"), "incomplete response", 200),
            (send_raw(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 50_000), "response is not HTTP", 0),
            (send_raw(b"HTTP/1.1 100 Continue\r\n\r\n" * 50_000), "response too large", 0),
            (send_raw(b"HTTP/1.1 101 -\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"), "response is not HTTP", 0),
            (send_raw(b"HTTP/1.0 200 OK\r\n\r\nto the end"), "", 200),
        ],
    )
    def test_a_receiver_that_misbehaves_fails_with_the_reason(
        self, http_client: CallbackHttpClient, behaviour: Behaviour, failure_is: str, status: int
    ) -> None:
        with run_receiver(behaviour) as receiver:
            outcome = post_callback(http_client, receiver)
        assert (outcome.failure, outcome.status, outcome.address) == (failure_is, status, "127.0.0.1")

    def test_a_receiver_that_refuses_connections_fails(self, http_client: CallbackHttpClient) -> None:
        outcome = post_callback(http_client, make_closed_receiver())
        assert (outcome.failure, outcome.status, outcome.address) == ("connection refused", 0, "")

    def test_a_receiver_that_accepts_no_connection_times_out(self, short_timeout_client: CallbackHttpClient) -> None:
        with run_unreachable_receiver() as receiver:
            assert post_callback(short_timeout_client, receiver).failure == "timeout while connecting"

    def test_a_receiver_that_reads_nothing_times_out(self, short_timeout_client: CallbackHttpClient) -> None:
        with socket.create_server((receivers.HOST, 0)) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            receiver = CallbackReceiver(port=listener.getsockname()[1])
            assert post_callback(short_timeout_client, receiver, bytes(20_000_000)).failure == "timeout while sending"

    def test_a_receiver_that_trickles_ends_at_the_total_timeout(self, short_timeout_client: CallbackHttpClient) -> None:
        with run_receiver(receivers.trickle(0.02)) as receiver:
            outcome = post_callback(short_timeout_client, receiver)
        assert outcome.failure == "timeout while receiving"
        assert SHORT_TIMEOUTS.total_seconds * 900 < outcome.milliseconds < MAX_MILLISECONDS

    def test_an_endless_response_body_is_read_to_the_limit_and_is_a_success(
        self, http_client: CallbackHttpClient
    ) -> None:
        with run_receiver(receivers.HUGE_BODY, receivers.OK) as receiver:
            outcome = post_callback(http_client, receiver)
            assert (outcome.failure, outcome.response) == ("", b"x" * STORED_RESPONSE_BYTES)
            post_callback(http_client, receiver)
        assert receiver.sent < 100_000_000  # which the kernel buffered
        assert receiver.connections == 2  # the first was closed

    def test_the_retry_after_of_a_receiver_is_returned(self, http_client: CallbackHttpClient) -> None:
        with run_receiver(
            respond_with(503, b"", "Retry-After: 120"), respond_with(200, b"x", "retry-after: soon")
        ) as receiver:
            assert post_callback(http_client, receiver).retry_after == timedelta(seconds=120)
            assert post_callback(http_client, receiver).retry_after is None

    def test_a_slow_receiver_delays_no_other(self) -> None:
        with (
            CallbackHttpClient(limits=LONG_TIMEOUTS) as client,
            run_receiver(receivers.HANG) as slow,
            run_receiver() as quick,
        ):
            threads = [threading.Thread(target=post_callback, args=(client, slow)) for _ in range(40)]
            for thread in threads:
                thread.start()
            wait_until(lambda: slow.connections == 40)
            assert post_callback(client, quick).milliseconds < LONG_TIMEOUTS.receive_seconds * 500
            slow.closing.set()
            for thread in threads:
                thread.join()


class TestConnections:
    """Connections are kept alive within bounds."""

    def test_posts_in_turn_share_a_connection(self, http_client: CallbackHttpClient) -> None:
        with run_receiver() as receiver:
            assert [post_callback(http_client, receiver).failure for _ in range(5)] == [""] * 5
        assert receiver.connections == 1

    def test_a_connection_that_the_receiver_closed_is_not_reused(self, http_client: CallbackHttpClient) -> None:
        with run_receiver(respond_with(keep=False)) as receiver:
            assert [post_callback(http_client, receiver).failure for _ in range(3)] == [""] * 3
        assert receiver.connections == 3

    @pytest.mark.parametrize("behaviour", [receivers.close_connection, receivers.reset_connection])
    def test_a_connection_that_is_closed_while_it_is_reused_costs_no_attempt(
        self, http_client: CallbackHttpClient, behaviour: Behaviour
    ) -> None:
        with run_receiver(receivers.OK, behaviour, receivers.OK) as receiver:
            assert [post_callback(http_client, receiver).failure for _ in range(2)] == ["", ""]
        assert [request.connection for request in receiver.received] == [0, 0, 1]

    def test_a_receiver_that_began_to_respond_is_not_sent_the_callback_twice(
        self, http_client: CallbackHttpClient
    ) -> None:
        with run_receiver(receivers.OK, send_raw(b"HTTP/1.1 2")) as receiver:
            assert [post_callback(http_client, receiver).failure for _ in range(2)] == ["", "response is not HTTP"]
        assert len(receiver.received) == 2

    def test_idle_connections_are_bounded_by_receiver_and_in_total(self) -> None:
        with ExitStack() as stack:
            client = stack.enter_context(
                CallbackHttpClient(limits=LONG_TIMEOUTS, pool=ConnectionPool(per_receiver=2, total=3))
            )
            pair = [stack.enter_context(run_receiver(respond_together(4))) for _ in range(2)]
            for receiver in pair:
                run_in_parallel(4, lambda receiver=receiver: post_callback(client, receiver))  # type: ignore[misc]
            assert [receiver.connections for receiver in pair] == [4, 4]
            for receiver in pair:
                run_in_parallel(4, lambda receiver=receiver: post_callback(client, receiver))  # type: ignore[misc]
            assert [receiver.connections for receiver in pair] == [4 + 4 - 1, 4 + 4 - 1]

    def test_idle_connections_expire(self) -> None:
        with CallbackHttpClient(pool=ConnectionPool(idle_seconds=0.05)) as client, run_receiver() as receiver:
            post_callback(client, receiver)
            time.sleep(0.1)
            post_callback(client, receiver)
        assert receiver.connections == 2

    def test_no_connection_is_open_after_a_client_is_closed(self) -> None:
        with run_receiver(respond_together(2)) as receiver, CallbackHttpClient(limits=LONG_TIMEOUTS) as second_client:
            client = CallbackHttpClient(limits=LONG_TIMEOUTS)
            posting = threading.Thread(target=post_callback, args=(client, receiver))
            posting.start()
            wait_until(lambda: len(receiver.received) == 1)
            client.close()
            post_callback(second_client, receiver)  # now both get a response
            posting.join()
            assert len(receiver.received) == 2  # it went on to its end; a ResourceWarning would report an open socket


def respond_together(count: int) -> Behaviour:
    """Respond when so many requests have arrived."""
    gate = threading.Barrier(count)

    def behave(connection: socket.socket, receiver: CallbackReceiver) -> bool:
        gate.wait(60)
        return receivers.OK(connection, receiver)

    return behave


def run_in_parallel(count: int, action: Callable[[], object]) -> None:
    threads = [threading.Thread(target=action) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_the_callback_client_logs_nothing(http_client: CallbackHttpClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    get_failure(http_client, receivers.OK)
    assert caplog.records == []
