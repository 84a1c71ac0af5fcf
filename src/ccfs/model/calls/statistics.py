"""Call statistics as sums, so that quarter hours and days can be added up: of an account, of its queues and of its agents.

Answered, talk and wait are defined as for a single call (model/calls/call.py), for a queue from the legs that name it,
for an agent from the agent's own legs. Waiting times are stored as a histogram, because percentiles cannot be merged.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Protocol

from ccfs.model.calls.call import (
    Direction,
    LegTimes,
    call_talk_seconds,
    call_wait_time,
    classify_direction,
    leg_talk_seconds,
    merge_spans,
    sort_legs,
)
from ccfs.model.calls.cdr import DeviceType

QUARTER_HOUR: Final = timedelta(minutes=15)  # unit of statistics: every zone's hours consist of whole ones
MAX_TARGET_SECONDS: Final = 120  # up to which waiting times are stored exactly, and a service level can be counted
_WAIT_BUCKETS: Final = (
    (MAX_TARGET_SECONDS, 1),
    (300, 5),
    (3600, 30),
)  # (up to so many seconds, bucket width in seconds)
_WIDEST_BUCKET_SECONDS: Final = 600


class StatisticsLeg(LegTimes, Protocol):
    """The attributes of a leg that statistics of queues and agents need."""

    @property
    def agent_id(self) -> str: ...
    @property
    def current_skill_id(self) -> str: ...
    @property
    def ack_begin(self) -> datetime | None: ...
    @property
    def ack_end(self) -> datetime | None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class CallStatistics:
    """Statistics of a set of calls."""

    answered_by_wait: Mapping[int, int] = field(default_factory=dict)  # bucket_wait() -> number of calls
    abandoned_by_wait: Mapping[int, int] = field(default_factory=dict)  # calls that were not answered
    talk_seconds: int = 0
    wait_seconds: int = 0  # of all calls, each in whole seconds

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

    @property
    def average_wait(self) -> int | None:
        """The average waiting time of all calls in whole seconds; None if there are no calls."""
        return round(self.wait_seconds / self.calls) if self.calls else None

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

        It must be at most MAX_TARGET_SECONDS, because longer waits are not stored exactly.
        """
        return sum(number for wait, number in self.answered_by_wait.items() if wait <= seconds)


NO_CALLS: Final = CallStatistics()
ByDirection = Mapping[Direction, CallStatistics]


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupedStatistics:
    """Statistics of an account's calls, and of the same calls by queue and by agent."""

    account: ByDirection = field(default_factory=dict)
    queues: Mapping[str, ByDirection] = field(default_factory=dict)
    agents: Mapping[str, ByDirection] = field(default_factory=dict)


