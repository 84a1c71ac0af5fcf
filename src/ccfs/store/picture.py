"""A picture of tenancy that a web process holds in memory, so that a signature costs no question to the database.

SQLite tells in a microsecond whether anything was committed, so there a revoked key ends at once. PostgreSQL is asked at
most once a second, so there it ends within a second.
"""

import threading
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy.engine import Connection

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

    def __init__(
        self, database: Database, sealer: Sealer, patience: float = PATIENCE, *, by_one_thread: bool = False
    ) -> None:
        """`patience`: seconds that a picture may be old on PostgreSQL; 0 asks at every look. `by_one_thread`: few threads
        ask, and often; so asking should cost less."""
        self._database = database
        self._ask = database.look_up if by_one_thread else _reading(database)
        self._sealer = sealer
        self._picture = Picture()
        self._commits = database.watch() if database.is_local else _ticks(patience)
        self._seen = -1
        self._lock = threading.Lock()

    @property
    def is_old(self) -> bool:
        """Whether `latest` will ask the database."""
        return self._commits() != self._seen

    def latest(self, now: datetime) -> Picture:
        """The picture, loaded anew if tenancy changed since. For any thread."""
        with self._lock:
            seen = self._commits()
            if seen != self._seen:
                self._picture = self._current(now)
                self._seen = seen
            return self._picture

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


def _ticks(seconds: float) -> Callable[[], int]:
    """A function whose number changes that often; for 0 at every call."""
    return (lambda: int(time.monotonic() / seconds)) if seconds else time.monotonic_ns
