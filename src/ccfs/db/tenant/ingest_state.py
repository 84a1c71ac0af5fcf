"""Rows of ingest: cursors in a switch's files, files taken, recordings awaited, what was refused and why."""

from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ccfs.db import schema
from ccfs.db.engine import force_custom_plan
from ccfs.db.statements import insert_or_ignore
from ccfs.model.identity.tenancy import App
from ccfs.model.source_files import REREAD

_LOCK_CLASS = 0x63636966  # "ccif": class of the advisory locks that ingest takes, one for each app
_NAMES_PER_QUERY = 1000  # names in one question: every database has a limit for parameters


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestTotals:
    """Ingest of the whole node at a glance."""

    rejected: int
    expected: int
    missing: int
    last_read_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceCursor:
    """How far a switch's file was read."""

    path: str
    first_line: str  # what was read is known by: digest of its first and last bytes; another one: the file is another
    offset: int  # bytes
    line: int  # lines before the offset
    started_at: datetime | None = field(default=None, compare=False)  # last written to then, before it was first read

    @property
    def is_reread_requested(self) -> bool:
        """Whether somebody wants it read again, with what was rotated since it was first read."""
        return self.first_line == REREAD


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestRejection:
    """A line or a file that could not be taken in."""

    file: str
    line: int  # 0 where the whole file is meant
    reason: str
    raw: bytes = b""  # the line's first kilobyte


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedRecording:
    """A recording that a CDR names and that has not come yet."""

    account_id: str
    name: str  # base name of the file
    call_id: str
    since: datetime  # end of the call
    source_key: str = ""  # of the CDR line that names it; the line tells whose voice it is


_EXPECTED_COLUMNS = tuple(one.name for one in fields(ExpectedRecording))


def count_totals(connection: Connection) -> IngestTotals:
    """Counts over all apps, for metrics."""
    awaited = schema.expected_recordings
    waiting, missing = connection.execute(
        sa.select(sa.func.count(), sa.func.count(awaited.c.missing_at)).select_from(awaited)
    ).one()
    refused = connection.execute(sa.select(sa.func.count()).select_from(schema.ingest_errors)).scalar_one()
    read_at = connection.execute(sa.select(sa.func.max(schema.source_cursors.c.read_at))).scalar()
    return IngestTotals(rejected=refused, expected=waiting - missing, missing=missing, last_read_at=read_at)


def lock_app(connection: Connection, app: App) -> None:
    """Wait for other transactions that take in calls of the app, and hold up later ones till this one ends."""
    if connection.dialect.name == "postgresql":  # SQLite has one writer
        connection.execute(sa.text("SELECT pg_advisory_xact_lock(:class, :app)"), {"class": _LOCK_CLASS, "app": app.id})
        force_custom_plan(connection)


def find_cursor(connection: Connection, app: App, path: str) -> SourceCursor | None:
    """How far the app's file was read."""
    table = schema.source_cursors
    row = connection.execute(sa.select(table).where(table.c.app == app.id, table.c.path == path)).one_or_none()
    return _build_cursor(row) if row else None


def list_cursors(connection: Connection, app: App, limit: int = 200) -> list[tuple[SourceCursor, datetime]]:
    """How far each of the app's files was read, and when; the one read last comes first."""
    table = schema.source_cursors
    rows = connection.execute(
        sa.select(table).where(table.c.app == app.id).order_by(table.c.read_at.desc()).limit(limit)
    )
    return [(_build_cursor(row), row.read_at) for row in rows]


def set_cursor(connection: Connection, app: App, cursor: SourceCursor, now: datetime) -> None:
    """Remember how far the app's file was read, in the transaction that holds what was read."""
    table = schema.source_cursors
    values = {"first_line": cursor.first_line, "offset": cursor.offset, "line": cursor.line, "read_at": now}
    fresh = {"app": app.id, "path": cursor.path, "started_at": cursor.started_at or now, **values}
    connection.execute(insert_or_ignore(connection, table).values(**fresh))
    mine = (table.c.app == app.id) & (table.c.path == cursor.path)
    connection.execute(sa.update(table).where(mine).values(**values))


def _build_cursor(row: sa.Row[Any]) -> SourceCursor:
    return SourceCursor(**{one.name: getattr(row, one.name) for one in fields(SourceCursor)})


def add_rejections(
    connection: Connection, app: App, refusals: list[IngestRejection], now: datetime
) -> list[IngestRejection]:
    """Keep refusals; those that are new."""
    fresh = list({(one.file, one.line, one.reason): one for one in refusals}.values())
    fresh = [
        one
        for start in range(0, len(fresh), _NAMES_PER_QUERY)
        for one in _select_new(connection, app, fresh[start:][:_NAMES_PER_QUERY])
    ]
    if fresh:
        values = [
            {"app": app.id, "file": one.file, "line": one.line, "reason": one.reason, "raw": one.raw[:1024]}
            for one in fresh
        ]
        connection.execute(insert_or_ignore(connection, schema.ingest_errors).values(rejected_at=now), values)
    return fresh


