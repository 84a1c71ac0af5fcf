"""Composition of what every process of a node needs: database, locations, keys, clock.

web_process.py and worker_process.py add the parts of one kind of process, so that none imports the parts of the other.
"""

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path

from ccfs import __version__
from ccfs.blobs import peer
from ccfs.blobs.disk import DiskLocation
from ccfs.blobs.interface import Location
from ccfs.blobs.registry import Locations, PrimaryLocation
from ccfs.blobs.replicas import Replicas
from ccfs.blobs.s3 import S3Location
from ccfs.db.encryption import SecretBox, load_or_create_keys
from ccfs.db.engine import Database, open_database
from ccfs.db.instance_file import read_or_create
from ccfs.db.migrations.runner import get_head_revision, upgrade
from ccfs.db.system import nodes
from ccfs.db.system.storage import locations
from ccfs.db.system.tenant_cache import TenantCache
from ccfs.model.blobs.errors import LocationUnreachable
from ccfs.model.blobs.location_config import LocationConfig, LocationKind
from ccfs.model.errors import OperatorError
from ccfs.model.node import NodeRecord, NodeState
from ccfs.server import config
from ccfs.settings import Settings

FIRST_LOCATION_ID = "0"  # the disk of the first node, which exists before an operator adds a location
SINGLE_NODE_ID = "local"  # of a node that shares its database with no other


def utc_now() -> datetime:
    """Return the current time, in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Node:
    """The parts of one process, each created at its first use."""

    settings: Settings

    @cached_property
    def database(self) -> Database:
        """The database, upgraded to the schema of this release."""
        database = open_database(self.settings.effective_database_url)
        upgrade(database, liveness_timeout=self.liveness_timeout)
        return database

    @cached_property
    def _identity(self) -> tuple[str, str]:
        """This node's permanent name, and a mark of its data folder: another folder may bear the same name by mistake."""
        new = f"{self.settings.node or secrets.token_hex(4)} {secrets.token_hex(4)}"
        name, folder = read_or_create(self.settings.data / "node.id", lambda: new).split()
        if self.settings.node not in ("", name):
            raise OperatorError(
                f"CCFS_NODE is {self.settings.node}, but this data folder is node {name}'s: see its file node.id"
            )
        return name, folder

    @property
    def id(self) -> str:
        """This node's name. A database in the data folder has only one node, and a copy of the folder is the same node."""
        return self._identity[0] if self.settings.database_url else SINGLE_NODE_ID

    @property
    def liveness_timeout(self) -> timedelta:
        """Time without a heartbeat after which a node counts as dead."""
        return timedelta(seconds=self.settings.node_timeout_seconds)

    def is_draining(self) -> bool:
        """Return whether this node is draining, by the database: for processes without a heartbeat."""
        with self.database.read_transaction() as connection:
            node = nodes.find_by_id(connection, self.id)
        return node is not None and node.state is NodeState.DRAINING

    def build_node_record(self, address: str) -> NodeRecord:
        """Return this node's row for the other nodes: started now, and reachable at `address`."""
        return NodeRecord(
            id=self.id,
            folder=self._identity[1] if self.settings.database_url else "",
            address=self.settings.node_address or address,
            version=__version__,
            revision=get_head_revision(),
            started_at=utc_now(),
            heartbeat_at=utc_now(),
        )

    @cached_property
    def secret_box(self) -> SecretBox:
        """Encryption of secrets at rest."""
        return SecretBox(self._node_keys)

    @cached_property
    def disk(self) -> DiskLocation:
        """The disk in the data folder."""
        with self.database.read_transaction() as connection:
            disk_id = locations.find_disk_id(connection, self.id)
        if disk_id is None:
            with self.database.write_transaction() as connection:
                disk_id = locations.assign_disk_id(connection, self.id, utc_now())
        return DiskLocation(disk_id, self.settings.data / "files")

    @cached_property
    def locations(self) -> Locations:
        """Every location by id."""
        locations_by_id = Locations(self.database, self.id, self.open_location)
        if FIRST_LOCATION_ID not in locations_by_id:
            _ = self.disk  # which becomes the first location
        return locations_by_id

    @cached_property
    def replicas(self) -> Replicas:
        """Reads blobs from the location in their row first, then from a replica."""
        from ccfs.server.lost_blobs import LostBlobReporter

        return Replicas(self.locations, LostBlobReporter(lambda: self.database, utc_now))

    def find_primary_location_id(self) -> str:
        """Return the id of the primary location; empty if none is configured and nothing was stored yet."""
        with self.database.read_transaction() as connection:
            return self.settings.primary_location or locations.find_disk_id(connection, self.id) or ""

    @cached_property
    def primary_location(self) -> PrimaryLocation:
        """The location that stores new bytes."""
        return PrimaryLocation(self.locations, self.settings.primary_location or self.disk.location_id)

    def open_location(self, location: LocationConfig) -> Location:
        """Return the implementation of a location, whether or not it has a row."""
        if not location.is_local(self.id):
            return peer.PeerLocation(location.id, lambda: self._peer_address(location), self.peer_config)
        if location.kind is LocationKind.S3:
            return S3Location(location, config.build_s3_config(self.settings))
        if location.kind is LocationKind.DISK:
            return DiskLocation(location.id, Path(location.root)) if location.root else self.disk
        raise LocationUnreachable(f"location {location.id} has a kind that this release does not know")

    def _peer_address(self, location: LocationConfig) -> str:
        """Return the address of the node that has the disk; raise LocationUnreachable."""
        if location.kind is LocationKind.PEER:
            return location.root
        return nodes.get_address(self.database, location.node)

    @cached_property
    def peer_config(self) -> peer.PeerConfig:
        """The configuration of requests to other nodes."""
        return config.build_peer_config(self.settings, self.peer_keys[0], utc_now)

    @cached_property
    def peer_keys(self) -> tuple[bytes, ...]:
        """Keys that authenticate nodes to each other, the newest first."""
        return self.secret_box.derive_keys("other nodes")

    @cached_property
    def _node_keys(self) -> tuple[str, ...]:
        return self.settings.node_keys or load_or_create_keys(self.settings.data)

    @cached_property
    def tenant_cache(self) -> TenantCache:
        """The cached snapshot of tenants of this process."""
        from ccfs.server.unreadable_secrets import UnreadableKeyLog

        return TenantCache(self.database, self.secret_box, on_unreadable=UnreadableKeyLog())
