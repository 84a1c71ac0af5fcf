"""A breaker: who failed is left alone for a while, so that one that is dead costs each request no time. No network here."""

import threading
import time
from collections.abc import Callable


class Breaker:
    """Of one far side. After the rest one tries, while the others are still kept away; what came of it decides for all."""

    def __init__(self, rest_seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._rest_seconds, self._clock = rest_seconds, clock
        self._lock = threading.Lock()
        self._is_open = False
        self._until = 0.0

    def admits(self) -> bool:
        """Whether to try now."""
        with self._lock:
            if not self._is_open:
                return True
            if self._clock() < self._until:
                return False
            self._until = self._clock() + self._rest_seconds
            return True

    def failed(self) -> None:
        """The far side did not answer, or broke off."""
        with self._lock:
            self._is_open, self._until = True, self._clock() + self._rest_seconds

    def worked(self) -> None:
        """It answered, whatever it said."""
        with self._lock:
            self._is_open = False
