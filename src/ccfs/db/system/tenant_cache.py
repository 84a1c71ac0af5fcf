"""A cache of all tenants in the memory of a process, so that checking a signature needs no query.

On SQLite, a commit counter shows within ten microseconds whether anything has been committed. It is read again after
five milliseconds, which is how long a revoked key keeps working. PostgreSQL, where a query is a network round trip, is
queried once a second.
"""

import threading
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError

from ccfs.db.change_counter import ChangeCounterCache
from ccfs.db.encryption import SecretBox
from ccfs.db.engine import Database
from ccfs.db.system import app_limits, lockouts, tenants
from ccfs.model.errors import FileUnavailable
from ccfs.model.identity.app_limits import AppLimits
from ccfs.model.identity.tenancy import AccessKey, Account, UnreadableKey, Vdn, select_signing_keys


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantSnapshot:
    """All tenants at a given moment."""

    keys: dict[str, list[AccessKey]] = field(default_factory=dict)  # by AK, newest first
    unreadable_keys: dict[int, UnreadableKey] = field(default_factory=dict)  # by id: no node key decrypts their SKs
    unreadable_aks: frozenset[str] = frozenset()  # AKs that only have such keys
    accounts: dict[int, dict[str, Account]] = field(default_factory=dict)  # by app, then account id
    vdns: dict[int, dict[int, Vdn]] = field(default_factory=dict)  # by app, then VDN
    signing_keys: dict[int, AccessKey] = field(default_factory=dict)  # by app: signs its callbacks
    callback_prefixes: dict[int, dict[str, bool]] = field(default_factory=dict)  # by app: prefix -> may be private
    max_keys: int = 1  # the most active keys that an AK has
    app_limits: dict[int, AppLimits] = field(default_factory=dict)  # by app, of those that have limits of their own
    locked_addresses: dict[str, datetime] = field(default_factory=dict)  # address -> locked until


class TenantCache:
    """The latest snapshot of the tenants, reloaded after every change. Thread-safe."""

    MAX_AGE_SECONDS = 1.0  # age of a snapshot after which PostgreSQL is queried, which costs a round trip
    SQLITE_MAX_AGE_SECONDS = 0.005  # and SQLite, which costs a tenth of a download

    def __init__(
        self,
        database: Database,
        secret_box: SecretBox,
        max_age_seconds: float | None = None,
        *,
        autocommit: bool = False,
        on_unreadable: Callable[[list[UnreadableKey]], None] = lambda _keys: None,
    ) -> None:
        """`max_age_seconds` of 0 queries the database at every call. `autocommit`: see ChangeCounterCache.

        `on_unreadable` gets the keys that no node key decrypts, whenever the tenants are loaded.
        """
        self._secret_box = secret_box
        default = self.SQLITE_MAX_AGE_SECONDS if database.is_sqlite else self.MAX_AGE_SECONDS
        self._max_age_seconds = default if max_age_seconds is None else max_age_seconds
        self._tenants = ChangeCounterCache[TenantSnapshot](database, tenants.CHANGE_COUNTER, autocommit=autocommit)
        self._snapshot = TenantSnapshot()
        self._commit_counter = database.open_commit_counter() if database.is_sqlite else time.monotonic_ns
        self._is_sqlite = database.is_sqlite
        self._seen_commit = -1
        self._valid_until = 0.0  # monotonic
        self._failed_at = float("-inf")  # monotonic
        self._lock = threading.Lock()
        self._on_unreadable = on_unreadable

    def get_current_snapshot(self) -> TenantSnapshot | None:
        """Return the snapshot if that takes microseconds, None if rows have to be queried: see `get_snapshot`.

        For the thread of an event loop: it never waits for a lock or a connection. Raise SQLAlchemyError if the database fails.
        """
        if not self.is_stale:
            return self._snapshot
        if not self._is_sqlite or not self._lock.acquire(blocking=False):
            return None
        try:
            started_at, commit = time.monotonic(), self._commit_counter()
            if commit != self._seen_commit and not self._tenants.is_current():
                return None
            self._seen_commit = commit
            self._valid_until = started_at + self._max_age_seconds
            return self._snapshot
        finally:
            self._lock.release()

    @property
    def is_stale(self) -> bool:
        """Whether the next `get_snapshot` will query the database."""
        return time.monotonic() >= self._valid_until

    def invalidate(self) -> None:
        """Make the next `get_snapshot` query the database, because this process has changed something."""
        self._valid_until = 0.0

    def get_snapshot(self, now: datetime) -> TenantSnapshot:
        """Return the snapshot, reloaded if the tenants have changed.

        Raises SQLAlchemyError if the database does not respond. Raises FileUnavailable if another thread has just found
        that it does not respond: all threads wait for a silent database at the same time, not one after another.
        """
        if not self.is_stale:
            return self._snapshot
        called_at = time.monotonic()
        with self._lock:
            if self._failed_at > called_at:
                raise FileUnavailable
            started_at = time.monotonic()
            try:
                self._refresh(now)
            except SQLAlchemyError:
                self._failed_at = time.monotonic()
                raise
            self._valid_until = started_at + self._max_age_seconds
            return self._snapshot

    def _refresh(self, now: datetime) -> None:
        commit = self._commit_counter()
        if commit != self._seen_commit:
            _, self._snapshot = self._tenants.get(lambda connection: self._load(connection, now))
            self._seen_commit = commit

    def _load(self, connection: Connection, now: datetime) -> TenantSnapshot:
        keys: dict[str, list[AccessKey]] = defaultdict(list)
        readable, unreadable = tenants.list_active_keys(connection, self._secret_box)
        self._on_unreadable(unreadable)
        for key in readable:
            keys[key.ak].append(key)
        apps = tenants.list_apps(connection)
        return TenantSnapshot(
            keys=dict(keys),
            unreadable_keys={key.id: key for key in unreadable},
            unreadable_aks=frozenset(key.ak for key in unreadable if key.ak not in keys),
            signing_keys=select_signing_keys(key for keys_of_ak in keys.values() for key in keys_of_ak),
            accounts={app.id: tenants.get_accounts(connection, app) for app in apps},
            vdns={app.id: {vdn.vdn_id: vdn for vdn in tenants.list_vdns(connection, app)} for app in apps},
            callback_prefixes={app.id: tenants.get_callback_prefixes(connection, app) for app in apps},
            max_keys=max(map(len, keys.values()), default=1),
            app_limits=app_limits.list_all(connection),
            locked_addresses=lockouts.list_active(connection, now),
        )
