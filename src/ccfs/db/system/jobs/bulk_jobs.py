"""The bulk download jobs of all apps, for workers and cleanup."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ccfs.db import schema
from ccfs.db.job_queue import BULK_DOWNLOADS, ClaimedJob, parse_claim
from ccfs.db.tenant.bulk_downloads import build_bulk_download, build_progress, parse_cursor, serialize
from ccfs.db.tenant.recordings import get_column_values
from ccfs.model.bulk.bulk_download import BulkDownload, BulkDownloadState, BulkProgress
from ccfs.model.bulk.bulk_zip import ZipSummary
from ccfs.model.calls.search import SearchCursor

_TABLE = schema.bulk_downloads


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedBulkDownload(ClaimedJob):
    """A bulk download leased by a worker. Its attempts are the claims since its last progress."""

    bulk_download: BulkDownload
    progress: BulkProgress
    cursor: SearchCursor | None  # where the search continues

    @property
    def job_id(self) -> str:
        """The id of the bulk download."""
        return self.bulk_download.id


def claim(
    connection: Connection, now: datetime, lease: str, duration: timedelta, last_app: int = 0
) -> ClaimedBulkDownload | None:
    """Lease the next bulk download, of the app after `last_app` if several have waiting ones; None if none is due."""
    row = BULK_DOWNLOADS.claim_in_turn(connection, now, lease, duration, last_app)
    if row is None:
        return None
    return ClaimedBulkDownload(
        bulk_download=build_bulk_download(row),
        progress=build_progress(row),
        cursor=parse_cursor(row.cursor),
        **parse_claim(row),
    )


def save_progress(
    connection: Connection,
    claimed: ClaimedBulkDownload,
    progress: BulkProgress,
    cursor: SearchCursor | None,
    until: datetime,
) -> bool:
    """Store the progress and extend the lease; False if the lease has been lost."""
    values = {**get_column_values(progress), "cursor": serialize(cursor), "due_at": until, "attempts": 0}
    return BULK_DOWNLOADS.update(connection, claimed, **values)


def finish(connection: Connection, claimed: ClaimedBulkDownload, summary: ZipSummary, now: datetime) -> bool:
    """Make the zip available; False if the lease has been lost."""
    digests: dict[str, Any] = {"index_size": summary.index.size, "index_crc32": summary.index.crc32}
    digests |= {"missing_size": summary.missing.size, "missing_crc32": summary.missing.crc32}
    zip_values = {"size": summary.size, "etag": summary.etag, **digests}
    return BULK_DOWNLOADS.finish(connection, claimed, BulkDownloadState.READY, ready_at=now, **zip_values)


def delete_before(connection: Connection, before: datetime, limit: int) -> int:
    """Delete bulk downloads requested before an instant, together with their items, and return their number."""
    old = sa.select(_TABLE.c.id).where(_TABLE.c.requested_at < before).order_by(_TABLE.c.requested_at).limit(limit)
    return connection.execute(sa.delete(_TABLE).where(_TABLE.c.id.in_(old.scalar_subquery()))).rowcount
