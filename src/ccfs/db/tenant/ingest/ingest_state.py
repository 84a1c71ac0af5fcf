"""Rows of ingest: cursors in source files, states of files, re-read requests, rejections."""

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from datetime import datetime
from hashlib import blake2b
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ccfs.db import schema
from ccfs.db.engine import force_custom_plan
from ccfs.db.statements import insert_or_ignore
from ccfs.db.tenant.ingest import unassigned_records
from ccfs.model.identity.tenancy import App
from ccfs.model.source_files import REJECTED, REREAD, UNMATCHED, FilePosition, container_of, is_rotated

LOCK_CLASS = 0x63636966  # "ccif": class of the advisory locks of ingest, one for each app
_NAMES_PER_QUERY = 1000  # every database limits the parameters of a query
_CURSORS, _FILES, _ERRORS = schema.source_cursors, schema.source_files, schema.ingest_errors


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceCursor:
    """How far a source file was read."""

    path: str
    first_line: str  # identifies what was read: digest of its first and last bytes; differs in another file of the path
    offset: int  # bytes
    line: int  # lines before the offset
    started_at: datetime | None = field(default=None, compare=False)  # last change of the file before its first read
    format: str = field(default="", compare=False)  # what its lines were detected to be, as its parser writes it
    head: bytes = field(default=b"", compare=False, repr=False)  # the first bytes of what was read

    @property
    def position(self) -> FilePosition:
        """How far the file was read."""
        return FilePosition(self.offset, self.line, self.first_line, self.head)

    @property
    def is_reread_requested(self) -> bool:
        """Whether a user asked to read the file again, with the files rotated from it since its first read."""
        return self.first_line == REREAD


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestRejection:
    """A line or a file that could not be ingested."""

    file: str
    line: int  # 0: the whole file
    reason: str
    raw: bytes = b""  # the line's first kilobyte


def lock_app(connection: Connection, app: App) -> None:
    """Wait for other transactions that ingest calls of the app; later ones wait for the end of this one."""
    if connection.dialect.name == "postgresql":  # SQLite has one writer
        connection.execute(sa.text("SELECT pg_advisory_xact_lock(:class, :app)"), {"class": LOCK_CLASS, "app": app.id})
        force_custom_plan(connection)


def find_cursor(connection: Connection, app: App, path: str) -> SourceCursor | None:
    """Return how far the app's file was read."""
    query = sa.select(_CURSORS).where(_CURSORS.c.app == app.id, _CURSORS.c.path == path)
    row = connection.execute(query).one_or_none()
    return _build_cursor(row) if row else None


def list_cursors(connection: Connection, app: App, limit: int = 200) -> list[tuple[SourceCursor, datetime]]:
    """Return how far each of the app's files was read, and when; the latest first."""
    query = sa.select(_CURSORS).where(_CURSORS.c.app == app.id).order_by(_CURSORS.c.read_at.desc()).limit(limit)
    return [(_build_cursor(row), row.read_at) for row in connection.execute(query)]


def list_formats(connection: Connection, app: App, account_id: str) -> list[tuple[str, str]]:
    """Return (path, format) of the files that were read into an account, the latest first."""
    prefix = f"{account_id}:"
    query = sa.select(_CURSORS.c.path, _CURSORS.c.format).where(_CURSORS.c.app == app.id, _CURSORS.c.format != "")
    rows = connection.execute(query.order_by(_CURSORS.c.read_at.desc()))
    return [(row.path.removeprefix(prefix), row.format) for row in rows if row.path.startswith(prefix)]


def set_cursor(connection: Connection, app: App, cursor: SourceCursor, now: datetime) -> None:
    """Save how far the app's file was read, in the transaction that adds its rows."""
    values = {"first_line": cursor.first_line, "offset": cursor.offset, "line": cursor.line, "format": cursor.format}
    values |= {"head": cursor.head, "read_at": now}
    key = {"app": app.id, "path": cursor.path}
    connection.execute(
        insert_or_ignore(connection, _CURSORS).values(**key, **values, started_at=cursor.started_at or now)
    )
    connection.execute(sa.update(_CURSORS).filter_by(**key).values(**values))


