"""The audit log for auditors: one page of entries as sentences, by user, call, kind of action and local time."""

from ccfs.console.admin.audit.audit_form import parse_form
from ccfs.console.admin.audit.audit_sentences import build_sentence
from ccfs.console.audit_labels import ACTION_KINDS, AUDIT_PERIODS
from ccfs.console.request import ConsoleRequest
from ccfs.db.system.console import audit
from ccfs.model.identity.audit import AuditAction
from ccfs.web.responses.types import Response


async def show_audit_log(request: ConsoleRequest) -> Response:
    """Show one page of the log, newest first."""
    form = await parse_form(request)
    query = form.query
    entries = await request.context.query(lambda connection: audit.list_entries(connection, query))
    actors: list[str] = []
    if query.scopes is None:
        actors = await request.context.query(lambda connection: audit.list_actors(connection, query.begin))
    apps = {app.id: app for app in await request.list_apps()}
    return request.render_page(
        "audit.html",
        rows=[(entry, build_sentence(request, entry, apps.get(entry.app or 0))) for _, entry in entries],
        fields=form.fields,
        actors=actors,
        before=str(entries[-1][0]) if len(entries) == query.limit else "",
        apps=apps,
        actions=list(AuditAction),
        action_kinds=ACTION_KINDS,
        periods=AUDIT_PERIODS,
        zone=form.zone,
        zones=form.zones,
    )
