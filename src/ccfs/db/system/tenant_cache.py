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

from ccfs.db.encryption import SecretBox
from ccfs.db.engine import Database
from ccfs.db.system import lockouts, tenants
from ccfs.model.errors import FileUnavailable
from ccfs.model.identity.tenancy import AccessKey, Account, Vdn, select_signing_keys


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantSnapshot:
    """Tenancy as it was at one moment."""

    version: int = -1
    keys: dict[str, list[AccessKey]] = field(default_factory=dict)  # by AK, newest first
    accounts: dict[int, dict[str, Account]] = field(default_factory=dict)  # by app, then account id
    vdns: dict[int, dict[int, Vdn]] = field(default_factory=dict)  # by app, then VDN
    signing_keys: dict[int, AccessKey] = field(default_factory=dict)  # by app: what its callbacks are signed with
    callback_prefixes: dict[int, dict[str, bool]] = field(
        default_factory=dict
    )  # by app: prefix -> whether it may be private
    locked_addresses: dict[str, datetime] = field(default_factory=dict)  # address -> until


class TenantCache:
    """Gives the latest picture; loads it anew when tenancy changed."""

    MAX_AGE_SECONDS = 1.0  # seconds that a picture may be old where asking costs a round trip
    SQLITE_MAX_AGE_SECONDS = 0.005  # and where it costs as much as a tenth of a download

    def __init__(
        self, database: Database, sealer: SecretBox, patience: float | None = None, *, by_one_thread: bool = False
    ) -> None:
        """`patience`: seconds that a picture may be old; 0 asks the database at every look. `by_one_thread`: few threads
        ask, and often; so asking should cost less."""
        self._database = database
        self._query = database.autocommit_read if by_one_thread else _query_in_transaction(database)
        self._sealer = sealer
        self._max_age = (
            patience
            if patience is not None
            else self.SQLITE_MAX_AGE_SECONDS
            if database.is_sqlite
            else self.MAX_AGE_SECONDS
        )
        self._snapshot = TenantSnapshot()
        self._commit_counter = database.open_commit_counter() if database.is_sqlite else time.monotonic_ns
        self._seen_commit = -1
        self._valid_until = 0.0  # monotonic
        self._failed_at = float("-inf")  # monotonic
        self._lock = threading.Lock()

    @property
    def is_stale(self) -> bool:
        """Whether `latest` will ask the database."""
        return time.monotonic() >= self._valid_until

    def invalidate(self) -> None:
        """Have the next `latest` ask the database: this process has just changed something."""
        self._valid_until = 0.0

    def get_snapshot(self, now: datetime) -> TenantSnapshot:
        """The picture, loaded anew if tenancy changed since. For any thread.

        Raises SQLAlchemyError where the database does not answer, and Unavailable where it just did not answer another
        thread: one waits for a silent database, not all of them in turn.
        """
        if not self.is_stale:
            return self._snapshot
        asked_at = time.monotonic()
        with self._lock:
            if self._failed_at > asked_at:
                raise FileUnavailable
            began = time.monotonic()
            try:
                self._refresh(now)
            except SQLAlchemyError:
                self._failed_at = time.monotonic()
                raise
            self._valid_until = began + self._max_age
            return self._snapshot

    def _refresh(self, now: datetime) -> None:
        seen = self._commit_counter()
        if seen != self._seen_commit:
            self._snapshot = self._load_if_changed(now)
            self._seen_commit = seen

    def _load_if_changed(self, now: datetime) -> TenantSnapshot:
        number = self._query(tenants.get_version)  # first: what changes later is seen at the next look
        if number == self._snapshot.version:
            return self._snapshot
        with self._database.read_transaction() as connection:
            return self._load(connection, number, now)

    def _load(self, connection: Connection, number: int, now: datetime) -> TenantSnapshot:
        """`number` was read first: a picture may be newer than its number, and is then loaded again; never older."""
        keys: dict[str, list[AccessKey]] = defaultdict(list)
        for key in tenants.list_active_keys(connection, self._sealer):
            keys[key.ak].append(key)
        owners = tenants.list_apps(connection)
        return TenantSnapshot(
            version=number,
            keys=dict(keys),
            signing_keys=select_signing_keys(key for several in keys.values() for key in several),
            accounts={app.id: tenants.get_accounts(connection, app) for app in owners},
            vdns={app.id: {vdn.vdn_id: vdn for vdn in tenants.list_vdns(connection, app)} for app in owners},
            callback_prefixes={app.id: tenants.get_callback_prefixes(connection, app) for app in owners},
            locked_addresses=lockouts.list_active(connection, now),
        )


def _query_in_transaction(database: Database) -> Callable[[Callable[[Connection], int]], int]:
    def ask(question: Callable[[Connection], int]) -> int:
        with database.read_transaction() as connection:
            return question(connection)

    return ask
