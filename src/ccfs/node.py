"""Composition by hand, in one place: settings become a database, locations, a clock, a web application, a work loop."""

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property

from prometheus_client import CollectorRegistry

from ccfs import logs, settings
from ccfs.settings import Settings
from ccfs.store.db import Database, open_database
from ccfs.store.locations.disk import Disk
from ccfs.store.locations.port import Location
from ccfs.store.picture import Pictures
from ccfs.store.sealing import Sealer, keys_in
from ccfs.store.upgrade import upgrade
from ccfs.web.app import Web
from ccfs.web.counters import Counters
from ccfs.web.here import Here

HOME = "0"  # id of the location that takes new bytes


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
    def sealer(self) -> Sealer:
        """What seals secrets at rest."""
        return Sealer(self.settings.node_keys or keys_in(self.settings.data))

    @cached_property
    def disk(self) -> Disk:
        """This node's disk location."""
        return Disk(HOME, self.settings.data / "files")

    @cached_property
    def locations(self) -> dict[str, Location]:
        """Every location by id."""
        return {HOME: self.disk}

    def web(self) -> Web:
        """The RSGI application."""
        return Web(
            Here(
                settings=self.settings,
                database=self.database,
                pictures=Pictures(self.database, self.sealer),
                locations=self.locations,
                home=HOME,
                now=now,
                counters=Counters(CollectorRegistry()),
            )
        )


def web() -> Web:
    """What each web process of Granian makes first; its settings are in the environment."""
    logs.prepare()
    return Node(settings.read()).web()
