"""Months as numbers, such as 202405 for May 2024 in UTC: the partition key of the tables that grow with every call."""

from datetime import UTC, date, datetime, timedelta

FIRST_MONTH, LAST_MONTH = 200001, 209912  # all earlier months share one partition, and so do all later ones
UNDATED = 0  # of a recording without a date in its name


def month_key(instant: datetime) -> int:
    """Return the month in which an instant falls."""
    utc = instant.astimezone(UTC)
    return utc.year * 100 + utc.month


def month_start(month: int) -> datetime:
    """Return the first instant of a month."""
    return datetime(month // 100, month % 100, 1, tzinfo=UTC)


def add_months(month: int, count: int = 1) -> int:
    """Return the month that is `count` months later, or earlier if `count` is negative."""
    number = month // 100 * 12 + month % 100 - 1 + count
    return number // 12 * 100 + number % 12 + 1


def shift_clamped(instant: datetime, span: timedelta) -> datetime:
    """Return an instant plus `span`, clamped to the range of the calendar."""
    try:
        return instant.astimezone(UTC) + span
    except OverflowError:
        return (datetime.max if span > timedelta() else datetime.min).replace(tzinfo=UTC)


def has_own_partition(month: int) -> bool:
    """Return whether the month has its own partition."""
    return FIRST_MONTH <= month <= LAST_MONTH


def parse_month_key(name: str) -> int:
    """Return the month in a recording's index name or original name, …/{yyyymmdd}/{agent}/{file}, or else UNDATED.

    The month depends only on the name, so a name that is unique within its month is unique across all months.
    """
    folders = name.split("/")
    day = folders[-3] if len(folders) > 2 else ""
    if len(day) != 8 or not (day.isascii() and day.isdecimal()):
        return UNDATED
    try:
        day_of_name = date(int(day[:4]), int(day[4:6]), int(day[6:]))
    except ValueError:
        return UNDATED
    month = day_of_name.year * 100 + day_of_name.month
    return month if has_own_partition(month) else UNDATED
