"""Disks of a real node, read as another node reads them. No test here."""

import ssl
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

from ccfs.model.place import Place, PlaceKind
from ccfs.model.recording import Kept
from ccfs.store import places
from ccfs.store.locations.disk import Disk
from ccfs.store.locations.peer import Peer, Terms
from tests.web.serving import Server

_numbers = count(100)  # of locations


def terms(key: bytes, **more: Any) -> Terms:
    """Much patience, where the machine is busy."""
    usual: dict[str, Any] = {"connect_seconds": 30.0, "read_seconds": 30.0, "rest_seconds": 0.3}
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    return Terms(**{"key": key, "now": clock, "trust": ssl.create_default_context(), **usual, **more})


def peer(server: Server, location_id: str, **more: Any) -> Peer:
    """A location of that node, as its peers see it."""
    node_key = more.pop("key", server.node.peer_keys[0])
    return Peer(location_id, lambda: f"http://{server.host}", terms(node_key, **more))


def new_disk(server: Server, folder: Path) -> Disk:
    """A further disk of that node."""
    disk = Disk(str(next(_numbers)), folder)
    place = Place(
        id=disk.location_id,
        kind=PlaceKind.DISK,
        at=str(folder),
        node=server.node.id,
        created_at=datetime.now(UTC),
    )
    with server.node.database.writing() as connection:
        places.add(connection, place)
    return disk


class OfDisk:
    """A further disk of the node: written by the node, read by a peer."""

    def __init__(self, server: Server, folder: Path) -> None:
        self._disk = new_disk(server, folder)
        self.location_id = self._disk.location_id
        self._peer = peer(server, self.location_id)

    def keep(self, key: str, chunks: Iterable[bytes]) -> Kept:
        """By the node."""
        return self._disk.keep(key, chunks)

    def remove(self, key: str) -> None:
        """By the node."""
        self._disk.remove(key)

    def read(self, key: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """By the peer."""
        return self._peer.read(key, start, end)

    def size(self, key: str) -> int:
        """By the peer."""
        return self._peer.size(key)

    def path(self, key: str) -> None:
        """By the peer."""
        return self._peer.path(key)

    def sweep(self, older_than_seconds: float) -> int:
        """By the peer."""
        return self._peer.sweep(older_than_seconds)


def of_disk(server: Server, folder: Path) -> OfDisk:
    """What the contract suite tries."""
    return OfDisk(server, folder)
