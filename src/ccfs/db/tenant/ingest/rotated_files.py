"""Rows of rotated files: the files rotated from a source, how far each was read, and which are missing."""

from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ccfs.db import schema
from ccfs.db.tenant.ingest import ingest_state
from ccfs.db.tenant.ingest.ingest_state import SourceCursor
from ccfs.model.identity.tenancy import App
from ccfs.model.source_files import MISSING, FilePosition

_TABLE, _CURSORS = schema.rotated_files, schema.source_cursors


@dataclass(frozen=True, slots=True, kw_only=True)
class RotatedFile:
    """A file that was rotated from a source file."""

    row_id: int = 0  # 0: not saved yet
    source: str  # path of the source's cursor
    path: str  # where it was last seen; of a missing one, where it was expected or ""
    size: int = 0  # bytes, compressed or not
    modified_ns: int = 0
    position: FilePosition = field(default_factory=FilePosition)
    state: str
    since: datetime = field(compare=False)  # time of the state
    is_reported: bool = False  # that it is missing


def list_by_source(connection: Connection, app: App, source: str) -> list[RotatedFile]:
    """Return the files rotated from a source, in the order in which they were first seen."""
    query = sa.select(_TABLE).filter_by(app=app.id, source=source).order_by(_TABLE.c.id)
    return [_build_row(row) for row in connection.execute(query)]


def list_missing(connection: Connection, app: App, limit: int) -> list[RotatedFile]:
    """Return the app's reported missing files, latest first."""
    query = sa.select(_TABLE).filter_by(app=app.id, state=MISSING, is_reported=True).order_by(_TABLE.c.id.desc())
    return [_build_row(row) for row in connection.execute(query.limit(limit))]


def save(connection: Connection, app: App, files: Iterable[RotatedFile]) -> None:
    """Add files without a row, and update the others."""
    for file in files:
        if file.row_id:
            connection.execute(sa.update(_TABLE).filter_by(app=app.id, id=file.row_id).values(**_get_values(file)))
        else:
            connection.execute(sa.insert(_TABLE).values(app=app.id, source=file.source, **_get_values(file)))


def move_position(connection: Connection, app: App, old: RotatedFile, new: RotatedFile) -> bool:
    """Save how far a file was read. Return False if another run has moved the position from `old`."""
    is_old = (_TABLE.c.app == app.id) & (_TABLE.c.id == old.row_id) & (_TABLE.c.offset == old.position.offset)
    return bool(connection.execute(sa.update(_TABLE).where(is_old).values(**_get_values(new))).rowcount)


def move_cursor(connection: Connection, app: App, old: SourceCursor | None, new: SourceCursor, now: datetime) -> bool:
    """Save the cursor of a source. Return False if another run has created it or moved it from `old`."""
    if ingest_state.find_cursor(connection, app, new.path) != old:
        return False
    ingest_state.set_cursor(connection, app, new, now)
    return True


def set_format(connection: Connection, app: App, path: str, text: str) -> None:
    """Save the format that was detected in the lines of a source."""
    connection.execute(sa.update(_CURSORS).filter_by(app=app.id, path=path).values(format=text))


def delete(connection: Connection, app: App, row_ids: Iterable[int]) -> None:
    """Delete rows of files that are no longer needed."""
    for row_id in row_ids:
        connection.execute(sa.delete(_TABLE).filter_by(app=app.id, id=row_id))


def _build_row(row: sa.Row[tuple[object, ...]]) -> RotatedFile:
    values = {column.name: getattr(row, column.name) for column in fields(RotatedFile) if hasattr(row, column.name)}
    position = FilePosition(row.offset, row.line, row.digest, row.head)
    return RotatedFile(**values, row_id=row.id, position=position)


def _get_values(file: RotatedFile) -> dict[str, object]:
    position = file.position
    values = {"offset": position.offset, "line": position.line, "digest": position.digest, "head": position.head}
    values |= {"path": file.path, "size": file.size, "modified_ns": file.modified_ns, "state": file.state}
    return values | {"since": file.since, "is_reported": file.is_reported}
