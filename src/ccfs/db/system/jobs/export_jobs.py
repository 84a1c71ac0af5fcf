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
    """Lease the longest due export from the app with the fewest leased exports; None if no export is due.

    If several apps qualify, the next one after `last_app` gets its turn, however many exports are waiting in other
    apps.
    """
    waiting = EXPORTS.count_leases_of_due_groups(connection, now)
    for app, _ in sorted(waiting, key=lambda group: (group[1], group[0] <= last_app, group[0])):
        for row in EXPORTS.claim(connection, now, lease, duration, group=app):
            return ClaimedExport(export=build_export(row), **parse_claim(row))
    return None


def finish(connection: Connection, claimed: ClaimedExport, blob: BlobRef, now: datetime) -> bool:
    """Make the file available; False if the lease has been lost."""
    return EXPORTS.finish(connection, claimed, ExportState.READY, ready_at=now, **get_column_values(blob))


def list_expirable(
    connection: Connection, before: datetime, limit: int, excluded_locations: Collection[str] = ()
) -> list[tuple[App, str, BlobRef]]:
    """Return the app, responseId and blob of exports that became ready before an instant, oldest first."""
    is_ready = _TABLE.c.state == sa.literal_column("'ready'")  # a literal, as in the partial index
    statement = sa.select(_TABLE, _APPS.c.ak, _APPS.c.name).join(_APPS, _APPS.c.id == _TABLE.c.app)
    statement = statement.where(is_ready, _TABLE.c.ready_at < before, _TABLE.c.location_id.not_in(excluded_locations))
    rows = connection.execute(statement.order_by(_TABLE.c.ready_at).limit(limit))
    return [(App(id=row.app, ak=row.ak, name=row.name), row.response_id, build_blob_ref(row)) for row in rows]