def _build_cursor(row: sa.Row[Any]) -> SourceCursor:
    return SourceCursor(**{column.name: getattr(row, column.name) for column in fields(SourceCursor)})


def find_known_files(connection: Connection, app: App, paths: list[str]) -> dict[str, tuple[int, int, str]]:
    """Return (size, modified in ns, state) of those of these paths that the app knows."""
    query = sa.select(_FILES.c.path, _FILES.c.size, _FILES.c.modified_ns, _FILES.c.state).where(_FILES.c.app == app.id)
    files = {}
    for start in range(0, len(paths), _NAMES_PER_QUERY):
        for row in connection.execute(query.where(_FILES.c.path.in_(paths[start : start + _NAMES_PER_QUERY]))):
            files[row.path] = (row.size, row.modified_ns, row.state)
    return files


def save_file_state(
    connection: Connection, app: App, path: str, size: int, modified_ns: int, state: str, reason: str, now: datetime
) -> None:
    """Save the state of a file of the app; ingest/files/file_states.py defines the states."""
    values = {"size": size, "modified_ns": modified_ns, "state": state, "reason": reason, "seen_at": now}
    key = {"app": app.id, "path": path}
    connection.execute(insert_or_ignore(connection, _FILES).values(**key, **values))
    connection.execute(sa.update(_FILES).filter_by(**key).values(**values))


def retry_rejected_files(connection: Connection, app: App, reason: str) -> None:
    """Make the next pass retry recordings rejected for this reason, because more is known about their calls."""
    is_chosen = (_FILES.c.app == app.id) & (_FILES.c.state == REJECTED) & (_FILES.c.reason == reason)
    connection.execute(sa.update(_FILES).where(is_chosen).values(state=UNMATCHED))


def request_reread(connection: Connection, app: App, file: str, now: datetime) -> tuple[bool, int]:
    """Make the next pass read a file of the app again from the start, in every account, with its rotated files since then.

    Return whether a pass will do so, and the number of deleted rejections: none if no pass will.
    """
    paths = connection.execute(sa.select(_CURSORS.c.path).where(_CURSORS.c.app == app.id)).scalars().all()
    if cursors := [path for path in paths if path == file or path.endswith(f":{file}")]:
        for path in cursors:
            update = sa.update(_CURSORS).where(_CURSORS.c.app == app.id, _CURSORS.c.path == path)
            connection.execute(update.values(first_line=REREAD, offset=0, line=0))
        sources = {path.partition(":")[2] for path in paths}  # rotated files that are sources themselves
        return True, _delete_rejections(
            connection, app, lambda name: name == file or (is_rotated(name, file) and name not in sources)
        )
    container = container_of(file)
    if not _mark_for_reread(connection, app, container, now):
        return False, 0
    return True, _delete_rejections(connection, app, lambda name: container_of(name) == container)


def list_requested_rereads(connection: Connection, app: App) -> list[tuple[str, datetime]]:
    """Return the app's files without a cursor that are to be read again, and since when."""
    query = sa.select(_FILES.c.path, _FILES.c.seen_at).where(_FILES.c.app == app.id, _FILES.c.state == REREAD)
    rows = connection.execute(query)  # ORDER BY path would take SQLite from the index on states to that on paths
    return sorted((row.path, row.seen_at) for row in rows)


def clear_reread_request(connection: Connection, app: App, path: str) -> None:
    """Delete the request for a file that has been read."""
    connection.execute(sa.delete(_FILES).filter_by(app=app.id, path=path, state=REREAD))


