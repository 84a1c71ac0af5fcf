"""The log of who did what, for auditors: a page, and the same as CSV."""

from datetime import UTC, datetime, time, timedelta

from ccfs.console import render
from ccfs.console.request import ConsoleRequest
from ccfs.db.system import audit
from ccfs.model.errors import NotFound
from ccfs.model.formats import safe_csv
from ccfs.model.identity.audit import AuditAction, AuditEntry, AuditQuery
from ccfs.model.identity.user import Permission
from ccfs.web.responses.types import BytesResponse, Response, format_content_disposition

DEFAULT_PERIOD = timedelta(days=30)
MAX_CSV_ROWS = 50_000  # rows
CSV_HEADER = ("time", "actor", "app", "account", "action", "target", "address")


async def show_audit_log(visit: ConsoleRequest) -> Response:
    """One page of the log, newest first."""
    asked, words = (
        _parse_query(visit),
        {name: visit.query_params.get(name, "") for name in ("actor", "action", "from", "to")},
    )
    found = await visit.context.query(lambda connection: audit.list_entries(connection, asked))
    names = (
        await visit.context.query(lambda connection: audit.list_actors(connection, asked.begin))
        if asked.scopes is None
        else []
    )
    before = str(found[-1][0]) if len(found) == asked.limit else ""
    apps = {app.id: app for app in await visit.list_apps()}
    return visit.render_page(
        "audit.html",
        entries=found,
        fields=words,
        actors=names,
        before=before,
        apps=apps,
        actions=list(AuditAction),
        zone=UTC,
    )


async def download_audit_log(visit: ConsoleRequest) -> Response:
    """The same as CSV, without pages."""
    asked = _parse_query(visit, MAX_CSV_ROWS)
    await visit.audit_action(AuditAction.AUDIT_LOG_DOWNLOADED, visit.request.query)
    found = await visit.context.query(lambda connection: audit.list_entries(connection, asked))
    apps = {app.id: app.ak for app in await visit.list_apps()}
    body = safe_csv.encode_rows([CSV_HEADER, *(_build_csv_row(entry, apps) for _, entry in found)])
    name = f"ccfs-audit-log-{visit.context.now():%Y%m%d-%H%M%S}.csv"
    more = (("content-disposition", format_content_disposition(name)), *render.SECURITY_HEADERS)
    return BytesResponse(body=body, content_type=safe_csv.CONTENT_TYPE, extra_headers=more)


def _build_csv_row(entry: AuditEntry, apps: dict[int, str]) -> tuple[str, ...]:
    app = apps.get(entry.app or 0, "")
    return (entry.logged_at.isoformat(), entry.actor, app, entry.account_id, entry.action, entry.target, entry.address)


def _parse_query(visit: ConsoleRequest, limit: int = 100) -> AuditQuery:
    """What the address asks for, as far as the user may read the log; Absent where that is nothing."""
    if not visit.current_user.has_permission_anywhere(Permission.AUDIT):
        raise NotFound
    whole = visit.current_user.has_permission(Permission.AUDIT, None)
    mine = [
        (one.app, one.account_id)
        for one in visit.current_user.grants
        if one.covers(Permission.AUDIT, one.app, one.account_id)
    ]
    now, number = visit.context.now(), visit.query_params.get("before", "")
    end = _parse_day(visit.query_params.get("to", ""), now.date().isoformat()) + timedelta(days=1)
    return AuditQuery(
        begin=_parse_day(visit.query_params.get("from", ""), (end - DEFAULT_PERIOD).date().isoformat()),
        end=end,
        actor=visit.query_params.get("actor", "").strip().lower(),
        action=next((one for one in AuditAction if one == visit.query_params.get("action")), None),
        scopes=None if whole else tuple((app, account) for app, account in mine if app is not None),
        before_row=int(number) if number.isascii() and number.isdecimal() and len(number) < 19 else None,
        limit=limit,
    )


def _parse_day(text: str, otherwise: str) -> datetime:
    try:
        day = datetime.fromisoformat(text or otherwise).date()
        return datetime.combine(day, time(), UTC) if 1970 < day.year < 9000 else _parse_day(otherwise, otherwise)
    except ValueError:
        return _parse_day(otherwise, otherwise)
