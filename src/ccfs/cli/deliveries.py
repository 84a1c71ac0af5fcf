"""ccfs deliveries: list, show and retry callbacks."""

from typing import Annotated, Any

import typer

from ccfs.cli.common import AppKeyOption, DataFolderOption, JsonOption, open_node, print_result
from ccfs.db.system import tenants
from ccfs.db.tenant import deliveries as store
from ccfs.db.tenant import exports
from ccfs.db.tenant.deliveries import DeliveryView
from ccfs.model.errors import OperatorError
from ccfs.model.exports.delivery import DeliveryState
from ccfs.server.node import utc_now

delivery_commands = typer.Typer(help="List, show and retry callbacks.", no_args_is_help=True)

StateOption = Annotated[DeliveryState | None, typer.Option("--state", help="List only callbacks in this state.")]


@delivery_commands.command("list")
def list_deliveries(
    app: AppKeyOption,
    state: StateOption = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="List at most so many callbacks.")] = 100,
    data: DataFolderOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the app's callbacks, newest first, and its failed exports."""
    with open_node(data).database.read_transaction() as connection:
        owner = tenants.get_app_by_ak(connection, app)
        views = store.list_recent(connection, owner, state, limit)
        failed = exports.list_failed(connection, owner)
    rows = [_delivery_to_dict(view) for view in views]
    failed_exports = [{"responseId": export.response_id, "error": error} for export, error in failed]
    text = [f"{row['id']}  {row['state']:9}  {row['attempts']} attempts  {row['url']}" for row in rows]
    text += [f"{export['responseId']}  export failed: {export['error']}" for export in failed_exports]
    print_result({"deliveries": rows, "failed_exports": failed_exports}, as_json, "\n".join(text))


@delivery_commands.command("show")
def show_delivery(
    app: AppKeyOption,
    delivery: Annotated[str, typer.Argument(metavar="ID", help="ID of the callback, its responseId.")],
    data: DataFolderOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show a callback with its attempts."""
    with open_node(data).database.read_transaction() as connection:
        view = store.get_with_attempts(connection, tenants.get_app_by_ak(connection, app), delivery)
    if view is None:
        raise OperatorError(f"app {app} has no delivery {delivery}")
    attempts = [
        {
            "at": outcome.attempted_at.isoformat(),
            "address": outcome.address,
            "status": outcome.status,
            "ms": outcome.milliseconds,
            "failure": outcome.failure,
            "response": outcome.response.decode(errors="replace"),
            "next": decision.due_at.isoformat() if decision.due_at else decision.state,
        }
        for outcome, decision in view.attempts
    ]
    text = [f"{view.state}  {view.delivery.url}", view.delivery.body.decode()]
    text += [f"{row['at']}  {row['status']}  {row['ms']} ms  {row['failure'] or 'delivered'}" for row in attempts]
    print_result(
        {**_delivery_to_dict(view), "body": view.delivery.body.decode(), "log": attempts}, as_json, "\n".join(text)
    )


@delivery_commands.command("retry")
def retry_deliveries(
    app: AppKeyOption,
    delivery: Annotated[
        list[str] | None, typer.Argument(metavar="[ID]...", help="Ids; default: all dead callbacks.")
    ] = None,
    data: DataFolderOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make callbacks due now and reset their attempts. Without ids, retry the app's failed exports, too."""
    with open_node(data).database.write_transaction() as connection:
        owner = tenants.get_app_by_ak(connection, app)
        dead = [] if delivery else store.list_recent(connection, owner, DeliveryState.DEAD, 100_000)
        ids = delivery or [view.delivery.id for view in dead]
        count = store.retry(connection, owner, ids, utc_now())
        export_count = 0 if delivery else exports.retry(connection, owner, utc_now())
    if delivery and count < len(delivery):
        raise OperatorError(f"only {count} of {len(delivery)} are delivered or dead callbacks of app {app}")
    print_result(
        {"retried": count, "exports": export_count}, as_json, f"callbacks due again: {count}, exports: {export_count}"
    )


def _delivery_to_dict(view: DeliveryView) -> dict[str, Any]:
    return {
        "id": view.delivery.id,
        "responseId": view.export,
        "state": view.state,
        "attempts": view.delivery.attempts,
        "url": view.delivery.url,
        "created": view.delivery.created_at.isoformat(),
        "due": view.due_at.isoformat() if view.due_at else None,
    }