def _mark_for_reread(connection: Connection, app: App, path: str, now: datetime) -> bool:
    """Mark a file that has rejections. Return False if no pass would notice the mark."""
    is_file = (_FILES.c.app == app.id) & (_FILES.c.path == path)
    state = connection.execute(sa.select(_FILES.c.state).where(is_file)).scalar()
    if state is None and any(container_of(name) == path for name in _list_rejected_files(connection, app)):
        values = {"app": app.id, "path": path, "size": 0, "modified_ns": 0, "reason": "", "seen_at": now}
        connection.execute(insert_or_ignore(connection, _FILES).values(state=REREAD, **values))
        return True
    if state in (REJECTED, REREAD):
        connection.execute(sa.update(_FILES).where(is_file).values(state=REREAD, seen_at=now))
    return state in (REJECTED, REREAD)


def add_rejections(
    connection: Connection, app: App, rejections: list[IngestRejection], now: datetime
) -> list[IngestRejection]:
    """Add rejections. Return the new ones."""
    unique = list({_rejection_key(rejection): rejection for rejection in rejections}.values())
    new = [
        rejection
        for start in range(0, len(unique), _NAMES_PER_QUERY)
        for rejection in _select_new(connection, app, unique[start:][:_NAMES_PER_QUERY])
    ]
    if new:
        values = [
            {
                "app": app.id,
                "file": row.file,
                "line": row.line,
                "reason": row.reason,
                "raw": row.raw[:1024],
                "digest": _compute_digest(row),
            }
            for row in new
        ]
        connection.execute(insert_or_ignore(connection, _ERRORS).values(rejected_at=now), values)
    return new


def _rejection_key(rejection: IngestRejection) -> tuple[str, int, str, str]:
    return rejection.file, rejection.line, rejection.reason, _compute_digest(rejection)


def _compute_digest(rejection: IngestRejection) -> str:
    """Return a digest of the line: after a rotation, another line of the file has the same number."""
    return blake2b(rejection.raw[:1024], digest_size=8).hexdigest() if rejection.raw else ""


def _select_new(connection: Connection, app: App, rejections: list[IngestRejection]) -> list[IngestRejection]:
    key = _ERRORS.c.file, _ERRORS.c.line, _ERRORS.c.reason, _ERRORS.c.digest
    is_listed = sa.tuple_(*key).in_([_rejection_key(rejection) for rejection in rejections])
    known = {tuple(row) for row in connection.execute(sa.select(*key).where(_ERRORS.c.app == app.id, is_listed))}
    return [rejection for rejection in rejections if _rejection_key(rejection) not in known]


def list_rejections(connection: Connection, app: App, limit: int = 1000) -> list[tuple[int, IngestRejection, datetime]]:
    """Return the app's latest rejections as (row id, rejection, when), the newest first."""
    query = sa.select(_ERRORS).where(_ERRORS.c.app == app.id).order_by(_ERRORS.c.id.desc()).limit(limit)
    return [
        (row.id, IngestRejection(file=row.file, line=row.line, reason=row.reason, raw=row.raw), row.rejected_at)
        for row in connection.execute(query)
    ]


def _list_rejected_files(connection: Connection, app: App) -> list[str]:
    """Return names of the app's files that have rejections."""
    query = sa.select(_ERRORS.c.file).where(_ERRORS.c.app == app.id).distinct()
    return list(connection.execute(query).scalars())


def _delete_rejections(connection: Connection, app: App, is_chosen: Callable[[str], bool]) -> int:
    names, count = [name for name in _list_rejected_files(connection, app) if is_chosen(name)], 0
    for start in range(0, len(names), _NAMES_PER_QUERY):
        is_listed = _ERRORS.c.file.in_(names[start:][:_NAMES_PER_QUERY])
        count += connection.execute(sa.delete(_ERRORS).where(_ERRORS.c.app == app.id, is_listed)).rowcount
    unassigned_records.unlist_files(connection, app, names)
    return count
