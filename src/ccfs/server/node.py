"""Composition by hand, in one place: settings become a database, locations, a clock. What only web processes have is made in
web.py, what takes time in work.py, so that no process imports the parts of another."""

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
from ccfs.db.system import locations, nodes
from ccfs.db.system.tenant_cache import TenantCache
from ccfs.model.blobs.errors import LocationUnreachable
from ccfs.model.blobs.location_config import LocationConfig, LocationKind
from ccfs.model.errors import OperatorError
from ccfs.model.node import NodeRecord, NodeState
from ccfs.server import config
from ccfs.settings import Settings

FIRST_LOCATION_ID = "0"  # the location that there is before an operator adds any: a node's disk
SINGLE_NODE_ID = "local"  # name of a node that shares its database with no other


def utc_now() -> datetime:
    """The clock: an aware instant in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Node:
    """One process's parts, each made when it is first asked for."""

    settings: Settings

    @cached_property
    def database(self) -> Database:
        """The database, at this release's schema."""
        database = open_database(self.settings.effective_database_url)
        upgrade(database, liveness_timeout=self.liveness_timeout)
        return database

    @cached_property
    def _identity(self) -> tuple[str, str]:
        """This node's name for good, and what tells its data folder from one that bears the same name by mistake."""
        first = f"{self.settings.node or secrets.token_hex(4)} {secrets.token_hex(4)}"
        name, folder = read_or_create(self.settings.data / "node.id", lambda: first).split()
        if self.settings.node not in ("", name):
            raise OperatorError(
                f"CCFS_NODE is {self.settings.node}, but this data folder is node {name}'s: see its file node.id"
            )
        return name, folder

    @property
    def id(self) -> str:
        """This node's name. Whose database lies in its data folder is alone: a copy of the two is the same node."""
        return self._identity[0] if self.settings.database_url else SINGLE_NODE_ID

    @property
    def liveness_timeout(self) -> timedelta:
        """How long a node may be silent before it counts as dead."""
        return timedelta(seconds=self.settings.node_timeout_seconds)

    def is_draining(self) -> bool:
        """Whether an operator drains this node: the database's word, for processes without a heart."""
        with self.database.read_transaction() as connection:
            found = nodes.find_by_id(connection, self.id)
        return found is not None and found.state is NodeState.DRAINING

    def build_node_record(self, address: str) -> NodeRecord:
        """What this process tells the other nodes: that it lives since now, and is reached at `address`."""
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
        """What seals secrets at rest."""
        return SecretBox(self._node_keys)

    @cached_property
    def disk(self) -> DiskLocation:
        """The disk in the data folder."""
        with self.database.read_transaction() as connection:
            found = locations.find_disk_id(connection, self.id)
        if found is None:
            with self.database.write_transaction() as connection:
                found = locations.assign_disk_id(connection, self.id, utc_now())
        return DiskLocation(found, self.settings.data / "files")

    @cached_property
    def locations(self) -> Locations:
        """Every location by id."""
        found = Locations(self.database, self.id, self.open_location)
        if FIRST_LOCATION_ID not in found:
            _ = self.disk  # which is then the first
        return found

    @cached_property
    def replicas(self) -> Replicas:
        """What finds copies of bytes that cannot be had where their rows say."""
        return Replicas(self.locations)

    def find_primary_location_id(self) -> str:
        """The id of `home`; empty where nothing was kept yet, and nothing says where it would be."""
        with self.database.read_transaction() as connection:
            return self.settings.primary_location or locations.find_disk_id(connection, self.id) or ""

    @cached_property
    def primary_location(self) -> PrimaryLocation:
        """The location that takes new bytes."""
        return PrimaryLocation(self.locations, self.settings.primary_location or self.disk.location_id)

    def open_location(self, place: LocationConfig) -> Location:
        """What keeps bytes there, whether or not the place has a row."""
        if not place.is_local(self.id):
            return peer.PeerLocation(place.id, lambda: self._peer_address(place), self.peer_config)
        if place.kind is LocationKind.S3:
            return S3Location(place, config.build_s3_config(self.settings))
        if place.kind is LocationKind.DISK:
            return DiskLocation(place.id, Path(place.root)) if place.root else self.disk
        raise LocationUnreachable(f"location {place.id} is of a kind that this release does not know")

    def _peer_address(self, place: LocationConfig) -> str:
        """Where the node of a disk is; raises Unreachable."""
        if place.kind is LocationKind.PEER:
            return place.root
        return nodes.get_address(self.database, place.node)

    @cached_property
    def peer_config(self) -> peer.PeerConfig:
        """How this node asks others for bytes."""
        return config.build_peer_config(self.settings, self.peer_keys[0], utc_now)

    @cached_property
    def peer_keys(self) -> tuple[bytes, ...]:
        """Keys by which nodes know each other, the newest first."""
        return self.secret_box.derive_keys("other nodes")

    @cached_property
    def _node_keys(self) -> tuple[str, ...]:
        return self.settings.node_keys or load_or_create_keys(self.settings.data)

    @cached_property
    def tenant_cache(self) -> TenantCache:
        """Tenancy as this process sees it."""
        return TenantCache(self.database, self.secret_box)
