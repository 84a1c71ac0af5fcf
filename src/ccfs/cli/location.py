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
from ccfs.cli.common import AsJson, DataFolder, open_node, show
from ccfs.cli.progress import Bars
from ccfs.model.errors import Misuse
from ccfs.model.place import Place, PlaceKind
from ccfs.node import Node, now
from ccfs.node import work as parts
from ccfs.store import moves, places
from ccfs.store.locations.port import Gone
from ccfs.store.places import Held
from ccfs.work.move import Moved

location = typer.Typer(help="Where bytes are kept.", no_args_is_help=True)


class _Kind(StrEnum):
    """What this command adds."""

    DISK = "disk"
    S3 = "s3"


LocationId = Annotated[str, typer.Argument(metavar="ID", help="locationId: a number.")]


@location.command("add")
def add(
    location_id: LocationId,
    kind: Annotated[_Kind, typer.Option("--kind")],
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
    data: DataFolder = None,
    as_json: AsJson = False,
) -> None:
    """Add a location. It takes new bytes where CCFS_LOCATION names it, and what is moved there."""
    node = open_node(data)
    place = Place(
        id=_checked_id(location_id),
        kind=PlaceKind(kind),
        at=_where(kind, folder, bucket),
        prefix=prefix.strip("/"),
        endpoint=_checked_url(endpoint),
        region=region,
        is_virtual_hosted=virtual_host,
        is_conditional=not unconditional,
        node=node.id if kind is _Kind.DISK and not shared else "",
        is_read_only=read_only,
        created_at=now(),
    )
    if place.id in node.locations:
        raise Misuse(f"there is a location {place.id} already")
    if not unchecked:
        _try_out(node, place)
    with node.database.writing() as connection:
        places.add(connection, place)
    show({"location": place.id, "kind": place.kind, "at": place.at}, as_json, f"location {place.id}: {_at(place)}")


@location.command("list")
def list_locations(data: DataFolder = None, as_json: AsJson = False) -> None:
    """List locations with what they hold."""
    node = open_node(data)
    with node.database.reading() as connection:
        held = places.held(connection)
    found = node.locations.places()
    rows = [_described(node, place, held.get(place.id)) for place in found.values()]
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
    show({"locations": rows}, as_json, "\n".join(text))


@location.command("drain")
def drain(
    location_id: LocationId,
    undo: Annotated[bool, typer.Option("--undo", help="Let it take new bytes again.")] = False,
    data: DataFolder = None,
    as_json: AsJson = False,
) -> None:
    """Let no new bytes go there. What is there is served, and can be moved away."""
    node = open_node(data)
    place = _known(node, location_id)
    if not undo and place.id == node.home_id():
        raise Misuse(f"new bytes go to location {place.id}: let CCFS_LOCATION name another one on every node first")
    with node.database.writing() as connection:
        if place.id not in places.places(connection):
            places.add(connection, place)
        places.change(connection, place.id, is_draining=not undo)
    state = "takes new bytes again" if undo else "takes no new bytes"
    show({"location": place.id, "draining": not undo}, as_json, f"location {place.id} {state}")


@location.command("move")
def move(
    source: Annotated[str, typer.Option("--from", metavar="A", help="Location to be emptied.")],
    target: Annotated[str, typer.Option("--to", metavar="B", help="Location that takes the bytes.")],
    older_than: Annotated[float, typer.Option("--older-than", metavar="DAYS", min=0, help="Only older ones.")] = 0,
    data: DataFolder = None,
    as_json: AsJson = False,
) -> None:
    """Move bytes from one location to another; it may be stopped at any time, and begun again."""
    node = open_node(data)
    logs.prepare()
    _may_move(_known(node, source), _known(node, target))
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    before = now() - timedelta(days=older_than)
    with node.database.reading() as connection:
        whole = moves.count_older(connection, source, before)
    with Bars(sys.stderr.isatty()) as bars:
        mover = parts.mover(node, stopped.is_set, lambda done: bars.progress(f"{source} to {target}", done, whole))
        moved = mover.move(source, target, before)
        mover.sweep()
    show(_told(moved, was_stopped=stopped.is_set()), as_json, _text(node, moved, source))
    if moved.missing or moved.damaged or stopped.is_set():
        raise typer.Exit(1)


