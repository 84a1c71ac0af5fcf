"""Limits the number of concurrent posts per receiver, so that receivers do not delay each other.

A fast receiver may have many posts in flight. A slow or new receiver may have one, and so may a receiver that did not
respond last time. Slow and new receivers leave half of all slots free and unresponsive ones three quarters, so that
there are always slots for receivers that respond.
"""

from collections import Counter
from collections.abc import Iterable
from enum import Enum
from threading import Lock

FAST_RESPONSE_SECONDS = 1.0  # a response that takes less is fast
MAX_PER_FAST_RECEIVER = 32  # posts in flight


class ReceiverSpeed(Enum):
    """How quickly a receiver responded last time."""

    FAST = "fast"
    SLOW = "slow"  # or new
    SILENT = "silent"  # no response


class ConcurrencyLimiter:
    """Counts posts in flight. Thread-safe."""

    def __init__(self, slots: int) -> None:
        """`slots` is the number of posts that may be in flight together."""
        self._limits = {ReceiverSpeed.FAST: slots, ReceiverSpeed.SLOW: slots // 2, ReceiverSpeed.SILENT: slots // 4}
        self._lock = Lock()
        self._speeds: dict[str, ReceiverSpeed] = {}
        self._in_flight: Counter[str] = Counter()

    def get_available_slots(self, receivers: Iterable[str]) -> dict[str, int]:
        """Return how many more posts each receiver may have in flight, omitting receivers that may have none.

        The numbers apply together: if they are all used, no limit is exceeded.
        """
        granted: dict[str, int] = {}
        with self._lock:
            free = self._count_free_slots()
            for receiver in receivers:
                speed = self._get_speed(receiver)
                limit = MAX_PER_FAST_RECEIVER if speed is ReceiverSpeed.FAST else 1
                count = min(limit - self._in_flight[receiver], free[speed], free[ReceiverSpeed.FAST])
                if count > 0:
                    granted[receiver] = count
                    for used in {speed, ReceiverSpeed.FAST}:
                        free[used] -= count
        return granted

    def mark_started(self, receiver: str) -> None:
        """Count a post to the receiver as started."""
        with self._lock:
            self._in_flight[receiver] += 1

    def mark_finished(self, receiver: str, seconds: float, *, is_answered: bool) -> None:
        """Count a post to the receiver as finished, and record how quickly the receiver responded."""
        speed = ReceiverSpeed.FAST if seconds < FAST_RESPONSE_SECONDS else ReceiverSpeed.SLOW
        with self._lock:
            self._speeds[receiver] = speed if is_answered else ReceiverSpeed.SILENT
            self._in_flight[receiver] -= 1
            if not self._in_flight[receiver]:
                del self._in_flight[receiver]

    def _count_free_slots(self) -> dict[ReceiverSpeed, int]:
        """Return the free slots of each speed; FAST counts all of them."""
        free = dict(self._limits)
        for receiver, count in self._in_flight.items():
            for used in {self._get_speed(receiver), ReceiverSpeed.FAST}:
                free[used] -= count
        return free

    def _get_speed(self, receiver: str) -> ReceiverSpeed:
        return self._speeds.get(receiver, ReceiverSpeed.SLOW)
