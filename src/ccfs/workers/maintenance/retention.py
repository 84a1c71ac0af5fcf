"""Retention: creates partitions in advance, and deletes what is older than the retention period, a month at a time.

A month is first marked, which is reported, and deleted a day later. A mark is lifted if the month no longer has to go, because
the clock was set back or the retention was extended. Rows are deleted first. The files of deleted recordings become orphans,
which the mover deletes.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.engine import Connection

from ccfs.db import partitions, schema
from ccfs.db.engine import Database
from ccfs.db.system import clock_times, maintenance, tenants
from ccfs.db.system.console import audit
from ccfs.db.system.storage import retention_marks
from ccfs.db.system.storage.retention_marks import AGE_COLUMNS, MARK_PERIOD, MonthSummary, RetentionMark
from ccfs.db.tenant.calls import channel_events, leg_links, search_index
from ccfs.db.tenant.calls.statistics import call_statistics, speech_statistics
from ccfs.db.tenant.ingest import unassigned_records
from ccfs.logs import get_logger
from ccfs.model.calls import partition_month
from ccfs.model.identity.audit import AuditAction, AuditEntry
from ccfs.model.identity.tenancy import App
from ccfs.workers.maintenance.clock_guard import ClockGuard

INTERVAL_SECONDS = 3600.0  # between two rounds
TURN_INTERVAL = timedelta(minutes=55)  # between the deletions of two months, by any node
ACTOR = "(retention)"  # in the audit log


def _delete_statistics(connection: Connection, app: App, before: datetime) -> None:
    call_statistics.delete_before(connection, app, before)
    speech_statistics.delete_before(connection, app, before)


_COMPANIONS = {  # tables without partitions: how to delete an app's rows before an instant
    "call_statistics": _delete_statistics,
    "channel_events": channel_events.delete_before,
    "leg_links": leg_links.delete_before,
    "search_values": search_index.delete_before,
    "unassigned_records": unassigned_records.delete_before,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionPolicy:
    """Retention in full months before the current one; 0 keeps everything."""

    row_months: int = 0
    recording_months: int = 0

    def get_first_kept(self, table: str, now: datetime) -> int | None:
        """Return the first month of a table that stays; None: everything."""
        months = self.recording_months if table == schema.recordings.name else self.row_months
        return partition_month.add_months(partition_month.month_key(now), -months) if months else None


class RetentionJob:
    """A step of the work loop."""

    def __init__(
        self,
        database: Database,
        policy: RetentionPolicy,
        now: Callable[[], datetime],
        clocks: ClockGuard,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database, self._policy, self._now, self._clocks = database, policy, now, clocks
        self._monotonic = monotonic
        self._last_run_at = float("-inf")

    def __call__(self) -> None:
        """Create, mark and delete months if enough time has passed since the last round."""
        if self._monotonic() - self._last_run_at >= INTERVAL_SECONDS:
            partitions.ensure_upcoming(self._database, self._now())
            self.run()
            self._last_run_at = self._monotonic()

    def run(self) -> None:
        """Mark what has expired, and delete the oldest month if it was marked a day ago. Without agreeing clocks, do nothing."""
        now = self._clocks.get_safe_now()
        if now is None:
            return
        self._lift_marks(now)
        self._mark_expired(now)
        self._delete_oldest(now)
        if self._policy.recording_months:
            with self._database.write_transaction() as connection:
                maintenance.delete_rows_without_recording(connection)

    def _lift_marks(self, now: datetime) -> None:
        """Lift the marks of months that are now to stay, and marks dated in the future, whose day has not begun."""
        with self._database.write_transaction() as connection:
            for mark in retention_marks.list_marks(connection):
                first_kept = self._policy.get_first_kept(mark.table, now)
                if first_kept is None or mark.month >= first_kept or mark.marked_at > now:
                    retention_marks.delete(connection, mark)
                    get_logger().info("deletion cancelled", action="retention_lifted", **_name_month(mark))

    def _mark_expired(self, now: datetime) -> None:
        summaries: list[MonthSummary] = []
        for table in AGE_COLUMNS:
            first_kept = self._policy.get_first_kept(table, now)
            if first_kept is None:
                continue
            with self._database.read_transaction() as connection:
                marked = {mark.month for mark in retention_marks.list_marks(connection) if mark.table == table}
                months = retention_marks.list_months(connection, table, first_kept) - marked
                summaries += [retention_marks.summarise(connection, table, month) for month in sorted(months)]
        self._report(summaries, AuditAction.RETENTION_MARKED, now, is_mark=True)

    def _delete_oldest(self, now: datetime) -> None:
        with self._database.read_transaction() as connection:
            marks = retention_marks.list_marks(connection)
        oldest = [mark for mark in marks if mark.month == marks[0].month]
        if not oldest or any(mark.marked_at + MARK_PERIOD > now for mark in oldest):
            return
        with self._database.write_transaction() as connection:
            if not clock_times.claim_turn(connection, "retention", now, TURN_INTERVAL):
                return
            summaries = [retention_marks.summarise(connection, mark.table, mark.month) for mark in oldest]
        self._report(summaries, AuditAction.RETENTION_DELETED, now, is_mark=False)
        for mark in oldest:
            self._delete(mark, now)

    def _delete(self, mark: RetentionMark, now: datetime) -> None:
        """Delete a month, and then its mark: after a crash, the deletion goes on."""
        first_kept = partition_month.add_months(mark.month)
        table = AGE_COLUMNS[mark.table].table
        if mark.table not in _COMPANIONS:
            partitions.drop_before(self._database, table, first_kept, now)
        with self._database.write_transaction() as connection:
            if delete_before := _COMPANIONS.get(mark.table):
                for app in tenants.list_apps(connection):
                    delete_before(connection, app, partition_month.month_start(first_kept))
            else:
                maintenance.delete_evaluations_without_call(connection, partition_month.month_start(first_kept))
            if mark.month not in retention_marks.list_months(connection, mark.table, first_kept):
                retention_marks.delete(connection, mark)  # else a reader kept a partition: the next round drops it

    def _report(self, summaries: Sequence[MonthSummary], action: AuditAction, now: datetime, *, is_mark: bool) -> None:
        """Log and audit what will be deleted and, with `is_mark`, mark it. Nothing is deleted without a report."""
        with self._database.write_transaction() as connection:
            if is_mark:
                summaries = [one for one in summaries if retention_marks.add(connection, one.table, one.month, now)]
            for month in sorted({summary.month for summary in summaries}):
                of_month = [summary for summary in summaries if summary.month == month]
                target = "; ".join([f"{month // 100}-{month % 100:02}", *map(_format_summary, of_month)])
                audit.add(connection, AuditEntry(logged_at=now, actor=ACTOR, action=action, target=target))
        for one in summaries:
            text = "month will be deleted a day from now" if is_mark else "deleting month"
            counts = {"rows": one.rows, "bytes": one.size}
            instants = {"oldest": one.oldest, "newest": one.newest}
            texts = {name: instant.isoformat() if instant else "" for name, instant in instants.items()}
            get_logger().warning(text, action=str(action), **_name_month(one), **counts, **texts)


def _name_month(one: MonthSummary | RetentionMark) -> dict[str, object]:
    return {"table": one.table, "month": one.month}


def _format_summary(summary: MonthSummary) -> str:
    period = f", {summary.oldest:%Y-%m-%d} to {summary.newest:%Y-%m-%d}" if summary.oldest and summary.newest else ""
    size = f", {summary.size} bytes" if summary.size else ""
    return f"{summary.table}: {summary.rows} rows{size}{period}"
