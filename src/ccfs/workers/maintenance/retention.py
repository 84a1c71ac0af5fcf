"""Keeping what grows within bounds: months made ahead, and old ones let go where the operator says how long they stay.

Rows go first; the bytes of recordings are strays then, which move.py sweeps: what a row names is there.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from ccfs.db import partitions, schema
from ccfs.db.engine import Database
from ccfs.db.system import maintenance, tenants
from ccfs.db.tenant import call_statistics
from ccfs.model.calls import partition_month

RETENTION_INTERVAL = timedelta(hours=1)  # looks for months to make and to let go


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionPolicy:
    """How many whole months stay beside this one; 0: all."""

    row_months: int = 0
    recording_months: int = 0

    def get_months(self, name: str) -> int:
        """The months of a table."""
        return self.recording_months if name == schema.recordings.name else self.row_months


class RetentionJob:
    """A step of the work loop."""

    def __init__(self, database: Database, terms: RetentionPolicy, now: Callable[[], datetime]) -> None:
        self._database, self._policy, self._now = database, terms, now
        self._last_run_at: datetime | None = None

    def __call__(self) -> None:
        """One round."""
        now = self._now()
        if self._last_run_at is None or now - self._last_run_at >= RETENTION_INTERVAL:
            partitions.ensure_upcoming(self._database, now)
            self.delete_expired(now)
            self._last_run_at = now

    def delete_expired(self, now: datetime) -> None:
        """Let the months go that are older than the terms."""
        for table in partitions.AGE_COLUMN:
            if count := self._policy.get_months(table.name):
                partitions.drop_before(
                    self._database, table, partition_month.add_months(partition_month.month_key(now), -count), now
                )
        if self._policy.row_months:
            before = partition_month.month_start(
                partition_month.add_months(partition_month.month_key(now), -self._policy.row_months)
            )
            with self._database.write_transaction() as connection:
                for app in tenants.list_apps(connection):
                    call_statistics.delete_before(connection, app, before)
        if self._policy.recording_months:
            with self._database.write_transaction() as connection:
                maintenance.delete_rows_without_recording(connection)
