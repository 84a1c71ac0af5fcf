"""A circuit breaker: after a failure, requests fail immediately for a while, so that a dead server costs no time."""

import threading
import time
from collections.abc import Callable


class CircuitBreaker:
    """The breaker of one server. After the cooldown it admits one request, whose result decides for all."""

    def __init__(self, cooldown_seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._cooldown_seconds, self._clock = cooldown_seconds, clock
        self._lock = threading.Lock()
        self._is_open = False
        self._open_until = 0.0

    def allows_request(self) -> bool:
        """Return whether to send a request now."""
        with self._lock:
            if not self._is_open:
                return True
            if self._clock() < self._open_until:
                return False
            self._open_until = self._clock() + self._cooldown_seconds
            return True

    def record_failure(self) -> None:
        """Open the breaker: the server did not answer, or broke off."""
        with self._lock:
            self._is_open, self._open_until = True, self._clock() + self._cooldown_seconds

    def record_success(self) -> None:
        """Close the breaker: the server answered, with whatever status."""
        with self._lock:
            self._is_open = False
