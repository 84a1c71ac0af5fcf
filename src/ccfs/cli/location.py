"""ccfs location: where bytes are kept: adding, listing, draining, and moving between them."""

import secrets
import signal
import sys
import threading
from contextlib import suppress
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from ccfs import logs
from ccfs.cli.common import DataFolderOption, JsonOption, open_node, print_result
from ccfs.cli.progress import ProgressBars
from ccfs.db.system import blob_moves, locations
from ccfs.db.system.locations import LocationUsage
from ccfs.model.blobs.errors import BlobNotFound
from ccfs.model.blobs.location_config import LocationConfig, LocationKind
from ccfs.model.errors import OperatorError
from ccfs.server import worker_process as parts
from ccfs.server.node import Node, utc_now
from ccfs.workers.storage.mover import MoveResult

location_commands = typer.Typer(help="Where bytes are kept.", no_args_is_help=True)


class _AddableKind(StrEnum):
    """What this command adds."""

    DISK = "disk"
    S3 = "s3"


LocationIdArgument = Annotated[str, typer.Argument(metavar="ID", help="locationId: a number.")]


@location_commands.command("add")
def add_location(
    location_id: LocationIdArgument,
    kind: Annotated[_AddableKind, typer.Option("--kind")],
    folder: Annotated[Path | None, typer.Option("--folder", help="disk: its folder.", metavar="DIR")] = None,
    bucket: Annotated[str, typer.Option("--bucket", help="s3: the bucket.")] = "",
    prefix: Annotated[str, typer.Option("--prefix", help="s3: what every key begins with.")] = "",
    endpoint: Annotated[str, typer.Option("--endpoint", help="s3: URL of the service; none: AWS.", metavar="URL")] = "",
    region: Annotated[str, typer.Option("--region", help="s3: us-east-1 if not given.")] = "",
    virtual_host: Annotated[bool, typer.Option("--virtual-host", help="s3: the host names the bucket.")] = False,
    unconditional: Annotated[
        bool, typer.Option("--unconditional", help="s3: the service knows no If-None-Match of a PUT.")
    ] = False,
    shared: Annotated[bool, typer.Option("--shared", help="disk: every node has the folder, as on NFS.")] = False,
    read_only: Annotated[bool, typer.Option("--read-only", help="Bytes are neither added nor removed.")] = False,
    unchecked: Annotated[bool, typer.Option("--unchecked", help="Do not try whether it works.")] = False,
    data: DataFolderOption = None,
    as_json: JsonOption = False,
) -> None:
    """Add a location. It takes new bytes where CCFS_PRIMARY_LOCATION names it, and what is moved there."""
    node = open_node(data)
    place = LocationConfig(
        id=_check_id(location_id),
        kind=LocationKind(kind),
        root=_choose_root(kind, folder, bucket),
        prefix=prefix.strip("/"),
        endpoint=_check_url(endpoint),
        region=region,
        is_virtual_hosted=virtual_host,
        is_conditional=not unconditional,
        node=node.id if kind is _AddableKind.DISK and not shared else "",
        is_read_only=read_only,
        created_at=utc_now(),
    )
    if place.id in node.locations:
        raise OperatorError(f"there is a location {place.id} already")
    if not unchecked:
        _probe(node, place)
    with node.database.write_transaction() as connection:
        locations.add(connection, place)
    print_result(
        {"location": place.id, "kind": place.kind, "at": place.root},
        as_json,
        f"location {place.id}: {place.display_address}",
    )


@location_commands.command("list")
def list_locations(data: DataFolderOption = None, as_json: JsonOption = False) -> None:
    """List locations with what they hold."""
    node = open_node(data)
    with node.database.read_transaction() as connection:
        held = locations.get_usage(connection)
    found = node.locations.get_configs()
    rows = [_location_to_dict(node, place, held.get(place.id)) for place in found.values()]
    rows += [  # what no operator should ever see
        {
            "location": one,
            "kind": "",
            "at": "",
            "node": "",
            "state": "unknown",
            "files": held[one].files,
            "bytes": held[one].size,
        }
        for one in sorted(held.keys() - found.keys())
    ]
    text = [
        f"{row['location']:>4}  {row['state']:9}  {row['files']:>9} files  {row['bytes']:>15} bytes  {row['at']}"
        for row in rows
    ]
    print_result({"locations": rows}, as_json, "\n".join(text))


