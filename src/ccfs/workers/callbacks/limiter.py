"""How many callbacks may be under way to whom, so that receivers do not wait for each other. No thread and no row here.

A receiver that answers fast may have many under way; one that is slow or new has one, and so has one that did not answer
at all last time. What is slow or new leaves a half of the places free, what is silent three quarters: those that answer
always find some.
"""

from collections import Counter
from collections.abc import Iterable
from enum import Enum
from threading import Lock

FAST_RESPONSE_SECONDS = 1.0  # an answer that takes less is fast
MAX_PER_FAST_RECEIVER = 32  # to one fast receiver


class ReceiverSpeed(Enum):
    """How a receiver behaved last time."""

    FAST = "fast"
    SLOW = "slow"  # or new
    SILENT = "silent"  # no answer


class ConcurrencyLimiter:
    """Counts what is under way, for any thread."""

    def __init__(self, places: int) -> None:
        """`places` is how many posts may be under way together."""
        self._limits = {ReceiverSpeed.FAST: places, ReceiverSpeed.SLOW: places // 2, ReceiverSpeed.SILENT: places // 4}
        self._lock = Lock()
        self._speeds: dict[str, ReceiverSpeed] = {}
        self._in_flight: Counter[str] = Counter()

    def get_available_slots(self, receivers: Iterable[str]) -> dict[str, int]:
        """How many more posts each may have under way, all granted together; those that may have none are left out."""
        granted: dict[str, int] = {}
        with self._lock:
            free = self._count_free_slots()
            for receiver in receivers:
                kind = self._get_speed(receiver)
                most = MAX_PER_FAST_RECEIVER if kind is ReceiverSpeed.FAST else 1
                room = min(most - self._in_flight[receiver], free[kind], free[ReceiverSpeed.FAST])
                if room > 0:
                    granted[receiver] = room
                    for used in {kind, ReceiverSpeed.FAST}:
                        free[used] -= room
        return granted

    def mark_started(self, receiver: str) -> None:
        """A post to the receiver is under way."""
        with self._lock:
            self._in_flight[receiver] += 1

    def mark_finished(self, receiver: str, seconds: float, *, is_answered: bool) -> None:
        """A post to the receiver ended."""
        kind = ReceiverSpeed.FAST if seconds < FAST_RESPONSE_SECONDS else ReceiverSpeed.SLOW
        with self._lock:
            self._speeds[receiver] = kind if is_answered else ReceiverSpeed.SILENT
            self._in_flight[receiver] -= 1
            if not self._in_flight[receiver]:
                del self._in_flight[receiver]

    def _count_free_slots(self) -> dict[ReceiverSpeed, int]:
        """Places that are left for each kind; FAST counts all of them."""
        free = dict(self._limits)
        for receiver, count in self._in_flight.items():
            for used in {self._get_speed(receiver), ReceiverSpeed.FAST}:
                free[used] -= count
        return free

    def _get_speed(self, receiver: str) -> ReceiverSpeed:
        return self._speeds.get(receiver, ReceiverSpeed.SLOW)
