"""Rows by which somebody has ingest read a file again: marks on its cursors, or on its row as a file. A pass that reads the file
takes the mark away. Who asks names the app first; whether the file is still there is not known here."""

from collections.abc import Callable
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ccfs.db import schema
from ccfs.db.system.tenants import insert_or_ignore
from ccfs.model.identity.tenancy import App
from ccfs.model.source_files import REJECTED, REREAD, container_of, is_rotated

_CURSORS, _FILES, _INGEST_ERRORS = schema.source_cursors, schema.source_files, schema.ingest_errors
_NAMES_PER_QUERY = 1000  # names in one question: every database has a limit for parameters


def request_reread(connection: Connection, app: App, file: str, now: datetime) -> tuple[bool, int]:
    """Let the next pass read a file of the app from its begin, in whatever account; and before it, what was rotated from it
    since it was first read. Whether it can; and how many refusals were forgotten, for what is refused again is a row again.
    Where it cannot, nothing is forgotten."""
    paths = connection.execute(sa.select(_CURSORS.c.path).where(_CURSORS.c.app == app.id)).scalars().all()
    if mine := [path for path in paths if path == file or path.endswith(f":{file}")]:
        values = {"first_line": REREAD, "offset": 0, "line": 0}
        for path in mine:
            marked = sa.update(_CURSORS).where(_CURSORS.c.app == app.id, _CURSORS.c.path == path)
            connection.execute(marked.values(**values))
        own = {path.partition(":")[2] for path in paths}  # of what was rotated, if it is a source of its own
        return True, _delete_rejections(
            connection, app, lambda one: one == file or (is_rotated(one, file) and one not in own)
        )
    whole = container_of(file)
    if not _mark_for_reread(connection, app, whole, now):
        return False, 0
    return True, _delete_rejections(connection, app, lambda one: container_of(one) == whole)


def list_requested_rereads(connection: Connection, app: App) -> list[tuple[str, datetime]]:
    """The app's files, those apart that have cursors, that somebody wants read again, and since when."""
    mine = sa.select(_FILES.c.path, _FILES.c.seen_at).where(_FILES.c.app == app.id, _FILES.c.state == REREAD)
    return sorted(
        (row.path, row.seen_at) for row in connection.execute(mine)
    )  # by the index on states, not by that on paths


def clear_reread_request(connection: Connection, app: App, path: str) -> None:
    """Nobody wants the file any more, for it was read."""
    mine = (_FILES.c.app == app.id) & (_FILES.c.path == path) & (_FILES.c.state == REREAD)
    connection.execute(sa.delete(_FILES).where(mine))


def _mark_for_reread(connection: Connection, app: App, path: str, now: datetime) -> bool:
    """Mark a file that was refused, or in which something was; False if no pass would look for the mark."""
    mine = (_FILES.c.app == app.id) & (_FILES.c.path == path)
    state = connection.execute(sa.select(_FILES.c.state).where(mine)).scalar()
    if state is None and any(container_of(one) == path for one in _list_rejected_files(connection, app)):
        values = {"app": app.id, "path": path, "size": 0, "modified_ns": 0, "reason": "", "seen_at": now}
        connection.execute(insert_or_ignore(connection, _FILES).values(state=REREAD, **values))
        return True
    if state in (REJECTED, REREAD):
        connection.execute(sa.update(_FILES).where(mine).values(state=REREAD, seen_at=now))
    return state in (REJECTED, REREAD)


def _delete_rejections(connection: Connection, app: App, is_meant: Callable[[str], bool]) -> int:
    names, count = [one for one in _list_rejected_files(connection, app) if is_meant(one)], 0
    for start in range(0, len(names), _NAMES_PER_QUERY):
        some = _INGEST_ERRORS.c.file.in_(names[start:][:_NAMES_PER_QUERY])
        count += connection.execute(sa.delete(_INGEST_ERRORS).where(_INGEST_ERRORS.c.app == app.id, some)).rowcount
    return count


def _list_rejected_files(connection: Connection, app: App) -> list[str]:
    """Names of the app's files in which something was refused."""
    asked = sa.select(_INGEST_ERRORS.c.file).where(_INGEST_ERRORS.c.app == app.id).distinct()
    return list(connection.execute(asked).scalars())
