"""Scheduled reports: due at the account's midnight, mailed or written, tried again, and only for users with permission."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from ccfs.db.engine import Database
from ccfs.db.system.console import users
from ccfs.db.tenant import report_schedules
from ccfs.db.tenant.calls import cdrs
from ccfs.db.tenant.report_schedules import ReportScheduleView
from ccfs.model.calls.cdr import Cdr, DeviceType
from ccfs.model.calls.reports.report import ReportFormat, ReportFrequency, ReportSchedule, get_next_run, get_report_days
from ccfs.model.identity.tenancy import App
from ccfs.model.identity.user import Grant, Role
from ccfs.workers.maintenance.statistics import update_call_statistics, update_daily_statistics
from ccfs.workers.reports.mail import MailServer
from ccfs.workers.reports.worker import MAX_ATTEMPTS, ReportDeps, ReportWorker
from tests.db import sample_rows
from tests.ports import get_free_port

LONDON = ZoneInfo("Europe/London")
CALL_AT = datetime(2026, 10, 25, 12, 0, tzinfo=UTC)  # a day of 25 hours in London
DUE_AT = datetime(2026, 10, 26, 0, 30, tzinfo=UTC)
NOW = DUE_AT - timedelta(hours=2)
PASSWORD = "mail password"


class Inbox:
    """Receives mail; refuses the first `failures` messages, and the recipient `nobody@example.com`."""

    def __init__(self, failures: int = 0) -> None:
        self.failures, self.messages, self.recipients = failures, list[EmailMessage](), list[list[str]]()
        self.logins = list[tuple[bytes, bytes]]()

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any) -> str:
        if address.startswith("nobody"):
            return "550 unknown"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        if self.failures:
            self.failures -= 1
            return "451 try again later"
        self.messages.append(message_from_bytes(envelope.content, policy=policy.default))
        self.recipients.append(list(envelope.rcpt_tos))
        return "250 OK"


@pytest.fixture
def inbox() -> Inbox:
    return Inbox()


@pytest.fixture
def mail(inbox: Inbox) -> Iterator[MailServer]:
    """An SMTP server that notes logins."""
    port = get_free_port()

    def authenticate(_server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
        inbox.logins.append((data.login, data.password))
        return AuthResult(success=True)

    controller = Controller(inbox, hostname="127.0.0.1", port=port, authenticator=authenticate, auth_require_tls=False)
    controller.start()
    yield MailServer(host="127.0.0.1", port=port, tls="none", user="ccfs", password=PASSWORD, sender="ccfs@example.com")
    controller.stop()


class Site:
    """An app with a call of two queues, a user, and the worker at a time that tests set."""

    def __init__(self, database: Database, folder: Path, mail: MailServer) -> None:
        self.database, self.folder, self.now = database, folder, NOW
        with database.write_transaction() as connection:
            self.app: App = sample_rows.add_app(connection)
            sample_rows.add_account(connection, self.app, "100", 8, "Europe/London")
            self.user = users.add(connection, "emil", "", NOW)
            users.grant_role(connection, self.user, Grant(role=Role.EXPORTER, app=self.app.id))
            cdrs.add(connection, self.app, [_make_leg("sales", 1), _make_leg("=support", 2)])
        while update_call_statistics(database) or update_daily_statistics(database, DUE_AT):
            pass
        self.worker = ReportWorker(ReportDeps(database=database, folder=folder, mail=mail, now=lambda: self.now))

    def schedule(self, **more: Any) -> None:
        values: dict[str, Any] = {"frequency": ReportFrequency.DAILY, "format": ReportFormat.CSV} | more
        planned = get_next_run(values["frequency"], LONDON, NOW)
        schedule = ReportSchedule(id="ab" * 16, account_id="100", user_id=self.user.id, planned_at=planned, **values)
        with self.database.write_transaction() as connection:
            assert report_schedules.add(connection, self.app, schedule, NOW)

    def get_view(self) -> ReportScheduleView:
        with self.database.read_transaction() as connection:
            (view,) = report_schedules.list_by_account(connection, self.app, "100")
        return view


def _make_leg(queue: str, number: int) -> Cdr:
    return Cdr(
        account_id="100", cc_id="1", vdn_id="8", call_id=f"1792929600-{number}", begin=CALL_AT, agent_id="512",
        device_type=DeviceType.AGENT, current_skill_id=queue, wait_begin=CALL_AT, wait_end=CALL_AT + timedelta(seconds=9),
        call_begin=CALL_AT, call_end=CALL_AT + timedelta(seconds=60), source_key=str(number),
    )  # fmt: skip


@pytest.fixture
def site(database: Database, tmp_path: Path, mail: MailServer) -> Site:
    return Site(database, tmp_path / "reports", mail)


def test_a_report_is_written_when_it_is_due_and_planned_again(site: Site) -> None:
    site.schedule()
    assert not site.worker.run_once()
    site.now = DUE_AT
    assert site.worker.run_once()
    path = site.folder / site.app.ak / "100" / "statistics-100-2026-10-25_2026-10-25-abababab.csv"
    lines = path.read_text("utf-8-sig").splitlines()
    assert [line.split(",")[:5] for line in lines[1:]] == [
        ["total", "", "2", "2", "0"],
        ["queue", "'=support", "1", "1", "0"],
        ["queue", "sales", "1", "1", "0"],
        ["agent", "512", "2", "2", "0"],
    ]
    view = site.get_view()
    assert (view.last_run_at, view.last_result) == (DUE_AT, f"written: {path}")
    assert view.schedule.planned_at == DUE_AT + timedelta(days=1)
    assert not site.worker.run_once()


def test_a_report_is_mailed_in_the_language_of_its_user(site: Site, inbox: Inbox) -> None:
    recipients = ("ann@example.com", "nobody@example.com")
    site.schedule(format=ReportFormat.HTML, queues=("sales",), recipients=recipients, texts={"Queue": "技能队列"})
    site.now = DUE_AT
    assert site.worker.run_once()
    (message,) = inbox.messages
    assert inbox.recipients == [["ann@example.com"]]
    assert inbox.logins == [(b"ccfs", PASSWORD.encode())]
    html = message.get_body(("html",))
    assert html is not None
    assert "技能队列" in html.get_content()
    assert "sales" in html.get_content()
    assert "support" not in html.get_content()
    assert "512" not in html.get_content()
    assert site.get_view().last_result == "sent: ann@example.com; refused: nobody@example.com"


def test_a_failed_report_is_tried_again_and_at_last_reported(site: Site, inbox: Inbox) -> None:
    inbox.failures = 1
    site.schedule(recipients=("ann@example.com",))
    site.now = DUE_AT
    assert site.worker.run_once()
    assert "451" in site.get_view().error
    assert not site.worker.run_once()
    site.now += timedelta(minutes=2)
    assert site.worker.run_once()
    attachment = next(inbox.messages[0].iter_attachments())
    assert attachment.get_filename() == "statistics-100-2026-10-25_2026-10-25-abababab.csv"
    assert (site.get_view().last_result, site.get_view().error) == ("sent: ann@example.com", "")
    inbox.failures, site.now = 99, DUE_AT + timedelta(days=1)
    for _ in range(MAX_ATTEMPTS):
        assert site.worker.run_once()
        site.now += timedelta(hours=2)
    assert site.get_view().last_result.startswith("failed: SMTPDataError")
    assert site.get_view().schedule.planned_at == DUE_AT + timedelta(days=2)


@pytest.mark.parametrize("loss", ["role", "disabled"])
def test_a_user_who_lost_the_permission_gets_no_reports(site: Site, loss: str) -> None:
    site.schedule()
    with site.database.write_transaction() as connection:
        if loss == "role":
            users.revoke_role(connection, site.user, Grant(role=Role.EXPORTER, app=site.app.id))
            users.grant_role(connection, site.user, Grant(role=Role.LISTENER, app=site.app.id))
        else:
            users.set_disabled(connection, site.user, NOW)
    site.now = DUE_AT
    assert site.worker.run_once()
    assert site.get_view().last_result.startswith("not sent: its user")
    assert not site.folder.exists()


def test_a_report_waits_until_its_calls_are_counted(site: Site) -> None:
    site.schedule()
    with site.database.write_transaction() as connection:
        cdrs.add(connection, site.app, [_make_leg("late", 3)])
    site.now = DUE_AT
    assert site.worker.run_once()
    assert site.get_view().error == "calls are still being counted"
    while update_call_statistics(site.database) or update_daily_statistics(site.database, site.now):
        pass
    site.now += timedelta(minutes=1)
    assert site.worker.run_once()
    (file,) = site.folder.rglob("*.csv")
    assert "late" in file.read_text("utf-8-sig")


@pytest.mark.parametrize(
    ("frequency", "after", "run", "days"),
    [
        (ReportFrequency.DAILY, NOW, DUE_AT, (date(2026, 10, 25), date(2026, 10, 25))),
        (ReportFrequency.DAILY, DUE_AT, DUE_AT + timedelta(days=1), (date(2026, 10, 26), date(2026, 10, 26))),
        (ReportFrequency.WEEKLY, NOW, DUE_AT, (date(2026, 10, 19), date(2026, 10, 25))),
        (
            ReportFrequency.MONTHLY,
            NOW,
            datetime(2026, 11, 1, 0, 30, tzinfo=UTC),
            (date(2026, 10, 1), date(2026, 10, 31)),
        ),
    ],
)
def test_a_report_covers_the_days_before(
    frequency: ReportFrequency, after: datetime, run: datetime, days: tuple[date, date]
) -> None:
    assert get_next_run(frequency, LONDON, after) == run
    assert get_report_days(frequency, LONDON, run) == days
