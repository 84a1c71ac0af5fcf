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

from ccfs.db import schema
from ccfs.db.statements import insert_or_ignore
from ccfs.db.tenant.exports import build_blob_ref
from ccfs.model.blobs.orphan import BlobOwner, BlobOwnerTable, OrphanedBlob
from ccfs.model.calls import partition_month
from ccfs.model.exports.export import ExportState

_ORPHANS = schema.orphaned_blobs


@dataclass(frozen=True, slots=True)
class _OwnerColumns:
    """How rows of a table name bytes."""

    table: sa.Table
    row_key: sa.ColumnElement[Any]
    stored_at: sa.Column[Any]
    is_active: sa.ColumnElement[bool]  # others are being deleted: their bytes stay where they are


_OWNER_COLUMNS: Mapping[BlobOwnerTable, _OwnerColumns] = {
    BlobOwnerTable.RECORDINGS: _OwnerColumns(
        schema.recordings,
        sa.cast(schema.recordings.c.app, sa.Text) + " " + schema.recordings.c.file_name,
        schema.recordings.c.created_at,
        sa.true(),
    ),
    BlobOwnerTable.VOICE_FILES: _OwnerColumns(
        schema.voice_files,
        schema.voice_files.c.id,
        schema.voice_files.c.created_at,
        schema.voice_files.c.deleted_at.is_(None),
    ),
    BlobOwnerTable.EXPORTS: _OwnerColumns(
        schema.exports,
        schema.exports.c.response_id,
        schema.exports.c.ready_at,
        schema.exports.c.state == ExportState.READY,
    ),
}


def list_owners_before(
    connection: Connection,
    holder: BlobOwnerTable,
    location_id: str,
    before: datetime,
    limit: int,
    last: BlobOwner | None = None,
) -> list[BlobOwner]:
    """Rows of one table whose bytes came to a location before an instant, the oldest first; those after `last`."""
    names = _OWNER_COLUMNS[holder]
    there = (names.table.c.location_id == location_id) & (names.stored_at < before) & names.is_active
    if last is not None:
        there &= (names.stored_at > last.stored_at) | (
            (names.stored_at == last.stored_at) & (names.row_key > last.owner_row)
        )
    statement = sa.select(names.table, names.row_key.label("owner_row"), names.stored_at.label("at")).where(there)
    rows = connection.execute(statement.order_by(names.stored_at, names.row_key).limit(limit))
    return [
        BlobOwner(owner_table=holder, owner_row=row.owner_row, stored_at=row.at, blob=build_blob_ref(row))
        for row in rows
    ]


def count_owners_before(connection: Connection, location_id: str, before: datetime) -> int:
    """How many rows `older` would find in all tables."""
    found = 0
    for names in _OWNER_COLUMNS.values():
        there = (names.table.c.location_id == location_id) & (names.stored_at < before) & names.is_active
        found += connection.execute(sa.select(sa.func.count()).where(there)).scalar_one()
    return found


def claim_copy(
    connection: Connection, held: BlobOwner, location_id: str, lease: str, now: datetime, until: datetime
) -> bool:
    """Note the copy that is to be made in a location; False while somebody else has it in hand."""
    key = held.blob.key
    values = {"owner_table": held.owner_table, "owner_row": str(held.owner_row), "lease": lease, "due_at": until}
    fresh = insert_or_ignore(connection, _ORPHANS).values(location_id=location_id, key=key, **values)
    if connection.execute(fresh.returning(_ORPHANS.c.key)).first():
        return True
    due = sa.update(_ORPHANS).where(_matches_key(location_id, key), _ORPHANS.c.due_at <= now)
    return connection.execute(due.values(**values)).rowcount == 1


