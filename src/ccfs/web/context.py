"""The context of every handler: this process's database, locations, settings, clock and metrics."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError

from ccfs.blobs.interface import Location
from ccfs.blobs.registry import Locations
from ccfs.blobs.replicas import Replicas
from ccfs.db.encryption import SecretBox
from ccfs.db.engine import Database
from ccfs.db.system.tenant_cache import TenantCache, TenantSnapshot
from ccfs.model.errors import FileUnavailable
from ccfs.model.identity.tenancy import App
from ccfs.settings import Settings
from ccfs.web.failure_log import FailureLog
from ccfs.web.flow_control import FlowControl
from ccfs.web.metrics import WebMetrics
from ccfs.web.readiness import Readiness
from ccfs.web.recent_failures import RecentFailures
from ccfs.web.responses.verified_files import VerifiedFiles
from ccfs.web.transcode_pool import TranscodePool
from ccfs.web.usage_log import UsageLog

A = TypeVar("A")
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class WebContext:
    """The parts of this web process."""

    settings: Settings
    database: Database
    tenant_cache: TenantCache
    locations: Locations
    primary_location: Location  # stores new bytes
    now: Callable[[], datetime]
    metrics: WebMetrics
    url_signing_keys: tuple[bytes, ...]  # of our own URLs: the first signs, each of them verifies
    replicas: Replicas
    peer_keys: Sequence[bytes]  # authenticate other nodes
    readiness: Readiness
    secret_box: SecretBox  # encrypts secrets that the console creates
    transcode_pool: TranscodePool
    recent_failures: RecentFailures  # of signatures
    flow_control: FlowControl
    failures: FailureLog  # of reading files and of the database
    usage: UsageLog  # of keys and downloads
    verified_files: VerifiedFiles = field(default_factory=VerifiedFiles)

    async def look_up(self, query: Callable[[Connection], T]) -> T:
        """Return the result of a query of one row by its key. On SQLite it runs right here: a thread switch would cost more."""
        if self.database.is_sqlite:
            return _call_database(self.database.autocommit_read, query)
        return await self.query(query)

    async def query(self, query: Callable[[Connection], T]) -> T:
        """Return the result of a query, which runs in another thread: the event loop serves other clients meanwhile."""
        return await asyncio.to_thread(_call_database, self._run_query, query)

    async def transaction(self, change: Callable[[Connection], T]) -> T:
        """Return the result of a change, committed. It waits for the disk, so it runs in another thread."""
        return await asyncio.to_thread(_call_database, self._run_transaction, change)

    async def get_tenant_snapshot(self) -> TenantSnapshot:
        """Return the tenants as they are now, or were a moment ago."""
        if snapshot := _call_database(TenantCache.get_current_snapshot, self.tenant_cache):
            return snapshot
        return await asyncio.to_thread(_call_database, self.tenant_cache.get_snapshot, self.now())

    def _run_query(self, query: Callable[[Connection], T]) -> T:
        with self.database.read_transaction() as connection:
            return query(connection)

    def _run_transaction(self, change: Callable[[Connection], T]) -> T:
        with self.database.write_transaction() as connection:
            return change(connection)


def _call_database(action: Callable[[A], T], argument: A) -> T:
    """Return what the action returns; raise FileUnavailable if the database fails."""
    try:
        return action(argument)
    except SQLAlchemyError as error:
        raise FileUnavailable from error


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiClient:
    """The app that signed a request."""

    app: App
    tenants: TenantSnapshot

    def owns_vdn(self, vdn_id: int | None) -> bool:
        """Return whether the VDN belongs to the app."""
        return vdn_id in self.tenants.vdns.get(self.app.id, {})
