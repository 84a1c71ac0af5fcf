"""Users and API clients who played or downloaded the recordings of a call, from the audit log."""

from functools import partial
from typing import Final

from ccfs.console.request import ConsoleRequest
from ccfs.db.system.console import audit
from ccfs.model.identity.audit import HEARD_ACTIONS, AuditEntry
from ccfs.model.identity.user import Permission

MAX_HEARD: Final = 50  # entries on the call's page; the audit log has all


async def list_heard(request: ConsoleRequest, call_id: str) -> list[AuditEntry] | None:
    """Return the newest entries of the request's account; None if the user may not see who else heard its calls.

    Administrators of the account may, and everyone who may read its audit log.
    """
    scope = request.current_scope
    allowed = (Permission.AUDIT, Permission.ADMINISTER)
    if not any(request.has_permission_in(permission, scope) for permission in allowed):
        return None
    find = partial(
        audit.list_by_call,
        app=scope.app,
        account_id=scope.account.account_id,
        call_id=call_id,
        actions=HEARD_ACTIONS,
        limit=MAX_HEARD,
    )
    return await request.context.query(find)
