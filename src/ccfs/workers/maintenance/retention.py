"""Retention: creates partitions in advance, and drops those that are older than the retention period.

Rows are deleted first. The files of deleted recordings become orphans, which the mover deletes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from ccfs.db import partitions, schema
from ccfs.db.engine import Database
from ccfs.db.system import maintenance, tenants
from ccfs.db.tenant import unassigned_records
from ccfs.db.tenant.calls import call_statistics, channel_events, leg_links
from ccfs.model.calls import partition_month

RETENTION_INTERVAL = timedelta(hours=1)  # between two rounds


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionPolicy:
    """Retention in full months before the current one; 0 keeps everything."""

    row_months: int = 0
    recording_months: int = 0

    def get_months(self, name: str) -> int:
        """Return the retention of a table in months."""
        return self.recording_months if name == schema.recordings.name else self.row_months


class RetentionJob:
    """A step of the work loop."""

    def __init__(self, database: Database, policy: RetentionPolicy, now: Callable[[], datetime]) -> None:
        self._database, self._policy, self._now = database, policy, now
        self._last_run_at: datetime | None = None

    def __call__(self) -> None:
        """Create and drop partitions if enough time has passed since the last round."""
        now = self._now()
        if self._last_run_at is None or now - self._last_run_at >= RETENTION_INTERVAL:
            partitions.ensure_upcoming(self._database, now)
            self.delete_expired(now)
            self._last_run_at = now

    def delete_expired(self, now: datetime) -> None:
        """Drop partitions, and what accompanies calls, if older than the policy allows: statistics, links, events."""
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
                    unassigned_records.delete_before(connection, app, before)
                    channel_events.delete_before(connection, app, before)
                    leg_links.delete_before(connection, app, before)
        if self._policy.recording_months:
            with self._database.write_transaction() as connection:
                maintenance.delete_rows_without_recording(connection)
