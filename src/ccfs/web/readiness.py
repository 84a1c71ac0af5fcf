"""Readiness of a web process: its database responds, its primary location stores bytes, its node is not draining.

One check runs at a time, in a thread: a disk that hangs costs one thread, however often a load balancer asks.
"""

import asyncio
import secrets
import time
from contextlib import suppress

from sqlalchemy.exc import SQLAlchemyError

from ccfs.blobs.interface import Location
from ccfs.db.engine import Database
from ccfs.db.system import nodes
from ccfs.model.node import NodeState

CHECK_TIMEOUT_SECONDS = 3.0  # of the whole check
PROBE_MAX_AGE_SECONDS = 5.0  # how long a successful write counts


class Readiness:
    """The readiness of one web process."""

    def __init__(self, database: Database, primary_location: Location, node_id: str) -> None:
        self._database, self._primary_location, self._node_id = database, primary_location, node_id
        self._probe_key = f"ready/{secrets.token_hex(8)}"  # of this process: others probe at the same time
        self._last_write_at = float("-inf")
        self._check_task: asyncio.Task[str] | None = None

    async def get_not_ready_reason(self) -> str:
        """Return why the process cannot serve, within CHECK_TIMEOUT_SECONDS; empty if it can."""
        if self._check_task is None or self._check_task.done():
            self._check_task = asyncio.create_task(asyncio.to_thread(self._check))
        try:
            return await asyncio.wait_for(asyncio.shield(self._check_task), CHECK_TIMEOUT_SECONDS)
        except TimeoutError:
            return "database or primary location is slow"

    def _check(self) -> str:
        try:
            with self._database.read_transaction() as connection:
                node = nodes.find_by_id(connection, self._node_id)
        except SQLAlchemyError:
            return "database does not respond"
        if node and node.state is NodeState.DRAINING:
            return "draining"
        return "" if self._is_writable() else "primary location stores no bytes"

    def _is_writable(self) -> bool:
        if time.monotonic() - self._last_write_at < PROBE_MAX_AGE_SECONDS:
            return True
        with suppress(OSError):
            self._primary_location.write(self._probe_key, [self._node_id.encode()])
            is_stored = self._primary_location.get_size(self._probe_key) == len(self._node_id)
            self._primary_location.delete(self._probe_key)
            self._last_write_at = time.monotonic() if is_stored else self._last_write_at
            return is_stored
        return False
