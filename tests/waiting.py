"""Waiting for what another process does."""

import time
from collections.abc import Callable


def wait_until(condition: Callable[[], object], seconds: float = 90) -> float:
    """Wait until the condition is true; return the seconds that it took, and fail if it takes longer."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < seconds, "timed out"
        time.sleep(0.02)
    return time.monotonic() - began
