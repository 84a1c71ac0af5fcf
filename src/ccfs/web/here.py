"""What every handler needs: this process's database, locations, settings, clock, counters. No handler lives here."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, TypeVar

from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError

from ccfs.model.errors import Unavailable
from ccfs.model.tenancy import App
from ccfs.settings import Settings
from ccfs.store.db import Database
from ccfs.store.locations.elsewhere import Elsewhere
from ccfs.store.locations.opened import Locations
from ccfs.store.locations.port import Location
from ccfs.store.picture import Picture, Pictures
from ccfs.store.sealing import Sealer
from ccfs.web.counters import Counters
from ccfs.web.decks import Decks
from ccfs.web.readiness import Readiness

if TYPE_CHECKING:
    from ccfs.web.console.provider import Provider

A = TypeVar("A")
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Here:
    """This web process."""

    settings: Settings
    database: Database
    pictures: Pictures
    locations: Locations
    home: Location  # takes new bytes
    now: Callable[[], datetime]
    counters: Counters
    url_keys: tuple[bytes, ...]  # sign our own URLs: the first signs, every one vouches
    elsewhere: Elsewhere
    peer_keys: Sequence[bytes]  # by which other nodes are known
    readiness: Readiness
    sealer: Sealer  # of secrets that the console makes
    decks: Decks
    provider: "Provider | None" = None  # of single sign-on

    async def ask(self, question: Callable[[Connection], T]) -> T:
        """The answer of a short look-up. SQLite's costs less than a thread switch, so it is asked right here."""
        if self.database.is_local:
            return _available(self.database.look_up, question)
        return await asyncio.to_thread(_available, self._read, question)

    async def ask_long(self, question: Callable[[Connection], T]) -> T:
        """The answer of a look-up of many rows: another thread asks, whatever the database."""
        return await asyncio.to_thread(_available, self._read, question)

    async def tell(self, change: Callable[[Connection], T]) -> T:
        """The answer of a change, committed. It waits for the disk, so another thread does it."""
        return await asyncio.to_thread(_available, self._write, change)

    async def picture(self) -> Picture:
        """Tenancy as it is now, or was a moment ago."""
        if self.database.is_local or not self.pictures.is_old:
            return _available(self.pictures.latest, self.now())
        return await asyncio.to_thread(_available, self.pictures.latest, self.now())

    def _read(self, question: Callable[[Connection], T]) -> T:
        with self.database.reading() as connection:
            return question(connection)

    def _write(self, change: Callable[[Connection], T]) -> T:
        with self.database.writing() as connection:
            return change(connection)


def _available(action: Callable[[A], T], argument: A) -> T:
    """The action's answer; a database that does not give one is Unavailable."""
    try:
        return action(argument)
    except SQLAlchemyError as error:
        raise Unavailable from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who asks, as the signature proved."""

    app: App
    picture: Picture

    def owns_vdn(self, vdn_id: int | None) -> bool:
        """Whether the VDN is one of the app's."""
        return vdn_id in self.picture.vdns.get(self.app.id, {})
