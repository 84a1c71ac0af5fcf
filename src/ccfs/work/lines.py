"""Connections that outlive one callback. A line serves one thread at a time, and only posts that may reach as far as it."""

import ssl
import time
from threading import Lock

import httpcore2

from ccfs.model.callback_url import CallbackUrl
from ccfs.work.addresses import Reach
from ccfs.work.sockets import Guard

Key = tuple[str, str, int, Reach]


class Line:
    """One HTTP connection to one receiver; its socket opens with the first request."""

    def __init__(self, key: Key, context: ssl.SSLContext | None, guard: Guard, seconds: float) -> None:
        """`seconds` is how long it may wait for its next request."""
        scheme, host, port, _ = key
        self.key, self.context, self.guard = key, context, guard
        self.http = httpcore2.HTTPConnection(
            httpcore2.Origin(scheme.encode(), host.encode(), port),
            ssl_context=context,
            keepalive_expiry=seconds,
            network_backend=guard,
        )


def key_of(target: CallbackUrl, reach: Reach) -> Key:
    """What two posts must have in common to use the same line."""
    return target.scheme, target.host, target.port, reach


class Idle:
    """Lines that wait for their next post, the latest used last. Bounded; what is over the bounds is hung up."""

    def __init__(self, *, per_receiver: int = 32, together: int = 256, seconds: float = 20.0) -> None:
        self.seconds = seconds
        self._per_receiver, self._together = per_receiver, together
        self._lock = Lock()
        self._lines: list[tuple[float, Line]] = []  # since when it waits
        self._is_open = True

    def take(self, key: Key, context: ssl.SSLContext | None) -> Line | None:
        """A line for a post that is still good; those with a context of yesterday, and those hung up on, are closed."""
        while line := self._latest(key):
            if line.context is context and not line.http.has_expired():
                return line
            line.http.close()
        return None

    def give(self, line: Line) -> None:
        """Keep a line for later, if its last answer left it fit for that."""
        if not line.http.is_idle():
            return
        now = time.monotonic()
        with self._lock:
            self._lines.append((now, line))
            surplus = self._surplus(line.key, now)
            self._lines = [one for one in self._lines if one[1] not in surplus]
        for one in surplus:
            one.http.close()

    def close(self) -> None:
        """Hang up all, and from now on each that is given."""
        with self._lock:
            self._is_open = False
            lines, self._lines = self._lines, []
        for _, line in lines:
            line.http.close()

    def _latest(self, key: Key) -> Line | None:
        with self._lock:
            for place in reversed(range(len(self._lines))):
                if self._lines[place][1].key == key:
                    return self._lines.pop(place)[1]
        return None

    def _surplus(self, key: Key, now: float) -> set[Line]:
        if not self._is_open:
            return {line for _, line in self._lines}
        surplus = {line for since, line in self._lines if since < now - self.seconds}
        same = [line for _, line in self._lines if line.key == key]
        if len(same) > self._per_receiver:
            surplus.add(same[0])
        elif len(self._lines) > self._together:
            surplus.add(self._lines[0][1])
        return surplus
