"""How many callbacks may be under way to whom, so that receivers do not wait for each other. No thread and no row here.

A receiver that answers fast may have many under way; one that is slow or new has one, and so has one that did not answer
at all last time. What is slow or new leaves a half of the places free, what is silent three quarters: those that answer
always find some.
"""

from collections import Counter
from collections.abc import Iterable
from enum import Enum
from threading import Lock

FAST_SECONDS = 1.0  # an answer that takes less is fast
AT_ONCE = 32  # to one fast receiver


class Kind(Enum):
    """How a receiver behaved last time."""

    FAST = "fast"
    SLOW = "slow"  # or new
    SILENT = "silent"  # no answer


class Pace:
    """Counts what is under way, for any thread."""

    def __init__(self, places: int) -> None:
        """`places` is how many posts may be under way together."""
        self._most = {Kind.FAST: places, Kind.SLOW: places // 2, Kind.SILENT: places // 4}
        self._lock = Lock()
        self._kinds: dict[str, Kind] = {}
        self._under_way: Counter[str] = Counter()

    def rooms(self, receivers: Iterable[str]) -> dict[str, int]:
        """How many more posts each may have under way, all granted together; those that may have none are left out."""
        granted: dict[str, int] = {}
        with self._lock:
            free = self._free()
            for receiver in receivers:
                kind = self._kind(receiver)
                most = AT_ONCE if kind is Kind.FAST else 1
                room = min(most - self._under_way[receiver], free[kind], free[Kind.FAST])
                if room > 0:
                    granted[receiver] = room
                    for used in {kind, Kind.FAST}:
                        free[used] -= room
        return granted

    def began(self, receiver: str) -> None:
        """A post to the receiver is under way."""
        with self._lock:
            self._under_way[receiver] += 1

    def ended(self, receiver: str, seconds: float, *, is_answered: bool) -> None:
        """A post to the receiver ended."""
        kind = Kind.FAST if seconds < FAST_SECONDS else Kind.SLOW
        with self._lock:
            self._kinds[receiver] = kind if is_answered else Kind.SILENT
            self._under_way[receiver] -= 1
            if not self._under_way[receiver]:
                del self._under_way[receiver]

    def _free(self) -> dict[Kind, int]:
        """Places that are left for each kind; FAST counts all of them."""
        free = dict(self._most)
        for receiver, count in self._under_way.items():
            for used in {self._kind(receiver), Kind.FAST}:
                free[used] -= count
        return free

    def _kind(self, receiver: str) -> Kind:
        return self._kinds.get(receiver, Kind.SLOW)
