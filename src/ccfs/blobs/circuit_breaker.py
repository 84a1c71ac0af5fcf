"""A circuit breaker: after a failure, requests fail immediately for a while, without waiting for the server."""

import threading
import time
from collections.abc import Callable


class CircuitBreaker:
    """The circuit breaker for a server.

    After the cooldown, it admits a single request, whose result decides for all others.
    """

    def __init__(self, cooldown_seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._cooldown_seconds, self._clock = cooldown_seconds, clock
        self._lock = threading.Lock()
        self._is_open = False
        self._open_until = 0.0

    def allows_request(self) -> bool:
        """Return whether a request may be sent now."""
        with self._lock:
            if not self._is_open:
                return True
            if self._clock() < self._open_until:
                return False
            self._open_until = self._clock() + self._cooldown_seconds
            return True

    def record_failure(self) -> None:
        """Open the circuit breaker: the server did not answer, or broke off its answer."""
        with self._lock:
            self._is_open, self._open_until = True, self._clock() + self._cooldown_seconds

    def record_success(self) -> None:
        """Close the circuit breaker: the server answered, whatever the status."""
        with self._lock:
            self._is_open = False