def quarter_start(instant: datetime) -> datetime:
    """Return the beginning of the quarter hour in which an instant falls."""
    return instant.replace(minute=instant.minute // 15 * 15, second=0, microsecond=0)


def bucket_wait(wait: timedelta) -> int:
    """Return a waiting time in seconds, rounded down to its histogram bucket; buckets for longer waits are wider."""
    seconds = int(wait.total_seconds())
    width = next((width for limit, width in _WAIT_BUCKETS if seconds <= limit), _WIDEST_BUCKET_SECONDS)
    return seconds // width * width


def aggregate_calls(calls: Iterable[Sequence[StatisticsLeg]]) -> dict[datetime, GroupedStatistics]:
    """Return the statistics of calls by quarter hour of their begin. Each call is given as its legs."""
    quarters: dict[datetime, _GroupBuilder] = defaultdict(_GroupBuilder)
    for legs in calls:
        quarters[quarter_start(min(leg.begin for leg in legs))].add(sort_legs(legs))
    return {begin: builder.build() for begin, builder in quarters.items()}


def merge_statistics(parts: Iterable[CallStatistics]) -> CallStatistics:
    """Return the combined statistics of all parts."""
    total = _StatisticsBuilder()
    for part in parts:
        total.merge(part)
    return total.build()


def merge_directions(parts: Iterable[ByDirection]) -> dict[Direction, CallStatistics]:
    """Return the combined statistics of all parts by direction."""
    totals: dict[Direction, _StatisticsBuilder] = defaultdict(_StatisticsBuilder)
    for part in parts:
        for direction, statistics in part.items():
            totals[direction].merge(statistics)
    return {direction: total.build() for direction, total in totals.items()}


def merge_groups(parts: Iterable[GroupedStatistics]) -> GroupedStatistics:
    """Return the combined statistics of all parts by account, queue and agent."""
    all_parts = list(parts)
    return GroupedStatistics(
        account=merge_directions(part.account for part in all_parts),
        queues=_merge_by_name(part.queues for part in all_parts),
        agents=_merge_by_name(part.agents for part in all_parts),
    )


def _merge_by_name(parts: Iterable[Mapping[str, ByDirection]]) -> dict[str, dict[Direction, CallStatistics]]:
    by_name: dict[str, list[ByDirection]] = defaultdict(list)
    for part in parts:
        for name, statistics in part.items():
            by_name[name].append(statistics)
    return {name: merge_directions(statistics) for name, statistics in by_name.items()}


class _StatisticsBuilder:
    """Adds up calls."""

    def __init__(self) -> None:
        self.answered_by_wait: Counter[int] = Counter()
        self.abandoned_by_wait: Counter[int] = Counter()
        self.talk_seconds = 0
        self.wait_seconds = 0

    def add(self, talk: int, wait: timedelta) -> None:
        (self.answered_by_wait if talk else self.abandoned_by_wait)[bucket_wait(wait)] += 1
        self.talk_seconds += talk
        self.wait_seconds += int(wait.total_seconds())

    def merge(self, part: CallStatistics) -> None:
        for waits, more in (
            (self.answered_by_wait, part.answered_by_wait),
            (self.abandoned_by_wait, part.abandoned_by_wait),
        ):
            for wait, number in more.items():
                waits[wait] += number
        self.talk_seconds += part.talk_seconds
        self.wait_seconds += part.wait_seconds

    def build(self) -> CallStatistics:
        return CallStatistics(
            answered_by_wait=dict(self.answered_by_wait),
            abandoned_by_wait=dict(self.abandoned_by_wait),
            talk_seconds=self.talk_seconds,
            wait_seconds=self.wait_seconds,
        )


class _GroupBuilder:
    """Adds up the calls of a quarter hour."""

    def __init__(self) -> None:
        self._cells: dict[tuple[str, str, Direction], _StatisticsBuilder] = defaultdict(_StatisticsBuilder)

    def add(self, legs: Sequence[StatisticsLeg]) -> None:
        """Add a call, given as its sorted legs."""
        direction = classify_direction(legs[0].call_type)
        self._cells["account", "", direction].add(call_talk_seconds(legs), call_wait_time(legs))
        for queue in {leg.current_skill_id for leg in legs} - {""}:
            own = [leg for leg in legs if leg.current_skill_id == queue]
            self._cells["queues", queue, direction].add(call_talk_seconds(own), call_wait_time(own))
        for agent in {leg.agent_id for leg in legs if leg.device_type == DeviceType.AGENT} - {""}:
            own = [leg for leg in legs if leg.agent_id == agent and leg.device_type == DeviceType.AGENT]
            ringing = merge_spans((leg.ack_begin, leg.ack_end) for leg in own)
            self._cells["agents", agent, direction].add(sum(map(leg_talk_seconds, own)), ringing)

    def build(self) -> GroupedStatistics:
        groups: dict[str, dict[str, dict[Direction, CallStatistics]]] = defaultdict(lambda: defaultdict(dict))
        for (kind, name, direction), cell in self._cells.items():
            groups[kind][name][direction] = cell.build()
        return GroupedStatistics(
            account=groups["account"][""], queues=dict(groups["queues"]), agents=dict(groups["agents"])
        )
