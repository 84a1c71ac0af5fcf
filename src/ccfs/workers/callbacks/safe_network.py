"""Sockets for callbacks. They connect only to permitted addresses, and every wait ends at a deadline.

Each name is resolved once, and the socket connects to the address that was checked. A name that resolves differently
the second time (DNS rebinding) therefore has no effect.
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
Resolver = Callable[[str, int], Sequence[str]]  # host, port -> addresses, best first; OSError where there are none

_CERTIFICATE_ERRORS = {  # OpenSSL's X509_V_ERR_…
    9: "certificate is not valid yet",
    10: "certificate has expired",
    62: "certificate is for another host",
    64: "certificate is for another host",  # where the host is an address
}


class ExchangeFailed(Exception):
    """A request got no complete response; the message gives a brief reason."""


class ConnectionDropped(ExchangeFailed):
    """The receiver dropped the connection."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangeLimits:
    """Timeouts in seconds and sizes in bytes."""

    connect_seconds: float = 5.0  # name, socket and TLS handshake together
    send_seconds: float = 10.0  # until the receiver accepts more
    receive_seconds: float = 15.0  # until the receiver sends more
    total_seconds: float = 30.0  # of the whole exchange
    max_body_bytes: int = 64 << 10  # of the body
    max_header_bytes: int = 128 << 10  # of everything but the body


def resolve_host(host: str, port: int) -> list[str]:
    """Return the addresses of a host according to this machine's resolver."""
    return [str(info[4][0]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


class SafeNetworkBackend(NetworkBackend):
    """Opens the socket of a connection and enforces the deadline of the current exchange."""

    def __init__(self, scope: AddressScope, limits: ExchangeLimits, resolve: Resolver) -> None:
        self._scope, self._limits, self._resolver = scope, limits, resolve
        self._deadline = 0.0
        self.address = ""  # of the peer, once connected
        self.received_bytes = 0  # of the current exchange

    def start_exchange(self, deadline: float) -> None:
        """Begin an exchange with a deadline in terms of time.monotonic()."""
        self._deadline, self.received_bytes = deadline, 0

    def get_timeout(self, seconds: float, step: str) -> float:
        """Return the timeout for the next step; raises ExchangeFailed if the deadline has passed."""
        remaining = min(seconds, self._deadline - time.monotonic())
        if remaining <= 0:
            raise ExchangeFailed(f"timeout while {step}")
        return remaining

    def count_received(self, data: bytes) -> bytes:
        """Count received bytes; raises ExchangeFailed if the limit is exceeded."""
        self.received_bytes += len(data)
        if self.received_bytes > self._limits.max_body_bytes + self._limits.max_header_bytes:
            raise ExchangeFailed("response too large")
        return data

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[SOCKET_OPTION] | None = None,
    ) -> NetworkStream:
        """Return a stream to the first permitted address of the host that accepts a connection; raises ExchangeFailed."""
        deadline = time.monotonic() + self.get_timeout(self._limits.connect_seconds, "connecting")
        addresses = self._resolve_allowed(host, port, deadline)
        for number, address in enumerate(addresses):
            share = (deadline - time.monotonic()) / (len(addresses) - number)
            try:
                return self._open_stream(address, port, max(share, 0.001), deadline)
            except OSError as error:
                failure = error
        raise _build_failure(failure, "connecting") from None

    def _resolve_allowed(self, host: str, port: int, deadline: float) -> list[str]:
        addresses = [host] if self._scope is AddressScope.LITERAL else self._resolve_in_time(host, port, deadline)
        allowed = [address for address in dict.fromkeys(addresses) if can_connect(address, self._scope)]
        if not allowed:
            raise ExchangeFailed("address not allowed" if addresses else "name does not resolve")
        return allowed

    def _resolve_in_time(self, host: str, port: int, deadline: float) -> Sequence[str]:
        try:
            return _run_with_timeout(lambda: self._resolver(host, port), deadline - time.monotonic())
        except TimeoutError:
            raise ExchangeFailed("timeout while connecting") from None
        except (OSError, UnicodeError):
            raise ExchangeFailed("name does not resolve") from None

    def _open_stream(self, address: str, port: int, seconds: float, deadline: float) -> NetworkStream:
        connected = socket.create_connection((address, port), seconds)
        try:
            self.address = connected.getpeername()[0]
            if not can_connect(self.address, self._scope):
                raise ExchangeFailed("address not allowed")
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except BaseException:
            connected.close()
            raise
        return _DeadlineStream(connected, self, self._limits, deadline)


class _DeadlineStream(NetworkStream):
    """A socket whose waits end at the deadline of its backend. The timeouts passed by httpcore2 are ignored."""

    def __init__(
        self, connected: socket.socket, backend: SafeNetworkBackend, limits: ExchangeLimits, deadline: float
    ) -> None:
        self._socket, self._backend, self._limits = connected, backend, limits
        self._tls_deadline = deadline  # when the TLS handshake must be over
        self._unsent = b""

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        self._flush()
        try:
            self._socket.settimeout(self._backend.get_timeout(self._limits.receive_seconds, "receiving"))
            return self._backend.count_received(self._socket.recv(max_bytes))
        except OSError as error:
            raise _build_failure(error, "receiving") from None

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._unsent += buffer  # headers and body are sent in one piece, before the response is read

    def _flush(self) -> None:
        unsent, self._unsent = memoryview(self._unsent), b""
        try:
            while unsent:
                self._socket.settimeout(self._backend.get_timeout(self._limits.send_seconds, "sending"))
                unsent = unsent[self._socket.send(unsent) :]
        except TimeoutError:
            raise ExchangeFailed("timeout while sending") from None
        except OSError:
            pass  # it accepts no more, but may have responded already: reading shows

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
        """Return `is_readable`, by which httpcore2 learns that an idle receiver closed the connection."""
        if info != "is_readable":
            return None
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        return bool(poll.poll(0))


def _build_failure(error: OSError, step: str) -> ExchangeFailed:
    """Return the failure with a readable reason."""
    if isinstance(error, TimeoutError):
        return ExchangeFailed(f"timeout while {step}")
    if isinstance(error, ssl.SSLCertVerificationError):
        reason = f"certificate is not trusted: {error.verify_message}"
        return ExchangeFailed(_CERTIFICATE_ERRORS.get(error.verify_code, reason))
    if isinstance(error, ssl.SSLError) and not isinstance(error, ssl.SSLEOFError):
        return ExchangeFailed(f"tls: {(error.reason or 'failed').replace('_', ' ').lower()}")
    if isinstance(error, ConnectionRefusedError):
        return ExchangeFailed("connection refused")
    if isinstance(error, ConnectionError | ssl.SSLEOFError):
        return ConnectionDropped("connection reset")
    return ExchangeFailed(os.strerror(error.errno).lower() if error.errno else f"failed while {step}")


def _run_with_timeout(function: Callable[[], T], seconds: float) -> T:
    """Return the result of a function that has no timeout of its own.

    If it takes too long, raise TimeoutError and abandon its thread.
    """
    result: Future[T] = Future()

    def run() -> None:
        try:
            result.set_result(function())
        except BaseException as error:  # noqa: BLE001  raised where the result is awaited
            result.set_exception(error)

    Thread(target=run, name="resolve", daemon=True).start()
    return result.result(max(seconds, 0))
