"""Moves of blobs between locations, and orphaned blobs, for the whole system.

A file is written before its row points to it, and deleted after the row no longer does. Each copy is therefore queued
as an orphan before it is written, each original when its row points to the copy, and each blob whose row is deleted
because of its age, and so is the key of each upload, until its row is added. When the lease of an orphan expires, the orphan is due: a worker deletes the file unless its row
points to it.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import shuffle
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ccfs.db import schema
from ccfs.db.job_queue import ORPHANS
from ccfs.db.statements import insert_or_ignore
from ccfs.db.tenant.exports import build_blob_ref
from ccfs.model.blobs.orphan import BlobOwner, BlobOwnerTable, OrphanedBlob
from ccfs.model.calls import partition_month
from ccfs.model.exports.export import ExportState

_ORPHANS = schema.orphaned_blobs
_NO_ROW = "0"  # no row has this id


@dataclass(frozen=True, slots=True)
class _OwnerColumns:
    """How rows of a table name bytes."""

    table: sa.Table
    row_key: sa.ColumnElement[Any]
    stored_at: sa.Column[Any]
    is_active: sa.ColumnElement[bool]  # other rows are being deleted; their bytes are not moved


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
    owner_table: BlobOwnerTable,
    location_id: str,
    before: datetime,
    limit: int,
    last: BlobOwner | None = None,
) -> list[BlobOwner]:
    """Return the rows of a table whose files were stored in a location before an instant, oldest first, after `last`."""
    owners = _OWNER_COLUMNS[owner_table]
    condition = _is_stored_before(owners, location_id, before)
    if last is not None:
        is_later_key = (owners.stored_at == last.stored_at) & (owners.row_key > last.owner_row)
        condition &= (owners.stored_at > last.stored_at) | is_later_key
    statement = sa.select(owners.table, owners.row_key.label("owner_row"), owners.stored_at.label("stored_at"))
    rows = connection.execute(statement.where(condition).order_by(owners.stored_at, owners.row_key).limit(limit))
    return [
        BlobOwner(
            owner_table=owner_table,
            owner_row=row.owner_row,
            app=row.app,
            stored_at=row.stored_at,
            blob=build_blob_ref(row),
        )
        for row in rows
    ]


def has_blobs(connection: Connection, location_id: str) -> bool:
    """Return whether a location has files by the rows: of calls, exports or uploads, copies under way, or files to be deleted."""
    orphan = sa.select(_ORPHANS.c.key).where(_ORPHANS.c.location_id == location_id).limit(1)
    if connection.execute(orphan).first() is not None:
        return True
    owned = (
        sa.select(owners.row_key).where(owners.table.c.location_id == location_id, owners.is_active).limit(1)
        if owners.table is schema.exports
        else sa.select(owners.row_key).where(owners.table.c.location_id == location_id).limit(1)
        for owners in _OWNER_COLUMNS.values()
    )
    return any(connection.execute(query).first() is not None for query in owned)


def count_owners_before(connection: Connection, location_id: str, before: datetime) -> int:
    """Return the number of rows that `list_owners_before` finds in all tables."""
    counts = (
        sa.select(sa.func.count()).where(_is_stored_before(owners, location_id, before))
        for owners in _OWNER_COLUMNS.values()
    )
    return sum(connection.execute(count).scalar_one() for count in counts)


def measure_owners_before(connection: Connection, location_id: str, before: datetime) -> tuple[int, int]:
    """Return the number of rows that `list_owners_before` finds in all tables, and the bytes of their files."""
    files, size = 0, 0
    for owners in _OWNER_COLUMNS.values():
        total = sa.cast(sa.func.coalesce(sa.func.sum(owners.table.c.size), 0), sa.BigInteger)
        statement = sa.select(sa.func.count(), total).where(_is_stored_before(owners, location_id, before))
        row = connection.execute(statement).one()
        files, size = files + row[0], size + row[1]
    return files, size


def claim_copy(
    connection: Connection, owner: BlobOwner, location_id: str, lease: str, now: datetime, until: datetime
) -> bool:
    """Queue the copy that will be written to a location, under a lease; False while another process holds its lease."""
    key = owner.blob.key
    owned = {"owner_table": owner.owner_table, "owner_row": str(owner.owner_row), "app": owner.app}
    values = {**owned, "lease": lease, "due_at": until}
    copy = insert_or_ignore(connection, _ORPHANS).values(location_id=location_id, key=key, **values)
    if connection.execute(copy.returning(_ORPHANS.c.key)).first():
        return True
    due = sa.update(_ORPHANS).where(ORPHANS.matches(location_id, key), _ORPHANS.c.due_at <= now)
    return connection.execute(due.values(**values)).rowcount == 1


def repoint(
    connection: Connection, owner: BlobOwner, location_id: str, lease: str, now: datetime, delete_at: datetime
) -> bool:
    """Point the row to the copy, if it still points to the original and the lease is ours.

    Queue whichever of the two is then unused.
    """
    if not _release_copy(connection, owner, location_id, lease, now):
        return False
    original = owner.blob
    owners = _OWNER_COLUMNS[owner.owner_table]
    is_original = (owners.table.c.location_id == original.location_id) & (owners.table.c.key == original.key)
    is_original &= (owners.table.c.sha256 == original.sha256) & owners.is_active
    row = sa.update(owners.table).where(_matches_row(owner.owner_table, str(owner.owner_row)), is_original)
    if connection.execute(row.values(location_id=location_id)).rowcount != 1:
        return False
    connection.execute(sa.delete(_ORPHANS).where(ORPHANS.matches(location_id, original.key)))
    orphan = OrphanedBlob(
        location_id=original.location_id,
        key=original.key,
        owner_table=owner.owner_table,
        owner_row=str(owner.owner_row),
        app=owner.app,
    )
    enqueue_orphan(connection, orphan, delete_at)
    return True


def abandon_copy(connection: Connection, owner: BlobOwner, location_id: str, lease: str, now: datetime) -> None:
    """Make a copy due for deletion that was not written, or that differs from the original."""
    _release_copy(connection, owner, location_id, lease, now)


def enqueue_orphan(connection: Connection, orphan: OrphanedBlob, due_at: datetime) -> None:
    """Queue a file for deletion, whether or not it exists."""
    values = {"owner_table": orphan.owner_table, "owner_row": orphan.owner_row, "app": orphan.app}
    blob = {"location_id": orphan.location_id, "key": orphan.key, "lease": "", "due_at": due_at}
    connection.execute(insert_or_ignore(connection, _ORPHANS).values(**blob, **values))


def reserve_key(
    connection: Connection, app: int, location_id: str, key: str, owner_table: BlobOwnerTable, until: datetime
) -> None:
    """Queue bytes that will be written before their row, for deletion unless `use_reserved_key` follows in time."""
    orphan = OrphanedBlob(location_id=location_id, key=key, owner_table=owner_table, owner_row=_NO_ROW, app=app)
    enqueue_orphan(connection, orphan, until)


def use_reserved_key(connection: Connection, location_id: str, key: str) -> bool:
    """Keep bytes, in the transaction that adds their row. Return False if the reservation is over: they may be gone."""
    reserved = ORPHANS.matches(location_id, key) & (_ORPHANS.c.lease == "")
    return connection.execute(sa.delete(_ORPHANS).where(reserved)).rowcount == 1


def claim_orphans(
    connection: Connection,
    now: datetime,
    lease: str,
    duration: timedelta,
    limit: int,
    excluded_locations: Collection[str] = (),
) -> list[OrphanedBlob]:
    """Lease due orphans, except in locations that other nodes serve.

    Every app gets an equal part, its longest due orphans; what some do not need is for the others.
    """
    rows: list[sa.Row[Any]] = []
    apps, excluded = ORPHANS.list_due_groups(connection, now), list(excluded_locations)
    shuffle(apps)  # if there are more than `limit`, none is always the last
    while apps and len(rows) < limit:
        part = max((limit - len(rows)) // len(apps), 1)
        unsatisfied = []
        for app in apps[: limit - len(rows)]:
            claimed = ORPHANS.claim(connection, now, lease, duration, part, group=app, excluded=excluded)
            rows += claimed
            if len(claimed) == part:
                unsatisfied.append(app)
        apps = unsatisfied
    return [
        OrphanedBlob(
            location_id=row.location_id,
            key=row.key,
            owner_table=BlobOwnerTable(row.owner_table),
            owner_row=row.owner_row,
            app=row.app,
        )
        for row in rows
    ]


def is_referenced(connection: Connection, orphan: OrphanedBlob) -> bool:
    """Return whether the row refers to this file, even if it is being deleted: such rows delete their own files."""
    owners = _OWNER_COLUMNS[orphan.owner_table]
    names_blob = (owners.table.c.location_id == orphan.location_id) & (owners.table.c.key == orphan.key)
    if orphan.owner_table is BlobOwnerTable.EXPORTS:
        names_blob &= owners.is_active  # the rows of expired exports stay
    statement = sa.select(owners.row_key).where(_matches_row(orphan.owner_table, orphan.owner_row), names_blob)
    return connection.execute(statement).first() is not None


def delete_orphan(connection: Connection, orphan: OrphanedBlob, lease: str) -> None:
    """Remove an orphan from the queue because its file has been deleted or is in use."""
    leased = ORPHANS.matches(orphan.location_id, orphan.key) & ORPHANS.is_leased(lease)
    connection.execute(sa.delete(_ORPHANS).where(leased))


def _release_copy(connection: Connection, owner: BlobOwner, location_id: str, lease: str, now: datetime) -> bool:
    leased = ORPHANS.matches(location_id, owner.blob.key) & ORPHANS.is_leased(lease)
    return connection.execute(sa.update(_ORPHANS).where(leased).values(due_at=now, lease="")).rowcount == 1


def _is_stored_before(owners: _OwnerColumns, location_id: str, before: datetime) -> sa.ColumnElement[bool]:
    return (owners.table.c.location_id == location_id) & (owners.stored_at < before) & owners.is_active


def _matches_row(owner_table: BlobOwnerTable, row: str) -> sa.ColumnElement[bool]:
    """Return the condition that a row has this key, by the table's own index."""
    owners = _OWNER_COLUMNS[owner_table]
    if owner_table is BlobOwnerTable.RECORDINGS:
        app, _, name = row.partition(" ")
        columns = owners.table.c
        month = partition_month.parse_month_key(name)
        return (columns.app == int(app)) & (columns.file_name == name) & (columns.month == month)
    return owners.row_key == (int(row) if owner_table is BlobOwnerTable.VOICE_FILES else row)
