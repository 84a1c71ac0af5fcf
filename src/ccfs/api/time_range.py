"""The period of a request as a window of instants, and its errors as those of the interface."""

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
    """Return the window from `beginTime` to `endTime`, both included.

    Raise InvalidFormat, BeginAfterEnd or PeriodTooLong.
    """
    first, last = _parse_time(begin, zone, "beginTime"), _parse_time(end, zone, "endTime")
    try:
        return build_window(first, last, zone, days=days)
    except WindowEndsBeforeBegin:
        raise errors.BeginAfterEnd from None
    except WindowTooWide:
        raise errors.PeriodTooLong(str(days)) from None
    except InvalidTime:  # the second after endTime is beyond the calendar
        raise errors.InvalidFormat("endTime") from None


def _parse_time(value: str, zone: ZoneInfo, name: str) -> datetime:
    """Return the local time; raise InvalidFormat with the field's name if the calendar has no such moment."""
    try:
        local_time = parse_local(value)
        to_utc(local_time, zone)
        return local_time
    except InvalidTime:
        raise errors.InvalidFormat(name) from None
