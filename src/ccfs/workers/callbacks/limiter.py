"""Limits the number of concurrent posts per lane, which is an app's deliveries to a receiver, so that no lane delays another.

A fast lane may have many posts in flight. A slow or new lane may have one, and so may a lane whose receiver did not respond
last time. Slow and new lanes leave half of all slots free and unresponsive ones three quarters, so that there are always
slots for receivers that respond. Lanes of one receiver share its slots: each leaves as many as it takes, and a lane without
a post in flight gets one although the others hang, until the receiver has half of all slots.
"""

from collections import Counter
from collections.abc import Iterable
from enum import Enum
from threading import Lock

from ccfs.model.exports.delivery import Lane

FAST_RESPONSE_SECONDS = 1.0  # a response that takes less is fast
MAX_PER_LANE = 32  # posts in flight of an app to a fast receiver
MAX_PER_RECEIVER = 64  # of all apps, beyond the first of each
MAX_LANES = 10_000  # whose speeds are remembered


class LaneSpeed(Enum):
    """How quickly the receiver responded last time."""

    FAST = "fast"
    SLOW = "slow"  # or new
    SILENT = "silent"  # no response


class ConcurrencyLimiter:
    """Counts posts in flight. Thread-safe."""

    def __init__(self, slots: int) -> None:
        """`slots` is the number of posts that may be in flight together."""
        self._limits = {LaneSpeed.FAST: slots, LaneSpeed.SLOW: slots // 2, LaneSpeed.SILENT: slots // 4}
        self._max_per_receiver = max(slots // 2, 1)
        self._lock = Lock()
        self._speeds: dict[Lane, LaneSpeed] = {}
        self._in_flight: Counter[Lane] = Counter()

    def get_available_slots(self, lanes: Iterable[Lane]) -> dict[Lane, int]:
        """Return how many more posts each lane may have in flight, omitting lanes that may have none.

        The numbers apply together: if they are all used, no limit is exceeded.
        """
        granted: dict[Lane, int] = {}
        with self._lock:
            free, by_receiver = self._count_free_slots(), self._count_by_receiver()
            for lane in lanes:
                speed = self._get_speed(lane)
                allowed = self._get_lane_limit(lane, by_receiver[lane.receiver]) - self._in_flight[lane]
                count = min(allowed, free[speed], free[LaneSpeed.FAST])
                if count > 0:
                    granted[lane] = count
                    by_receiver[lane.receiver] += count
                    for used in {speed, LaneSpeed.FAST}:
                        free[used] -= count
        return granted

    def mark_started(self, lane: Lane) -> None:
        """Count a post of the lane as started."""
        with self._lock:
            self._in_flight[lane] += 1

    def mark_finished(self, lane: Lane, seconds: float, *, is_answered: bool) -> None:
        """Count a post of the lane as finished, and record how quickly the receiver responded."""
        speed = LaneSpeed.FAST if seconds < FAST_RESPONSE_SECONDS else LaneSpeed.SLOW
        with self._lock:
            self._speeds.pop(lane, None)  # so that it becomes the newest
            self._speeds[lane] = speed if is_answered else LaneSpeed.SILENT
            if len(self._speeds) > MAX_LANES:
                del self._speeds[next(iter(self._speeds))]
            self._in_flight[lane] -= 1
            if not self._in_flight[lane]:
                del self._in_flight[lane]

    def _get_lane_limit(self, lane: Lane, used_by_receiver: int) -> int:
        """Return how many posts a lane may have in flight, so many of its receiver's slots being used."""
        own = self._in_flight[lane]
        if used_by_receiver >= self._max_per_receiver:
            return own
        if self._get_speed(lane) is not LaneSpeed.FAST:
            return 1
        free_of_receiver = MAX_PER_RECEIVER - (used_by_receiver - own)
        return max(min(MAX_PER_LANE, free_of_receiver // 2, self._max_per_receiver - used_by_receiver + own), 1)

    def _count_by_receiver(self) -> Counter[str]:
        counts: Counter[str] = Counter()
        for lane, count in self._in_flight.items():
            counts[lane.receiver] += count
        return counts

    def _count_free_slots(self) -> dict[LaneSpeed, int]:
        """Return the free slots of each speed; FAST counts all of them."""
        free = dict(self._limits)
        for lane, count in self._in_flight.items():
            for used in {self._get_speed(lane), LaneSpeed.FAST}:
                free[used] -= count
        return free

    def _get_speed(self, lane: Lane) -> LaneSpeed:
        return self._speeds.get(lane, LaneSpeed.SLOW)
