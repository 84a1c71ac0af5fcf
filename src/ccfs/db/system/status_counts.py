"""Counts over all apps for the status of the installation. Each query reads a bounded number of rows, through an index."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ccfs.db import schema

MAX_COUNTED: Final = 10_000  # rows that a count reads; a higher count is not needed to act
MAX_SOURCES: Final = 100
MAX_GROWTH_ROWS: Final = 50_000  # newest recordings of a location that its growth is computed from
GROWTH_PERIOD: Final = timedelta(days=7)
MIN_GROWTH_PERIOD: Final = timedelta(hours=1)  # shorter ones say nothing about a day
_DELIVERIES, _EXPORTS = schema.deliveries, schema.exports
_EXPECTED, _ERRORS, _RECORDINGS = schema.expected_recordings, schema.ingest_errors, schema.recordings


@dataclass(frozen=True, slots=True, kw_only=True)
class AppCount:
    """A number of rows of one app; MAX_COUNTED over all apps at most."""

    app: int  # apps.id
    count: int
    oldest: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRead:
    """A source file, and when something new was last read from it."""

    app: int
    path: str  # of its cursor
    offset: int  # bytes that are read
    read_at: datetime


def count_dead_deliveries(connection: Connection) -> list[AppCount]:
    """Return the callbacks that are no longer retried."""
    is_dead = _DELIVERIES.c.state == sa.literal_column("'dead'")  # a literal, as in the partial index
    return _count_by_app(connection, sa.select(_DELIVERIES.c.app).where(is_dead))


def count_retried_deliveries(connection: Connection) -> list[AppCount]:
    """Return the callbacks that have failed and will be retried."""
    is_due = _DELIVERIES.c.state == sa.literal_column("'due'")
    due = sa.select(_DELIVERIES.c.app, _DELIVERIES.c.attempts).where(is_due).limit(MAX_COUNTED).subquery()
    return _count_by_app(connection, sa.select(due.c.app).where(due.c.attempts > 0))


def count_failed_exports(connection: Connection) -> list[AppCount]:
    """Return the exports that failed."""
    is_failed = _EXPORTS.c.state == sa.literal_column("'failed'")
    return _count_by_app(connection, sa.select(_EXPORTS.c.app).where(is_failed))


def count_waiting_exports(connection: Connection, before: datetime) -> list[AppCount]:
    """Return the exports that are not ready and were requested before an instant, with the oldest request."""
    is_due = _EXPORTS.c.state == sa.literal_column("'due'")
    due = sa.select(_EXPORTS.c.app, _EXPORTS.c.requested_at.label("at")).where(is_due).limit(MAX_COUNTED).subquery()
    return _count_by_app(connection, sa.select(due.c.app, due.c["at"]).where(due.c["at"] < before))


def count_rejections(connection: Connection) -> list[AppCount]:
    """Return the rejected lines and files."""
    return _count_by_app(connection, sa.select(_ERRORS.c.app))


def count_missing_recordings(connection: Connection) -> list[AppCount]:
    """Return the recordings that were expected and did not arrive in time."""
    return _count_by_app(connection, sa.select(_EXPECTED.c.app).where(_EXPECTED.c.missing_at.is_not(None)))


def count_awaited_recordings(connection: Connection) -> int:
    """Return the number of recordings that may still arrive."""
    is_awaited = _EXPECTED.c.missing_at.is_(None) & (_EXPECTED.c.is_optional == sa.false())
    rows = sa.select(_EXPECTED.c.app).where(is_awaited).limit(MAX_COUNTED).subquery()
    return int(connection.execute(sa.select(sa.func.count()).select_from(rows)).scalar_one())


def list_sources(connection: Connection) -> list[SourceRead]:
    """Return the source files of all apps, those with the latest news first."""
    columns = schema.source_cursors.c
    rows = sa.select(columns.app, columns.path, columns.offset, columns.read_at)
    found = connection.execute(rows.order_by(columns.read_at.desc()).limit(MAX_SOURCES))
    return [SourceRead(**row._mapping) for row in found]


def compute_growth(connection: Connection, location_id: str, now: datetime) -> float | None:
    """Return the bytes of recordings that a location receives in a day, by its last days; None if too few are known."""
    columns = _RECORDINGS.c
    newest = sa.select(columns.size, columns.created_at).where(
        columns.location_id == location_id, columns.created_at > now - GROWTH_PERIOD, columns.created_at <= now
    )
    rows = newest.order_by(columns.created_at.desc()).limit(MAX_GROWTH_ROWS).subquery()
    size = sa.cast(sa.func.sum(rows.c.size), sa.BigInteger)
    total, first, count = connection.execute(sa.select(size, sa.func.min(rows.c.created_at), sa.func.count())).one()
    if first is None or now - first < MIN_GROWTH_PERIOD:
        return None
    is_complete = count < MAX_GROWTH_ROWS and _has_older(connection, location_id, now - GROWTH_PERIOD)
    period = GROWTH_PERIOD if is_complete else now - first
    return float(total) / (period / timedelta(days=1))


def _has_older(connection: Connection, location_id: str, before: datetime) -> bool:
    columns = _RECORDINGS.c
    older = sa.select(columns.created_at).where(columns.location_id == location_id, columns.created_at <= before)
    return connection.execute(older.limit(1)).first() is not None


def _count_by_app(connection: Connection, rows: sa.Select[Any]) -> list[AppCount]:
    """Count the first MAX_COUNTED rows by app; their column `at`, if they have one, gives the oldest."""
    counted = rows.limit(MAX_COUNTED).subquery()
    oldest = sa.func.min(counted.c["at"]) if "at" in counted.c else sa.null()
    query = sa.select(counted.c.app, sa.func.count(), oldest).group_by(counted.c.app).order_by(counted.c.app)
    return [AppCount(app=row[0], count=row[1], oldest=row[2]) for row in connection.execute(query)]
