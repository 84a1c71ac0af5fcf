"""ccfs location: add, list and drain storage locations; move files between them."""

import sys
import time
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from ccfs import logs
from ccfs.blobs.probe import probe_location
from ccfs.cli.common import DataFolderOption, JsonOption, open_node, print_result
from ccfs.cli.progress import ProgressBars
from ccfs.db.system.jobs import blob_moves
from ccfs.db.system.storage import location_checks, locations
from ccfs.db.system.storage.locations import LocationUsage
from ccfs.http_server.processes.stop_signals import StopSignals
from ccfs.model.blobs.location_config import LocationConfig, LocationKind, is_location_id
from ccfs.model.errors import OperatorError
from ccfs.server import worker_process
from ccfs.server.node import Node, utc_now
from ccfs.workers.storage.mover import MoveResult

READER_WAIT_SECONDS = 45.0  # in which all nodes that run try a location that was added just now

location_commands = typer.Typer(help="Manage storage locations and move files between them.", no_args_is_help=True)


class _AddableKind(StrEnum):
    """Kinds of locations that `ccfs location add` accepts."""

    DISK = "disk"
    S3 = "s3"


LocationIdArgument = Annotated[str, typer.Argument(metavar="ID", help="Location id, a number.")]


@location_commands.command("add")
def add_location(
    location_id: LocationIdArgument,
    kind: Annotated[_AddableKind, typer.Option("--kind", help="Kind of storage.")],
    folder: Annotated[Path | None, typer.Option("--folder", help="disk: the folder.", metavar="DIR")] = None,
    bucket: Annotated[str, typer.Option("--bucket", help="s3: the bucket.")] = "",
    prefix: Annotated[str, typer.Option("--prefix", help="s3: prefix of all keys.")] = "",
    endpoint: Annotated[
        str, typer.Option("--endpoint", help="s3: URL of the service; default: AWS.", metavar="URL")
    ] = "",
    region: Annotated[str, typer.Option("--region", help="s3: region; default: us-east-1.")] = "",
    virtual_host: Annotated[bool, typer.Option("--virtual-host", help="s3: use virtual-hosted-style URLs.")] = False,
    no_conditional_put: Annotated[
        bool, typer.Option("--no-conditional-put", help="s3: the service does not support If-None-Match for PUT.")
    ] = False,
    shared: Annotated[bool, typer.Option("--shared", help="disk: all nodes share the folder, e.g. on NFS.")] = False,
    read_only: Annotated[bool, typer.Option("--read-only", help="Never write or delete files there.")] = False,
    no_check: Annotated[bool, typer.Option("--no-check", help="Do not test access to the location.")] = False,
    data: DataFolderOption = None,
    as_json: JsonOption = False,
) -> None:
    """Add a storage location. New files go to the location that CCFS_PRIMARY_LOCATION names."""
    node = open_node(data)
    config = LocationConfig(
        id=_check_id(location_id),
        kind=LocationKind(kind),
        root=_choose_root(kind, folder, bucket),
        prefix=prefix.strip("/"),
        endpoint=_check_url(endpoint),
        region=region,
        is_virtual_hosted=virtual_host,
        is_conditional=not no_conditional_put,
        node=node.id if kind is _AddableKind.DISK and not shared else "",
        is_read_only=read_only,
        created_at=utc_now(),
    )
    if config.id in node.locations:
        raise OperatorError(f"location {config.id} already exists")
    if not no_check:
        probe_location(node.open_location(config), is_read_only=config.is_read_only)
    with node.database.write_transaction() as connection:
        locations.add(connection, config)
    print_result(
        {"location": config.id, "kind": config.kind, "root": config.root},
        as_json,
        f"location {config.id}: {config.display_address}",
    )


@location_commands.command("list")
def list_locations(data: DataFolderOption = None, as_json: JsonOption = False) -> None:
    """List storage locations with the number and size of their files."""
    node = open_node(data)
    with node.database.read_transaction() as connection:
        usages = locations.get_usage(connection)
        failures = location_checks.list_failures(connection, node.liveness_timeout)
    configs = node.locations.get_configs()
    rows = [_location_to_dict(node, config, usages.get(config.id)) for config in configs.values()]
    rows += [  # rows that name a location without a configuration: an inconsistency
        {
            "location": location_id,
            "kind": "",
            "root": "",
            "node": "",
            "state": "unknown",
            "files": usages[location_id].files,
            "bytes": usages[location_id].size,
        }
        for location_id in sorted(usages.keys() - configs.keys())
    ]
    text = [
        f"{row['location']:>4}  {row['state']:9}  {row['files']:>9} files  {row['bytes']:>15} bytes  "
        f"{row['root']}{' (node ' + row['node'] + ')' if row['node'] else ''}"
        for row in rows
    ]
    text += [f"node {check.node_id} cannot read location {check.location_id}: {check.failure}" for check in failures]
    unreadable = [{"node": check.node_id, "location": check.location_id, "reason": check.failure} for check in failures]
    print_result({"locations": rows, "unreadable": unreadable}, as_json, "\n".join(text))


