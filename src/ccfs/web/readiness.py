"""Readiness of a web process: its database is sound and takes writes, its primary location stores bytes, and what else is checked.

Only one check runs at a time, in a thread, and its result is valid for a second. So neither a disk that hangs nor a client that
queries constantly costs more than that.
"""

import asyncio
import hashlib
import secrets
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from ccfs.blobs.interface import Location
from ccfs.db.engine import Database
from ccfs.db.faults import DatabaseFault, classify
from ccfs.db.system import clock_times, nodes
from ccfs.model.blobs.errors import BlobNotFound
from ccfs.model.node import NodeState

CHECK_TIMEOUT_SECONDS = 3.0  # of the whole check
MAX_AGE_SECONDS = 1.0  # how long a result counts
PROBE_KEYS = 16  # of a node: killed processes leave at most so many files
PROBE_MAX_AGE_SECONDS = 5.0  # how long a successful write counts
LOCK_MAX_AGE_SECONDS = 30.0  # how long it counts while another writer holds the lock
FAULT_REASONS: Final = {
    DatabaseFault.DAMAGED: "database is damaged",
    DatabaseFault.READ_ONLY: "database is read-only",
    DatabaseFault.FULL: "disk of the database is full",
    DatabaseFault.IO_ERROR: "disk of the database fails",
    DatabaseFault.LOCKED: "database is locked",
}
UNREACHABLE: Final = "database does not respond"


class Readiness:
    """The readiness of one web process."""

    def __init__(
        self,
        database: Database,
        primary_location: Location,
        node_id: str,
        checks: Sequence[Callable[[], str]] = (),
    ) -> None:
        """`checks` return a reason why the process cannot serve, or nothing."""
        self._database, self._primary_location, self._node_id = database, primary_location, node_id
        self._checks = (self._check_node, self._check_writing, self._check_faults, *checks, self._check_location)
        self._probe_keys = f"ready/{hashlib.sha256(node_id.encode()).hexdigest()[:16]}"
        self._stored_at = self._written_at = float("-inf")
        self._check_task: asyncio.Task[str] | None = None
        self._checked_at = float("-inf")

    async def get_not_ready_reason(self) -> str:
        """Return why the process cannot serve, within CHECK_TIMEOUT_SECONDS; empty if it can."""
        is_old = time.monotonic() - self._checked_at > MAX_AGE_SECONDS
        if self._check_task is None or (self._check_task.done() and is_old):
            self._check_task = asyncio.create_task(asyncio.to_thread(self._check))
        try:
            return await asyncio.wait_for(asyncio.shield(self._check_task), CHECK_TIMEOUT_SECONDS)
        except TimeoutError:
            return "database or primary location is slow"

    def _check(self) -> str:
        try:
            return next(filter(None, (check() for check in self._checks)), "")
        except SQLAlchemyError as error:
            return FAULT_REASONS.get(classify(error), UNREACHABLE)
        finally:
            self._checked_at = time.monotonic()

    def _check_node(self) -> str:
        with self._database.read_transaction() as connection:
            node = nodes.find_by_id(connection, self._node_id)
        return "draining" if node and node.state is NodeState.DRAINING else ""

    def _check_faults(self) -> str:
        """Return the fault that requests have met, if no write has shown that it is past."""
        fault = self._database.faults.find_current()
        return FAULT_REASONS[fault] if fault else ""

    def _check_writing(self) -> str:
        age = time.monotonic() - self._written_at
        if age < PROBE_MAX_AGE_SECONDS and not self._database.faults.find_current():
            return ""
        try:
            with self._database.write_transaction() as connection:
                clock_times.probe(connection, self._node_id)
        except SQLAlchemyError as error:
            fault = classify(error)
            is_tolerated = fault is DatabaseFault.LOCKED and age < LOCK_MAX_AGE_SECONDS
            return "" if is_tolerated else FAULT_REASONS.get(fault, UNREACHABLE)
        self._written_at = time.monotonic()
        self._database.faults.clear(DatabaseFault.READ_ONLY, DatabaseFault.FULL)
        return ""

    def _check_location(self) -> str:
        return "" if self._is_storing() else "primary location stores no bytes"

    def _is_storing(self) -> bool:
        if time.monotonic() - self._stored_at < PROBE_MAX_AGE_SECONDS:
            return True
        with suppress(OSError):
            is_stored = any(self._store(self._probe_keys + f"-{secrets.randbelow(PROBE_KEYS)}") for _ in range(3))
            self._stored_at = time.monotonic() if is_stored else self._stored_at
            return is_stored
        return False

    def _store(self, key: str) -> bool:
        """Return whether a few bytes were stored. Another process that probes with the same key may have deleted them first."""
        self._primary_location.write(key, [self._node_id.encode()])
        with suppress(BlobNotFound):
            is_stored = self._primary_location.get_size(key) == len(self._node_id)
            self._primary_location.delete(key)
            return is_stored
        return False
