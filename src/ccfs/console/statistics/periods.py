"""The period of the statistics page: parsed from parameters, with its step and the period before it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from ccfs.console.calls.search_form import CUSTOM_PERIOD, MAX_SEARCH_DAYS, InvalidSearch
from ccfs.console.labels import STATISTICS_PERIODS
from ccfs.model.calls.statistics import QUARTER_HOUR, quarter_start
from ccfs.model.calls.statistics_slots import DAY, MAX_DAYS, Step, get_midnight
from ccfs.model.exports.time_window import TimeWindow, to_local, to_utc

DEFAULT_PERIOD: Final = "7"
_DEFAULT_STEPS: Final = ((3, Step.HOUR), (92, Step.DAY), (366, Step.WEEK))  # (up to so many days, step)


@dataclass(frozen=True, slots=True, kw_only=True)
class StatisticsPeriod:
    """Whole days of an account's clock, of which the last may be today, and how they are split."""

    window: TimeWindow  # of today, until the end of the current quarter hour
    days: TimeWindow  # the same, until the end of the last day
    previous: TimeWindow  # of the same length
    step: Step
    steps: tuple[Step, ...]  # that the period allows
    is_current: bool  # includes today, so that it changes
    fields: Mapping[str, str]


def parse_period(parameters: Mapping[str, str], zone: ZoneInfo, now: datetime) -> StatisticsPeriod:
    """Return the period that parameters describe. Raise InvalidSearch."""
    fields = {name: parameters.get(name, "").strip() for name in ("period", "from", "to", "step")}
    today = to_local(now, zone).date()
    if fields["from"] or fields["to"]:
        fields["period"] = CUSTOM_PERIOD
        last = _parse_day(fields["to"], today)
        first = _parse_day(fields["from"], last - (int(DEFAULT_PERIOD) - 1) * DAY)
        if not timedelta() <= last - first < MAX_SEARCH_DAYS * DAY:
            raise InvalidSearch("The end must not be before the start, and the period must not exceed 366 days.")
        fields["from"], fields["to"] = first.isoformat(), last.isoformat()
        back = (last - first).days + 1
    else:
        fields["period"] = fields["period"] if fields["period"] in STATISTICS_PERIODS else DEFAULT_PERIOD
        first, last, back = _get_preset(fields["period"], today)
    return _build_period(first, last, back, fields, zone, now)


def _get_preset(name: str, today: date) -> tuple[date, date, int]:
    """Return the first and last day, and by how many days the period before is earlier."""
    monday = today - DAY * today.weekday()
    presets = {
        "today": (today, today, 1),
        "yesterday": (today - DAY, today - DAY, 1),
        "this_week": (monday, today, 7),
        "last_week": (monday - 7 * DAY, monday - DAY, 7),
    }
    if name in presets:
        return presets[name]
    number = int(name)
    return today - DAY * (number - 1), today, number


def _build_period(
    first: date, last: date, back: int, fields: dict[str, str], zone: ZoneInfo, now: datetime
) -> StatisticsPeriod:
    begin, end = get_midnight(first, zone), get_midnight(last + DAY, zone)
    current = min(end, max(quarter_start(now), begin) + QUARTER_HOUR)
    number = (last - first).days + 1
    steps = tuple(step for step in Step if number <= MAX_DAYS[step])
    default = next(step for days, step in _DEFAULT_STEPS if number <= days)
    step = next((step for step in steps if step == fields["step"]), default)
    fields["step"] = step
    previous_end = get_midnight(last + DAY - DAY * back, zone)
    if current < end:
        previous_end = to_utc(to_local(current, zone) - DAY * back, zone)
    previous_begin = get_midnight(first - DAY * back, zone)
    return StatisticsPeriod(
        window=TimeWindow(begin=begin, end=current),
        days=TimeWindow(begin=begin, end=end),
        previous=TimeWindow(begin=previous_begin, end=max(previous_end, previous_begin + QUARTER_HOUR)),
        step=step,
        steps=steps,
        is_current=begin <= now < end,
        fields=fields,
    )


def _parse_day(text: str, default: date) -> date:
    try:
        day = date.fromisoformat(text) if text else default
    except ValueError:
        raise InvalidSearch("Enter a date such as 2026-11-21.") from None
    if not 1971 < day.year < 9000:
        raise InvalidSearch("Enter a date such as 2026-11-21.")
    return day
