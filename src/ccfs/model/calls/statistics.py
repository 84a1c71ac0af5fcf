"""Call statistics as sums, so that quarter hours can be added up for charts.

Answered, talk and wait are defined as for a single call (model/calls/call.py). Waiting times are stored as a histogram,
because medians cannot be merged.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from ccfs.model.calls.call import Direction, LegTimes, call_talk_seconds, call_wait_time, classify_direction, sort_legs

QUARTER_HOUR: Final = timedelta(minutes=15)  # unit of statistics: every zone's hours consist of whole ones
_WAIT_BUCKETS: Final = ((60, 1), (300, 5), (3600, 30))  # (up to so many seconds, bucket width in seconds)
_WIDEST_BUCKET_SECONDS: Final = 600


@dataclass(frozen=True, slots=True, kw_only=True)
class CallStatistics:
    """Statistics of a set of calls."""

    answered_by_wait: Mapping[int, int] = field(default_factory=dict)  # bucket_wait() -> number of calls
    abandoned_by_wait: Mapping[int, int] = field(default_factory=dict)  # calls that were not answered
    talk_seconds: int = 0

    @property
    def answered(self) -> int:
        """Number of answered calls."""
        return sum(self.answered_by_wait.values())

    @property
    def abandoned(self) -> int:
        """Number of calls that were not answered."""
        return sum(self.abandoned_by_wait.values())

    @property
    def calls(self) -> int:
        """Number of calls."""
        return self.answered + self.abandoned

    def wait_percentile(self, share: float) -> int | None:
        """Return how many seconds this share of the calls, answered or not, waited at most; None if there are no calls."""
        waits = Counter(self.answered_by_wait) + Counter(self.abandoned_by_wait)
        wanted, counted = share * sum(waits.values()), 0
        for seconds in sorted(waits):
            counted += waits[seconds]
            if counted >= wanted:
                return seconds
        return None

    def count_answered_within(self, seconds: int) -> int:
        """Return the number of calls answered within the given number of seconds.

        It must be at most 60, because longer waits are not stored exactly.
        """
        return sum(number for wait, number in self.answered_by_wait.items() if wait <= seconds)


def quarter_start(instant: datetime) -> datetime:
    """Return the beginning of the quarter hour in which an instant falls."""
    return instant.replace(minute=instant.minute // 15 * 15, second=0, microsecond=0)


def bucket_wait(wait: timedelta) -> int:
    """Return a waiting time in seconds, rounded down to its histogram bucket; buckets for longer waits are wider."""
    seconds = int(wait.total_seconds())
    width = next((width for limit, width in _WAIT_BUCKETS if seconds <= limit), _WIDEST_BUCKET_SECONDS)
    return seconds // width * width


def aggregate_calls(calls: Iterable[Sequence[LegTimes]]) -> dict[datetime, dict[Direction, CallStatistics]]:
    """Return the statistics of calls by quarter hour of their begin and direction. Each call is given as its legs."""
    cells: dict[tuple[datetime, Direction], _StatisticsBuilder] = defaultdict(_StatisticsBuilder)
    for legs in calls:
        ordered = sort_legs(legs)
        begin, direction = min(leg.begin for leg in legs), classify_direction(ordered[0].call_type)
        cells[quarter_start(begin), direction].add(call_talk_seconds(ordered), bucket_wait(call_wait_time(ordered)))
    statistics: dict[datetime, dict[Direction, CallStatistics]] = defaultdict(dict)
    for (begin, direction), cell in cells.items():
        statistics[begin][direction] = cell.build()
    return statistics


def merge_statistics(parts: Iterable[CallStatistics]) -> CallStatistics:
    """Return the combined statistics of all parts."""
    total = _StatisticsBuilder()
    for part in parts:
        total.answered_by_wait.update(part.answered_by_wait)
        total.abandoned_by_wait.update(part.abandoned_by_wait)
        total.talk_seconds += part.talk_seconds
    return total.build()


class _StatisticsBuilder:
    """Adds up calls."""

    def __init__(self) -> None:
        self.answered_by_wait: Counter[int] = Counter()
        self.abandoned_by_wait: Counter[int] = Counter()
        self.talk_seconds = 0

    def add(self, talk: int, wait: int) -> None:
        (self.answered_by_wait if talk else self.abandoned_by_wait)[wait] += 1
        self.talk_seconds += talk

    def build(self) -> CallStatistics:
        return CallStatistics(
            answered_by_wait=dict(self.answered_by_wait),
            abandoned_by_wait=dict(self.abandoned_by_wait),
            talk_seconds=self.talk_seconds,
        )
