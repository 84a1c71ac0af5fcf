"""The period of the statistics page: parsed from parameters, and split into hours or days of an account's zone. Pure.

An hour that clocks show twice is two slots. A day has 23 or 25 hours when the clock changes.
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

MAX_HOURLY_DAYS: Final = 7  # longer periods are split into days
DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class StatisticsPeriod:
    """A window that begins and ends at full hours or days, and the fields that describe it."""

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
        """Whether the clock shows this time twice."""
        return self.begin.replace(fold=0).utcoffset() != self.begin.replace(fold=1).utcoffset()


def parse_period(parameters: Mapping[str, str], zone: ZoneInfo, now: datetime) -> StatisticsPeriod:
    """Return the period that parameters describe. Raise InvalidSearch."""
    fields = {name: parameters.get(name, "").strip() for name in ("period", "from", "to")}
    today = to_local(now, zone).date()
    if fields["from"] or fields["to"]:
        fields["period"] = CUSTOM_PERIOD
        last = _parse_day(fields["to"], today)
        first = _parse_day(fields["from"], last - (int(DEFAULT_PERIOD) - 1) * DAY)
        if not timedelta() <= last - first < MAX_SEARCH_DAYS * DAY:
            raise InvalidSearch("The end must not be before the start, and the period must not exceed 366 days.")
        fields["from"], fields["to"] = first.isoformat(), last.isoformat()
        window = TimeWindow(begin=_midnight(first, zone), end=_midnight(last + DAY, zone))
        return StatisticsPeriod(window=window, is_hourly=(last - first).days < MAX_HOURLY_DAYS, fields=fields)
    fields["period"] = fields["period"] if fields["period"] in PERIOD_LABELS else DEFAULT_PERIOD
    days = int(fields["period"])
    hour = _floor_to_hour(now, zone)
    if days == 1:
        window = TimeWindow(begin=_floor_to_hour(hour - timedelta(hours=23), zone), end=hour + timedelta(hours=1))
    else:
        begin = _midnight(today - (days - 1) * DAY, zone)
        window = TimeWindow(
            begin=begin, end=hour + timedelta(hours=1) if days <= MAX_HOURLY_DAYS else _midnight(today + DAY, zone)
        )
    return StatisticsPeriod(window=window, is_hourly=days <= MAX_HOURLY_DAYS, fields=fields)


def split_period(
    period: StatisticsPeriod, zone: ZoneInfo, counts: Mapping[datetime, CallStatistics]
) -> list[StatisticsSlot]:
    """Return the period's hours or days, with those without calls. `counts` are by quarters of an hour."""
    slots = []
    for _, group in groupby(
        _iter_quarters(period.window), lambda begin: _get_slot_key(begin.astimezone(zone), period.is_hourly)
    ):
        quarters = list(group)
        statistics = merge_statistics(counts[begin] for begin in quarters if begin in counts)
        begin, end = quarters[0].astimezone(zone), (quarters[-1] + QUARTER_HOUR).astimezone(zone)
        slots.append(StatisticsSlot(begin=begin, end=end, statistics=statistics))
    return slots


def _get_slot_key(local: datetime, is_hourly: bool) -> tuple[object, ...]:
    return (local.date(), local.hour, local.fold, local.utcoffset()) if is_hourly else (local.date(),)


def _iter_quarters(window: TimeWindow) -> Iterator[datetime]:
    begin = quarter_start(window.begin)
    while begin < window.end:
        yield begin
        begin += QUARTER_HOUR


def _floor_to_hour(instant: datetime, zone: ZoneInfo) -> datetime:
    """Return the start of the hour that the zone's clock shows at an instant."""
    local = instant.astimezone(zone)
    past_hour = timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
    return (instant - past_hour).astimezone(UTC)


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return to_utc(datetime.combine(day, time()), zone)


def _parse_day(text: str, default: date) -> date:
    try:
        day = date.fromisoformat(text) if text else default
    except ValueError:
        raise InvalidSearch("Enter a date such as 2026-11-21.") from None
    if not 1970 < day.year < 9000:
        raise InvalidSearch("Enter a date such as 2026-11-21.")
    return day
