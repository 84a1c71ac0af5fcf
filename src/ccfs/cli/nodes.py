"""ccfs node: who shares the database; taking a node out of service, back into it, and off the list."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Annotated, Any

import typer

from ccfs.blobs.replicas import Replicas
from ccfs.cli.common import DataFolderOption, JsonOption, open_node, print_result
from ccfs.db.system import blob_moves
from ccfs.db.system import nodes as store
from ccfs.model.blobs.location_config import LocationConfig
from ccfs.model.blobs.orphan import BlobOwner, BlobOwnerTable
from ccfs.model.errors import OperatorError
from ccfs.model.node import NodeRecord, NodeState
from ccfs.server.node import Node

BATCH_SIZE = 500  # rows that are looked at in one go

node_commands = typer.Typer(help="Nodes on one database: list, drain, resume, remove.", no_args_is_help=True)

NodeIdArgument = Annotated[str, typer.Argument(metavar="NODE", help="Its id, as list shows it.")]


@node_commands.command("list")
def list_nodes(data: DataFolderOption = None, as_json: JsonOption = False) -> None:
    """List the nodes, and when each was last heard of by the database's clock."""
    node = open_node(data)
    with node.database.read_transaction() as connection:
        now = store.get_database_time(connection)
        found = store.list_all(connection)
    rows = [{**_node_to_dict(one, now), "alive": one.is_alive(now, node.liveness_timeout)} for one in found]
    text = [
        f"{row['node']}  {row['state'] if row['alive'] else 'dead':8}  heard of {row['silent_seconds']:.0f} s ago  "
        f"{row['version']}  {row['address']}"
        for row in rows
    ]
    print_result({"nodes": rows}, as_json, "\n".join(text) or "no node has started yet")


@node_commands.command("drain")
def drain_node(node: NodeIdArgument, data: DataFolderOption = None, as_json: JsonOption = False) -> None:
    """Let a node take no new work, and balancers send it nothing; what is under way is finished. It stays so."""
    _set_state(node, NodeState.DRAINING, data, as_json)


@node_commands.command("resume")
def resume_node(node: NodeIdArgument, data: DataFolderOption = None, as_json: JsonOption = False) -> None:
    """Let a drained node work again."""
    _set_state(node, NodeState.ACTIVE, data, as_json)


def _set_state(node: str, state: NodeState, data: DataFolderOption, as_json: bool) -> None:
    with open_node(data).database.write_transaction() as connection:
        store.set_state(connection, node, state)
    print_result({"node": node, "state": state}, as_json, f"node {node} is {state}")


@node_commands.command("remove")
def remove_node(
    node: NodeIdArgument,
    force: Annotated[bool, typer.Option("--force", help="Although it lives, or alone has bytes.")] = False,
    data: DataFolderOption = None,
    as_json: JsonOption = False,
) -> None:
    """Forget a dead node whose bytes also lie elsewhere."""
    here = open_node(data)
    with here.database.read_transaction() as connection:
        found, now = store.find_by_id(connection, node), store.get_database_time(connection)
    if found is None:
        raise OperatorError(f"there is no node {node}")
    if not force:
        if found.is_alive(now, here.liveness_timeout):
            raise OperatorError(f"node {node} is alive: stop it first")
        _require_replicas(here, node, now)
    with here.database.write_transaction() as connection:
        store.delete(connection, node)
    print_result({"removed": node}, as_json, f"node {node} is removed")


def _require_replicas(here: Node, node: str, now: datetime) -> None:
    """Looks for a copy of all that the node's disks hold by the rows, until one has none: Misuse names it."""
    elsewhere = Replicas(here.locations)
    for place in here.locations.get_configs().values():
        if place.node != node:
            continue
        for one in _iter_blob_owners(here, place, now + timedelta(days=1)):
            if not elsewhere.has_replica(one.blob):
                raise OperatorError(
                    f"node {node} alone has {one.blob.key} of location {place.id}, and perhaps more: bring the node back, "
                    "or its disk to another node; --force gives the bytes up"
                )


def _iter_blob_owners(here: Node, place: LocationConfig, before: datetime) -> Iterator[BlobOwner]:
    for holder in BlobOwnerTable:
        last: BlobOwner | None = None
        while True:
            with here.database.read_transaction() as connection:
                found = blob_moves.list_owners_before(connection, holder, place.id, before, BATCH_SIZE, last)
            if not found:
                break
            yield from found
            last = found[-1]


def _node_to_dict(one: NodeRecord, now: datetime) -> dict[str, Any]:
    return {
        "node": one.id,
        "state": one.state,
        "address": one.address,
        "version": one.version,
        "started": one.started_at.isoformat(),
        "heartbeat": one.heartbeat_at.isoformat(),
        "silent_seconds": round((now - one.heartbeat_at).total_seconds(), 1),
    }
