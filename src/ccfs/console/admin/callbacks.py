"""Callbacks by who receives them: how many were given up, and sending all of a receiver's again, which is asked about first."""

from collections.abc import Mapping

from sqlalchemy.engine import Connection

from ccfs.console.request import ConsoleRequest
from ccfs.db.system import audit
from ccfs.db.tenant import callback_receivers
from ccfs.model.errors import NotFound
from ccfs.model.identity.audit import AuditAction
from ccfs.model.identity.tenancy import App
from ccfs.model.identity.user import Permission
from ccfs.web.responses.types import Response

MAX_PREFIX_CHARS = 4096  # characters of a prefix


async def list_receivers(visit: ConsoleRequest) -> Response:
    """The receivers of an app."""
    app, accounts = await _get_app_and_accounts(visit, visit.query_params)
    found = await visit.context.query(lambda connection: callback_receivers.list_receivers(connection, app, accounts))
    done = visit.query_params.get("done", "")
    return visit.render_page("callbacks.html", app=app, receivers=found, done=done if done.isdecimal() else "")


async def confirm_resend(visit: ConsoleRequest) -> Response:
    """How many would be sent again, and whether that is meant."""
    app, accounts = await _get_app_and_accounts(visit, visit.query_params)
    receiver, prefix = await _get_receiver_and_prefix(visit, app, accounts, visit.query_params)
    count = await visit.context.query(lambda c: callback_receivers.count_retryable(c, app, accounts, receiver, prefix))
    return visit.render_page("retry_callbacks.html", app=app, receiver=receiver, prefix=prefix, count=count)


async def resend_callbacks(visit: ConsoleRequest) -> Response:
    """All that were given up are due again."""
    app, accounts = await _get_app_and_accounts(visit, visit.form)
    receiver, prefix = await _get_receiver_and_prefix(visit, app, accounts, visit.form)
    entry = visit.build_audit_entry(AuditAction.DELIVERIES_RETRIED, prefix or receiver, app=app)
    now = visit.context.now()

    def change(connection: Connection) -> int:
        audit.add(connection, entry)
        return callback_receivers.retry_by_receiver(connection, app, accounts, receiver, prefix, now)

    count = await visit.context.transaction(change)
    return visit.redirect("/console/callbacks", app=app.ak, done=str(count))


async def _get_app_and_accounts(visit: ConsoleRequest, asked: Mapping[str, str]) -> tuple[App, list[str]]:
    """The app that is named, and those of its accounts whose exports the user may see."""
    app = await visit.get_app(Permission.EXPORT, asked.get("app", ""))
    return app, await visit.list_allowed_accounts(Permission.EXPORT, app)


async def _get_receiver_and_prefix(
    visit: ConsoleRequest, app: App, accounts: list[str], asked: Mapping[str, str]
) -> tuple[str, str]:
    """The receiver that is named, if it is one of those that the user sees, and the prefix."""
    name, prefix = asked.get("receiver", ""), asked.get("prefix", "").strip()
    known = await visit.context.query(lambda connection: callback_receivers.list_receivers(connection, app, accounts))
    if name not in {one.name for one in known} or len(prefix) > MAX_PREFIX_CHARS:
        raise NotFound
    return name, prefix
