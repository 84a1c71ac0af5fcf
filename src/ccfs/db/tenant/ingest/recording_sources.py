"""Rows of recording sources: the switch's files from which a recording was stored, including replaced ones."""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ccfs.db import schema
from ccfs.db.statements import insert_or_ignore
from ccfs.db.tenant.ingest.account_stems import list_accounts_of_stems
from ccfs.model.calls import partition_month
from ccfs.model.identity.tenancy import App
from ccfs.model.source_files import COPY, INGESTED

_TABLE = schema.recording_sources
_NAMES_PER_QUERY = 1000  # every database limits the parameters of a query


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingSource:
    """A file that was stored as a recording."""

    account_id: str
    path: str  # absolute, as rows hold it
    stem: str  # base name without audio extensions
    source_sha256: str
    milliseconds: int
    recording: str  # its file_name
    named_by: str = ""  # source keys of the CDR lines that name the file, with spaces between
    replaced_at: datetime | None = None


_COLUMNS = tuple(_TABLE.c[field.name] for field in fields(RecordingSource))


def add(connection: Connection, app: App, source: RecordingSource, now: datetime) -> None:
    """Add a file, unless the same file with the same bytes is known."""
    values = {field.name: getattr(source, field.name) for field in fields(RecordingSource)}
    month = partition_month.parse_month_key(source.recording)
    connection.execute(insert_or_ignore(connection, _TABLE).values(**values, app=app.id, month=month, stored_at=now))


def find_by_stems(
    connection: Connection, app: App, account_id: str, stems: Iterable[str]
) -> list[tuple[RecordingSource, str]]:
    """Return the account's files with these stems whose bytes are in use, each with its recording's callId."""
    recordings = schema.recordings.c
    is_its_recording = (
        (recordings.app == _TABLE.c.app)
        & (recordings.file_name == _TABLE.c.recording)
        & (recordings.month == _TABLE.c.month)
    )
    query = (
        sa.select(*_COLUMNS, recordings.call_id)
        .join(schema.recordings, is_its_recording)
        .where(_TABLE.c.app == app.id, _TABLE.c.account_id == account_id, _TABLE.c.replaced_at.is_(None))
    )
    names, found = sorted(set(stems)), list[tuple[RecordingSource, str]]()
    for start in range(0, len(names), _NAMES_PER_QUERY):
        rows = connection.execute(query.where(_TABLE.c.stem.in_(names[start:][:_NAMES_PER_QUERY])))
        found += [(_build_source(row[:-1]), row[-1]) for row in rows]
    return found


def list_accounts(connection: Connection, app: App, stems: Iterable[str]) -> set[tuple[str, str]]:
    """Return (account, stem) for each of these stems that files of recordings have or had."""
    return list_accounts_of_stems(connection, app, _TABLE, stems)


def list_by_recordings(connection: Connection, app: App, file_names: Iterable[str]) -> list[RecordingSource]:
    """Return all files of these recordings, including replaced ones, oldest first."""
    query = sa.select(*_COLUMNS).where(_TABLE.c.app == app.id, _TABLE.c.recording.in_(list(file_names)))
    return [_build_source(row) for row in connection.execute(query.order_by(_TABLE.c.stored_at, _TABLE.c.path))]


def list_replaced(connection: Connection, app: App, file_names: Iterable[str]) -> dict[str, list[RecordingSource]]:
    """Return the files of earlier versions of these recordings, by recording, oldest first."""
    replaced: dict[str, list[RecordingSource]] = {}
    for source in list_by_recordings(connection, app, file_names):
        if source.replaced_at is not None:
            replaced.setdefault(source.recording, []).append(source)
    return replaced


def find_originals(connection: Connection, app: App, paths: Iterable[str]) -> dict[str, str]:
    """Map the paths of copies to the files that they duplicate."""
    files, names = schema.source_files.c, list(paths)
    query = sa.select(files.path, files.reason).where(files.app == app.id, files.state == COPY, files.path.in_(names))
    return {row.path: row.reason for row in connection.execute(query)}


def has_files_below(connection: Connection, app: App, folder: str) -> bool:
    """Return whether any file of a folder is known."""
    files = schema.source_files.c
    is_below = (files.app == app.id) & files.path.startswith(f"{folder}/", autoescape=True)
    return connection.execute(sa.select(files.path).where(is_below).limit(1)).first() is not None


def mark_copies(connection: Connection, app: App, paths: Iterable[str], original: str) -> None:
    """Mark files as copies: their bytes were replaced by another file's, and they still exist beside it."""
    files = schema.source_files
    is_listed = (files.c.app == app.id) & files.c.path.in_(list(paths))
    connection.execute(sa.update(files).where(is_listed).values(state=COPY, reason=original))


def request_recheck(connection: Connection, app: App, account_id: str, calls: Iterable[str]) -> None:
    """Make the next pass check the files of these calls' recordings again."""
    recordings, files, call_ids = schema.recordings.c, schema.source_files, sorted(calls)
    names = sa.select(recordings.file_name).where(recordings.app == app.id, recordings.account_id == account_id)
    for start in range(0, len(call_ids), _NAMES_PER_QUERY):
        found = connection.execute(names.where(recordings.call_id.in_(call_ids[start:][:_NAMES_PER_QUERY]))).scalars()
        paths = [source.path for source in list_by_recordings(connection, app, list(found)) if not source.replaced_at]
        is_listed = (files.c.app == app.id) & files.c.path.in_(paths) & (files.c.state == INGESTED)
        if paths:
            connection.execute(sa.update(files).where(is_listed).values(modified_ns=-1))


def add_naming_line(connection: Connection, app: App, source: RecordingSource, source_key: str) -> None:
    """Add a CDR line that also names the file."""
    key = {"app": app.id, "path": source.path, "source_sha256": source.source_sha256}
    keys = {*source.named_by.split(), source_key}
    connection.execute(sa.update(_TABLE).filter_by(**key).values(named_by=" ".join(sorted(keys))))


def mark_current(connection: Connection, app: App, source: RecordingSource) -> None:
    """Mark the file of a recording's current bytes as not replaced. A file that no longer exists may have replaced it."""
    key = {"app": app.id, "path": source.path, "source_sha256": source.source_sha256}
    connection.execute(sa.update(_TABLE).filter_by(**key).values(replaced_at=None, recording=source.recording))


def mark_replaced(connection: Connection, app: App, recording: str, now: datetime) -> None:
    """Mark the files of a recording as replaced."""
    is_current = (_TABLE.c.app == app.id) & (_TABLE.c.recording == recording) & _TABLE.c.replaced_at.is_(None)
    connection.execute(sa.update(_TABLE).where(is_current).values(replaced_at=now))


def rename(connection: Connection, app: App, old: str, new: str) -> None:
    """Move the files of a recording to its new name."""
    if old != new:
        values = {"recording": new, "month": partition_month.parse_month_key(new)}
        connection.execute(sa.update(_TABLE).filter_by(app=app.id, recording=old).values(**values))


def _build_source(row: Iterable[object]) -> RecordingSource:
    return RecordingSource(**dict(zip((column.name for column in _COLUMNS), row, strict=True)))  # type: ignore[arg-type]
