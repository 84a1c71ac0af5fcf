"""Ingest counts over all apps, for metrics and the console."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ccfs.db import schema
from ccfs.db.system.storage import lost_blobs
from ccfs.model.source_files import MISSING


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestTotals:
    """Counts over all apps."""

    rejected: int  # lines and files
    expected: int  # recordings that may still arrive
    missing: int
    lost: int  # recordings whose stored file is lost
    last_read_at: datetime | None  # of the source file that was read last
    missing_files: int = 0  # rotated files that were not found


def count_totals(connection: Connection) -> IngestTotals:
    """Return the counts of all apps together."""
    expected = schema.expected_recordings
    all_expected, missing = connection.execute(
        sa.select(sa.func.count(), sa.func.count(expected.c.missing_at)).where(expected.c.is_optional == sa.false())
    ).one()
    rejected = connection.execute(sa.select(sa.func.count()).select_from(schema.ingest_errors)).scalar_one()
    read_at = connection.execute(sa.select(sa.func.max(schema.source_cursors.c.read_at))).scalar()
    return IngestTotals(
        rejected=rejected,
        expected=all_expected - missing,
        missing=missing,
        lost=lost_blobs.count(connection),
        last_read_at=read_at,
        missing_files=count_missing_files(connection),
    )


def count_missing_files(connection: Connection) -> int:
    """Return the number of rotated files of all apps that were not found."""
    files = schema.rotated_files.c
    is_missing = (files.state == MISSING) & files.is_reported
    return int(connection.execute(sa.select(sa.func.count(files.id)).where(is_missing)).scalar_one())
