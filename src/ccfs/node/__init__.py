"""Composition by hand, in one place: settings become a database, locations, a clock. What only web processes have is made in
web.py, what takes time in work.py, so that no process imports the parts of another."""

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path

from ccfs import __version__, terms
from ccfs.model.errors import Misuse
from ccfs.model.node import Standing, State
from ccfs.model.place import Place, PlaceKind
from ccfs.settings import Settings
from ccfs.store import nodes, places
from ccfs.store.db import Database, open_database
from ccfs.store.locations import peer
from ccfs.store.locations.disk import Disk
from ccfs.store.locations.elsewhere import Elsewhere
from ccfs.store.locations.opened import Home, Locations
from ccfs.store.locations.port import Location, Unreachable
from ccfs.store.locations.s3 import S3
from ccfs.store.made_once import made_once
from ccfs.store.picture import Pictures
from ccfs.store.sealing import Sealer, keys_in
from ccfs.store.upgrade import newest, upgrade

FIRST = "0"  # the location that there is before an operator adds any: a node's disk
ALONE = "local"  # name of a node that shares its database with no other


def now() -> datetime:
    """The clock: an aware instant in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Node:
    """One process's parts, each made when it is first asked for."""

    settings: Settings

    @cached_property
    def database(self) -> Database:
        """The database, at this release's schema."""
        database = open_database(self.settings.url)
        upgrade(database, patience=self.patience)
        return database

    @cached_property
    def _name(self) -> tuple[str, str]:
        """This node's name for good, and what tells its data folder from one that bears the same name by mistake."""
        first = f"{self.settings.node or secrets.token_hex(4)} {secrets.token_hex(4)}"
        name, folder = made_once(self.settings.data / "node.id", lambda: first).split()
        if self.settings.node not in ("", name):
            raise Misuse(
                f"CCFS_NODE is {self.settings.node}, but this data folder is node {name}'s: see its file node.id"
            )
        return name, folder

    @property
    def id(self) -> str:
        """This node's name. Whose database lies in its data folder is alone: a copy of the two is the same node."""
        return self._name[0] if self.settings.database_url else ALONE

    @property
    def patience(self) -> timedelta:
        """How long a node may be silent before it counts as dead."""
        return timedelta(seconds=self.settings.node_dead_seconds)

    def is_draining(self) -> bool:
        """Whether an operator drains this node: the database's word, for processes without a heart."""
        with self.database.reading() as connection:
            found = nodes.find(connection, self.id)
        return found is not None and found.state is State.DRAINING

    def standing(self, address: str) -> Standing:
        """What this process tells the other nodes: that it lives since now, and is reached at `address`."""
        return Standing(
            id=self.id,
            folder=self._name[1] if self.settings.database_url else "",
            address=self.settings.node_address or address,
            version=__version__,
            revision=newest(),
            started_at=now(),
            heartbeat_at=now(),
        )

    @cached_property
    def sealer(self) -> Sealer:
        """What seals secrets at rest."""
        return Sealer(self._node_keys)

    @cached_property
    def disk(self) -> Disk:
        """The disk in the data folder."""
        with self.database.reading() as connection:
            found = places.disk_of(connection, self.id)
        if found is None:
            with self.database.writing() as connection:
                found = places.claim_disk(connection, self.id, now())
        return Disk(found, self.settings.data / "files")

    @cached_property
    def locations(self) -> Locations:
        """Every location by id."""
        found = Locations(self.database, self.id, self.open_location)
        if FIRST not in found:
            _ = self.disk  # which is then the first
        return found

    @cached_property
    def elsewhere(self) -> Elsewhere:
        """What finds copies of bytes that cannot be had where their rows say."""
        return Elsewhere(self.locations)

    def home_id(self) -> str:
        """The id of `home`; empty where nothing was kept yet, and nothing says where it would be."""
        with self.database.reading() as connection:
            return self.settings.location or places.disk_of(connection, self.id) or ""

    @cached_property
    def home(self) -> Home:
        """The location that takes new bytes."""
        return Home(self.locations, self.settings.location or self.disk.location_id)

    def open_location(self, place: Place) -> Location:
        """What keeps bytes there, whether or not the place has a row."""
        if not place.is_near(self.id):
            return peer.Peer(place.id, lambda: self._address_of(place), self.peer_terms)
        if place.kind is PlaceKind.S3:
            return S3(place, terms.of_s3(self.settings))
        if place.kind is PlaceKind.DISK:
            return Disk(place.id, Path(place.at)) if place.at else self.disk
        raise Unreachable(f"location {place.id} is of a kind that this release does not know")

    def _address_of(self, place: Place) -> str:
        """Where the node of a disk is; raises Unreachable."""
        if place.kind is PlaceKind.PEER:
            return place.at
        return nodes.address(self.database, place.node)

    @cached_property
    def peer_terms(self) -> peer.Terms:
        """How this node asks others for bytes."""
        return terms.of_peers(self.settings, self.peer_keys[0], now)

    @cached_property
    def peer_keys(self) -> tuple[bytes, ...]:
        """Keys by which nodes know each other, the newest first."""
        return self.sealer.derived("other nodes")

    @cached_property
    def _node_keys(self) -> tuple[str, ...]:
        return self.settings.node_keys or keys_in(self.settings.data)

    @cached_property
    def pictures(self) -> Pictures:
        """Tenancy as this process sees it."""
        return Pictures(self.database, self.sealer)
