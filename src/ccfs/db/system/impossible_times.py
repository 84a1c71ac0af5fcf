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
}


def make_due(connection: Connection, now: datetime) -> dict[str, int]:
    """Make jobs due that would wait longer than they can. Return their number by table, without zeros.

    A job that becomes due too early because `now` is wrong does no harm.
    """
    counts = {name: _make_due(connection, queue, longest, now) for name, (queue, longest) in LONGEST_WAITS.items()}
    lost = schema.lost_blobs
    later = sa.update(lost).where(lost.c.tried_at > now + TOLERANCE)
    counts["lost_blobs"] = connection.execute(later.values(tried_at=lost.c.noticed_at)).rowcount
    return {name: count for name, count in counts.items() if count}


def make_orphans_due(connection: Connection, now: datetime) -> int:
    """Make orphans due that would wait longer than they can; return their number. They are deleted, so `now` must be right."""
    return _make_due(connection, ORPHANS, LONGEST_GRACE, now)


def _make_due(connection: Connection, queue: JobQueue, longest: timedelta, now: datetime) -> int:
    is_impossible = queue.table.c.due_at > now + longest + TOLERANCE
    return connection.execute(sa.update(queue.table).where(queue.is_due, is_impossible).values(due_at=now)).rowcount
