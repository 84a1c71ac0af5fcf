"""The period that an ask names, as a window of instants; what is wrong with it, as the interface's errors. Nothing else."""

from datetime import datetime
from zoneinfo import ZoneInfo

from ccfs.model import errors
from ccfs.model.exports.time_window import (
    InvalidTime,
    TimeWindow,
    WindowEndsBeforeBegin,
    WindowTooWide,
    build_window,
    parse_local,
    to_utc,
)


def parse_time_range(begin: str, end: str, zone: ZoneInfo, *, days: int) -> TimeWindow:
    """The window from `beginTime` to `endTime`, both in it; raises WrongFormat, BeginAfterEnd or SpanTooWide."""
    first, last = _parse_time(begin, zone, "beginTime"), _parse_time(end, zone, "endTime")
    try:
        return build_window(first, last, zone, days=days)
    except WindowEndsBeforeBegin:
        raise errors.BeginAfterEnd from None
    except WindowTooWide:
        raise errors.PeriodTooLong(str(days)) from None
    except InvalidTime:  # the second after it
        raise errors.InvalidFormat("endTime") from None


def _parse_time(value: str, zone: ZoneInfo, name: str) -> datetime:
    """The time on the wall; refused by its name where the calendar has no such moment."""
    try:
        wall_clock = parse_local(value)
        to_utc(wall_clock, zone)
        return wall_clock
    except InvalidTime:
        raise errors.InvalidFormat(name) from None
