"""ccfs deliveries: callbacks as operators see them, and letting them be tried again."""

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

delivery_commands = typer.Typer(help="Callbacks: due, delivered, dead.", no_args_is_help=True)

StateOption = Annotated[DeliveryState | None, typer.Option("--state", help="Only those in this state.")]


@delivery_commands.command("list")
def list_deliveries(
    app: AppKeyOption,
    state: StateOption = None,
    limit: Annotated[int, typer.Option("--limit", min=1)] = 100,
    data: DataFolderOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the app's callbacks, newest first, and exports that were put aside."""
    with open_node(data).database.read_transaction() as connection:
        owner = tenants.get_app_by_ak(connection, app)
        found = store.list_recent(connection, owner, state, limit)
        failed = exports.list_failed(connection, owner)
    rows = [_delivery_to_dict(one) for one in found]
    aside = [{"responseId": export.response_id, "error": error} for export, error in failed]
    text = [f"{row['id']}  {row['state']:9}  {row['attempts']} attempts  {row['url']}" for row in rows]
    text += [f"{one['responseId']}  not made: {one['error']}" for one in aside]
    print_result({"deliveries": rows, "failed_exports": aside}, as_json, "\n".join(text))


@delivery_commands.command("show")
def show_delivery(app: AppKeyOption, delivery: str, data: DataFolderOption = None, as_json: JsonOption = False) -> None:
    """Show a callback with each of its attempts."""
    with open_node(data).database.read_transaction() as connection:
        found = store.get_with_attempts(connection, tenants.get_app_by_ak(connection, app), delivery)
    if found is None:
        raise OperatorError(f"app {app} has no delivery {delivery}")
    attempts = [
        {
            "at": outcome.attempted_at.isoformat(),
            "address": outcome.address,
            "status": outcome.status,
            "ms": outcome.milliseconds,
            "failure": outcome.failure,
            "answer": outcome.response.decode(errors="replace"),
            "next": then.due_at.isoformat() if then.due_at else then.state,
        }
        for outcome, then in found.attempts
    ]
    text = [f"{found.state}  {found.delivery.url}", found.delivery.body.decode()]
    text += [f"{one['at']}  {one['status']}  {one['ms']} ms  {one['failure'] or 'delivered'}" for one in attempts]
    print_result(
        {**_delivery_to_dict(found), "body": found.delivery.body.decode(), "log": attempts}, as_json, "\n".join(text)
    )


@delivery_commands.command("retry")
def retry_deliveries(
    app: AppKeyOption,
    delivery: Annotated[list[str] | None, typer.Argument(help="Ids; none means all that are dead.")] = None,
    data: DataFolderOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let callbacks be tried again now, as if for the first time; and, without ids, exports that were put aside."""
    with open_node(data).database.write_transaction() as connection:
        owner = tenants.get_app_by_ak(connection, app)
        ids = delivery or [one.delivery.id for one in store.list_recent(connection, owner, DeliveryState.DEAD, 100_000)]
        count = store.retry(connection, owner, ids, utc_now())
        made = 0 if delivery else exports.retry(connection, owner, utc_now())
    if delivery and count < len(delivery):
        raise OperatorError(f"only {count} of {len(delivery)} are finished deliveries of app {app}")
    print_result({"retried": count, "exports": made}, as_json, f"{count} callbacks and {made} exports are due again")


def _delivery_to_dict(one: DeliveryView) -> dict[str, Any]:
    return {
        "id": one.delivery.id,
        "responseId": one.export,
        "state": one.state,
        "attempts": one.delivery.attempts,
        "url": one.delivery.url,
        "created": one.delivery.created_at.isoformat(),
        "due": one.due_at.isoformat() if one.due_at else None,
    }
