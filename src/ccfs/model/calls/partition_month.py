"""Months as numbers, 202405 for May 2024 in UTC: what tables that grow are parted by. Pure; no clock, no table."""

from datetime import UTC, date, datetime, timedelta

FIRST_MONTH, LAST_MONTH = (
    200001,
    209912,
)  # months with a part of their own; what is earlier or later shares one with its like
UNDATED = 0  # of a recording whose name tells no date


def month_key(moment: datetime) -> int:
    """The month of an instant."""
    utc = moment.astimezone(UTC)
    return utc.year * 100 + utc.month


def month_start(month: int) -> datetime:
    """The month's first instant."""
    return datetime(month // 100, month % 100, 1, tzinfo=UTC)


def add_months(month: int, count: int = 1) -> int:
    """The month so many months later, or earlier."""
    whole = month // 100 * 12 + month % 100 - 1 + count
    return whole // 12 * 100 + whole % 12 + 1


def shift_clamped(moment: datetime, span: timedelta) -> datetime:
    """The instant so much later, or earlier, but within the calendar."""
    try:
        return moment.astimezone(UTC) + span
    except OverflowError:
        return (datetime.max if span > timedelta() else datetime.min).replace(tzinfo=UTC)


def has_own_partition(month: int) -> bool:
    """Whether the month has a part of its own."""
    return FIRST_MONTH <= month <= LAST_MONTH


def parse_month_key(name: str) -> int:
    """The month that a recording's name tells, index name or original name: …/{yyyymmdd}/{agent}/{file}; else UNDATED.

    A rule of the name alone: a name that is taken in its month is taken in all months.
    """
    folders = name.split("/")
    day = folders[-3] if len(folders) > 2 else ""
    if len(day) != 8 or not (day.isascii() and day.isdecimal()):
        return UNDATED
    try:
        told = date(int(day[:4]), int(day[4:6]), int(day[6:]))
    except ValueError:
        return UNDATED
    month = told.year * 100 + told.month
    return month if has_own_partition(month) else UNDATED
