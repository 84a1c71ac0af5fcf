"""Sockets of callbacks: opened only to addresses that they may lead to, and never waited for beyond a deadline.

The name is resolved here, once, and the socket is opened to the very address that was judged; so a name that answers
differently the second time gains nothing. HTTP is spoken in work/egress.
"""

import os
import select
import socket
import ssl
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from threading import Thread
from typing import Any, TypeVar

from httpcore2 import SOCKET_OPTION, NetworkBackend, NetworkStream

from ccfs.workers.callbacks.address_policy import AddressScope, can_connect

T = TypeVar("T")
Resolver = Callable[[str, int], Sequence[str]]  # host, port -> addresses, the best first; OSError where there are none

_CERTIFICATE_ERRORS = {  # OpenSSL's X509_V_ERR_…
    9: "certificate is not valid yet",
    10: "certificate has expired",
    62: "certificate is for another host",
    64: "certificate is for another host",  # where the host is an address
}


class ExchangeFailed(Exception):
    """An exchange came to nothing; the text says why in a few words."""


class ConnectionDropped(ExchangeFailed):
    """The receiver dropped the connection."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangeLimits:
    """How long to wait, in seconds, and how much to read, in bytes."""

    connect_seconds: float = 5.0  # for the name, the socket and the TLS handshake together
    send_seconds: float = 10.0  # for the receiver to take more
    receive_seconds: float = 15.0  # for the receiver to say more
    total_seconds: float = 30.0  # for the whole exchange
    max_body_bytes: int = 64 << 10  # of the body
    max_header_bytes: int = 128 << 10  # of all that is not the body


def resolve_host(host: str, port: int) -> list[str]:
    """The addresses that this machine's resolver has for a host."""
    return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


class SafeNetworkBackend(NetworkBackend):
    """Opens the socket of one connection, and holds the deadline of the exchange under way on it."""

    def __init__(self, reach: AddressScope, limits: ExchangeLimits, resolve: Resolver) -> None:
        self._scope, self._limits, self._resolver = reach, limits, resolve
        self._deadline = 0.0
        self.address = ""  # where the socket leads, once it does
        self.received_bytes = 0  # bytes of the exchange under way

    def start_exchange(self, deadline: float) -> None:
        """Another exchange begins, which ends at that moment of time.monotonic()."""
        self._deadline, self.received_bytes = deadline, 0

    def get_timeout(self, seconds: float, doing: str) -> float:
        """How long to wait for one thing; raises Broken where the exchange has no time left."""
        left = min(seconds, self._deadline - time.monotonic())
        if left <= 0:
            raise ExchangeFailed(f"timeout while {doing}")
        return left

    def count_received(self, data: bytes) -> bytes:
        """Counts what came; raises Broken where it never ends."""
        self.received_bytes += len(data)
        if self.received_bytes > self._limits.max_body_bytes + self._limits.max_header_bytes:
            raise ExchangeFailed("answer too large")
        return data

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[SOCKET_OPTION] | None = None,
    ) -> NetworkStream:
        """A stream to the first address of the host that may be connected to and answers; raises Broken."""
        until = time.monotonic() + self.get_timeout(self._limits.connect_seconds, "connecting")
        addresses = self._resolve_allowed(host, port, until)
        for number, address in enumerate(addresses):
            share = (until - time.monotonic()) / (len(addresses) - number)
            try:
                return self._open_stream(address, port, max(share, 0.001), until)
            except OSError as error:
                failure = error
        raise _build_failure(failure, "connecting") from None

    def _resolve_allowed(self, host: str, port: int, until: float) -> list[str]:
        found = [host] if self._scope is AddressScope.LITERAL else self._resolve_in_time(host, port, until)
        allowed = [address for address in dict.fromkeys(found) if can_connect(address, self._scope)]
        if not allowed:
            raise ExchangeFailed("address not allowed" if found else "name does not resolve")
        return allowed

    def _resolve_in_time(self, host: str, port: int, until: float) -> Sequence[str]:
        try:
            return _run_with_timeout(lambda: self._resolver(host, port), until - time.monotonic())
        except TimeoutError:
            raise ExchangeFailed("timeout while connecting") from None
        except (OSError, UnicodeError):
            raise ExchangeFailed("name does not resolve") from None

    def _open_stream(self, address: str, port: int, seconds: float, until: float) -> NetworkStream:
        connected = socket.create_connection((address, port), seconds)
        try:
            self.address = connected.getpeername()[0]
            if not can_connect(self.address, self._scope):
                raise ExchangeFailed("address not allowed")
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except BaseException:
            connected.close()
            raise
        return _DeadlineStream(connected, self, self._limits, until)


