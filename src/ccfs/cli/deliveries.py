"""ccfs deliveries: callbacks as operators see them, and letting them be tried again."""

from typing import Annotated, Any

import typer

from ccfs.cli.common import AppKey, AsJson, DataFolder, open_node, show
from ccfs.model.delivery import State
from ccfs.model.errors import Misuse
from ccfs.node import now
from ccfs.store import deliveries as store
from ccfs.store import exports, tenancy
from ccfs.store.deliveries import Listed

deliveries = typer.Typer(help="Callbacks: due, delivered, dead.", no_args_is_help=True)

StateOption = Annotated[State | None, typer.Option("--state", help="Only those in this state.")]


@deliveries.command("list")
def list_deliveries(
    app: AppKey,
    state: StateOption = None,
    limit: Annotated[int, typer.Option("--limit", min=1)] = 100,
    data: DataFolder = None,
    as_json: AsJson = False,
) -> None:
    """List the app's callbacks, newest first, and exports that were put aside."""
    with open_node(data).database.reading() as connection:
        owner = tenancy.app_by_ak(connection, app)
        found = store.listed(connection, owner, state, limit)
        failed = exports.failed(connection, owner)
    rows = [_described(one) for one in found]
    aside = [{"responseId": export.response_id, "error": error} for export, error in failed]
    text = [f"{row['id']}  {row['state']:9}  {row['attempts']} attempts  {row['url']}" for row in rows]
    text += [f"{one['responseId']}  not made: {one['error']}" for one in aside]
    show({"deliveries": rows, "failed_exports": aside}, as_json, "\n".join(text))


@deliveries.command("show")
def show_delivery(app: AppKey, delivery: str, data: DataFolder = None, as_json: AsJson = False) -> None:
    """Show a callback with each of its attempts."""
    with open_node(data).database.reading() as connection:
        found = store.shown(connection, tenancy.app_by_ak(connection, app), delivery)
    if found is None:
        raise Misuse(f"app {app} has no delivery {delivery}")
    attempts = [
        {
            "at": outcome.at.isoformat(),
            "address": outcome.address,
            "status": outcome.status,
            "ms": outcome.milliseconds,
            "failure": outcome.failure,
            "answer": outcome.answer.decode(errors="replace"),
            "next": then.due_at.isoformat() if then.due_at else then.state,
        }
        for outcome, then in found.attempts
    ]
    text = [f"{found.state}  {found.delivery.url}", found.delivery.body.decode()]
    text += [f"{one['at']}  {one['status']}  {one['ms']} ms  {one['failure'] or 'delivered'}" for one in attempts]
    show({**_described(found), "body": found.delivery.body.decode(), "log": attempts}, as_json, "\n".join(text))


@deliveries.command("retry")
def retry(
    app: AppKey,
    delivery: Annotated[list[str] | None, typer.Argument(help="Ids; none means all that are dead.")] = None,
    data: DataFolder = None,
    as_json: AsJson = False,
) -> None:
    """Let callbacks be tried again now, as if for the first time; and, without ids, exports that were put aside."""
    with open_node(data).database.writing() as connection:
        owner = tenancy.app_by_ak(connection, app)
        ids = delivery or [one.delivery.id for one in store.listed(connection, owner, State.DEAD, 100_000)]
        count = store.retry(connection, owner, ids, now())
        made = 0 if delivery else exports.retry(connection, owner, now())
    if delivery and count < len(delivery):
        raise Misuse(f"only {count} of {len(delivery)} are finished deliveries of app {app}")
    show({"retried": count, "exports": made}, as_json, f"{count} callbacks and {made} exports are due again")


def _described(one: Listed) -> dict[str, Any]:
    return {
        "id": one.delivery.id,
        "responseId": one.export,
        "state": one.state,
        "attempts": one.delivery.attempts,
        "url": one.delivery.url,
        "created": one.delivery.created_at.isoformat(),
        "due": one.due_at.isoformat() if one.due_at else None,
    }
