"""ccfs node: list, drain, resume and remove the nodes of a database."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Annotated, Any

import typer

from ccfs.blobs.replicas import Replicas
from ccfs.cli.common import DataFolderOption, JsonOption, open_node, print_result
from ccfs.db.system import clock_times
from ccfs.db.system import nodes as store
from ccfs.db.system.jobs import blob_moves
from ccfs.model.blobs.location_config import LocationConfig
from ccfs.model.blobs.orphan import BlobOwner, BlobOwnerTable
from ccfs.model.clocks import find_disagreement
from ccfs.model.errors import OperatorError
from ccfs.model.node import NodeRecord, NodeState
from ccfs.server.node import Node, utc_now

BATCH_SIZE = 500  # rows per query

node_commands = typer.Typer(help="List, drain, resume and remove nodes.", no_args_is_help=True)

NodeIdArgument = Annotated[str, typer.Argument(metavar="NODE", help="Node id, see `ccfs node list`.")]


@node_commands.command("list")
def list_nodes(data: DataFolderOption = None, as_json: JsonOption = False) -> None:
    """List the nodes with the time since the last heartbeat."""
    node = open_node(data)
    with node.database.read_transaction() as connection:
        now = store.get_database_time(connection)
        records = store.list_all(connection)
    rows = [{**_node_to_dict(record, now), "alive": record.is_alive(now, node.liveness_timeout)} for record in records]
    text = [
        f"{row['node']}  {row['state'] if row['alive'] else 'dead':8}  last heartbeat {row['seconds_since_heartbeat']:.0f} s ago  "
        f"{row['version']}  {row['address']}"
        for row in rows
    ]
    print_result({"nodes": rows}, as_json, "\n".join(text) or "no nodes yet")


@node_commands.command("clock")
def show_clocks(
    accept: Annotated[
        bool, typer.Option("--accept", help="Believe this machine's clock: retention goes by it from now on.")
    ] = False,
    data: DataFolderOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the clocks that retention compares, and whether they agree."""
    node = open_node(data)
    with node.database.write_transaction() as connection:
        reading = clock_times.read_clocks(connection, utc_now(), clock_times.get_server_time(connection))
        if accept:
            clock_times.accept(connection, reading)
            reading = clock_times.read_clocks(connection, reading.node, reading.database)
    disagreement = find_disagreement(reading, timedelta(hours=node.settings.clock_max_difference_hours))
    clocks = {"node": reading.node, "database": reading.database, "recorded": reading.history}
    times = {name: at.isoformat(timespec="seconds") if at else "" for name, at in clocks.items()}
    text = "\n".join([*(f"{name:9} {at or '-'}" for name, at in times.items()), disagreement or "the clocks agree"])
    print_result({**times, "disagreement": disagreement}, as_json, text)


@node_commands.command("drain")
def drain_node(node: NodeIdArgument, data: DataFolderOption = None, as_json: JsonOption = False) -> None:
    """Drain a node: it finishes its work, claims no more, and fails /readyz for load balancers. This survives restarts."""
    _set_state(node, NodeState.DRAINING, data, as_json)


@node_commands.command("resume")
def resume_node(node: NodeIdArgument, data: DataFolderOption = None, as_json: JsonOption = False) -> None:
    """Resume a drained node."""
    _set_state(node, NodeState.ACTIVE, data, as_json)


def _set_state(node: str, state: NodeState, data: DataFolderOption, as_json: bool) -> None:
    with open_node(data).database.write_transaction() as connection:
        store.set_state(connection, node, state)
    print_result({"node": node, "state": state}, as_json, f"node {node} is {state}")


@node_commands.command("remove")
def remove_node(
    node: NodeIdArgument,
    force: Annotated[
        bool, typer.Option("--force", help="Remove the node even if it is alive, or has the only copy of files.")
    ] = False,
    data: DataFolderOption = None,
    as_json: JsonOption = False,
) -> None:
    """Remove a dead node from the list. Its files must have replicas elsewhere."""
    this_node = open_node(data)
    with this_node.database.read_transaction() as connection:
        record, now = store.find_by_id(connection, node), store.get_database_time(connection)
    if record is None:
        raise OperatorError(f"unknown node {node}")
    if not force:
        if record.is_alive(now, this_node.liveness_timeout):
            raise OperatorError(f"node {node} is alive: stop it first")
        _require_replicas(this_node, node, now)
    with this_node.database.write_transaction() as connection:
        store.delete(connection, node)
    print_result({"removed": node}, as_json, f"node {node} removed")


def _require_replicas(this_node: Node, node: str, now: datetime) -> None:
    """Raise OperatorError for the first file on the node's disks that has no replica elsewhere."""
    replicas = Replicas(this_node.locations)
    for config in this_node.locations.get_configs().values():
        if config.node != node:
            continue
        for owner in _iter_blob_owners(this_node, config, now + timedelta(days=1)):
            if not replicas.has_replica(owner.blob):
                raise OperatorError(
                    f"node {node} has the only copy of {owner.blob.key} in location {config.id}, and perhaps of more files: "
                    "start the node again, or move its disk to another node; --force abandons the files"
                )


def _iter_blob_owners(this_node: Node, config: LocationConfig, before: datetime) -> Iterator[BlobOwner]:
    for table in BlobOwnerTable:
        last: BlobOwner | None = None
        while True:
            with this_node.database.read_transaction() as connection:
                batch = blob_moves.list_owners_before(connection, table, config.id, before, BATCH_SIZE, last)
            if not batch:
                break
            yield from batch
            last = batch[-1]


def _node_to_dict(record: NodeRecord, now: datetime) -> dict[str, Any]:
    return {
        "node": record.id,
        "state": record.state,
        "address": record.address,
        "version": record.version,
        "started": record.started_at.isoformat(),
        "heartbeat": record.heartbeat_at.isoformat(),
        "seconds_since_heartbeat": round((now - record.heartbeat_at).total_seconds(), 1),
    }
