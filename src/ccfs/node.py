"""Composition by hand, in one place: settings become a database, locations, a clock, a web application, a work loop."""

import multiprocessing.connection
import os
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path

from prometheus_client import CollectorRegistry

from ccfs import __version__, logs, settings, terms
from ccfs.model.callback_url import private_hosts
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
from ccfs.store.trusted_certificates import Trusted
from ccfs.store.upgrade import newest, upgrade
from ccfs.web.app import Web
from ccfs.web.counters import Counters
from ccfs.web.here import Here
from ccfs.web.readiness import Readiness
from ccfs.work import deliver, keeping
from ccfs.work.deliver import Announcer, Sender
from ccfs.work.egress import Egress
from ccfs.work.heart import Heart
from ccfs.work.keeping import Keeper
from ccfs.work.make import Maker, Workshop
from ccfs.work.move import Mover

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
        upgrade(database)
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

    def heart(self, address: str) -> Heart:
        """What tells the others that this node lives, and reaches them at `address`."""
        standing = Standing(
            id=self.id,
            folder=self._name[1] if self.settings.database_url else "",
            address=self.settings.node_address or address,
            version=__version__,
            revision=newest(),
            started_at=now(),
            heartbeat_at=now(),
        )
        return Heart(self.database, standing, self.patience, now)

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

    def announcer(self, heart: Heart) -> Announcer:
        """What sends callbacks."""
        of_deliveries = deliver.Terms(
            schedule=terms.of_callbacks(self.settings),
            host_with_port=self.settings.callback_host_with_port,
            senders=self.senders,
            now=heart.now,
            is_draining=lambda: heart.is_draining,
        )
        egress = Egress(trusted=Trusted(self.database), trust_all=self.settings.ssl_trust_all)
        return Announcer(self.database, egress, of_deliveries)

    def maker(self, heart: Heart, ready: Callable[[], None]) -> Maker:
        """What makes exports; `ready` is called when one is."""
        shop = Workshop(
            database=self.database,
            home=self.home,
            settings=self.settings,
            now=heart.now,
            ready=ready,
            is_draining=lambda: heart.is_draining,
        )
        return Maker(shop)

    def mover(self, is_stopped: Callable[[], bool], progress: Callable[[int], None] = lambda _done: None) -> Mover:
        """What moves bytes between locations."""
        grace = timedelta(seconds=self.settings.move_grace_seconds)
        return Mover(
            database=self.database,
            locations=self.locations,
            now=now,
            grace=grace,
            is_stopped=is_stopped,
            progress=progress,
        )

    def keeper(self) -> Keeper:
        """What makes months ahead and lets old ones go."""
        rows = self.settings.keep_months
        stay = keeping.Terms(rows=rows, recordings=self.settings.keep_recording_months or rows, far=self.locations.far)
        return Keeper(self.database, self.locations, stay, now)

    @cached_property
    def _fresh_pictures(self) -> Pictures:
        """Never old: a prefix that was bound just now is bound for the callback that is sent now, too."""
        return Pictures(self.database, self.sealer, patience=0, by_one_thread=True)

    def senders(self) -> Callable[[int], Sender]:
        """What tells, by app, who announces for it at this moment."""
        picture = self._fresh_pictures.latest(now())

        def sender_of(app: int) -> Sender:
            bound = picture.callbacks.get(app, {})
            key = picture.signing.get(app)
            return Sender(key=key, prefixes=list(bound), private_hosts=private_hosts(bound))

        return sender_of

    def web(self) -> Web:
        """The RSGI application."""
        return Web(
            Here(
                settings=self.settings,
                database=self.database,
                pictures=self.pictures,
                locations=self.locations,
                home=self.home,
                now=now,
                counters=Counters(CollectorRegistry()),
                url_keys=self.sealer.derived("signed URLs"),
                elsewhere=Elsewhere(self.locations),
                peer_keys=self.peer_keys,
                readiness=Readiness(self.database, self.home, self.id),
                sealer=self.sealer,
            )
        )


def web() -> Web:
    """What each web process of Granian makes first; its settings are in the environment."""
    logs.prepare()
    _end_with_parent()
    return Node(settings.read()).web()


def _end_with_parent() -> None:
    """A web process whose node was killed does not serve on by itself: nobody would tell it to drain or end."""
    parent = multiprocessing.parent_process()

    def wait() -> None:
        if parent is not None:
            multiprocessing.connection.wait([parent.sentinel])
            os._exit(1)

    threading.Thread(target=wait, name="parent", daemon=True).start()
