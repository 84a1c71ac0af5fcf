"""Keeping what grows within bounds: months made ahead, and old ones let go where the operator says how long they stay.

Rows go first and the bytes of recordings after them: what a row names is there.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from ccfs.logs import log
from ccfs.model import month
from ccfs.store import call_counts, months, schema, tenancy
from ccfs.store.db import Database
from ccfs.store.locations.port import Location

EVERY = timedelta(hours=1)  # looks for months to make and to let go
BATCH = 500  # bytes removed between two looks at the clock
LONGEST = timedelta(seconds=10)  # of removing bytes in one round: other steps of the loop wait
AGAIN = timedelta(hours=1)  # from a removal that failed to the next try


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How many whole months stay beside this one; 0: all. And which locations other nodes look after."""

    rows: int = 0
    recordings: int = 0
    far: Callable[[], Collection[str]] = tuple

    def of(self, name: str) -> int:
        """The months of a table."""
        return self.recordings if name == schema.recordings.name else self.rows


class Keeper:
    """A step of the work loop."""

    def __init__(
        self, database: Database, locations: Mapping[str, Location], terms: Terms, now: Callable[[], datetime]
    ) -> None:
        self._database, self._locations, self._terms, self._now = database, locations, terms, now
        self._looked: datetime | None = None

    def __call__(self) -> None:
        """One round."""
        now = self._now()
        if self._looked is None or now - self._looked >= EVERY:
            months.make_ahead(self._database, now)
            self.forget(now)
            self._looked = now
        while self.remove_bytes() == BATCH and self._now() - now < LONGEST:
            pass

    def forget(self, now: datetime) -> None:
        """Let the months go that are older than the terms."""
        for table in months.MOMENTS:
            if count := self._terms.of(table.name):
                months.forget(self._database, table, month.after(month.of(now), -count), now)
        if self._terms.rows:
            before = month.begin(month.after(month.of(now), -self._terms.rows))
            with self._database.writing() as connection:
                for app in tenancy.apps(connection):
                    call_counts.forget(connection, app, before)

    def remove_bytes(self) -> int:
        """Remove bytes of recordings that are forgotten, BATCH at most; how many were due. What lies on another node's disk
        is that node's."""
        now = self._now()
        with self._database.reading() as connection:
            due = months.leaving_bytes(connection, now, BATCH, self._terms.far())
        if due:
            gone = [one for one in due if self._remove(*one, now)]
            with self._database.writing() as connection:
                months.bytes_left(connection, gone)
        return len(due)

    def _remove(self, location_id: str, key: str, now: datetime) -> bool:
        try:
            self._locations[location_id].remove(key)
        except Exception as error:  # noqa: BLE001  of whatever kind: the bytes behind these must not wait for them
            log().warning("bytes not removed", action="removal_failed", location=location_id, error=repr(error))
            with self._database.writing() as connection:
                months.bytes_stay(connection, location_id, key, now + AGAIN)
            return False
        return True
