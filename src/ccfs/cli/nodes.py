"""ccfs node: who shares the database; taking a node out of service, back into it, and off the list."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Annotated, Any

import typer

from ccfs.cli.common import AsJson, DataFolder, open_node, show
from ccfs.model.errors import Misuse
from ccfs.model.node import Standing, State
from ccfs.model.place import Place
from ccfs.model.stray import Held, Holder
from ccfs.node import Node
from ccfs.store import moves
from ccfs.store import nodes as store
from ccfs.store.locations.elsewhere import Elsewhere

BATCH = 500  # rows that are looked at in one go

nodes = typer.Typer(help="Nodes on one database: list, drain, resume, remove.", no_args_is_help=True)

NodeId = Annotated[str, typer.Argument(metavar="NODE", help="Its id, as list shows it.")]


@nodes.command("list")
def list_nodes(data: DataFolder = None, as_json: AsJson = False) -> None:
    """List the nodes, and when each was last heard of by the database's clock."""
    node = open_node(data)
    with node.database.reading() as connection:
        now = store.database_now(connection)
        found = store.listed(connection)
    rows = [{**_described(one, now), "alive": one.is_alive(now, node.patience)} for one in found]
    text = [
        f"{row['node']}  {row['state'] if row['alive'] else 'dead':8}  heard of {row['silent_seconds']:.0f} s ago  "
        f"{row['version']}  {row['address']}"
        for row in rows
    ]
    show({"nodes": rows}, as_json, "\n".join(text) or "no node has started yet")


@nodes.command("drain")
def drain(node: NodeId, data: DataFolder = None, as_json: AsJson = False) -> None:
    """Let a node take no new work, and balancers send it nothing; what is under way is finished. It stays so."""
    _set_state(node, State.DRAINING, data, as_json)


@nodes.command("resume")
def resume(node: NodeId, data: DataFolder = None, as_json: AsJson = False) -> None:
    """Let a drained node work again."""
    _set_state(node, State.ACTIVE, data, as_json)


def _set_state(node: str, state: State, data: DataFolder, as_json: bool) -> None:
    with open_node(data).database.writing() as connection:
        store.set_state(connection, node, state)
    show({"node": node, "state": state}, as_json, f"node {node} is {state}")


@nodes.command("remove")
def remove(
    node: NodeId,
    force: Annotated[bool, typer.Option("--force", help="Although it lives, or alone has bytes.")] = False,
    data: DataFolder = None,
    as_json: AsJson = False,
) -> None:
    """Forget a dead node whose bytes also lie elsewhere."""
    here = open_node(data)
    with here.database.reading() as connection:
        found, now = store.find(connection, node), store.database_now(connection)
    if found is None:
        raise Misuse(f"there is no node {node}")
    if not force:
        if found.is_alive(now, here.patience):
            raise Misuse(f"node {node} is alive: stop it first")
        _must_be_elsewhere(here, node, now)
    with here.database.writing() as connection:
        store.forget(connection, node)
    show({"removed": node}, as_json, f"node {node} is removed")


def _must_be_elsewhere(here: Node, node: str, now: datetime) -> None:
    """Looks for a copy of all that the node's disks hold by the rows, until one has none: Misuse names it."""
    elsewhere = Elsewhere(here.locations)
    for place in here.locations.places().values():
        if place.node != node:
            continue
        for one in _held(here, place, now + timedelta(days=1)):
            if not elsewhere.is_anywhere(one.kept):
                raise Misuse(
                    f"node {node} alone has {one.kept.key} of location {place.id}, and perhaps more: bring the node back, "
                    "or its disk to another node; --force gives the bytes up"
                )


def _held(here: Node, place: Place, before: datetime) -> Iterator[Held]:
    for holder in Holder:
        last: Held | None = None
        while True:
            with here.database.reading() as connection:
                found = moves.older(connection, holder, place.id, before, BATCH, last)
            if not found:
                break
            yield from found
            last = found[-1]


def _described(one: Standing, now: datetime) -> dict[str, Any]:
    return {
        "node": one.id,
        "state": one.state,
        "address": one.address,
        "version": one.version,
        "started": one.started_at.isoformat(),
        "heartbeat": one.heartbeat_at.isoformat(),
        "silent_seconds": round((now - one.heartbeat_at).total_seconds(), 1),
    }
