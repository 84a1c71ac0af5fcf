"""Scheduled reports of an account: list with the last results, schedule, delete."""

import secrets
from functools import partial
from urllib.parse import urlencode

from sqlalchemy.engine import Connection

from ccfs.console.calls.search import choose_scope, render_no_accounts
from ccfs.console.forms.confirmation import Question
from ccfs.console.forms.queue_names import are_too_many, split_queue_names
from ccfs.console.labels import FREQUENCIES
from ccfs.console.request import AccountScope, ConsoleRequest
from ccfs.db.system.console import audit
from ccfs.db.tenant import report_schedules
from ccfs.model.calls.reports.report import (
    MAX_QUEUES,
    MAX_RECIPIENTS,
    MAX_SCHEDULES,
    ReportFormat,
    ReportFrequency,
    ReportSchedule,
    get_next_run,
    is_address,
)
from ccfs.model.calls.reports.report_document import REPORT_TEXTS
from ccfs.model.errors import NotFound
from ccfs.model.identity.audit import AuditAction
from ccfs.model.identity.user import Permission
from ccfs.web.responses.types import BytesResponse, Response


async def list_reports(request: ConsoleRequest) -> Response:
    """Show the scheduled reports of an account."""
    scopes = await request.list_scopes(Permission.DOWNLOAD)
    if not scopes:
        return render_no_accounts(request)
    return await _render_page(request, choose_scope(request, scopes))


async def _render_page(
    request: ConsoleRequest, scope: AccountScope, status: int = 200, problem: str = "", field: str | None = None
) -> BytesResponse:
    load = partial(report_schedules.list_by_account, app=scope.app, account_id=scope.account.account_id)
    return request.render_page(
        "reports.html",
        status,
        problem,
        field,
        scopes=await request.list_scopes(Permission.DOWNLOAD),
        scope=scope,
        reports=await request.context.query(load),
        frequencies=FREQUENCIES,
        formats=list(ReportFormat),
        has_mail=bool(request.context.settings.smtp_host),
    )


async def schedule_report(request: ConsoleRequest) -> Response:
    """Schedule a report."""
    scope, form = request.current_scope, request.form
    recipients = tuple(dict.fromkeys(form.get("recipients", "").replace(",", " ").replace(";", " ").split()))
    queues = split_queue_names(form.get("queues", ""))
    problem = _find_problem(request, recipients, queues)
    frequency = next((value for value in ReportFrequency if value == form.get("frequency")), None)
    report_format = next((value for value in ReportFormat if value == form.get("format")), None)
    if frequency is None or report_format is None:
        raise NotFound
    if problem:
        return await _render_page(request, scope, 400, problem, "")
    now = request.context.now()
    schedule = ReportSchedule(
        id=secrets.token_hex(16),
        account_id=scope.account.account_id,
        user_id=request.current_user.id,
        frequency=frequency,
        format=report_format,
        queues=queues,
        recipients=recipients,
        texts={text: request.translate(text) for text in REPORT_TEXTS},
        planned_at=get_next_run(frequency, scope.zone, now),
    )

    def change(connection: Connection) -> bool:
        is_added = report_schedules.add(connection, scope.app, schedule, now)
        if is_added:
            target = f"{frequency} {report_format} {', '.join(recipients) or 'folder'}"
            audit.add(connection, request.build_audit_entry(AuditAction.REPORT_SCHEDULED, target, scope))
        return is_added

    if not await request.context.transaction(change):
        problem = request.translate("An account can have up to {most} scheduled reports.", most=MAX_SCHEDULES)
        return await _render_page(request, scope, 400, problem, "")
    return request.redirect("/console/reports", account=scope.name)


def _find_problem(request: ConsoleRequest, recipients: tuple[str, ...], queues: tuple[str, ...]) -> str:
    """Return what is wrong with a form, "" if nothing is."""
    if recipients and not request.context.settings.smtp_host:
        return request.translate(
            "No SMTP server is configured, so reports cannot be emailed. Leave the recipients empty."
        )
    if len(recipients) > MAX_RECIPIENTS or not all(map(is_address, recipients)):
        return request.translate("Enter up to {most} e-mail addresses, separated by commas.", most=MAX_RECIPIENTS)
    if are_too_many(queues, MAX_QUEUES):
        return request.translate("Enter up to {most} queues, separated by commas.", most=MAX_QUEUES)
    return ""


async def ask_delete_report(request: ConsoleRequest) -> Question:
    """Ask before a scheduled report is deleted."""
    t, scope = request.translate, request.current_scope
    return Question(
        title=t("Delete the scheduled report?"),
        consequences=(t("It will no longer be created or emailed. Existing reports are kept."),),
        action=t("Delete"),
        cancel_path=f"/console/reports?{urlencode({'account': scope.name})}",
    )


async def delete_report(request: ConsoleRequest) -> Response:
    """Delete a scheduled report of the account."""
    scope, schedule_id = request.current_scope, request.form.get("id", "")

    def change(connection: Connection) -> bool:
        is_deleted = report_schedules.delete(connection, scope.app, scope.account.account_id, schedule_id)
        if is_deleted:
            audit.add(connection, request.build_audit_entry(AuditAction.REPORT_DELETED, schedule_id, scope))
        return is_deleted

    if not await request.context.transaction(change):
        raise NotFound
    return request.redirect("/console/reports", account=scope.name)
