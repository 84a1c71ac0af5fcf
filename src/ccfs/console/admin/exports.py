"""Exports and their callbacks: what was asked for, what became of it, what receivers answered; sending one again."""

from collections.abc import Mapping

from ccfs.console.request import ConsoleRequest
from ccfs.db.tenant import deliveries as callbacks
from ccfs.db.tenant import exports as store
from ccfs.model.errors import NotFound
from ccfs.model.exports.export import ExportState
from ccfs.model.identity.audit import AuditAction
from ccfs.model.identity.tenancy import App
from ccfs.model.identity.user import Permission
from ccfs.web.responses.types import Response


async def list_exports(visit: ConsoleRequest) -> Response:
    """The newest exports of an app."""
    if not visit.current_user.has_permission_anywhere(Permission.EXPORT):
        raise NotFound
    apps = [app for app in await visit.list_apps() if await visit.list_allowed_accounts(Permission.EXPORT, app)]
    if not apps:
        return visit.render_page(
            "exports.html", apps=[], app=None, exports=[], callbacks={}, condition=store.ExportCondition.ANY
        )
    app = await visit.get_app(Permission.EXPORT, visit.query_params["app"]) if "app" in visit.query_params else apps[0]
    accounts = await visit.list_allowed_accounts(Permission.EXPORT, app)
    of = next(
        (one for one in store.ExportCondition if one == visit.query_params.get("condition")), store.ExportCondition.ANY
    )
    found = await visit.context.query(lambda connection: store.list_recent(connection, app, accounts, of))
    ids = [one.export.response_id for one in found]
    told = await visit.context.query(lambda connection: callbacks.find_latest_by_export(connection, app, ids))
    return visit.render_page("exports.html", apps=apps, app=app, exports=found, callbacks=told, condition=of)


async def show_export(visit: ConsoleRequest) -> Response:
    """One export and each attempt to announce it."""
    app, found = await _get_export(visit, visit.query_params)
    told = await visit.context.query(
        lambda connection: callbacks.find_latest_by_export(connection, app, [found.export.response_id])
    )
    delivery = told.get(found.export.response_id)
    whole = (
        await visit.context.query(lambda c: callbacks.get_with_attempts(c, app, delivery.delivery.id))
        if delivery
        else None
    )
    return visit.render_page(
        "export.html", app=app, view=found, callback=whole, done=visit.query_params.get("done", "")
    )


async def retry_export(visit: ConsoleRequest) -> Response:
    """The export is made again if that failed; else its callback is sent again, as if for the first time."""
    app, found = await _get_export(visit, visit.form)
    number, now = found.export.response_id, visit.context.now()
    if found.state is ExportState.FAILED:
        await visit.audit_action(AuditAction.EXPORT_RETRIED, number, app=app)
        count = await visit.context.transaction(lambda connection: store.retry(connection, app, now, number))
    else:
        told = await visit.context.query(lambda connection: callbacks.find_latest_by_export(connection, app, [number]))
        ids = [one.delivery.id for one in told.values()]
        await visit.audit_action(AuditAction.DELIVERY_RETRIED, number, app=app)
        count = await visit.context.transaction(lambda connection: callbacks.retry(connection, app, ids, now))
    return visit.redirect("/console/export", app=app.ak, id=number, done="yes" if count else "no")


async def _get_export(visit: ConsoleRequest, asked: Mapping[str, str]) -> tuple[App, store.ExportView]:
    app = await visit.get_app(Permission.EXPORT, asked.get("app", ""))
    number = asked.get("id", "")
    found = await visit.context.query(lambda connection: store.get(connection, app, number))
    if found is None or found.export.filter.account_id not in await visit.list_allowed_accounts(Permission.EXPORT, app):
        raise NotFound
    return app, found
