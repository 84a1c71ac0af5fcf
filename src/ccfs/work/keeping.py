"""Keeping what grows within bounds: months made ahead, and old ones let go where the operator says how long they stay.

Rows go first; the bytes of recordings are strays then, which move.py sweeps: what a row names is there.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from ccfs.model import month
from ccfs.store import call_counts, marks, months, schema, tenancy
from ccfs.store.db import Database

EVERY = timedelta(hours=1)  # looks for months to make and to let go


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How many whole months stay beside this one; 0: all."""

    rows: int = 0
    recordings: int = 0

    def of(self, name: str) -> int:
        """The months of a table."""
        return self.recordings if name == schema.recordings.name else self.rows


class Keeper:
    """A step of the work loop."""

    def __init__(self, database: Database, terms: Terms, now: Callable[[], datetime]) -> None:
        self._database, self._terms, self._now = database, terms, now
        self._looked: datetime | None = None

    def __call__(self) -> None:
        """One round."""
        now = self._now()
        if self._looked is None or now - self._looked >= EVERY:
            months.make_ahead(self._database, now)
            self.forget(now)
            self._looked = now

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
        if self._terms.recordings:
            with self._database.writing() as connection:
                marks.forget_gone(connection)
