"""The period of figures, as the address of their page says it, and cut into hours or days of an account's zone. Pure.

An hour that is there twice, when clocks go back, is two; a day has 23 or 25 hours where it has.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import groupby
from typing import Final
from zoneinfo import ZoneInfo

from ccfs.model.call_count import QUARTER, Counts, quarter, total
from ccfs.model.window import Window, instant, local
from ccfs.web.console.asking import OTHER, PERIODS, USUAL, WIDEST, Unclear

BY_HOUR: Final = 7  # days that are still shown hour by hour
DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """A window, whose ends lie where hours or days do, and the words in which it was asked for."""

    window: Window
    is_by_hour: bool
    words: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """One hour or day, and the calls that began in it."""

    begin: datetime  # in the zone
    end: datetime
    counts: Counts

    @property
    def is_twice(self) -> bool:
        """Whether the clock shows this time once more."""
        return self.begin.replace(fold=0).utcoffset() != self.begin.replace(fold=1).utcoffset()


def read(asked: Mapping[str, str], zone: ZoneInfo, now: datetime) -> Period:
    """The period that a page's parameters ask for; raises Unclear."""
    words = {name: asked.get(name, "").strip() for name in ("when", "from", "to")}
    today = local(now, zone).date()
    if words["from"] or words["to"]:
        words["when"] = OTHER
        first, last = _day(words["from"], today), _day(words["to"], today)
        if not timedelta() <= last - first < WIDEST * DAY:
            raise Unclear("The end lies before the begin, or more than 366 days after it.")
        words["from"], words["to"] = first.isoformat(), last.isoformat()
        window = Window(begin=_midnight(first, zone), end=_midnight(last + DAY, zone))
        return Period(window=window, is_by_hour=(last - first).days < BY_HOUR, words=words)
    words["when"] = words["when"] if words["when"] in PERIODS else USUAL
    days = int(words["when"])
    hour = _hour(now, zone)
    if days == 1:
        window = Window(begin=_hour(hour - timedelta(hours=23), zone), end=hour + timedelta(hours=1))
    else:
        begin = _midnight(today - (days - 1) * DAY, zone)
        window = Window(begin=begin, end=hour + timedelta(hours=1) if days <= BY_HOUR else _midnight(today + DAY, zone))
    return Period(window=window, is_by_hour=days <= BY_HOUR, words=words)


def cut(period: Period, zone: ZoneInfo, counts: Mapping[datetime, Counts]) -> list[Slot]:
    """The period's hours or days, those without calls too. `counts` are by quarters of an hour."""
    slots = []
    for _, some in groupby(_quarters(period.window), lambda begin: _place(begin.astimezone(zone), period.is_by_hour)):
        quarters = list(some)
        whole = total(counts[begin] for begin in quarters if begin in counts)
        begin, end = quarters[0].astimezone(zone), (quarters[-1] + QUARTER).astimezone(zone)
        slots.append(Slot(begin=begin, end=end, counts=whole))
    return slots


def _place(there: datetime, is_by_hour: bool) -> tuple[object, ...]:
    return (there.date(), there.hour, there.fold, there.utcoffset()) if is_by_hour else (there.date(),)


def _quarters(window: Window) -> Iterator[datetime]:
    begin = quarter(window.begin)
    while begin < window.end:
        yield begin
        begin += QUARTER


def _hour(moment: datetime, zone: ZoneInfo) -> datetime:
    """The begin of the hour that the zone's clock shows at an instant."""
    there = moment.astimezone(zone)
    return (moment - timedelta(minutes=there.minute, seconds=there.second, microseconds=there.microsecond)).astimezone(
        UTC
    )


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return instant(datetime.combine(day, time()), zone)


def _day(text: str, otherwise: date) -> date:
    try:
        day = date.fromisoformat(text) if text else otherwise
    except ValueError:
        raise Unclear("A day looks like 2026-11-21.") from None
    if not 1970 < day.year < 9000:
        raise Unclear("A day looks like 2026-11-21.")
    return day
