"""The export jobs of all apps, for workers and cleanup."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ccfs.db import schema
from ccfs.db.job_queue import EXPORTS, ClaimedJob, parse_claim
from ccfs.db.tenant.exports import build_blob_ref, build_export
from ccfs.db.tenant.recordings import get_column_values
from ccfs.model.blobs.blob_ref import BlobRef
from ccfs.model.exports.export import Export, ExportState
from ccfs.model.identity.tenancy import App

_TABLE = schema.exports
_APPS = schema.apps
_IS_READY = _TABLE.c.state == sa.literal_column("'ready'")  # a literal, as in the partial index


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedExport(ClaimedJob):
    """An export leased by a worker. Files written under its expired leases must be deleted."""

    export: Export

    @property
    def job_id(self) -> str:
        """The responseId."""
        return self.export.response_id


def claim(
    connection: Connection, now: datetime, lease: str, duration: timedelta, last_app: int = 0
) -> ClaimedExport | None:
    """Lease the next export, of the app after `last_app` if several have waiting ones; None if no export is due."""
    row = EXPORTS.claim_in_turn(connection, now, lease, duration, last_app)
    return None if row is None else ClaimedExport(export=build_export(row), **parse_claim(row))


def finish(connection: Connection, claimed: ClaimedExport, blob: BlobRef, now: datetime) -> bool:
    """Make the file available; False if the lease has been lost."""
    return EXPORTS.finish(connection, claimed, ExportState.READY, ready_at=now, **get_column_values(blob))


def update_expiry_marks(connection: Connection, before: datetime, now: datetime) -> None:
    """Mark the exports that became ready before an instant, and lift the marks of others and those of a later time."""
    is_old, marked_at = _TABLE.c.ready_at < before, _TABLE.c.expiry_marked_at
    unmark = sa.update(_TABLE).where(_IS_READY, marked_at.is_not(None), ~is_old | (marked_at > now))
    connection.execute(unmark.values(expiry_marked_at=None))
    mark = sa.update(_TABLE).where(_IS_READY, is_old, marked_at.is_(None))
    connection.execute(mark.values(expiry_marked_at=now))


def list_expirable(
    connection: Connection,
    before: datetime,
    marked_before: datetime,
    limit: int,
    excluded_locations: Collection[str] = (),
) -> list[tuple[App, str, BlobRef]]:
    """Return app, responseId and blob of exports that became ready and were marked before these instants, oldest first."""
    statement = sa.select(_TABLE, _APPS.c.ak, _APPS.c.name).join(_APPS, _APPS.c.id == _TABLE.c.app)
    is_old = (_TABLE.c.ready_at < before) & (_TABLE.c.expiry_marked_at <= marked_before)
    statement = statement.where(_IS_READY, is_old, _TABLE.c.location_id.not_in(excluded_locations))
    rows = connection.execute(statement.order_by(_TABLE.c.ready_at).limit(limit))
    return [(App(id=row.app, ak=row.ak, name=row.name), row.response_id, build_blob_ref(row)) for row in rows]
