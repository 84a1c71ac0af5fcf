"""Calls with recordings, and somebody who wants them, for tests of gathering. No test here."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ccfs.model.call_search import Order, Search
from ccfs.model.cdr import Cdr
from ccfs.model.recording import Kept, Recording
from ccfs.model.selection import Selection, Taken, Wanted
from ccfs.model.tenancy import App
from ccfs.model.window import Window
from ccfs.settings import read
from ccfs.store import cdrs, recordings, selected, selections
from ccfs.store.db import Database
from ccfs.store.locations.disk import Disk
from ccfs.store.locations.port import Location
from ccfs.store.selections import Shown
from ccfs.work.gather import Desk, Gatherer
from tests.store import given
from tests.store.given import MINUTE, NOW

ACCOUNT = "100"


class Room:
    """Calls with recordings, and somebody who wants them; the clock is set by hand."""

    def __init__(self, database: Database, folder: Path, app: App, user: int) -> None:
        self.database, self.folder, self.app, self.user = database, folder, app, user
        self.disk = Disk("0", folder)
        self.now = NOW + 2000 * MINUTE
        self.count = 0

    def gatherer(
        self,
        locations: Mapping[str, Location] | None = None,
        elsewhere: Callable[[Kept], Kept | None] = lambda _kept: None,
        **more: Any,
    ) -> Gatherer:
        settings = read({}, data=self.folder, **more)
        places = {"0": self.disk} if locations is None else locations
        desk = Desk(
            database=self.database, locations=places, settings=settings, now=lambda: self.now, elsewhere=elsewhere
        )
        return Gatherer(desk)

    def ask(self, *calls: str) -> str:
        """A selection of these calls, or else of all; its id."""
        self.count += 1
        window = Window(begin=NOW - MINUTE, end=NOW + 1000 * MINUTE)
        search = Search(account_id=ACCOUNT, window=window, order=Order.OLDEST)
        wanted = Wanted(calls=calls) if calls else Wanted(search=search)
        number = f"{self.count:032x}"
        with self.database.writing() as connection:
            one = Selection(
                id=number, user=self.user, account_id=ACCOUNT, zone="Asia/Shanghai", wanted=wanted, asked_at=self.now
            )
            selections.add(connection, self.app, one)
        return number

    def shown(self, number: str) -> Shown:
        with self.database.reading() as connection:
            found = selections.find(connection, self.app, self.user, number)
        assert found is not None
        return found

    def list(self, number: str) -> list[Taken]:
        return list(selected.every(self.database, self.app, number))

    def tape(self, *numbers: int, **more: Any) -> None:
        """Recordings of calls, with their bytes."""
        tapes = [self._tape(number, more) for number in numbers]
        with self.database.writing() as connection:
            for number, one in zip(numbers, tapes, strict=True):
                recordings.add(connection, self.app, one, NOW)
                call = {"call_id": one.call_id, "begin": one.call_begin, "line_key": f"{one.account_id} {number}"}
                cdrs.add(connection, self.app, [Cdr(account_id=one.account_id, cc_id="1", vdn_id="8", **call)])  # type: ignore[arg-type]

    def _tape(self, number: int, more: dict[str, Any]) -> Recording:
        kept = self.disk.keep(f"r/{number}", [b"RIFF", str(number).encode() * 50])
        own = {"call_id": f"{1700000000 + number}-1", "kept": kept, "account_id": ACCOUNT}
        return given.recording(number, **own | more)