class _DeadlineStream(NetworkStream):
    """A socket that waits no longer than its guard allows. The timeouts that httpcore2 passes are not used."""

    def __init__(
        self, connected: socket.socket, guard: SafeNetworkBackend, limits: ExchangeLimits, until: float
    ) -> None:
        self._socket, self._backend, self._limits = connected, guard, limits
        self._tls_deadline = until  # when the TLS handshake must be over
        self._unsent = b""

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        self._flush()
        try:
            self._socket.settimeout(self._backend.get_timeout(self._limits.receive_seconds, "answering"))
            return self._backend.count_received(self._socket.recv(max_bytes))
        except OSError as error:
            raise _build_failure(error, "answering") from None

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._unsent += buffer  # head and body go out in one piece, when the answer is waited for

    def _flush(self) -> None:
        rest, self._unsent = memoryview(self._unsent), b""
        try:
            while rest:
                self._socket.settimeout(self._backend.get_timeout(self._limits.send_seconds, "sending"))
                rest = rest[self._socket.send(rest) :]
        except TimeoutError:
            raise ExchangeFailed("timeout while sending") from None
        except OSError:
            pass  # it takes no more, but may have answered already: reading tells

    def close(self) -> None:
        self._socket.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> NetworkStream:
        try:
            self._socket.settimeout(self._backend.get_timeout(self._tls_deadline - time.monotonic(), "connecting"))
            self._socket = ssl_context.wrap_socket(self._socket, server_hostname=server_hostname)
        except (OSError, ExchangeFailed) as error:
            self.close()
            raise (error if isinstance(error, ExchangeFailed) else _build_failure(error, "connecting")) from None
        return self

    def get_extra_info(self, info: str) -> Any:
        """`is_readable`, which tells httpcore2 that an idle receiver hung up; nothing else is asked for."""
        if info != "is_readable":
            return None
        waiting = select.poll()
        waiting.register(self._socket, select.POLLIN)
        return bool(waiting.poll(0))


def _build_failure(error: OSError, doing: str) -> ExchangeFailed:
    """The failure in words for people."""
    if isinstance(error, TimeoutError):
        return ExchangeFailed(f"timeout while {doing}")
    if isinstance(error, ssl.SSLCertVerificationError):
        reason = f"certificate is not trusted: {error.verify_message}"
        return ExchangeFailed(_CERTIFICATE_ERRORS.get(error.verify_code, reason))
    if isinstance(error, ssl.SSLError) and not isinstance(error, ssl.SSLEOFError):
        return ExchangeFailed(f"tls: {(error.reason or 'failed').replace('_', ' ').lower()}")
    if isinstance(error, ConnectionRefusedError):
        return ExchangeFailed("refused")
    if isinstance(error, ConnectionError | ssl.SSLEOFError):
        return ConnectionDropped("reset")
    return ExchangeFailed(os.strerror(error.errno).lower() if error.errno else f"failed while {doing}")


def _run_with_timeout(question: Callable[[], T], seconds: float) -> T:
    """The answer of a question that knows no timeout itself; TimeoutError, and it is left to itself, where it takes long."""
    answer: Future[T] = Future()

    def ask() -> None:
        try:
            answer.set_result(question())
        except BaseException as error:  # noqa: BLE001  raised where the answer is awaited
            answer.set_exception(error)

    Thread(target=ask, name="resolve", daemon=True).start()
    return answer.result(max(seconds, 0))
