"""Rows of the lists of selections: one recording each. They are added, then read through once, and change no more."""

from collections.abc import Iterator, Sequence
from dataclasses import fields
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ccfs.model.recording import Kept
from ccfs.model.selection import Missing, Progress, Selection, Taken
from ccfs.model.selection_zip import Contents
from ccfs.model.tenancy import App
from ccfs.store import recordings, schema
from ccfs.store.db import Database
from ccfs.store.locations.port import Gone
from ccfs.store.recordings import values_of

_TABLE = schema.selected_recordings
_FIELDS = tuple(field.name for field in fields(Taken))
_FOUND = ("size", "sha256", "crc32", "name", "at", "missing")  # what reading it through finds
_PAGE = 500  # rows


def add(connection: Connection, app: App, selection: str, taken: Sequence[Taken]) -> None:
    """Put recordings at the end of a list."""
    if taken:
        rows = [_values(one) | {"app": app.id, "selection": selection} for one in taken]
        connection.execute(sa.insert(_TABLE), rows)


def found(connection: Connection, app: App, selection: str, taken: Sequence[Taken]) -> None:
    """Keep what reading recordings of the list through has found."""
    if taken:
        row = (_TABLE.c.selection == selection) & (_TABLE.c.number == sa.bindparam("row")) & (_TABLE.c.app == app.id)
        values: dict[str, Any] = {name: sa.bindparam(f"new_{name}") for name in _FOUND}
        told = [{f"new_{name}": value for name, value in _values(one).items() if name in _FOUND} for one in taken]
        rows = [{"row": one.number, **new} for one, new in zip(taken, told, strict=True)]
        connection.execute(sa.update(_TABLE).where(row).values(**values), rows)


def page(connection: Connection, app: App, selection: str, after: int, limit: int = _PAGE) -> list[Taken]:
    """Recordings of a list behind a number, in order."""
    theirs = (_TABLE.c.app == app.id) & (_TABLE.c.selection == selection) & (_TABLE.c.number > after)
    asked = sa.select(*(_TABLE.c[name] for name in _FIELDS)).where(theirs)
    return [_taken(row) for row in connection.execute(asked.order_by(_TABLE.c.number).limit(limit))]


def number_at(connection: Connection, app: App, selection: str, offset: int) -> int:
    """The number of the recording in whose part of the zip a byte lies, its header being a part of it; 0: none."""
    theirs = (_TABLE.c.app == app.id) & (_TABLE.c.selection == selection) & (_TABLE.c.at <= offset)
    asked = sa.select(_TABLE.c.number).where(theirs, _TABLE.c.missing == "").order_by(_TABLE.c.at.desc()).limit(1)
    return int(connection.execute(asked).scalar() or 0)


def every(database: Database, app: App, selection: str, after: int = 0) -> Iterator[Taken]:
    """All recordings of a list behind a number, in order; no connection is held meanwhile."""
    while True:
        with database.reading() as connection:
            some = page(connection, app, selection, after)
        yield from some
        if len(some) < _PAGE:
            return
        after = some[-1].number


def contents(database: Database, app: App, selection: Selection, progress: Progress) -> Contents:
    """What the zip of a list that was read through is made of."""
    return Contents(
        taken=lambda: every(database, app, selection.id),
        zone=selection.zoneinfo,
        made_at=selection.asked_at,
        files_end=progress.files_end,
    )


def place(database: Database, app: App, one: Taken) -> Kept:
    """Where the recording's bytes are at this moment; raises Gone if there is no such recording any more."""
    with database.reading() as connection:
        found = recordings.file_by_name(connection, app, one.file_name)
    if found is None:
        raise Gone(one.file_name)
    return found[1]


def _values(one: Taken) -> dict[str, Any]:
    return values_of(one) | {"missing": one.missing or ""}


def _taken(row: sa.Row[Any]) -> Taken:
    values = dict(zip(_FIELDS, row, strict=True))
    return Taken(**values | {"missing": Missing(values["missing"]) if values["missing"] else None})
