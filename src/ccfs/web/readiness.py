"""Whether this process can serve: its database answers, its home location takes bytes, nobody drains its node.

Asked in a thread, one at a time: a disk that hangs costs one thread, however often a balancer asks.
"""

import asyncio
import secrets
import time
from contextlib import suppress

from sqlalchemy.exc import SQLAlchemyError

from ccfs.model.node import State
from ccfs.store import nodes
from ccfs.store.db import Database
from ccfs.store.locations.port import Location

PATIENCE_SECONDS = 3.0  # for all of it
PROBE_SECONDS = 5.0  # a location that took bytes is believed for so long


class Readiness:
    """One web process's."""

    def __init__(self, database: Database, home: Location, node_id: str) -> None:
        self._database, self._home, self._node_id = database, home, node_id
        self._key = f"ready/{secrets.token_hex(8)}"  # of this process: others ask at the same time
        self._took_at = float("-inf")
        self._asking: asyncio.Task[str] | None = None

    async def hindrance(self) -> str:
        """Why it cannot serve, within PATIENCE_SECONDS; empty: it can."""
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(asyncio.to_thread(self._found))
        try:
            return await asyncio.wait_for(asyncio.shield(self._asking), PATIENCE_SECONDS)
        except TimeoutError:
            return "database or home location is slow"

    def _found(self) -> str:
        try:
            with self._database.reading() as connection:
                node = nodes.find(connection, self._node_id)
        except SQLAlchemyError:
            return "database does not answer"
        if node and node.state is State.DRAINING:
            return "draining"
        return "" if self._takes_bytes() else "home location takes no bytes"

    def _takes_bytes(self) -> bool:
        if time.monotonic() - self._took_at < PROBE_SECONDS:
            return True
        with suppress(OSError):
            self._home.keep(self._key, [self._node_id.encode()])
            is_there = self._home.size(self._key) == len(self._node_id)
            self._home.remove(self._key)
            self._took_at = time.monotonic() if is_there else self._took_at
            return is_there
        return False
