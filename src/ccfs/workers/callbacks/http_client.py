"""The HTTP client for callbacks: each post returns an outcome.

It ignores proxy settings in the environment and does not follow redirects. Connections are kept alive, but each is used
only for posts with the same address scope, so that no app can reach an address over another app's connection.
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

STORED_RESPONSE_BYTES = 1024  # of a response that an outcome stores


@dataclass(slots=True, kw_only=True)
class _Exchange:
    """A post: the request, and as much of the response as has been received."""

    target: CallbackUrl
    request: httpcore2.Request
    deadline: float  # of time.monotonic()
    address: str = ""
    status: int = 0
    body: bytearray = field(default_factory=bytearray)
    retry_after: timedelta | None = None


class CallbackHttpClient:
    """Posts callbacks from any number of threads concurrently. No thread waits for another thread's receiver."""

    def __init__(
        self,
        *,
        trusted: CertificateSource = lambda: (0, ()),
        trust_all: bool = False,
        limits: ExchangeLimits | None = None,
        resolve: Resolver = resolve_host,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        pool: ConnectionPool | None = None,
    ) -> None:
        """`trusted` is called before every https post, so it should be quick; with `trust_all` no certificate is verified."""
        self._tls_contexts = TlsContextCache(trusted, trust_all=trust_all)
        self._limits = limits or ExchangeLimits()
        self._resolve = resolve
        self._now = now
        self._connections = pool or ConnectionPool()

    def post(
        self,
        url: str,
        headers: Mapping[str, str],
        body: bytes,
        *,
        allowed_prefixes: Collection[str],
        private_hosts: Collection[str] = frozenset(),
    ) -> AttemptOutcome:
        """Post a callback and return the outcome. Nothing that the receiver does raises an exception.

        Adds Host and Content-Length if `headers` does not contain them. `private_hosts` lists the host:port of the
        bound names that may resolve to internal addresses. The outcome's `attempted_at` is the time when the outcome
        was known.
        """
        started = time.monotonic()
        target = parse_callback_url(url)
        if not (target and matches_any_prefix(target, allowed_prefixes)):
            return AttemptOutcome(
                attempted_at=self._now(), failure="address not bound" if target else "not a callback URL"
            )
        request = _build_request(target, headers, body)
        exchange = _Exchange(target=target, request=request, deadline=started + self._limits.total_seconds)
        failure = self._try_exchange(exchange, private_hosts)
        return AttemptOutcome(
            attempted_at=self._now(),
            address=exchange.address,
            status=exchange.status,
            milliseconds=round((time.monotonic() - started) * 1000),
            response=bytes(exchange.body[:STORED_RESPONSE_BYTES]),
            failure=failure,
            retry_after=exchange.retry_after,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Wait for posts in progress, then close all idle connections."""
        self._connections.close()

    def _try_exchange(self, exchange: _Exchange, private_hosts: Collection[str]) -> str:
        """Return why the post failed, or "".

        An error status takes precedence over an incomplete body, because it explains more.
        """
        try:
            self._send_with_retry_on_stale(exchange, private_hosts)
        except ExchangeFailed as error:
            if not exchange.status or 200 <= exchange.status < 300:
                return str(error)
        return find_failure_reason(exchange.status, bytes(exchange.body))

    def _send_with_retry_on_stale(self, exchange: _Exchange, private_hosts: Collection[str]) -> None:
        scope = get_address_scope(exchange.target, private_hosts)
        key = build_connection_key(exchange.target, scope)
        context = self._tls_contexts.get_context() if exchange.target.scheme == "https" else None
        if connection := self._connections.acquire(key, context):
            try:
                return self._send_on_connection(connection, exchange)
            except ConnectionDropped:
                # Most likely the receiver closed it while it was idle. Otherwise it gets the callback twice, with one id.
                if connection.backend.received_bytes:
                    raise
        backend = SafeNetworkBackend(scope, self._limits, self._resolve)
        connection = PooledConnection(key, context, backend, self._connections.idle_seconds)
        return self._send_on_connection(connection, exchange)

    def _send_on_connection(self, connection: PooledConnection, exchange: _Exchange) -> None:
        connection.backend.start_exchange(exchange.deadline)
        try:
            response = connection.http.handle_request(exchange.request)
            try:
                self._read_response(response, exchange)
            finally:
                response.close()
        except httpcore2.RemoteProtocolError:
            raise _build_protocol_error(connection, exchange) from None
        finally:
            exchange.address = connection.backend.address
        self._connections.release(connection)

    def _read_response(self, response: httpcore2.Response, exchange: _Exchange) -> None:
        """Read the status, Retry-After and the body up to the limit."""
        exchange.status = response.status
        for name, value in response.headers:
            if name.lower() == b"retry-after":
                exchange.retry_after = parse_retry_after(value.decode("latin-1").strip(), self._now())
        for chunk in response.iter_stream():
            exchange.body += chunk
            if len(exchange.body) >= self._limits.max_body_bytes:
                break  # the connection is closed where the body has not ended


def _build_protocol_error(connection: PooledConnection, exchange: _Exchange) -> ExchangeFailed:
    if not connection.backend.received_bytes:
        return ConnectionDropped("closed without a response")
    return ExchangeFailed("incomplete response" if exchange.status else "response is not HTTP")


def _build_request(target: CallbackUrl, headers: Mapping[str, str], body: bytes) -> httpcore2.Request:
    given = {name.lower() for name in headers}
    needed = {"Host": target.host_header, "Content-Length": str(len(body))}
    added = [(name, value) for name, value in needed.items() if name.lower() not in given]
    url = httpcore2.URL(scheme=target.scheme, host=target.host, port=target.port, target=target.target)
    return httpcore2.Request("POST", url, headers=[*added, *headers.items()], content=body)