@location_commands.command("drain")
def drain_location(
    location_id: LocationIdArgument,
    undo: Annotated[bool, typer.Option("--undo", help="Accept new files again.")] = False,
    data: DataFolderOption = None,
    as_json: JsonOption = False,
) -> None:
    """Accept no new files at a location. Its files are still served and can be moved."""
    node = open_node(data)
    config = _get_location(node, location_id)
    if not undo and config.id == node.find_primary_location_id():
        raise OperatorError(
            f"location {config.id} is the primary location: set CCFS_PRIMARY_LOCATION to another one on every node first"
        )
    with node.database.write_transaction() as connection:
        if config.id not in locations.get_all(connection):
            locations.add(connection, config)
        locations.update(connection, config.id, is_draining=not undo)
    state = "accepts new files again" if undo else "accepts no new files"
    print_result({"location": config.id, "draining": not undo}, as_json, f"location {config.id} {state}")


@location_commands.command("move")
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
    _check_move(_get_location(node, source), _get_location(node, target))
    if not no_check:
        _require_readers(node, _get_location(node, target))
    stopped = StopSignals()
    before = utc_now() - timedelta(days=older_than)
    with node.database.read_transaction() as connection:
        total = blob_moves.count_owners_before(connection, source, before)
    with ProgressBars(sys.stderr.isatty()) as bars:
        mover = worker_process.build_mover(
            node, stopped.is_set, lambda done: bars.update(f"{source} to {target}", done, total)
        )
        moved = mover.move(source, target, before)
        mover.delete_orphans()
    print_result(_move_to_dict(moved, was_stopped=stopped.is_set()), as_json, _format_move(node, moved, source))
    if moved.missing or moved.damaged or stopped.is_set():
        raise typer.Exit(1)


def _check_id(text: str) -> str:
    if not is_location_id(text):
        raise OperatorError(f"{text} is not a location id: use a number of at most 9 digits")
    return text


def _check_url(url: str) -> str:
    if url and not url.startswith(("https://", "http://")):
        raise OperatorError(f"{url} is not a URL with https:// or http://")
    return url


def _choose_root(kind: _AddableKind, folder: Path | None, bucket: str) -> str:
    if kind is _AddableKind.DISK and folder is not None and not bucket:
        return str(folder.absolute())
    if kind is _AddableKind.S3 and bucket and folder is None:
        return bucket
    raise OperatorError("a disk requires --folder" if kind is _AddableKind.DISK else "an S3 location requires --bucket")


def _get_location(node: Node, location_id: str) -> LocationConfig:
    config = node.locations.get_configs().get(location_id)
    if config is None:
        raise OperatorError(f"unknown location {location_id}; see `ccfs location list`")
    return config


def _check_move(source: LocationConfig, target: LocationConfig) -> None:
    if source.id == target.id:
        raise OperatorError("--from and --to name the same location")
    if not target.is_accepting_blobs:
        raise OperatorError(f"location {target.id} accepts no new files")
    if source.is_read_only:
        raise OperatorError(f"location {source.id} is read-only: files cannot be deleted there")


def _require_readers(node: Node, target: LocationConfig) -> None:
    """Raise OperatorError if a living node cannot read the target: what is moved there would be lost for its clients."""
    give_up = time.monotonic() + READER_WAIT_SECONDS
    while True:
        with node.database.read_transaction() as connection:
            checks = location_checks.list_by_location(connection, target.id, node.liveness_timeout)
        if target.node:  # the other nodes read through this one
            checks = {node_id: check for node_id, check in checks.items() if node_id == target.node}
        waiting = [node_id for node_id, check in checks.items() if check is None]
        if not waiting or time.monotonic() > give_up:
            break
        time.sleep(0.5)
    failed = [f"node {check.node_id}: {check.failure}" for check in checks.values() if check and check.failure]
    failed += [f"node {node_id}: has not tried it yet" for node_id in waiting]
    if failed:
        raise OperatorError(
            f"nodes that run cannot read location {target.id}, so clients would not get what is moved there"
            f" (--no-check moves all the same): {'; '.join(failed)}"
        )


def _location_to_dict(node: Node, config: LocationConfig, usage: LocationUsage | None) -> dict[str, Any]:
    flags = {"draining": config.is_draining, "read-only": config.is_read_only}
    flags["primary"] = config.id == node.find_primary_location_id()
    return {
        "location": config.id,
        "kind": config.kind,
        "root": config.display_address or (str(node.settings.data / "files") if config.is_local(node.id) else "files"),
        "node": config.node,
        "state": next((flag for flag, is_set in flags.items() if is_set), "ready"),
        "files": usage.files if usage else 0,
        "bytes": usage.size if usage else 0,
    }


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
