"""Helpers: disks of a running server, read as another node reads them."""

import ssl
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

from ccfs.blobs.disk import DiskLocation
from ccfs.blobs.peer import PeerConfig, PeerLocation
from ccfs.db.system.storage import locations
from ccfs.model.blobs.blob_ref import BlobRef
from ccfs.model.blobs.location_config import LocationConfig, LocationKind
from tests.server.ccfs_server import CcfsServer

_numbers = count(100)  # of locations


def make_peer_config(key: bytes, **more: Any) -> PeerConfig:
    """Return a configuration with long timeouts, because the machine may be busy."""
    defaults: dict[str, Any] = {"connect_seconds": 30.0, "read_seconds": 30.0, "cooldown_seconds": 0.3}
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    return PeerConfig(**{"key": key, "now": clock, "ssl_context": ssl.create_default_context(), **defaults, **more})


def open_peer(server: CcfsServer, location_id: str, **more: Any) -> PeerLocation:
    """Return a location of the server as its peers see it."""
    node_key = more.pop("key", server.node.peer_keys[0])
    return PeerLocation(location_id, lambda: f"http://{server.host}", make_peer_config(node_key, **more))


def add_disk(server: CcfsServer, folder: Path) -> DiskLocation:
    """Add a disk to the server."""
    disk = DiskLocation(str(next(_numbers)), folder)
    config = LocationConfig(
        id=disk.location_id,
        kind=LocationKind.DISK,
        root=str(folder),
        node=server.node.id,
        created_at=datetime.now(UTC),
    )
    with server.node.database.write_transaction() as connection:
        locations.add(connection, config)
    return disk


class PeerOfDisk:
    """A disk of the server: written by the server, read by a peer."""

    def __init__(self, server: CcfsServer, folder: Path) -> None:
        self._disk = add_disk(server, folder)
        self.location_id = self._disk.location_id
        self._peer = open_peer(server, self.location_id)

    def write(self, key: str, chunks: Iterable[bytes]) -> BlobRef:
        """Write on the server."""
        return self._disk.write(key, chunks)

    def delete(self, key: str) -> None:
        """Write on the server."""
        self._disk.delete(key)

    def read(self, key: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """Read through the peer."""
        return self._peer.read(key, start, end)

    def get_size(self, key: str) -> int:
        """Read through the peer."""
        return self._peer.get_size(key)

    def get_path(self, key: str) -> None:
        """Read through the peer."""
        return self._peer.get_path(key)

    def delete_partial_uploads(self, older_than_seconds: float) -> int:
        """Read through the peer."""
        return self._peer.delete_partial_uploads(older_than_seconds)


def create_peer_of_disk(server: CcfsServer, folder: Path) -> PeerOfDisk:
    """Return the location for the contract suite."""
    return PeerOfDisk(server, folder)
