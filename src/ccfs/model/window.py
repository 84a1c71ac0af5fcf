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
_TEXT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}")


class NotATime(ValueError):
    """The text is no time of the form yyyy-MM-dd HH:mm:ss, or the time is outside the calendar."""


class WindowRefused(ValueError):
    """The window of time cannot be asked for."""


class BeginsAfterEnd(WindowRefused):
    """The begin is later than the end."""


class TooWide(WindowRefused):
    """The window is wider than is allowed."""


def parse(text: str) -> datetime:
    """The naive wall-clock time that ``yyyy-MM-dd HH:mm:ss`` says; NotATime for any other text."""
    if not _TEXT.fullmatch(text):
        raise NotATime(f"{text[:40]!r} is not of the form yyyy-MM-dd HH:mm:ss")
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise NotATime(f"{text!r} is no date and time of the calendar") from None


def text(wall_clock: datetime) -> str:
    """``yyyy-MM-dd HH:mm:ss`` of a wall-clock time; fractions of a second are cut off."""
    return wall_clock.replace(tzinfo=None).isoformat(sep=" ", timespec="seconds")


def local(instant_utc: datetime, zone: ZoneInfo) -> datetime:
    """The naive wall-clock time in a zone at an (aware) instant; NotATime where the calendar ends."""
    try:
        return instant_utc.astimezone(zone).replace(tzinfo=None, fold=0)
    except OverflowError:
        raise NotATime(f"{instant_utc} is outside the calendar in {zone.key}") from None


def instant(wall_clock: datetime, zone: ZoneInfo, *, fold: int = 0) -> datetime:
    """The instant, aware and in UTC, of a naive wall-clock time in a zone; NotATime where the calendar ends.

    A time that comes twice means its first coming, with ``fold=1`` its second. A time in a gap is moved forward.
    """
    candidates = [_instant(wall_clock, zone, 0), _instant(wall_clock, zone, 1)]
    in_gap = candidates[0] > candidates[1]
    return candidates[0 if in_gap else fold]


def _instant(wall_clock: datetime, zone: ZoneInfo, fold: int) -> datetime:
    try:
        return wall_clock.replace(tzinfo=zone, fold=fold).astimezone(UTC)
    except OverflowError:
        raise NotATime(f"{wall_clock} is outside the calendar in {zone.key}") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A half-open span of time, aware instants in UTC: begin is in it, end is the first instant after it."""

    begin: datetime
    end: datetime

    def __contains__(self, moment: datetime) -> bool:
        return self.begin <= moment < self.end


def window(begin: datetime, end: datetime, zone: ZoneInfo, *, days: int) -> Window:
    """The window of a query, whose begin and end are naive wall-clock seconds in a zone, both asked for.

    The second named as end is in the window whole. The width is counted on the wall clock, as the asker counts it, and
    may be `days` days exactly. Where an hour comes twice, the window has both comings of it.
    Raises BeginsAfterEnd, TooWide, or NotATime.
    """
    if begin > end:
        raise BeginsAfterEnd(f"{text(begin)} is later than {text(end)}")
    if end - begin > timedelta(days=days):
        raise TooWide(f"{text(begin)} to {text(end)} is more than {days} days")
    try:
        return Window(begin=instant(begin, zone), end=instant(end, zone, fold=1) + SECOND)
    except OverflowError:
        raise NotATime(f"{text(end)} is outside the calendar") from None
