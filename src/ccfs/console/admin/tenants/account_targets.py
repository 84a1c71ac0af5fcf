"""The targets of an account: its service level, and how long after-call work counts."""

from sqlalchemy.engine import Connection

from ccfs.console.admin.tenants.apps import render_apps
from ccfs.console.request import ConsoleRequest
from ccfs.db.system import tenants
from ccfs.db.system.console import audit
from ccfs.model.calls.statistics import MAX_TARGET_SECONDS
from ccfs.model.formats.numbers import parse_number
from ccfs.model.identity.audit import AuditAction
from ccfs.model.identity.tenancy import MAX_AFTER_CALL_SECONDS
from ccfs.web.responses.types import Response


async def change_targets(request: ConsoleRequest) -> Response:
    """Set the targets of an account. Its statistics of after-call work are then added up again."""
    scope = request.current_scope
    seconds = parse_number(request.form.get("service_level", "").strip(), MAX_TARGET_SECONDS)
    after_call = parse_number(request.form.get("after_call", "").strip(), MAX_AFTER_CALL_SECONDS)
    if not seconds or after_call is None:
        problem = "Enter whole seconds: 1 to {target} for the service level, 0 to {limit} for after-call work."
        text = request.translate(problem, target=MAX_TARGET_SECONDS, limit=MAX_AFTER_CALL_SECONDS)
        return await render_apps(request, 400, text, "after_call" if seconds else "service_level")

    def change(connection: Connection) -> None:
        tenants.set_account_targets(connection, scope.app, scope.account.account_id, seconds, after_call)
        target = f"service level {seconds} s, after-call work {after_call} s"
        audit.add(connection, request.build_audit_entry(AuditAction.TARGETS_CHANGED, target, scope))

    await request.context.transaction(change)
    request.context.tenant_cache.invalidate()
    return request.redirect("/console/apps")
