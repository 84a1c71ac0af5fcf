"""A picture of tenancy that a web process holds in memory, so that a signature costs no question to the database.

SQLite tells in ten microseconds whether anything was committed: it is asked again after five milliseconds, so that is how
long a revoked key goes on there. PostgreSQL, a round trip away, is asked once a second.
"""

import threading
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError

from ccfs.model.errors import Unavailable
from ccfs.model.tenancy import AccessKey, Account, Vdn, signing_keys
from ccfs.store import lockouts, tenancy
from ccfs.store.db import Database
from ccfs.store.sealing import Sealer


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """Tenancy as it was at one moment."""

    number: int = -1
    keys: dict[str, list[AccessKey]] = field(default_factory=dict)  # by AK, newest first
    accounts: dict[int, dict[str, Account]] = field(default_factory=dict)  # by app, then account id
    vdns: dict[int, dict[int, Vdn]] = field(default_factory=dict)  # by app, then VDN
    signing: dict[int, AccessKey] = field(default_factory=dict)  # by app: what its callbacks are signed with
    callbacks: dict[int, dict[str, bool]] = field(default_factory=dict)  # by app: prefix -> whether it may be private
    locked: dict[str, datetime] = field(default_factory=dict)  # address -> until


class Pictures:
    """Gives the latest picture; loads it anew when tenancy changed."""

    PATIENCE = 1.0  # seconds that a picture may be old where asking costs a round trip
    LOCAL_PATIENCE = 0.005  # and where it costs as much as a tenth of a download

    def __init__(
        self, database: Database, sealer: Sealer, patience: float | None = None, *, by_one_thread: bool = False
    ) -> None:
        """`patience`: seconds that a picture may be old; 0 asks the database at every look. `by_one_thread`: few threads
        ask, and often; so asking should cost less."""
        self._database = database
        self._ask = database.look_up if by_one_thread else _reading(database)
        self._sealer = sealer
        self._patience = (
            patience if patience is not None else self.LOCAL_PATIENCE if database.is_local else self.PATIENCE
        )
        self._picture = Picture()
        self._commits = database.watch() if database.is_local else time.monotonic_ns
        self._seen = -1
        self._until = 0.0  # monotonic
        self._failed_at = float("-inf")  # monotonic
        self._lock = threading.Lock()

    @property
    def is_old(self) -> bool:
        """Whether `latest` will ask the database."""
        return time.monotonic() >= self._until

    def look_again(self) -> None:
        """Have the next `latest` ask the database: this process has just changed something."""
        self._until = 0.0

    def latest(self, now: datetime) -> Picture:
        """The picture, loaded anew if tenancy changed since. For any thread.

        Raises SQLAlchemyError where the database does not answer, and Unavailable where it just did not answer another
        thread: one waits for a silent database, not all of them in turn.
        """
        if not self.is_old:
            return self._picture
        asked_at = time.monotonic()
        with self._lock:
            if self._failed_at > asked_at:
                raise Unavailable
            began = time.monotonic()
            try:
                self._look(now)
            except SQLAlchemyError:
                self._failed_at = time.monotonic()
                raise
            self._until = began + self._patience
            return self._picture

    def _look(self, now: datetime) -> None:
        seen = self._commits()
        if seen != self._seen:
            self._picture = self._current(now)
            self._seen = seen

    def _current(self, now: datetime) -> Picture:
        number = self._ask(tenancy.change_number)  # first: what changes later is seen at the next look
        if number == self._picture.number:
            return self._picture
        with self._database.reading() as connection:
            return self._load(connection, number, now)

    def _load(self, connection: Connection, number: int, now: datetime) -> Picture:
        """`number` was read first: a picture may be newer than its number, and is then loaded again; never older."""
        keys: dict[str, list[AccessKey]] = defaultdict(list)
        for key in tenancy.living_keys(connection, self._sealer):
            keys[key.ak].append(key)
        owners = tenancy.apps(connection)
        return Picture(
            number=number,
            keys=dict(keys),
            signing=signing_keys(key for several in keys.values() for key in several),
            accounts={app.id: tenancy.accounts(connection, app) for app in owners},
            vdns={app.id: {vdn.vdn_id: vdn for vdn in tenancy.vdns(connection, app)} for app in owners},
            callbacks={app.id: tenancy.callback_prefixes(connection, app) for app in owners},
            locked=lockouts.locked(connection, now),
        )


def _reading(database: Database) -> Callable[[Callable[[Connection], int]], int]:
    def ask(question: Callable[[Connection], int]) -> int:
        with database.reading() as connection:
            return question(connection)

    return ask
