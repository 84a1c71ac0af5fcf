"""Time windows of queries, and the conversion between an account's wall clock and UTC.

Two hours a year need a rule:

* a wall-clock time that occurs twice (clocks go back) means the first occurrence, unless ``fold=1`` requests the second;
* a wall-clock time that never occurs (clocks go forward) is moved forward by the length of the gap: 02:30 is 03:30.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

SECOND = timedelta(seconds=1)
_LOCAL_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}")


class InvalidTime(ValueError):
    """The text does not have the format yyyy-MM-dd HH:mm:ss, or the time is outside the calendar's range."""


class InvalidWindow(ValueError):
    """The time window is not allowed."""


class WindowEndsBeforeBegin(InvalidWindow):
    """The begin is after the end."""


class WindowTooWide(InvalidWindow):
    """The window is wider than allowed."""


def parse_local(text: str) -> datetime:
    """Return the naive wall-clock time for ``yyyy-MM-dd HH:mm:ss``; raises InvalidTime for any other text."""
    if not _LOCAL_TIME.fullmatch(text):
        raise InvalidTime(f"{text[:40]!r} is not of the form yyyy-MM-dd HH:mm:ss")
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise InvalidTime(f"{text!r} is no date and time of the calendar") from None


def format_local(wall_clock: datetime) -> str:
    """Return a wall-clock time as ``yyyy-MM-dd HH:mm:ss``, without fractions of a second."""
    return wall_clock.replace(tzinfo=None).isoformat(sep=" ", timespec="seconds")


def to_local(instant_utc: datetime, zone: ZoneInfo) -> datetime:
    """Return an (aware) instant as naive wall-clock time in a zone; raises InvalidTime outside the calendar's range."""
    try:
        return instant_utc.astimezone(zone).replace(tzinfo=None, fold=0)
    except OverflowError:
        raise InvalidTime(f"{instant_utc} is outside the calendar in {zone.key}") from None


def to_utc(wall_clock: datetime, zone: ZoneInfo, *, fold: int = 0) -> datetime:
    """Return a naive wall-clock time in a zone as an aware UTC instant.

    For a time that occurs twice, ``fold=1`` selects the second occurrence. A time in a gap is moved forward. Raises
    InvalidTime outside the calendar's range.
    """
    candidates = [_to_utc(wall_clock, zone, 0), _to_utc(wall_clock, zone, 1)]
    in_gap = candidates[0] > candidates[1]
    return candidates[0 if in_gap else fold]


def _to_utc(wall_clock: datetime, zone: ZoneInfo, fold: int) -> datetime:
    try:
        return wall_clock.replace(tzinfo=zone, fold=fold).astimezone(UTC)
    except OverflowError:
        raise InvalidTime(f"{wall_clock} is outside the calendar in {zone.key}") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeWindow:
    """A half-open interval of aware instants in UTC: it includes `begin` but not `end`."""

    begin: datetime
    end: datetime

    def __contains__(self, moment: datetime) -> bool:
        return self.begin <= moment < self.end


def build_window(begin: datetime, end: datetime, zone: ZoneInfo, *, days: int) -> TimeWindow:
    """Return the window for a query whose begin and end are naive wall-clock seconds in a zone, both inclusive.

    The width is measured in wall-clock time and may be exactly `days` days. If an hour occurs twice, the window
    contains both occurrences. Raises WindowEndsBeforeBegin, WindowTooWide or InvalidTime.
    """
    if begin > end:
        raise WindowEndsBeforeBegin(f"{format_local(begin)} is later than {format_local(end)}")
    if end - begin > timedelta(days=days):
        raise WindowTooWide(f"{format_local(begin)} to {format_local(end)} is more than {days} days")
    try:
        return TimeWindow(begin=to_utc(begin, zone), end=to_utc(end, zone, fold=1) + SECOND)
    except OverflowError:
        raise InvalidTime(f"{format_local(end)} is outside the calendar") from None