@location_commands.command("drain")
def drain_location(
    location_id: LocationIdArgument,
    undo: Annotated[bool, typer.Option("--undo", help="Let it take new bytes again.")] = False,
    data: DataFolderOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let no new bytes go there. What is there is served, and can be moved away."""
    node = open_node(data)
    place = _get_location(node, location_id)
    if not undo and place.id == node.find_primary_location_id():
        raise OperatorError(
            f"new bytes go to location {place.id}: let CCFS_PRIMARY_LOCATION name another one on every node first"
        )
    with node.database.write_transaction() as connection:
        if place.id not in locations.get_all(connection):
            locations.add(connection, place)
        locations.update(connection, place.id, is_draining=not undo)
    state = "takes new bytes again" if undo else "takes no new bytes"
    print_result({"location": place.id, "draining": not undo}, as_json, f"location {place.id} {state}")


@location_commands.command("move")
def move_blobs(
    source: Annotated[str, typer.Option("--from", metavar="A", help="Location to be emptied.")],
    target: Annotated[str, typer.Option("--to", metavar="B", help="Location that takes the bytes.")],
    older_than: Annotated[float, typer.Option("--older-than", metavar="DAYS", min=0, help="Only older ones.")] = 0,
    data: DataFolderOption = None,
    as_json: JsonOption = False,
) -> None:
    """Move bytes from one location to another; it may be stopped at any time, and begun again."""
    node = open_node(data)
    logs.configure_logging()
    _check_move(_get_location(node, source), _get_location(node, target))
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    before = utc_now() - timedelta(days=older_than)
    with node.database.read_transaction() as connection:
        whole = blob_moves.count_owners_before(connection, source, before)
    with ProgressBars(sys.stderr.isatty()) as bars:
        mover = parts.build_mover(node, stopped.is_set, lambda done: bars.update(f"{source} to {target}", done, whole))
        moved = mover.move(source, target, before)
        mover.delete_orphans()
    print_result(_move_to_dict(moved, was_stopped=stopped.is_set()), as_json, _format_move(node, moved, source))
    if moved.missing or moved.damaged or stopped.is_set():
        raise typer.Exit(1)


def _check_id(text: str) -> str:
    if not (text.isascii() and text.isdecimal() and str(int(text)) == text and len(text) <= 9):
        raise OperatorError(f"{text} is not a locationId: a number of at most 9 digits")
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
    raise OperatorError("a disk needs --folder" if kind is _AddableKind.DISK else "an S3 location needs --bucket")


def _probe(node: Node, place: LocationConfig) -> None:
    """Keep, read and remove a few bytes; a location to be read only is merely asked."""
    there, key = node.open_location(place), f"probe/{secrets.token_hex(16)}"
    try:
        if place.is_read_only:
            with suppress(BlobNotFound):
                there.get_size(key)
            return
        there.write(key, [key.encode()])
        if b"".join(there.read(key)) != key.encode():
            raise OperatorError(f"location {place.id} does not give back what it was given")
        there.delete(key)
    except OSError as error:
        raise OperatorError(f"location {place.id} does not work: {error}") from None


def _get_location(node: Node, location_id: str) -> LocationConfig:
    place = node.locations.get_configs().get(location_id)
    if place is None:
        raise OperatorError(f"there is no location {location_id}; `ccfs location list` shows all")
    return place


def _check_move(source: LocationConfig, target: LocationConfig) -> None:
    if source.id == target.id:
        raise OperatorError("--from and --to name the same location")
    if not target.is_accepting_blobs:
        raise OperatorError(f"location {target.id} takes no new bytes")
    if source.is_read_only:
        raise OperatorError(f"location {source.id} is read-only: nothing can be removed there")


def _location_to_dict(node: Node, place: LocationConfig, held: LocationUsage | None) -> dict[str, Any]:
    flags = {"draining": place.is_draining, "read-only": place.is_read_only}
    flags["home"] = place.id == node.find_primary_location_id()
    return {
        "location": place.id,
        "kind": place.kind,
        "at": place.display_address or (str(node.settings.data / "files") if place.is_local(node.id) else "files"),
        "node": place.node,
        "state": next((flag for flag, is_so in flags.items() if is_so), "ready"),
        "files": held.files if held else 0,
        "bytes": held.size if held else 0,
    }


def _move_to_dict(moved: MoveResult, *, was_stopped: bool) -> dict[str, Any]:
    lost = {"missing": moved.missing, "damaged": moved.damaged}
    return {"moved": moved.files, "bytes": moved.size, "left": moved.skipped, **lost, "stopped": was_stopped}


def _format_move(node: Node, moved: MoveResult, source: str) -> str:
    lines = [f"{moved.files} files moved, {moved.size} bytes"]
    if moved.files:
        grace = f"{node.settings.move_grace_seconds:g} seconds"
        lines.append(f"they leave location {source} in {grace}, by a server that runs or the next move")
    if moved.skipped:
        lines.append(f"{moved.skipped} left for another time: they are in hand elsewhere, or were deleted")
    lines += [f"missing in location {source}: {key}" for key in moved.missing]
    lines += [f"damaged in location {source}, not moved: {key}" for key in moved.damaged]
    return "\n".join(lines)
