"""A picture of tenancy that a web process holds in memory, so that a signature costs no question to the database.

SQLite tells in ten microseconds whether anything was committed: it is asked again after five milliseconds, so that is how
long a revoked key goes on there. PostgreSQL, a round trip away, is asked once a second.
"""

import threading
import time
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy.engine import Connection

from ccfs.model.tenancy import AccessKey, Account, Vdn
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
    callbacks: dict[int, dict[str, bool]] = field(default_factory=dict)  # by app: prefix -> whether it may be private
    locked: dict[str, datetime] = field(default_factory=dict)  # address -> until


class Pictures:
    """Gives the latest picture; loads it anew when tenancy changed."""

    PATIENCE = 1.0  # seconds that a picture may be old where asking costs a round trip
    LOCAL_PATIENCE = 0.005  # and where it costs as much as a tenth of a download

    def __init__(self, database: Database, sealer: Sealer, patience: float | None = None) -> None:
        """`patience`: seconds that a picture may be old; 0 asks the database at every look."""
        self._database = database
        self._sealer = sealer
        self._patience = (
            patience if patience is not None else self.LOCAL_PATIENCE if database.is_local else self.PATIENCE
        )
        self._picture = Picture()
        self._commits = database.watch() if database.is_local else time.monotonic_ns
        self._seen = -1
        self._until = 0.0  # monotonic
        self._lock = threading.Lock()

    @property
    def is_old(self) -> bool:
        """Whether `latest` will ask the database."""
        return time.monotonic() >= self._until

    def look_again(self) -> None:
        """Have the next `latest` ask the database: this process has just changed something."""
        self._until = 0.0

    def latest(self, now: datetime) -> Picture:
        """The picture, loaded anew if tenancy changed since. For any thread."""
        if not self.is_old:
            return self._picture
        with self._lock:
            began = time.monotonic()
            seen = self._commits()
            if seen != self._seen:
                self._picture = self._current(now)
                self._seen = seen
            self._until = began + self._patience
            return self._picture

    def _current(self, now: datetime) -> Picture:
        with self._database.reading() as connection:
            number = tenancy.change_number(connection)  # first: what changes later is seen at the next look
            return self._picture if number == self._picture.number else self._load(connection, number, now)

    def _load(self, connection: Connection, number: int, now: datetime) -> Picture:
        """`number` was read first: a picture may be newer than its number, and is then loaded again; never older."""
        keys: dict[str, list[AccessKey]] = defaultdict(list)
        for key in tenancy.living_keys(connection, self._sealer):
            keys[key.ak].append(key)
        owners = tenancy.apps(connection)
        return Picture(
            number=number,
            keys=dict(keys),
            accounts={app.id: tenancy.accounts(connection, app) for app in owners},
            vdns={app.id: {vdn.vdn_id: vdn for vdn in tenancy.vdns(connection, app)} for app in owners},
            callbacks={app.id: tenancy.callback_prefixes(connection, app) for app in owners},
            locked=lockouts.locked(connection, now),
        )
