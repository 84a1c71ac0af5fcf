"""Callbacks by receiver: counts, and resending those that were given up, after a confirmation."""

from collections.abc import Mapping

from sqlalchemy.engine import Connection

from ccfs.console.request import ConsoleRequest
from ccfs.db.system.console import audit
from ccfs.db.tenant import callback_receivers
from ccfs.model.errors import NotFound
from ccfs.model.formats.numbers import MAX_COUNT, parse_number
from ccfs.model.identity.audit import AuditAction
from ccfs.web.responses.types import Response

MAX_PREFIX_CHARS = 4096


async def list_receivers(request: ConsoleRequest) -> Response:
    """Show the receivers of an app."""
    app, accounts = request.current_app, request.app_accounts
    receivers = await request.context.query(lambda c: callback_receivers.list_receivers(c, app, accounts))
    done = request.query_params.get("done", "")
    return request.render_page(
        "callbacks.html", app=app, receivers=receivers, done="" if parse_number(done, MAX_COUNT) is None else done
    )


async def confirm_resend(request: ConsoleRequest) -> Response:
    """Show how many callbacks would be resent, and ask for a confirmation."""
    app, accounts = request.current_app, request.app_accounts
    receiver, prefix = await _get_receiver_and_prefix(request, request.query_params)
    count = await request.context.query(
        lambda c: callback_receivers.count_retryable(c, app, accounts, receiver, prefix)
    )
    return request.render_page("retry_callbacks.html", app=app, receiver=receiver, prefix=prefix, count=count)


async def resend_callbacks(request: ConsoleRequest) -> Response:
    """Make a receiver's callbacks that were given up due again."""
    app, accounts = request.current_app, request.app_accounts
    receiver, prefix = await _get_receiver_and_prefix(request, request.form)
    entry, now = request.build_audit_entry(AuditAction.DELIVERIES_RETRIED, prefix or receiver), request.context.now()

    def change(connection: Connection) -> int:
        audit.add(connection, entry)
        return callback_receivers.retry_by_receiver(connection, app, accounts, receiver, prefix, now)

    count = await request.context.transaction(change)
    return request.redirect("/console/callbacks", app=app.ak, done=str(count))


async def _get_receiver_and_prefix(request: ConsoleRequest, parameters: Mapping[str, str]) -> tuple[str, str]:
    """Return the named receiver and the prefix. Raise NotFound unless the receiver is one that the user may see."""
    app, accounts = request.current_app, request.app_accounts
    name, prefix = parameters.get("receiver", ""), parameters.get("prefix", "").strip()
    receivers = await request.context.query(lambda c: callback_receivers.list_receivers(c, app, accounts))
    if name not in {receiver.name for receiver in receivers} or len(prefix) > MAX_PREFIX_CHARS:
        raise NotFound
    return name, prefix
