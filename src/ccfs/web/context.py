"""What every handler needs: this process's database, locations, settings, clock, counters. No handler lives here."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

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
from ccfs.web.metrics import WebMetrics
from ccfs.web.readiness import Readiness
from ccfs.web.transcode_pool import TranscodePool

A = TypeVar("A")
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class WebContext:
    """This web process."""

    settings: Settings
    database: Database
    tenant_cache: TenantCache
    locations: Locations
    primary_location: Location  # takes new bytes
    now: Callable[[], datetime]
    metrics: WebMetrics
    url_signing_keys: tuple[bytes, ...]  # sign our own URLs: the first signs, every one vouches
    replicas: Replicas
    peer_keys: Sequence[bytes]  # by which other nodes are known
    readiness: Readiness
    secret_box: SecretBox  # of secrets that the console makes
    transcode_pool: TranscodePool
    oidc_client: Any = None  # console.login.oidc_client.OidcClient, where single sign-on is configured

    async def query(self, question: Callable[[Connection], T]) -> T:
        """The answer of a short look-up. SQLite's costs less than a thread switch, so it is asked right here."""
        if self.database.is_sqlite:
            return _call_database(self.database.autocommit_read, question)
        return await asyncio.to_thread(_call_database, self._run_query, question)

    async def query_in_thread(self, question: Callable[[Connection], T]) -> T:
        """The answer of a look-up of many rows: another thread asks, whatever the database."""
        return await asyncio.to_thread(_call_database, self._run_query, question)

    async def transaction(self, change: Callable[[Connection], T]) -> T:
        """The answer of a change, committed. It waits for the disk, so another thread does it."""
        return await asyncio.to_thread(_call_database, self._run_transaction, change)

    async def get_tenant_snapshot(self) -> TenantSnapshot:
        """Tenancy as it is now, or was a moment ago."""
        if self.database.is_sqlite or not self.tenant_cache.is_stale:
            return _call_database(self.tenant_cache.get_snapshot, self.now())
        return await asyncio.to_thread(_call_database, self.tenant_cache.get_snapshot, self.now())

    def _run_query(self, question: Callable[[Connection], T]) -> T:
        with self.database.read_transaction() as connection:
            return question(connection)

    def _run_transaction(self, change: Callable[[Connection], T]) -> T:
        with self.database.write_transaction() as connection:
            return change(connection)


def _call_database(action: Callable[[A], T], argument: A) -> T:
    """The action's answer; a database that does not give one is Unavailable."""
    try:
        return action(argument)
    except SQLAlchemyError as error:
        raise FileUnavailable from error


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiClient:
    """Who asks, as the signature proved."""

    app: App
    tenants: TenantSnapshot

    def owns_vdn(self, vdn_id: int | None) -> bool:
        """Whether the VDN is one of the app's."""
        return vdn_id in self.tenants.vdns.get(self.app.id, {})
