"""The audit log for auditors: a page and a CSV."""

from datetime import UTC, datetime, time, timedelta

from ccfs.console import render
from ccfs.console.request import ConsoleRequest
from ccfs.db.system.console import audit
from ccfs.model.formats import safe_csv
from ccfs.model.identity.audit import AuditAction, AuditEntry, AuditQuery
from ccfs.model.identity.user import Permission
from ccfs.web.responses.headers import format_content_disposition
from ccfs.web.responses.types import BytesResponse, Response

DEFAULT_PERIOD = timedelta(days=30)
MAX_CSV_ROWS = 50_000
CSV_HEADER = ("time", "actor", "app", "account", "action", "target", "address")
FORM_FIELDS = ("actor", "action", "from", "to")


async def show_audit_log(request: ConsoleRequest) -> Response:
    """Show one page of the log, newest first."""
    query = _parse_query(request)
    entries = await request.context.query(lambda connection: audit.list_entries(connection, query))
    actors: list[str] = []
    if query.scopes is None:
        actors = await request.context.query(lambda connection: audit.list_actors(connection, query.begin))
    return request.render_page(
        "audit.html",
        entries=entries,
        fields={name: request.query_params.get(name, "") for name in FORM_FIELDS},
        actors=actors,
        before=str(entries[-1][0]) if len(entries) == query.limit else "",
        apps={app.id: app for app in await request.list_apps()},
        actions=list(AuditAction),
        zone=UTC,
    )


async def download_audit_log(request: ConsoleRequest) -> Response:
    """Return the log as CSV, up to MAX_CSV_ROWS entries."""
    query = _parse_query(request, MAX_CSV_ROWS)
    await request.audit_action(AuditAction.AUDIT_LOG_DOWNLOADED, request.http_request.query)
    entries = await request.context.query(lambda connection: audit.list_entries(connection, query))
    aks = {app.id: app.ak for app in await request.list_apps()}
    body = safe_csv.encode_rows([CSV_HEADER, *(_build_csv_row(entry, aks) for _, entry in entries)])
    name = f"ccfs-audit-log-{request.context.now():%Y%m%d-%H%M%S}.csv"
    headers = (("content-disposition", format_content_disposition(name)), *render.SECURITY_HEADERS)
    return BytesResponse(body=body, content_type=safe_csv.CONTENT_TYPE, extra_headers=headers)


def _build_csv_row(entry: AuditEntry, aks: dict[int, str]) -> tuple[str, ...]:
    ak = aks.get(entry.app or 0, "")
    return (entry.logged_at.isoformat(), entry.actor, ak, entry.account_id, entry.action, entry.target, entry.address)


def _parse_query(request: ConsoleRequest, limit: int = 100) -> AuditQuery:
    """Return the query that the parameters describe, limited to the scopes of the user's audit grants."""
    parameters, now = request.query_params, request.context.now()
    before, end = parameters.get("before", ""), _parse_day(parameters.get("to", ""), now.date().isoformat())
    end += timedelta(days=1)
    return AuditQuery(
        begin=_parse_day(parameters.get("from", ""), (end - DEFAULT_PERIOD).date().isoformat()),
        end=end,
        actor=parameters.get("actor", "").strip().lower(),
        action=next((action for action in AuditAction if action == parameters.get("action")), None),
        scopes=_get_scopes(request),
        before_row=int(before) if before.isascii() and before.isdecimal() and len(before) < 19 else None,
        limit=limit,
    )


def _get_scopes(request: ConsoleRequest) -> tuple[tuple[int, str], ...] | None:
    user = request.current_user
    if user.has_permission(Permission.AUDIT, None):
        return None
    return tuple(
        (grant.app, grant.account_id)
        for grant in user.grants
        if grant.app is not None and grant.covers(Permission.AUDIT, grant.app, grant.account_id)
    )


def _parse_day(text: str, default: str) -> datetime:
    try:
        day = datetime.fromisoformat(text or default).date()
        return datetime.combine(day, time(), UTC) if 1970 < day.year < 9000 else _parse_day(default, default)
    except ValueError:
        return _parse_day(default, default)
