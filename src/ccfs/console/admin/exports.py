"""Exports and their callbacks: state, delivery attempts, and retrying an export or its callback."""

from collections.abc import Mapping

from ccfs.console.request import ConsoleRequest, choose_app
from ccfs.db.tenant import deliveries, exports
from ccfs.model.errors import NotFound
from ccfs.model.exports.export import ExportState
from ccfs.model.identity.audit import AuditAction
from ccfs.model.identity.user import Permission
from ccfs.web.responses.types import Response


async def list_exports(request: ConsoleRequest) -> Response:
    """Show the newest exports of an app, by default of the user's first."""
    accounts = {app: await request.list_app_accounts(Permission.EXPORT, app) for app in await request.list_apps()}
    apps = [app for app, allowed in accounts.items() if allowed]
    any_condition = exports.ExportCondition.ANY
    if not apps:
        return request.render_page("exports.html", apps=[], app=None, exports=[], callbacks={}, condition=any_condition)
    parameters = request.query_params
    app = choose_app(request, apps)
    conditions = (value for value in exports.ExportCondition if value == parameters.get("condition"))
    condition = next(conditions, any_condition)
    query = request.context.query
    views = await query(lambda connection: exports.list_recent(connection, app, accounts[app], condition))
    ids = [view.export.response_id for view in views]
    callbacks = await query(lambda connection: deliveries.find_latest_by_export(connection, app, ids))
    return request.render_page(
        "exports.html", apps=apps, app=app, exports=views, callbacks=callbacks, condition=condition
    )


async def show_export(request: ConsoleRequest) -> Response:
    """Show one export with every attempt to deliver its callback."""
    app, view = request.current_app, await _get_export(request, request.query_params)
    response_id, query = view.export.response_id, request.context.query
    latest = await query(lambda connection: deliveries.find_latest_by_export(connection, app, [response_id]))
    callback = latest.get(response_id)
    if callback:
        delivery_id = callback.delivery.id
        callback = await query(lambda connection: deliveries.get_with_attempts(connection, app, delivery_id))
    return request.render_page(
        "export.html", app=app, view=view, callback=callback, done=request.query_params.get("done", "")
    )


async def retry_export(request: ConsoleRequest) -> Response:
    """Make a failed export due again; of any other, make its callback due again, with all its attempts."""
    app, view = request.current_app, await _get_export(request, request.form)
    response_id, context, now = view.export.response_id, request.context, request.context.now()
    if view.state is ExportState.FAILED:
        await request.audit_action(AuditAction.EXPORT_RETRIED, response_id)
        count = await context.transaction(lambda connection: exports.retry(connection, app, now, response_id))
    else:
        latest = await context.query(lambda c: deliveries.find_latest_by_export(c, app, [response_id]))
        ids = [callback.delivery.id for callback in latest.values()]
        await request.audit_action(AuditAction.DELIVERY_RETRIED, response_id)
        count = await context.transaction(lambda connection: deliveries.retry(connection, app, ids, now))
    return request.redirect("/console/export", app=app.ak, id=response_id, done="yes" if count else "no")


async def _get_export(request: ConsoleRequest, parameters: Mapping[str, str]) -> exports.ExportView:
    """Return the export that `id` names. Raise NotFound unless it belongs to an account that the user may see."""
    app, response_id = request.current_app, parameters.get("id", "")
    view = await request.context.query(lambda connection: exports.get(connection, app, response_id))
    if view is None or view.export.filter.account_id not in request.app_accounts:
        raise NotFound
    return view
