"""Report jobs: a due report is made from statistics, and then sent or written. A failed one is tried again for a while."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from ccfs.db.engine import Database
from ccfs.db.job_queue import REPORTS
from ccfs.db.system import tenants
from ccfs.db.system.console import users
from ccfs.db.system.jobs import report_jobs
from ccfs.db.system.jobs.report_jobs import ClaimedReport
from ccfs.db.tenant.calls.statistics import period_statistics
from ccfs.logs import get_logger
from ccfs.model.calls.reports.report import ReportSchedule, get_next_run, get_report_days, get_report_window
from ccfs.model.calls.reports.report_document import build_report, get_file_name
from ccfs.model.identity.tenancy import Account
from ccfs.model.identity.user import Permission
from ccfs.workers.base import Job, JobWorker, WorkerInterrupted
from ccfs.workers.reports.mail import MailFailed, MailServer, build_message, write_report

LEASE = timedelta(minutes=10)  # longer than every step of a mail connection together
MAX_ATTEMPTS = 6
RETRY_DELAY = timedelta(minutes=2)  # after the first failure, doubled after each further one
COUNTING_DELAY = timedelta(minutes=1)  # while calls of the period are still being counted
MAX_COUNTING_TIME = timedelta(hours=6)  # after which a report is sent although it is incomplete


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportDeps:
    """Dependencies of the worker of reports."""

    database: Database
    folder: Path  # of reports that are not mailed
    mail: MailServer
    now: Callable[[], datetime]
    is_draining: Callable[[], bool] = lambda: False


class ReportWorker(JobWorker):
    """Makes reports one after another."""

    THREAD_NAME = "reports"
    IDLE_SECONDS = 5.0

    def __init__(self, deps: ReportDeps) -> None:
        super().__init__(deps.is_draining, MAX_ATTEMPTS)
        self._deps = deps
        self._last_app_id = 0

    def claim(self) -> "ReportJob | None":
        """Claim the next due report."""
        deps = self._deps
        if not self._has_due_job(deps.database, REPORTS, deps.now()):
            return None
        with deps.database.write_transaction() as connection:
            claimed = report_jobs.claim(connection, deps.now(), secrets.token_hex(8), LEASE, self._last_app_id)
        if claimed is None:
            return None
        self._last_app_id = claimed.app.id
        return ReportJob(deps, claimed)


class ReportJob(Job):
    """A claimed report."""

    QUEUE = REPORTS
    KIND = "report"

    def __init__(self, deps: ReportDeps, claimed: ClaimedReport) -> None:
        super().__init__(deps.database, claimed)
        self._deps, self._claimed = deps, claimed

    @property
    def _schedule(self) -> ReportSchedule:
        return self._claimed.schedule

    def run(self) -> None:
        """Make the report and plan the next one. It waits while its calls are still being counted."""
        app, schedule, now = self._claimed.app, self._schedule, self._deps.now()
        with self._deps.database.read_transaction() as connection:
            account = tenants.get_accounts(connection, app).get(schedule.account_id)
            user = users.find_by_id(connection, schedule.user_id)
            if account is None or user is None or user.is_disabled:
                self._plan_next(account, "not sent: its user or account no longer exists")
                return
            if not user.has_permission(Permission.DOWNLOAD, app.id, account.account_id):
                self._plan_next(account, "not sent: its user no longer has permission")
                return
            days = get_report_days(schedule.frequency, account.zoneinfo, schedule.planned_at)
            window = get_report_window(days, account.zoneinfo)
            statistics = period_statistics.load_period(connection, app, account, window, now)
        if statistics.uncounted and now - schedule.planned_at < MAX_COUNTING_TIME:
            self.release(now + COUNTING_DELAY, "calls are still being counted", attempts=0)
            return
        body = build_report(schedule, statistics.build_tables(), days, account.service_level_seconds)
        self._plan_next(account, self._deliver(get_file_name(schedule, days), body))
        get_logger().info("report sent", action="report_sent", report=schedule.id)

    def handle_interrupt(self) -> None:
        """Make the report due immediately."""
        self.release(self._deps.now(), "interrupted", attempts=0)

    def handle_failure(self, error: Exception) -> None:
        """Try again later; after the last attempt, report the failure and plan the next report."""
        is_explained = isinstance(error, MailFailed)
        reason = (str(error) if is_explained else f"{type(error).__name__}: {error}")[:300]
        get_logger().warning("report failed", action="report_failed", report=self._schedule.id, reason=reason)
        if self.attempts < MAX_ATTEMPTS:
            self.release(self._deps.now() + RETRY_DELAY * 2 ** (self.attempts - 1), reason)
        else:
            self.mark_failed(reason)

    def mark_failed(self, error: str) -> None:
        """Report the failure and plan the next report."""
        with self._best_effort_transaction() as connection:
            accounts = tenants.get_accounts(connection, self._claimed.app)
            next_run = self._find_next_run(accounts.get(self._schedule.account_id))
            report_jobs.plan_next(connection, self._claimed, next_run, self._deps.now(), f"failed: {error}")

    def _deliver(self, name: str, body: bytes) -> str:
        """Send or write the report and return the result that the console shows. Raises OSError, SMTPException, MailFailed."""
        schedule, mail = self._schedule, self._deps.mail
        if not schedule.recipients:
            folder = self._deps.folder / self._claimed.app.ak / schedule.account_id
            return f"written: {write_report(folder, name, body)}"
        subject = f"{schedule.texts.get('Statistics', 'Statistics')} · {schedule.account_id}"
        message = build_message(mail.sender, schedule.recipients, subject, name, schedule.format, body)
        refused = mail.send(message)  # not repeated for those: the others would receive it twice
        sent = [address for address in schedule.recipients if address not in refused]
        return f"sent: {', '.join(sent)}" + (f"; refused: {', '.join(refused)}" if refused else "")

    def _plan_next(self, account: Account | None, result: str) -> None:
        next_run, now = self._find_next_run(account), self._deps.now()
        with self._deps.database.write_transaction() as connection:
            if not report_jobs.plan_next(connection, self._claimed, next_run, now, result):
                raise WorkerInterrupted

    def _find_next_run(self, account: Account | None) -> datetime:
        """Return when the next report is due; reports that were missed while no node ran are left out."""
        zone = (account or Account(account_id="")).zoneinfo
        return get_next_run(self._schedule.frequency, zone, max(self._deps.now(), self._schedule.planned_at))
