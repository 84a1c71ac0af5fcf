"""The scheduled reports of all apps, for workers."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.engine import Connection

from ccfs.db.job_queue import REPORTS, ClaimedJob, parse_claim
from ccfs.db.tenant.report_schedules import build_schedule
from ccfs.model.calls.reports.report import ReportSchedule


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedReport(ClaimedJob):
    """A report leased by a worker."""

    schedule: ReportSchedule

    @property
    def job_id(self) -> str:
        """The id of the schedule."""
        return self.schedule.id


def claim(
    connection: Connection, now: datetime, lease: str, duration: timedelta, last_app: int = 0
) -> ClaimedReport | None:
    """Lease the next due report, of the app after `last_app` if several have waiting ones; None if none is due."""
    row = REPORTS.claim_in_turn(connection, now, lease, duration, last_app)
    return ClaimedReport(schedule=build_schedule(row), **parse_claim(row)) if row else None


def plan_next(connection: Connection, claimed: ClaimedReport, next_run: datetime, now: datetime, result: str) -> bool:
    """Store the result of a run and when the next one is due; False if the lease has been lost."""
    values = {"planned_at": next_run, "last_run_at": now, "last_result": result[:500], "attempts": 0}
    return REPORTS.release(connection, claimed, next_run, "", **values)
