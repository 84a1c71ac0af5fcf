"""Rows of moves between locations. Bytes come before the row that names them and go after it, so each copy is noted as a
stray before it is made, and each original when its row names the copy; so are bytes whose row goes by age. A stray is held
by a lease; when that ends, it is due: whoever sweeps looks whether the row names it, and lets it go if not. For the whole
system: a move knows no app."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ccfs.model import month
from ccfs.model.export import State
from ccfs.model.stray import Held, Holder, Stray
from ccfs.store import schema
from ccfs.store.exports import kept_of
from ccfs.store.tenancy import insert_or_ignore

_STRAYS = schema.strays


@dataclass(frozen=True, slots=True)
class _Names:
    """How rows of a table name bytes."""

    table: sa.Table
    row: sa.ColumnElement[Any]
    at: sa.Column[Any]
    is_living: sa.ColumnElement[bool]  # others are being deleted: their bytes stay where they are


_HOLDERS: Mapping[Holder, _Names] = {
    Holder.RECORDINGS: _Names(
        schema.recordings,
        sa.cast(schema.recordings.c.app, sa.Text) + " " + schema.recordings.c.file_name,
        schema.recordings.c.created_at,
        sa.true(),
    ),
    Holder.VOICE_FILES: _Names(
        schema.voice_files,
        schema.voice_files.c.id,
        schema.voice_files.c.created_at,
        schema.voice_files.c.deleted_at.is_(None),
    ),
    Holder.EXPORTS: _Names(
        schema.exports,
        schema.exports.c.response_id,
        schema.exports.c.ready_at,
        schema.exports.c.state == State.READY,
    ),
}


def older(
    connection: Connection, holder: Holder, location_id: str, before: datetime, limit: int, last: Held | None = None
) -> list[Held]:
    """Rows of one table whose bytes came to a location before an instant, the oldest first; those after `last`."""
    names = _HOLDERS[holder]
    there = (names.table.c.location_id == location_id) & (names.at < before) & names.is_living
    if last is not None:
        there &= (names.at > last.at) | ((names.at == last.at) & (names.row > last.row))
    statement = sa.select(names.table, names.row.label("row"), names.at.label("at")).where(there)
    rows = connection.execute(statement.order_by(names.at, names.row).limit(limit))
    return [Held(holder=holder, row=row.row, at=row.at, kept=kept_of(row)) for row in rows]


def count_older(connection: Connection, location_id: str, before: datetime) -> int:
    """How many rows `older` would find in all tables."""
    found = 0
    for names in _HOLDERS.values():
        there = (names.table.c.location_id == location_id) & (names.at < before) & names.is_living
        found += connection.execute(sa.select(sa.func.count()).where(there)).scalar_one()
    return found


def claim(connection: Connection, held: Held, location_id: str, lease: str, now: datetime, until: datetime) -> bool:
    """Note the copy that is to be made in a location; False while somebody else has it in hand."""
    key = held.kept.key
    values = {"holder": held.holder, "row": str(held.row), "lease": lease, "due_at": until}
    fresh = insert_or_ignore(connection, _STRAYS).values(location_id=location_id, key=key, **values)
    if connection.execute(fresh.returning(_STRAYS.c.key)).first():
        return True
    due = sa.update(_STRAYS).where(_at(location_id, key), _STRAYS.c.due_at <= now)
    return connection.execute(due.values(**values)).rowcount == 1


def switch(
    connection: Connection, held: Held, location_id: str, lease: str, now: datetime, leaves_at: datetime
) -> bool:
    """Let the row name the copy, if it still names the original and the lease is ours; the other of the two is a stray."""
    mine = _at(location_id, held.kept.key) & (_STRAYS.c.lease == lease)
    if connection.execute(sa.update(_STRAYS).where(mine).values(due_at=now, lease="")).rowcount != 1:
        return False
    names = _HOLDERS[held.holder]
    same = _is_row(held.holder, str(held.row)) & (names.table.c.location_id == held.kept.location_id)
    same &= (names.table.c.key == held.kept.key) & (names.table.c.sha256 == held.kept.sha256) & names.is_living
    if connection.execute(sa.update(names.table).where(same).values(location_id=location_id)).rowcount != 1:
        return False
    connection.execute(sa.delete(_STRAYS).where(_at(location_id, held.kept.key)))
    values = {"holder": held.holder, "row": str(held.row), "lease": "", "due_at": leaves_at}
    connection.execute(
        insert_or_ignore(connection, _STRAYS).values(location_id=held.kept.location_id, key=held.kept.key, **values)
    )
    return True


def give_back(connection: Connection, held: Held, location_id: str, lease: str, now: datetime) -> None:
    """The copy was not made, or is not good: it is due."""
    mine = _at(location_id, held.kept.key) & (_STRAYS.c.lease == lease)
    connection.execute(sa.update(_STRAYS).where(mine).values(due_at=now, lease=""))


def note(connection: Connection, stray: Stray, due_at: datetime) -> None:
    """Bytes that may be there, and that nobody needs."""
    values = {"holder": stray.holder, "row": stray.row, "lease": "", "due_at": due_at}
    place = {"location_id": stray.location_id, "key": stray.key}
    connection.execute(insert_or_ignore(connection, _STRAYS).values(**place, **values))


def due(connection: Connection, now: datetime, limit: int, far: Collection[str] = ()) -> list[Stray]:
    """Strays whose time has come, the longest waiting first; none in the locations `far`, which other nodes look after."""
    mine = (_STRAYS.c.due_at <= now) & _STRAYS.c.location_id.not_in(far)
    found = sa.select(_STRAYS).where(mine).order_by(_STRAYS.c.due_at).limit(limit)
    return [
        Stray(location_id=row.location_id, key=row.key, holder=Holder(row.holder), row=row.row)
        for row in connection.execute(found)
    ]


def hold(connection: Connection, stray: Stray, lease: str, now: datetime, until: datetime) -> bool:
    """Hold a stray that is due, to look after it; False if somebody was faster."""
    mine = sa.update(_STRAYS).where(_at(stray.location_id, stray.key), _STRAYS.c.due_at <= now)
    return connection.execute(mine.values(lease=lease, due_at=until)).rowcount == 1


def is_named(connection: Connection, stray: Stray) -> bool:
    """Whether the stray's row names these very bytes, living or not: a row that is being deleted lets them go itself."""
    names = _HOLDERS[stray.holder]
    there = (names.table.c.location_id == stray.location_id) & (names.table.c.key == stray.key)
    if stray.holder is Holder.EXPORTS:
        there &= names.is_living  # the row of an expired one stays
    return connection.execute(sa.select(names.row).where(_is_row(stray.holder, stray.row), there)).first() is not None


def forget(connection: Connection, stray: Stray, lease: str) -> None:
    """It is gone, or no stray at all."""
    connection.execute(sa.delete(_STRAYS).where(_at(stray.location_id, stray.key), _STRAYS.c.lease == lease))


def _is_row(holder: Holder, row: str) -> sa.ColumnElement[bool]:
    """The row of that key, found by the table's own index."""
    names = _HOLDERS[holder]
    if holder is Holder.RECORDINGS:
        app, _, name = row.partition(" ")
        columns = names.table.c
        return (columns.app == int(app)) & (columns.file_name == name) & (columns.month == month.of_name(name))
    return names.row == (int(row) if holder is Holder.VOICE_FILES else row)


def _at(location_id: str, key: str) -> sa.ColumnElement[bool]:
    return (_STRAYS.c.location_id == location_id) & (_STRAYS.c.key == key)
