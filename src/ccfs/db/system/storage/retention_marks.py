"""Months that retention will delete: which there are, how much is in them, and which are marked."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ccfs.db import partitions, schema
from ccfs.db.statements import insert_or_ignore
from ccfs.model.calls import partition_month

_MARKS = schema.retention_marks
MARK_PERIOD: Final = timedelta(days=1)  # between a mark and the deletion
# Every table with rows that age, and the instant by which they do. Those of partitions.AGE_COLUMN come first.
AGE_COLUMNS: Final[dict[str, sa.Column[Any]]] = {
    **{table.name: table.c[column] for table, column in partitions.AGE_COLUMN.items()},
    "call_statistics": schema.call_statistics.c.begin,
    "channel_events": schema.channel_events.c.begin,
    "leg_links": schema.leg_links.c.begin,
    "search_values": schema.search_values.c.last_month,
    "unassigned_records": schema.unassigned_records.c.seen_at,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthSummary:
    """The rows of a table in a month."""

    table: str
    month: int
    rows: int
    size: int = 0  # bytes of recordings
    oldest: datetime | None = None
    newest: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionMark:
    """A month of a table that will be deleted."""

    table: str
    month: int
    marked_at: datetime


def list_marks(connection: Connection) -> list[RetentionMark]:
    """Return all marks, the oldest month first."""
    rows = connection.execute(sa.select(_MARKS).order_by(_MARKS.c.month, _MARKS.c.table_name))
    return [RetentionMark(table=row.table_name, month=row.month, marked_at=row.marked_at) for row in rows]


def add(connection: Connection, table: str, month: int, now: datetime) -> bool:
    """Mark a month. Return whether it was not marked before."""
    new = insert_or_ignore(connection, _MARKS).values(table_name=table, month=month, marked_at=now)
    return connection.execute(new.returning(_MARKS.c.month)).first() is not None


def delete(connection: Connection, mark: RetentionMark) -> None:
    """Delete a mark."""
    connection.execute(sa.delete(_MARKS).where(_MARKS.c.table_name == mark.table, _MARKS.c.month == mark.month))


def list_months(connection: Connection, table: str, first_kept: int) -> set[int]:
    """Return the months before `first_kept` of which a table has rows, or on PostgreSQL a partition."""
    age, before = AGE_COLUMNS[table], partition_month.month_start(first_kept)
    if connection.dialect.name != "postgresql" or age.table not in partitions.AGE_COLUMN:
        return set(_walk_months(connection, age.table, age.name, before))
    months = {month for month in partitions.list_months(connection, table) if month < first_kept}
    early = sa.table(f"{table}_early", sa.column("app"), sa.column(age.name, age.type))
    return months | set(_walk_months(connection, early, age.name, before))


def _walk_months(connection: Connection, table: Any, age: str, before: datetime) -> Iterable[int]:
    """Yield the months of rows before an instant, app by app: with an index, one step in it for each."""
    for app in connection.execute(sa.select(schema.apps.c.id)).scalars().all():
        first = sa.select(table.c[age]).where(table.c.app == app, table.c[age] < before).order_by(table.c[age]).limit(1)
        instant = connection.execute(first).scalar()
        while instant is not None:
            month = partition_month.month_key(instant)
            yield month
            following = partition_month.month_start(partition_month.add_months(month))
            instant = connection.execute(first.where(table.c[age] >= following)).scalar()


def summarise(connection: Connection, table: str, month: int) -> MonthSummary:
    """Return how much there is of a table in a month."""
    age = AGE_COLUMNS[table]
    begin = partition_month.month_start(month)
    in_month = (age >= begin) & (age < partition_month.month_start(partition_month.add_months(month)))
    if age.table is schema.recordings and connection.dialect.name == "postgresql":
        by_name = schema.recordings.c.month
        in_month = (by_name == month) | ((by_name < partition_month.FIRST_MONTH) & in_month)
    size = sa.func.sum(schema.recordings.c.size) if age.table is schema.recordings else sa.literal(0)
    counts = sa.select(sa.func.count(), size, sa.func.min(age), sa.func.max(age)).select_from(age.table)
    rows, total, oldest, newest = connection.execute(counts.where(in_month)).one()
    return MonthSummary(table=table, month=month, rows=rows, size=int(total or 0), oldest=oldest, newest=newest)
