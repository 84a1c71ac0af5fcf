"""The period of figures, as the address of their page says it, and cut into hours or days of an account's zone. Pure.

An hour that is there twice, when clocks go back, is two; a day has 23 or 25 hours where it has.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import groupby
from typing import Final
from zoneinfo import ZoneInfo

from ccfs.console.calls.search_form import CUSTOM_PERIOD, DEFAULT_PERIOD, MAX_SEARCH_DAYS, PERIOD_LABELS, InvalidSearch
from ccfs.model.calls.statistics import QUARTER_HOUR, CallStatistics, merge_statistics, quarter_start
from ccfs.model.exports.time_window import TimeWindow, to_local, to_utc

MAX_HOURLY_DAYS: Final = 7  # days that are still shown hour by hour
DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class StatisticsPeriod:
    """A window, whose ends lie where hours or days do, and the words in which it was asked for."""

    window: TimeWindow
    is_hourly: bool
    fields: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class StatisticsSlot:
    """One hour or day, and the calls that began in it."""

    begin: datetime  # in the zone
    end: datetime
    statistics: CallStatistics

    @property
    def is_ambiguous(self) -> bool:
        """Whether the clock shows this time once more."""
        return self.begin.replace(fold=0).utcoffset() != self.begin.replace(fold=1).utcoffset()


def parse_period(asked: Mapping[str, str], zone: ZoneInfo, now: datetime) -> StatisticsPeriod:
    """The period that a page's parameters ask for; raises Unclear."""
    words = {name: asked.get(name, "").strip() for name in ("period", "from", "to")}
    today = to_local(now, zone).date()
    if words["from"] or words["to"]:
        words["period"] = CUSTOM_PERIOD
        first, last = _parse_day(words["from"], today), _parse_day(words["to"], today)
        if not timedelta() <= last - first < MAX_SEARCH_DAYS * DAY:
            raise InvalidSearch("The end lies before the begin, or more than 366 days after it.")
        words["from"], words["to"] = first.isoformat(), last.isoformat()
        window = TimeWindow(begin=_midnight(first, zone), end=_midnight(last + DAY, zone))
        return StatisticsPeriod(window=window, is_hourly=(last - first).days < MAX_HOURLY_DAYS, fields=words)
    words["period"] = words["period"] if words["period"] in PERIOD_LABELS else DEFAULT_PERIOD
    days = int(words["period"])
    hour = _floor_to_hour(now, zone)
    if days == 1:
        window = TimeWindow(begin=_floor_to_hour(hour - timedelta(hours=23), zone), end=hour + timedelta(hours=1))
    else:
        begin = _midnight(today - (days - 1) * DAY, zone)
        window = TimeWindow(
            begin=begin, end=hour + timedelta(hours=1) if days <= MAX_HOURLY_DAYS else _midnight(today + DAY, zone)
        )
    return StatisticsPeriod(window=window, is_hourly=days <= MAX_HOURLY_DAYS, fields=words)


def split_period(
    period: StatisticsPeriod, zone: ZoneInfo, counts: Mapping[datetime, CallStatistics]
) -> list[StatisticsSlot]:
    """The period's hours or days, those without calls too. `counts` are by quarters of an hour."""
    slots = []
    for _, some in groupby(
        _iter_quarters(period.window), lambda begin: _get_slot_key(begin.astimezone(zone), period.is_hourly)
    ):
        quarters = list(some)
        whole = merge_statistics(counts[begin] for begin in quarters if begin in counts)
        begin, end = quarters[0].astimezone(zone), (quarters[-1] + QUARTER_HOUR).astimezone(zone)
        slots.append(StatisticsSlot(begin=begin, end=end, statistics=whole))
    return slots


def _get_slot_key(there: datetime, is_by_hour: bool) -> tuple[object, ...]:
    return (there.date(), there.hour, there.fold, there.utcoffset()) if is_by_hour else (there.date(),)


def _iter_quarters(window: TimeWindow) -> Iterator[datetime]:
    begin = quarter_start(window.begin)
    while begin < window.end:
        yield begin
        begin += QUARTER_HOUR


def _floor_to_hour(moment: datetime, zone: ZoneInfo) -> datetime:
    """The begin of the hour that the zone's clock shows at an instant."""
    there = moment.astimezone(zone)
    return (moment - timedelta(minutes=there.minute, seconds=there.second, microseconds=there.microsecond)).astimezone(
        UTC
    )


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return to_utc(datetime.combine(day, time()), zone)


def _parse_day(text: str, otherwise: date) -> date:
    try:
        day = date.fromisoformat(text) if text else otherwise
    except ValueError:
        raise InvalidSearch("A day looks like 2026-11-21.") from None
    if not 1970 < day.year < 9000:
        raise InvalidSearch("A day looks like 2026-11-21.")
    return day