def _select_new(connection: Connection, app: App, refusals: list[IngestRejection]) -> list[IngestRejection]:
    key = schema.ingest_errors.c.file, schema.ingest_errors.c.line, schema.ingest_errors.c.reason
    asked = sa.tuple_(*key).in_([(one.file, one.line, one.reason) for one in refusals])
    known = {
        tuple(row) for row in connection.execute(sa.select(*key).where(schema.ingest_errors.c.app == app.id, asked))
    }
    return [one for one in refusals if (one.file, one.line, one.reason) not in known]


def list_rejections(connection: Connection, app: App, limit: int = 1000) -> list[tuple[int, IngestRejection, datetime]]:
    """The app's latest refusals as (number, refusal, when), newest first."""
    table = schema.ingest_errors
    rows = connection.execute(sa.select(table).where(table.c.app == app.id).order_by(table.c.id.desc()).limit(limit))
    return [
        (row.id, IngestRejection(file=row.file, line=row.line, reason=row.reason, raw=row.raw), row.rejected_at)
        for row in rows
    ]


def find_known_files(connection: Connection, app: App, paths: list[str]) -> dict[str, tuple[int, int, str]]:
    """What is known of these files of the app: path -> (size, modified in ns, state)."""
    table = schema.source_files
    statement = sa.select(table.c.path, table.c.size, table.c.modified_ns, table.c.state)
    known = {}
    for start in range(0, len(paths), _NAMES_PER_QUERY):
        asked = table.c.path.in_(paths[start : start + _NAMES_PER_QUERY])
        for row in connection.execute(statement.where(table.c.app == app.id, asked)):
            known[row.path] = (row.size, row.modified_ns, row.state)
    return known


def save_file_state(
    connection: Connection, app: App, path: str, size: int, modified_ns: int, state: str, reason: str, now: datetime
) -> None:
    """Remember what became of a file of the app; `state` is one of work/ingest/folder.py."""
    table = schema.source_files
    values = {"size": size, "modified_ns": modified_ns, "state": state, "reason": reason, "seen_at": now}
    connection.execute(insert_or_ignore(connection, table).values(app=app.id, path=path, **values))
    mine = (table.c.app == app.id) & (table.c.path == path)
    connection.execute(sa.update(table).where(mine).values(**values))


def add_expected_recordings(connection: Connection, app: App, awaited: list[ExpectedRecording]) -> None:
    """Expect recordings that CDRs of the app name."""
    if awaited:
        values = [{"app": app.id, **{name: getattr(one, name) for name in _EXPECTED_COLUMNS}} for one in awaited]
        connection.execute(insert_or_ignore(connection, schema.expected_recordings), values)


def find_expected_calls(connection: Connection, app: App, account_id: str, names: Iterable[str]) -> dict[str, str]:
    """The calls whose CDRs name these files: name -> callId, for those that are awaited."""
    table = schema.expected_recordings
    mine = (table.c.app == app.id) & (table.c.account_id == account_id) & table.c.name.in_(list(names))
    return {row.name: row.call_id for row in connection.execute(sa.select(table.c.name, table.c.call_id).where(mine))}


def find_lines_naming(connection: Connection, app: App, account_id: str, names: Iterable[str]) -> dict[str, str]:
    """The CDR lines that name these files: name -> line_key, for those that are awaited."""
    table = schema.expected_recordings
    mine = (table.c.app == app.id) & (table.c.account_id == account_id) & table.c.name.in_(list(names))
    return {
        row.name: row.source_key for row in connection.execute(sa.select(table.c.name, table.c.source_key).where(mine))
    }


def mark_arrived(connection: Connection, app: App, account_id: str, name: str) -> None:
    """The awaited recording is here."""
    table = schema.expected_recordings
    mine = (table.c.app == app.id) & (table.c.account_id == account_id) & (table.c.name == name)
    connection.execute(sa.delete(table).where(mine))


def reassign_call(connection: Connection, app: App, account_id: str, old: str, new: str) -> None:
    """What is awaited of a call is another call's: the one was found to be a part of the other."""
    table = schema.expected_recordings
    mine = (table.c.app == app.id) & (table.c.account_id == account_id) & (table.c.call_id == old)
    connection.execute(sa.update(table).where(mine).values(call_id=new))


def mark_missing_recordings(
    connection: Connection, app: App, before: datetime, now: datetime
) -> list[ExpectedRecording]:
    """Awaited recordings of calls that ended before `before` and were not listed as missing yet; now they are."""
    table = schema.expected_recordings
    due = (table.c.app == app.id) & (table.c.since <= before) & table.c.missing_at.is_(None)
    columns = (table.c[name] for name in _EXPECTED_COLUMNS)
    rows = connection.execute(sa.update(table).where(due).values(missing_at=now).returning(*columns))
    return [ExpectedRecording(**row._mapping) for row in rows]


def list_missing_recordings(connection: Connection, app: App, limit: int = 1000) -> list[ExpectedRecording]:
    """The app's recordings that are listed as missing, the longest missing first."""
    table = schema.expected_recordings
    statement = sa.select(*(table.c[name] for name in _EXPECTED_COLUMNS))
    listed = statement.where(table.c.app == app.id, table.c.missing_at.is_not(None))
    return [
        ExpectedRecording(**row._mapping) for row in connection.execute(listed.order_by(table.c.since).limit(limit))
    ]
