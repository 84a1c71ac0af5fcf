"""Local times and windows of time: an account's wall clock <-> UTC, and the span that a query may ask for.

Pure, no clock. Two hours a year need a rule:

* a wall-clock time that comes twice (clocks go back) means its first coming, unless ``fold=1`` asks for the second;
* a wall-clock time that never comes (clocks go forward) is moved forward by the length of the gap: 02:30 is 03:30.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

SECOND = timedelta(seconds=1)
_LOCAL_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}")


class InvalidTime(ValueError):
    """The text is no time of the form yyyy-MM-dd HH:mm:ss, or the time is outside the calendar."""


class InvalidWindow(ValueError):
    """The window of time cannot be asked for."""


class WindowEndsBeforeBegin(InvalidWindow):
    """The begin is later than the end."""


class WindowTooWide(InvalidWindow):
    """The window is wider than is allowed."""


def parse_local(text: str) -> datetime:
    """The naive wall-clock time that ``yyyy-MM-dd HH:mm:ss`` says; NotATime for any other text."""
    if not _LOCAL_TIME.fullmatch(text):
        raise InvalidTime(f"{text[:40]!r} is not of the form yyyy-MM-dd HH:mm:ss")
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise InvalidTime(f"{text!r} is no date and time of the calendar") from None


def format_local(wall_clock: datetime) -> str:
    """``yyyy-MM-dd HH:mm:ss`` of a wall-clock time; fractions of a second are cut off."""
    return wall_clock.replace(tzinfo=None).isoformat(sep=" ", timespec="seconds")


def to_local(instant_utc: datetime, zone: ZoneInfo) -> datetime:
    """The naive wall-clock time in a zone at an (aware) instant; NotATime where the calendar ends."""
    try:
        return instant_utc.astimezone(zone).replace(tzinfo=None, fold=0)
    except OverflowError:
        raise InvalidTime(f"{instant_utc} is outside the calendar in {zone.key}") from None


def to_utc(wall_clock: datetime, zone: ZoneInfo, *, fold: int = 0) -> datetime:
    """The instant, aware and in UTC, of a naive wall-clock time in a zone; NotATime where the calendar ends.

    A time that comes twice means its first coming, with ``fold=1`` its second. A time in a gap is moved forward.
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
    """A half-open span of time, aware instants in UTC: begin is in it, end is the first instant after it."""

    begin: datetime
    end: datetime

    def __contains__(self, moment: datetime) -> bool:
        return self.begin <= moment < self.end


def build_window(begin: datetime, end: datetime, zone: ZoneInfo, *, days: int) -> TimeWindow:
    """The window of a query, whose begin and end are naive wall-clock seconds in a zone, both asked for.

    The second named as end is in the window whole. The width is counted on the wall clock, as the asker counts it, and
    may be `days` days exactly. Where an hour comes twice, the window has both comings of it.
    Raises BeginsAfterEnd, TooWide, or NotATime.
    """
    if begin > end:
        raise WindowEndsBeforeBegin(f"{format_local(begin)} is later than {format_local(end)}")
    if end - begin > timedelta(days=days):
        raise WindowTooWide(f"{format_local(begin)} to {format_local(end)} is more than {days} days")
    try:
        return TimeWindow(begin=to_utc(begin, zone), end=to_utc(end, zone, fold=1) + SECOND)
    except OverflowError:
        raise InvalidTime(f"{format_local(end)} is outside the calendar") from None
