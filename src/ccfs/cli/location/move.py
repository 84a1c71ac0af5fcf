"""The command that moves files from one location to another."""

import sys
import time
from datetime import timedelta
from typing import Annotated, Any

import typer

from ccfs import logs
from ccfs.cli.common import DataFolderOption, JsonOption, add_audit_entry, open_node, print_result
from ccfs.cli.progress import ProgressBars
from ccfs.db.system.jobs import blob_moves
from ccfs.db.system.storage import location_checks
from ccfs.http_server.processes.stop_signals import StopSignals
from ccfs.model.blobs.location_config import LocationConfig
from ccfs.model.blobs.location_move import MoveProblem, find_move_problem
from ccfs.model.errors import OperatorError
from ccfs.model.identity.audit import AuditAction
from ccfs.server import worker_process
from ccfs.server.node import Node, utc_now
from ccfs.workers.storage.mover import MoveResult

READER_WAIT_SECONDS = 45.0  # in which all nodes that run try a location that was added just now
_MOVE_PROBLEMS = {
    MoveProblem.SAME_LOCATION: "--from and --to name the same location",
    MoveProblem.TARGET_NOT_WRITABLE: "location {target} accepts no new files",
    MoveProblem.SOURCE_READ_ONLY: "location {source} is read-only: files cannot be deleted there",
    MoveProblem.NO_COMMON_NODE: "no node opens both location {source} and location {target} directly: move by way of a location"
    " that all nodes share",
}


def move_blobs(
    source: Annotated[str, typer.Option("--from", metavar="A", help="Source location.")],
    target: Annotated[str, typer.Option("--to", metavar="B", help="Target location.")],
    older_than: Annotated[
        float, typer.Option("--older-than", metavar="DAYS", min=0, help="Move only files older than this.")
    ] = 0,
    no_check: Annotated[
        bool, typer.Option("--no-check", help="Move even if a running node cannot read the target.")
    ] = False,
    data: DataFolderOption = None,
    as_json: JsonOption = False,
) -> None:
    """Move files from one location to another. The command can be interrupted and repeated."""
    node = open_node(data)
    logs.configure_logging()
    _check_move(get_location(node, source), get_location(node, target))
    if not no_check:
        _require_readers(node, get_location(node, target))
    stopped = StopSignals()
    before = utc_now() - timedelta(days=older_than)
    with node.database.write_transaction() as connection:
        target_text = f"{source} → {target}"
        add_audit_entry(connection, "ccfs location move", AuditAction.LOCATION_MOVE_REQUESTED, target_text)
    with node.database.read_transaction() as connection:
        total = blob_moves.count_owners_before(connection, source, before)
    with ProgressBars(sys.stderr.isatty()) as bars:
        mover = worker_process.build_mover(
            node, stopped.is_set, lambda result: bars.update(f"{source} to {target}", result.processed, total)
        )
        moved = mover.move(source, target, before)
        mover.delete_orphans()
    print_result(_move_to_dict(moved, was_stopped=stopped.is_set()), as_json, _format_move(node, moved, source))
    if moved.missing or moved.damaged or stopped.is_set():
        raise typer.Exit(1)


def get_location(node: Node, location_id: str) -> LocationConfig:
    """Return a location. Raises OperatorError if there is none with that id."""
    config = node.locations.get_configs().get(location_id)
    if config is None:
        raise OperatorError(f"unknown location {location_id}; see `ccfs location list`")
    return config


def _check_move(source: LocationConfig, target: LocationConfig) -> None:
    problem = find_move_problem(source, target)
    if problem:
        raise OperatorError(_MOVE_PROBLEMS[problem].format(source=source.id, target=target.id))


def _require_readers(node: Node, target: LocationConfig) -> None:
    """Raise OperatorError if a living node cannot read the target: what is moved there would be lost for its clients."""
    give_up = time.monotonic() + READER_WAIT_SECONDS
    while True:
        with node.database.read_transaction() as connection:
            unable = location_checks.list_unable_readers(connection, target, node.liveness_timeout)
        if all(reader.failure for reader in unable) or time.monotonic() > give_up:
            break
        time.sleep(0.5)
    if unable:
        reasons = (f"node {reader.node_id}: {reader.failure or 'has not tried it yet'}" for reader in unable)
        raise OperatorError(
            f"nodes that run cannot read location {target.id}, so clients would not get what is moved there"
            f" (--no-check moves all the same): {'; '.join(reasons)}"
        )


def _move_to_dict(moved: MoveResult, *, was_stopped: bool) -> dict[str, Any]:
    lost = {"missing": moved.missing, "damaged": moved.damaged}
    return {"moved": moved.files, "bytes": moved.size, "skipped": moved.skipped, **lost, "stopped": was_stopped}


def _format_move(node: Node, moved: MoveResult, source: str) -> str:
    lines = [f"{moved.files} files moved, {moved.size} bytes"]
    if moved.files:
        grace = f"{node.settings.move_grace_seconds:g} seconds"
        lines.append(f"a running server or the next move deletes them from location {source} after {grace}")
    if moved.skipped:
        lines.append(f"{moved.skipped} files skipped: in use by another process, or deleted")
    lines += [f"missing in location {source}: {key}" for key in moved.missing]
    lines += [f"damaged in location {source}, not moved: {key}" for key in moved.damaged]
    return "\n".join(lines)