def _checked_id(text: str) -> str:
    if not (text.isascii() and text.isdecimal() and str(int(text)) == text and len(text) <= 9):
        raise Misuse(f"{text} is not a locationId: a number of at most 9 digits")
    return text


def _checked_url(url: str) -> str:
    if url and not url.startswith(("https://", "http://")):
        raise Misuse(f"{url} is not a URL with https:// or http://")
    return url


def _where(kind: _Kind, folder: Path | None, bucket: str) -> str:
    if kind is _Kind.DISK and folder is not None and not bucket:
        return str(folder.absolute())
    if kind is _Kind.S3 and bucket and folder is None:
        return bucket
    raise Misuse("a disk needs --folder" if kind is _Kind.DISK else "an S3 location needs --bucket")


def _try_out(node: Node, place: Place) -> None:
    """Keep, read and remove a few bytes; a location to be read only is merely asked."""
    there, key = node.open_location(place), f"probe/{secrets.token_hex(16)}"
    try:
        if place.is_read_only:
            with suppress(Gone):
                there.size(key)
            return
        there.keep(key, [key.encode()])
        if b"".join(there.read(key)) != key.encode():
            raise Misuse(f"location {place.id} does not give back what it was given")
        there.remove(key)
    except OSError as error:
        raise Misuse(f"location {place.id} does not work: {error}") from None


def _known(node: Node, location_id: str) -> Place:
    place = node.locations.places().get(location_id)
    if place is None:
        raise Misuse(f"there is no location {location_id}; `ccfs location list` shows all")
    return place


def _may_move(source: Place, target: Place) -> None:
    if source.id == target.id:
        raise Misuse("--from and --to name the same location")
    if not target.takes_new:
        raise Misuse(f"location {target.id} takes no new bytes")
    if source.is_read_only:
        raise Misuse(f"location {source.id} is read-only: nothing can be removed there")


def _described(node: Node, place: Place, held: Held | None) -> dict[str, Any]:
    flags = {"draining": place.is_draining, "read-only": place.is_read_only}
    flags["home"] = place.id == node.home_id()
    return {
        "location": place.id,
        "kind": place.kind,
        "at": _at(place) or (str(node.settings.data / "files") if place.is_near(node.id) else "files"),
        "node": place.node,
        "state": next((flag for flag, is_so in flags.items() if is_so), "ready"),
        "files": held.files if held else 0,
        "bytes": held.size if held else 0,
    }


def _at(place: Place) -> str:
    if place.kind is not PlaceKind.S3:
        return place.at
    return "/".join(filter(None, (place.endpoint.rstrip("/") or "s3:/", place.at, place.prefix)))


def _told(moved: Moved, *, was_stopped: bool) -> dict[str, Any]:
    lost = {"missing": moved.missing, "damaged": moved.damaged}
    return {"moved": moved.files, "bytes": moved.size, "left": moved.left, **lost, "stopped": was_stopped}


def _text(node: Node, moved: Moved, source: str) -> str:
    lines = [f"{moved.files} files moved, {moved.size} bytes"]
    if moved.files:
        grace = f"{node.settings.move_grace_seconds:g} seconds"
        lines.append(f"they leave location {source} in {grace}, by a server that runs or the next move")
    if moved.left:
        lines.append(f"{moved.left} left for another time: they are in hand elsewhere, or were deleted")
    lines += [f"missing in location {source}: {key}" for key in moved.missing]
    lines += [f"damaged in location {source}, not moved: {key}" for key in moved.damaged]
    return "\n".join(lines)
