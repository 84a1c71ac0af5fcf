"""The only HTTP that goes out: callbacks. One post, one outcome; when it is repeated, signed and recorded is not decided here.

Proxies of the environment are not asked and redirects not followed. Connections are kept alive for a while, each for posts
that may reach as far as it does: what one app may reach, another gains nothing from.
"""

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Self

import httpcore2

from ccfs.model.exports.callback_url import CallbackUrl, matches_any_prefix, parse_callback_url
from ccfs.model.exports.delivery import AttemptOutcome
from ccfs.workers.callbacks.address_policy import get_address_scope
from ccfs.workers.callbacks.connection_pool import ConnectionPool, PooledConnection, build_connection_key
from ccfs.workers.callbacks.response_check import find_failure_reason, parse_retry_after
from ccfs.workers.callbacks.safe_network import (
    ConnectionDropped,
    ExchangeFailed,
    ExchangeLimits,
    Resolver,
    SafeNetworkBackend,
    resolve_host,
)
from ccfs.workers.callbacks.tls_context import CertificateSource, TlsContextCache

STORED_RESPONSE_BYTES = 1024  # bytes of an answer that an outcome keeps


@dataclass(slots=True, kw_only=True)
class _Exchange:
    """One post: what is sent, and as much as came back."""

    target: CallbackUrl
    request: httpcore2.Request
    deadline: float  # of time.monotonic()
    address: str = ""
    status: int = 0
    body: bytearray = field(default_factory=bytearray)
    retry_after: timedelta | None = None


class CallbackHttpClient:
    """Posts callbacks; for any number of threads at once, none of which waits for another's receiver."""

    def __init__(
        self,
        *,
        trusted: CertificateSource = lambda: (0, ()),
        trust_all: bool = False,
        limits: ExchangeLimits | None = None,
        resolve: Resolver = resolve_host,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        idle: ConnectionPool | None = None,
    ) -> None:
        """`trusted` is asked before every https post, so it should be quick; `trust_all` verifies no certificate."""
        self._tls_contexts = TlsContextCache(trusted, trust_all=trust_all)
        self._limits = limits or ExchangeLimits()
        self._resolve = resolve
        self._now = now
        self._connections = idle or ConnectionPool()

    def post(
        self,
        url: str,
        headers: Mapping[str, str],
        body: bytes,
        *,
        allowed_prefixes: Collection[str],
        private_hosts: Collection[str] = frozenset(),
    ) -> AttemptOutcome:
        """Send one callback: the outcome, whatever becomes of it; nothing is raised for what the far side does.

        Host and Content-Length are added where `headers` lack them. `private_hosts` are the host:port of bound names that
        may lead to internal addresses. The outcome's `at` is the moment when it was known.
        """
        began = time.monotonic()
        target = parse_callback_url(url)
        if not (target and matches_any_prefix(target, allowed_prefixes)):
            return AttemptOutcome(
                attempted_at=self._now(), failure="address not bound" if target else "not a callback URL"
            )
        request = _build_request(target, headers, body)
        exchange = _Exchange(target=target, request=request, deadline=began + self._limits.total_seconds)
        failure = self._try_exchange(exchange, private_hosts)
        return AttemptOutcome(
            attempted_at=self._now(),
            address=exchange.address,
            status=exchange.status,
            milliseconds=round((time.monotonic() - began) * 1000),
            response=bytes(exchange.body[:STORED_RESPONSE_BYTES]),
            failure=failure,
            retry_after=exchange.retry_after,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Hang up on everyone; posts under way go on to their end."""
        self._connections.close()

    def _try_exchange(self, exchange: _Exchange, private_hosts: Collection[str]) -> str:
        """Why it failed; empty where it did not. A refusing status says more than how its body broke off."""
        try:
            self._send_with_retry_on_stale(exchange, private_hosts)
        except ExchangeFailed as broken:
            if not exchange.status or 200 <= exchange.status < 300:
                return str(broken)
        return find_failure_reason(exchange.status, bytes(exchange.body))

    def _send_with_retry_on_stale(self, exchange: _Exchange, private_hosts: Collection[str]) -> None:
        reach = get_address_scope(exchange.target, private_hosts)
        key = build_connection_key(exchange.target, reach)
        context = self._tls_contexts.get_context() if exchange.target.scheme == "https" else None
        if line := self._connections.acquire(key, context):
            try:
                return self._send_on_connection(line, exchange)
            except (
                ConnectionDropped
            ):  # most likely it hung up before we spoke; if it did hear us, it hears us twice: same id
                if line.backend.received_bytes:
                    raise
        guard = SafeNetworkBackend(reach, self._limits, self._resolve)
        return self._send_on_connection(PooledConnection(key, context, guard, self._connections.idle_seconds), exchange)

    def _send_on_connection(self, line: PooledConnection, exchange: _Exchange) -> None:
        line.backend.start_exchange(exchange.deadline)
        try:
            response = line.http.handle_request(exchange.request)
            try:
                self._read_response(response, exchange)
            finally:
                response.close()
        except httpcore2.RemoteProtocolError:
            raise _build_protocol_error(line, exchange) from None
        finally:
            exchange.address = line.backend.address
        self._connections.release(line)

    def _read_response(self, response: httpcore2.Response, exchange: _Exchange) -> None:
        """Status, what is of interest in the headers, and the body up to the limit."""
        exchange.status = response.status
        for name, value in response.headers:
            if name.lower() == b"retry-after":
                exchange.retry_after = parse_retry_after(value.decode("latin-1").strip(), self._now())
        for piece in response.iter_stream():
            exchange.body += piece
            if len(exchange.body) >= self._limits.max_body_bytes:
                break  # the rest stays with the receiver: an answer that is not at its end is hung up on


def _build_protocol_error(line: PooledConnection, exchange: _Exchange) -> ExchangeFailed:
    if not line.backend.received_bytes:
        return ConnectionDropped("closed without an answer")
    return ExchangeFailed("answer cut short" if exchange.status else "answer is not HTTP")


def _build_request(target: CallbackUrl, headers: Mapping[str, str], body: bytes) -> httpcore2.Request:
    given = {name.lower() for name in headers}
    needed = {"Host": target.host_header, "Content-Length": str(len(body))}
    added = [(name, value) for name, value in needed.items() if name.lower() not in given]
    url = httpcore2.URL(scheme=target.scheme, host=target.host, port=target.port, target=target.target)
    return httpcore2.Request("POST", url, headers=[*added, *headers.items()], content=body)
