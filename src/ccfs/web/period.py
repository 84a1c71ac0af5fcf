"""The period that an ask names, as a window of instants; what is wrong with it, as the interface's errors. Nothing else."""

from datetime import datetime
from zoneinfo import ZoneInfo

from ccfs.model import errors
from ccfs.model.window import BeginsAfterEnd, NotATime, TooWide, Window, instant, parse, window


def period(begin: str, end: str, zone: ZoneInfo, *, days: int) -> Window:
    """The window from `beginTime` to `endTime`, both in it; raises WrongFormat, BeginAfterEnd or SpanTooWide."""
    first, last = _time(begin, zone, "beginTime"), _time(end, zone, "endTime")
    try:
        return window(first, last, zone, days=days)
    except BeginsAfterEnd:
        raise errors.BeginAfterEnd from None
    except TooWide:
        raise errors.SpanTooWide(str(days)) from None
    except NotATime:  # the second after it
        raise errors.WrongFormat("endTime") from None


def _time(value: str, zone: ZoneInfo, name: str) -> datetime:
    """The time on the wall; refused by its name where the calendar has no such moment."""
    try:
        wall_clock = parse(value)
        instant(wall_clock, zone)
        return wall_clock
    except NotATime:
        raise errors.WrongFormat(name) from None
