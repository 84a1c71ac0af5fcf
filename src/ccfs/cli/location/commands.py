"""Commands that add, list, drain and remove locations."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from ccfs.blobs.probe import probe_location
from ccfs.cli.common import DataFolderOption, JsonOption, add_audit_entry, open_node, print_result
from ccfs.cli.location.move import get_location, move_blobs
from ccfs.db.system.storage import location_checks, location_references, locations
from ccfs.db.system.storage.location_references import LocationReferences
from ccfs.db.system.storage.locations import LocationUsage
from ccfs.model.blobs.location_config import LocationConfig, LocationKind, is_location_id
from ccfs.model.errors import OperatorError
from ccfs.model.identity.audit import AuditAction
from ccfs.server.node import Node, utc_now

location_commands = typer.Typer(help="Manage storage locations and move files between them.", no_args_is_help=True)


location_commands.command("move")(move_blobs)


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
        target = f"{config.id} {config.kind} {config.display_address}"
        add_audit_entry(connection, "ccfs location add", AuditAction.LOCATION_ADDED, target)
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
    config = get_location(node, location_id)
    if not undo and config.id == node.find_primary_location_id():
        raise OperatorError(
            f"location {config.id} is the primary location: set CCFS_PRIMARY_LOCATION to another one on every node first"
        )
    with node.database.write_transaction() as connection:
        if config.id not in locations.get_all(connection):
            locations.add(connection, config)
        locations.update(connection, config.id, is_draining=not undo)
        action = AuditAction.LOCATION_RESUMED if undo else AuditAction.LOCATION_DRAINED
        add_audit_entry(connection, "ccfs location drain", action, config.id)
    state = "accepts new files again" if undo else "accepts no new files"
    print_result({"location": config.id, "draining": not undo}, as_json, f"location {config.id} {state}")


@location_commands.command("remove")
def remove_location(
    location_id: LocationIdArgument, data: DataFolderOption = None, as_json: JsonOption = False
) -> None:
    """Remove a location that is draining and to which no row refers any more. Its folder or bucket is not deleted."""
    node = open_node(data)
    config = get_location(node, location_id)
    if config.id == node.find_primary_location_id():
        raise OperatorError(
            f"location {config.id} is the primary location: set CCFS_PRIMARY_LOCATION to another one first"
        )
    if config.id == node.settings.tier_to:
        raise OperatorError(f"older files are moved to location {config.id}: change CCFS_TIER_TO first")
    with node.database.write_transaction() as connection:
        references = location_references.find_references(connection, config.id)
        if references.is_any:
            raise OperatorError(f"location {config.id} cannot be removed: {_format_references(references)}")
        if not config.is_draining:
            raise OperatorError(f"location {config.id} accepts new files: run `ccfs location drain {config.id}` first")
        locations.remove(connection, config.id)
        target = f"{config.id} {config.display_address}"
        add_audit_entry(connection, "ccfs location remove", AuditAction.LOCATION_REMOVED, target)
    print_result({"removed": config.id}, as_json, f"location {config.id} removed")


def _format_references(references: LocationReferences) -> str:
    counts = {
        "recordings": references.recordings,
        "voice files": references.voice_files,
        "exports": references.exports,
        "files to be deleted": references.orphans,
    }
    most = location_references.MAX_COUNTED
    parts = [f"{'over ' if count >= most else ''}{count} {name}" for name, count in counts.items() if count]
    parts += [f"a move from {move.source} to {move.target} that has not ended" for move in references.moves]
    return ", ".join(parts)


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
