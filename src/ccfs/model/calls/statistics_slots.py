"""The parts into which charts and tables split a period: quarter hours, hours, days or weeks of a zone's clock.

An hour that clocks show twice is two slots. A day has 23 or 25 hours when the clock changes.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from enum import StrEnum, auto
from itertools import groupby, pairwise
from typing import Final, TypeVar
from zoneinfo import ZoneInfo

from ccfs.model.calls.statistics import QUARTER_HOUR, CallStatistics, merge_statistics, quarter_start
from ccfs.model.exports.time_window import TimeWindow, to_local, to_utc

DAY: Final = timedelta(days=1)
T = TypeVar("T")


class Step(StrEnum):
    """The length of a slot."""

    QUARTER = auto()
    HOUR = auto()
    DAY = auto()
    WEEK = auto()  # from Monday


MAX_DAYS: Final[Mapping[Step, int]] = {Step.QUARTER: 2, Step.HOUR: 14, Step.DAY: 366, Step.WEEK: 366}


def get_midnight(day: date, zone: ZoneInfo) -> datetime:
    """Return the instant at which a day of a zone's clock begins."""
    return to_utc(datetime.combine(day, time()), zone)


def list_days(window: TimeWindow, zone: ZoneInfo) -> list[date]:
    """Return the days of a zone's clock that a window touches."""
    first, last = to_local(window.begin, zone).date(), to_local(window.end - timedelta(microseconds=1), zone).date()
    return [first + DAY * number for number in range((last - first).days + 1)]


def split_window(window: TimeWindow, step: Step, zone: ZoneInfo) -> list[TimeWindow]:
    """Return the slots of a window, which begins and ends at quarter hours; the first and last may be cut."""
    if step in (Step.QUARTER, Step.HOUR):
        return list(_iter_short_slots(window, step, zone))
    days = list_days(window, zone)
    starts = [get_midnight(day, zone) for day in days if step is Step.DAY or day.weekday() == 0]
    bounds = [window.begin, *(start for start in starts if start > window.begin), window.end]
    return [TimeWindow(begin=begin, end=end) for begin, end in pairwise(bounds)]


def _iter_short_slots(window: TimeWindow, step: Step, zone: ZoneInfo) -> Iterator[TimeWindow]:
    for _, group in groupby(_iter_quarters(window), lambda begin: _get_slot_key(begin.astimezone(zone), step)):
        quarters = list(group)
        yield TimeWindow(begin=quarters[0], end=quarters[-1] + QUARTER_HOUR)


def _get_slot_key(local: datetime, step: Step) -> tuple[object, ...]:
    minute = local.minute if step is Step.QUARTER else 0
    return local.date(), local.hour, minute, local.fold, local.utcoffset()


def _iter_quarters(window: TimeWindow) -> Iterator[datetime]:
    begin = quarter_start(window.begin)
    while begin < window.end:
        yield begin
        begin += QUARTER_HOUR


def sum_slots(
    slots: Sequence[TimeWindow], parts: Iterable[tuple[datetime, T]], select: Callable[[T], CallStatistics]
) -> list[CallStatistics]:
    """Return the statistics of each slot. `parts` are those of quarter hours or days, each with its begin."""
    begins = [slot.begin for slot in slots]
    by_slot: list[list[CallStatistics]] = [[] for _ in slots]
    for begin, part in parts:
        index = bisect_right(begins, begin) - 1
        if index >= 0 and begin < slots[index].end:
            by_slot[index].append(select(part))
    return [merge_statistics(some) for some in by_slot]


def is_ambiguous(local: datetime) -> bool:
    """Return whether the clock shows this time of its zone twice."""
    return local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset()