def repoint(
    connection: Connection, held: BlobOwner, location_id: str, lease: str, now: datetime, leaves_at: datetime
) -> bool:
    """Let the row name the copy, if it still names the original and the lease is ours; the other of the two is a stray."""
    mine = _matches_key(location_id, held.blob.key) & (_ORPHANS.c.lease == lease)
    if connection.execute(sa.update(_ORPHANS).where(mine).values(due_at=now, lease="")).rowcount != 1:
        return False
    names = _OWNER_COLUMNS[held.owner_table]
    same = _matches_row(held.owner_table, str(held.owner_row)) & (names.table.c.location_id == held.blob.location_id)
    same &= (names.table.c.key == held.blob.key) & (names.table.c.sha256 == held.blob.sha256) & names.is_active
    if connection.execute(sa.update(names.table).where(same).values(location_id=location_id)).rowcount != 1:
        return False
    connection.execute(sa.delete(_ORPHANS).where(_matches_key(location_id, held.blob.key)))
    values = {"owner_table": held.owner_table, "owner_row": str(held.owner_row), "lease": "", "due_at": leaves_at}
    connection.execute(
        insert_or_ignore(connection, _ORPHANS).values(location_id=held.blob.location_id, key=held.blob.key, **values)
    )
    return True


def abandon_copy(connection: Connection, held: BlobOwner, location_id: str, lease: str, now: datetime) -> None:
    """The copy was not made, or is not good: it is due."""
    mine = _matches_key(location_id, held.blob.key) & (_ORPHANS.c.lease == lease)
    connection.execute(sa.update(_ORPHANS).where(mine).values(due_at=now, lease=""))


def enqueue_orphan(connection: Connection, stray: OrphanedBlob, due_at: datetime) -> None:
    """Bytes that may be there, and that nobody needs."""
    values = {"owner_table": stray.owner_table, "owner_row": stray.owner_row, "lease": "", "due_at": due_at}
    place = {"location_id": stray.location_id, "key": stray.key}
    connection.execute(insert_or_ignore(connection, _ORPHANS).values(**place, **values))


def list_due_orphans(
    connection: Connection, now: datetime, limit: int, far: Collection[str] = ()
) -> list[OrphanedBlob]:
    """Strays whose time has come, the longest waiting first; none in the locations `far`, which other nodes look after."""
    mine = (_ORPHANS.c.due_at <= now) & _ORPHANS.c.location_id.not_in(far)
    found = sa.select(_ORPHANS).where(mine).order_by(_ORPHANS.c.due_at).limit(limit)
    return [
        OrphanedBlob(
            location_id=row.location_id,
            key=row.key,
            owner_table=BlobOwnerTable(row.owner_table),
            owner_row=row.owner_row,
        )
        for row in connection.execute(found)
    ]


def lease_orphan(connection: Connection, stray: OrphanedBlob, lease: str, now: datetime, until: datetime) -> bool:
    """Hold a stray that is due, to look after it; False if somebody was faster."""
    mine = sa.update(_ORPHANS).where(_matches_key(stray.location_id, stray.key), _ORPHANS.c.due_at <= now)
    return connection.execute(mine.values(lease=lease, due_at=until)).rowcount == 1


def is_referenced(connection: Connection, stray: OrphanedBlob) -> bool:
    """Whether the stray's row names these very bytes, living or not: a row that is being deleted lets them go itself."""
    names = _OWNER_COLUMNS[stray.owner_table]
    there = (names.table.c.location_id == stray.location_id) & (names.table.c.key == stray.key)
    if stray.owner_table is BlobOwnerTable.EXPORTS:
        there &= names.is_active  # the row of an expired one stays
    return (
        connection.execute(
            sa.select(names.row_key).where(_matches_row(stray.owner_table, stray.owner_row), there)
        ).first()
        is not None
    )


def delete_orphan(connection: Connection, stray: OrphanedBlob, lease: str) -> None:
    """It is gone, or no stray at all."""
    connection.execute(sa.delete(_ORPHANS).where(_matches_key(stray.location_id, stray.key), _ORPHANS.c.lease == lease))


def _matches_row(holder: BlobOwnerTable, row: str) -> sa.ColumnElement[bool]:
    """The row of that key, found by the table's own index."""
    names = _OWNER_COLUMNS[holder]
    if holder is BlobOwnerTable.RECORDINGS:
        app, _, name = row.partition(" ")
        columns = names.table.c
        return (
            (columns.app == int(app))
            & (columns.file_name == name)
            & (columns.month == partition_month.parse_month_key(name))
        )
    return names.row_key == (int(row) if holder is BlobOwnerTable.VOICE_FILES else row)


def _matches_key(location_id: str, key: str) -> sa.ColumnElement[bool]:
    return (_ORPHANS.c.location_id == location_id) & (_ORPHANS.c.key == key)
