"""Keep-alive connections. Each serves one thread at a time, and is used only for posts with the same address scope."""

import ssl
import time
from threading import Lock

import httpcore2

from ccfs.model.exports.callback_url import CallbackUrl
from ccfs.workers.callbacks.address_policy import AddressScope
from ccfs.workers.callbacks.safe_network import SafeNetworkBackend

ConnectionKey = tuple[str, str, int, AddressScope]


class PooledConnection:
    """An HTTP connection to a receiver. Its socket is opened by the first request."""

    def __init__(
        self, key: ConnectionKey, context: ssl.SSLContext | None, backend: SafeNetworkBackend, idle_seconds: float
    ) -> None:
        """`idle_seconds` is how long the connection may be idle before the next request."""
        scheme, host, port, _ = key
        self.key, self.tls_context, self.backend = key, context, backend
        self.http = httpcore2.HTTPConnection(
            httpcore2.Origin(scheme.encode(), host.encode(), port),
            ssl_context=context,
            keepalive_expiry=idle_seconds,
            network_backend=backend,
        )


def build_connection_key(target: CallbackUrl, scope: AddressScope) -> ConnectionKey:
    """Return the connection key; two posts with the same key may share a connection."""
    return target.scheme, target.host, target.port, scope


class ConnectionPool:
    """Idle connections, most recently used last. Connections beyond the limits are closed."""

    def __init__(self, *, per_receiver: int = 32, total: int = 256, idle_seconds: float = 20.0) -> None:
        self.idle_seconds = idle_seconds
        self._max_per_receiver, self._max_total = per_receiver, total
        self._lock = Lock()
        self._idle: list[tuple[float, PooledConnection]] = []  # idle since
        self._is_open = True

    def acquire(self, key: ConnectionKey, context: ssl.SSLContext | None) -> PooledConnection | None:
        """Return an idle connection, closing connections that have expired or use an outdated TLS context."""
        while connection := self._pop_latest(key):
            if connection.tls_context is context and not connection.http.has_expired():
                return connection
            connection.http.close()
        return None

    def release(self, connection: PooledConnection) -> None:
        """Return a connection to the pool if it can be reused after its last response."""
        if not connection.http.is_idle():
            return
        now = time.monotonic()
        with self._lock:
            self._idle.append((now, connection))
            surplus = self._find_surplus(connection.key, now)
            self._idle = [(since, idle) for since, idle in self._idle if idle not in surplus]
        for closing in surplus:
            closing.http.close()

    def close(self) -> None:
        """Close all connections, including those that are released later."""
        with self._lock:
            self._is_open = False
            closing, self._idle = self._idle, []
        for _, connection in closing:
            connection.http.close()

    def _pop_latest(self, key: ConnectionKey) -> PooledConnection | None:
        with self._lock:
            for index in reversed(range(len(self._idle))):
                if self._idle[index][1].key == key:
                    return self._idle.pop(index)[1]
        return None

    def _find_surplus(self, key: ConnectionKey, now: float) -> set[PooledConnection]:
        if not self._is_open:
            return {connection for _, connection in self._idle}
        surplus = {connection for since, connection in self._idle if since < now - self.idle_seconds}
        same_key = [connection for _, connection in self._idle if connection.key == key]
        if len(same_key) > self._max_per_receiver:
            surplus.add(same_key[0])
        elif len(self._idle) > self._max_total:
            surplus.add(self._idle[0][1])
        return surplus
