"""Instants that lie further ahead than they can, because a clock was ahead when they were set.

A lease, a wait or a retry that ends later than its longest possible length is due now. Claims go by an index on `due_at` alone;
this repair reads the end of the same index, so that none waits for a year after the clock was set right.
"""

from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ccfs.db import schema
from ccfs.db.job_queue import BULK_DOWNLOADS, DELIVERIES, EXPORTS, ORPHANS, JobQueue
from ccfs.model.clocks import TOLERANCE
from ccfs.model.exports.delivery import MAX_RETRY_DELAY

LONGEST_GRACE: Final = timedelta(days=31)  # of originals after a move: no setting allows more
LONGEST_WAITS: Final[dict[str, tuple[JobQueue, timedelta]]] = {  # of a queue's jobs: leases and delays of retries
    "deliveries": (DELIVERIES, MAX_RETRY_DELAY),
    "exports": (EXPORTS, timedelta(hours=1)),
    "bulk_downloads": (BULK_DOWNLOADS, timedelta(hours=1)),
    "orphaned_blobs": (ORPHANS, LONGEST_GRACE),
}


def make_due(connection: Connection, now: datetime) -> dict[str, int]:
    """Make jobs due that would wait longer than they can. Return their number by table, without zeros."""
    counts = {
        name: connection.execute(
            sa.update(queue.table)
            .where(queue.is_due, queue.table.c.due_at > now + longest + TOLERANCE)
            .values(due_at=now)
        ).rowcount
        for name, (queue, longest) in LONGEST_WAITS.items()
    }
    lost = schema.lost_blobs
    later = sa.update(lost).where(lost.c.tried_at > now + TOLERANCE)
    counts["lost_blobs"] = connection.execute(later.values(tried_at=lost.c.noticed_at)).rowcount
    return {name: count for name, count in counts.items() if count}
