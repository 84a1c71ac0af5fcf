"""How many calls there were and how they went, as sums that can be added up: what pictures are drawn of. Pure.

Answered, talk and wait mean what they mean of one call (model/call.py). Waits are kept as how many calls waited how long, for a
median of medians is none.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from ccfs.model.calls.call import Direction, LegTimes, call_talk_seconds, call_wait_time, classify_direction, sort_legs

QUARTER_HOUR: Final = timedelta(minutes=15)  # what is counted at once: every zone's hours are made of whole ones
_WAIT_BUCKETS: Final = ((60, 1), (300, 5), (3600, 30))  # waits up to so many seconds are told this exactly
_WIDEST_BUCKET_SECONDS: Final = 600


@dataclass(frozen=True, slots=True, kw_only=True)
class CallStatistics:
    """Some calls."""

    answered_by_wait: Mapping[int, int] = field(
        default_factory=dict
    )  # by seconds of waiting, as `wait_step` tells them
    abandoned_by_wait: Mapping[int, int] = field(default_factory=dict)  # those that were not answered
    talk_seconds: int = 0  # seconds

    @property
    def answered(self) -> int:
        """How many were answered."""
        return sum(self.answered_by_wait.values())

    @property
    def abandoned(self) -> int:
        """How many were not."""
        return sum(self.abandoned_by_wait.values())

    @property
    def calls(self) -> int:
        """How many there were."""
        return self.answered + self.abandoned

    def wait_percentile(self, share: float) -> int | None:
        """The seconds that this share of the calls waited at most, answered or not; None if there were none."""
        waits = Counter(self.answered_by_wait) + Counter(self.abandoned_by_wait)
        wanted, seen = share * sum(waits.values()), 0
        for seconds in sorted(waits):
            seen += waits[seconds]
            if seen >= wanted:
                return seconds
        return None

    def count_answered_within(self, seconds: int) -> int:
        """How many were answered before they had waited longer than so many seconds, at most 60."""
        return sum(number for wait, number in self.answered_by_wait.items() if wait <= seconds)


def quarter_start(moment: datetime) -> datetime:
    """The begin of the quarter of an hour in which an instant lies."""
    return moment.replace(minute=moment.minute // 15 * 15, second=0, microsecond=0)


def bucket_wait(wait: timedelta) -> int:
    """A wait in seconds, the less exact the longer it is; never longer than it was."""
    seconds = int(wait.total_seconds())
    step = next((step for most, step in _WAIT_BUCKETS if seconds <= most), _WIDEST_BUCKET_SECONDS)
    return seconds // step * step


def aggregate_calls(calls: Iterable[Sequence[LegTimes]]) -> dict[datetime, dict[Direction, CallStatistics]]:
    """Calls, each as its legs, by the quarter in which they began."""
    cells: dict[tuple[datetime, Direction], _StatisticsBuilder] = defaultdict(_StatisticsBuilder)
    for legs in calls:
        ordered = sort_legs(legs)
        begin, direction = min(leg.begin for leg in legs), classify_direction(ordered[0].call_type)
        cells[quarter_start(begin), direction].add(call_talk_seconds(ordered), bucket_wait(call_wait_time(ordered)))
    found: dict[datetime, dict[Direction, CallStatistics]] = defaultdict(dict)
    for (begin, direction), cell in cells.items():
        found[begin][direction] = cell.build()
    return found


def merge_statistics(many: Iterable[CallStatistics]) -> CallStatistics:
    """All of them together."""
    whole = _StatisticsBuilder()
    for one in many:
        whole.answered_by_wait.update(one.answered_by_wait)
        whole.abandoned_by_wait.update(one.abandoned_by_wait)
        whole.talk_seconds += one.talk_seconds
    return whole.build()


class _StatisticsBuilder:
    """Counts that grow."""

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
