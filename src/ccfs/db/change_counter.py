"""Change counters: a single number tells a process whether the rows that it has read are out of date.

Every writer increments the counter for its rows in its own transaction. Readers look up the counter by key, and read
the rows again only if it has changed.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError

from ccfs.db.engine import Database
from ccfs.db.schema import change_counters
from ccfs.db.statements import insert_or_ignore

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ChangeCounter:
    """A row of `change_counters`."""

    name: str

    def get(self, connection: Connection) -> int:
        """Return the number of changes so far."""
        value = sa.select(change_counters.c.value).where(change_counters.c.name == self.name)
        return int(connection.execute(value).scalar() or 0)

    def increment(self, connection: Connection) -> None:
        """Count a change. Other writers of these rows wait here until the transaction ends."""
        connection.execute(insert_or_ignore(connection, change_counters).values(name=self.name, value=0))
        row = change_counters.c.name == self.name
        connection.execute(sa.update(change_counters).where(row).values(value=change_counters.c.value + 1))


class ChangeCounterCache(Generic[T]):
    """Caches the latest version of some rows, and reads them again only if their counter has changed. Thread-safe."""

    def __init__(self, database: Database, counter: ChangeCounter, *, autocommit: bool = False) -> None:
        """`autocommit` looks the counter up on the thread's own connection: cheaper, for few threads that ask often."""
        self._database, self._counter = database, counter
        self._query = database.autocommit_read if autocommit else self._query_in_transaction
        self._latest: tuple[int, T] | None = None

    def is_current(self) -> bool:
        """Return whether the latest version is still valid. The query runs on a connection that the calling thread keeps."""
        return self._latest is not None and self._database.autocommit_read(self._counter.get) == self._latest[0]

    def get(self, load: Callable[[Connection], T], *, accept_outdated: bool = False) -> tuple[int, T]:
        """Return the counter and the rows, which `load` reads.

        Raises SQLAlchemyError while the database is unavailable, unless `accept_outdated` is set and the rows have been
        read before.
        """
        try:
            latest = self._latest = self._load_if_changed(load)
        except SQLAlchemyError:
            if not accept_outdated or self._latest is None:
                raise
            latest = self._latest
        return latest

    def _load_if_changed(self, load: Callable[[Connection], T]) -> tuple[int, T]:
        value = self._query(self._counter.get)  # first: rows may be newer than their number, but never older
        if self._latest is not None and self._latest[0] == value:
            return self._latest
        with self._database.read_transaction() as connection:
            return value, load(connection)

    def _query_in_transaction(self, query: Callable[[Connection], int]) -> int:
        with self._database.read_transaction() as connection:
            return query(connection)
