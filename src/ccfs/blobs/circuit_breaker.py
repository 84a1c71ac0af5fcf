"""A breaker: who failed is left alone for a while, so that one that is dead costs each request no time. No network here."""

import threading
import time
from collections.abc import Callable


class CircuitBreaker:
    """Of one far side. After the rest one tries, while the others are still kept away; what came of it decides for all."""

    def __init__(self, rest_seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._cooldown_seconds, self._clock = rest_seconds, clock
        self._lock = threading.Lock()
        self._is_open = False
        self._open_until = 0.0

    def allows_request(self) -> bool:
        """Whether to try now."""
        with self._lock:
            if not self._is_open:
                return True
            if self._clock() < self._open_until:
                return False
            self._open_until = self._clock() + self._cooldown_seconds
            return True

    def record_failure(self) -> None:
        """The far side did not answer, or broke off."""
        with self._lock:
            self._is_open, self._open_until = True, self._clock() + self._cooldown_seconds

    def record_success(self) -> None:
        """It answered, whatever it said."""
        with self._lock:
            self._is_open = False
