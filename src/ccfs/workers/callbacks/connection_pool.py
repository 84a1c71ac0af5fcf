"""Connections that outlive one callback. A line serves one thread at a time, and only posts that may reach as far as it."""

import ssl
import time
from threading import Lock

import httpcore2

from ccfs.model.exports.callback_url import CallbackUrl
from ccfs.workers.callbacks.address_policy import AddressScope
from ccfs.workers.callbacks.safe_network import SafeNetworkBackend

ConnectionKey = tuple[str, str, int, AddressScope]


class PooledConnection:
    """One HTTP connection to one receiver; its socket opens with the first request."""

    def __init__(
        self, key: ConnectionKey, context: ssl.SSLContext | None, guard: SafeNetworkBackend, seconds: float
    ) -> None:
        """`seconds` is how long it may wait for its next request."""
        scheme, host, port, _ = key
        self.key, self.tls_context, self.backend = key, context, guard
        self.http = httpcore2.HTTPConnection(
            httpcore2.Origin(scheme.encode(), host.encode(), port),
            ssl_context=context,
            keepalive_expiry=seconds,
            network_backend=guard,
        )


def build_connection_key(target: CallbackUrl, reach: AddressScope) -> ConnectionKey:
    """What two posts must have in common to use the same line."""
    return target.scheme, target.host, target.port, reach


class ConnectionPool:
    """Lines that wait for their next post, the latest used last. Bounded; what is over the bounds is hung up."""

    def __init__(self, *, per_receiver: int = 32, together: int = 256, idle_seconds: float = 20.0) -> None:
        self.idle_seconds = idle_seconds
        self._max_per_receiver, self._max_total = per_receiver, together
        self._lock = Lock()
        self._idle: list[tuple[float, PooledConnection]] = []  # since when it waits
        self._is_open = True

    def acquire(self, key: ConnectionKey, context: ssl.SSLContext | None) -> PooledConnection | None:
        """A line for a post that is still good; those with a context of yesterday, and those hung up on, are closed."""
        while line := self._pop_latest(key):
            if line.tls_context is context and not line.http.has_expired():
                return line
            line.http.close()
        return None

    def release(self, line: PooledConnection) -> None:
        """Keep a line for later, if its last answer left it fit for that."""
        if not line.http.is_idle():
            return
        now = time.monotonic()
        with self._lock:
            self._idle.append((now, line))
            surplus = self._find_surplus(line.key, now)
            self._idle = [one for one in self._idle if one[1] not in surplus]
        for one in surplus:
            one.http.close()

    def close(self) -> None:
        """Hang up all, and from now on each that is given."""
        with self._lock:
            self._is_open = False
            lines, self._idle = self._idle, []
        for _, line in lines:
            line.http.close()

    def _pop_latest(self, key: ConnectionKey) -> PooledConnection | None:
        with self._lock:
            for place in reversed(range(len(self._idle))):
                if self._idle[place][1].key == key:
                    return self._idle.pop(place)[1]
        return None

    def _find_surplus(self, key: ConnectionKey, now: float) -> set[PooledConnection]:
        if not self._is_open:
            return {line for _, line in self._idle}
        surplus = {line for since, line in self._idle if since < now - self.idle_seconds}
        same = [line for _, line in self._idle if line.key == key]
        if len(same) > self._max_per_receiver:
            surplus.add(same[0])
        elif len(self._idle) > self._max_total:
            surplus.add(self._idle[0][1])
        return surplus
