"""Node heartbeats: they report that the node is alive, and read its state and the database's time."""

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from ccfs.db.engine import Database
from ccfs.db.system import nodes
from ccfs.logs import get_logger
from ccfs.model.node import NodeRecord, NodeState

BEATS_PER_TIMEOUT = 6  # a node may miss so many before it counts as dead


class Heartbeat:
    """The heartbeat of a node. The state that it reads applies until the next heartbeat."""

    def __init__(
        self,
        database: Database,
        node: NodeRecord,
        liveness_timeout: timedelta,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`liveness_timeout`: time without a heartbeat after which the node counts as dead."""
        self._database = database
        self._node = node
        self._liveness_timeout = liveness_timeout
        self._monotonic = monotonic
        self._started_at = node.started_at  # until the first heartbeat
        self._read_time: tuple[datetime, float] | None = None  # the database's time, and when it was read
        self.is_draining = False
        self.interval_seconds = liveness_timeout.total_seconds() / BEATS_PER_TIMEOUT  # between two beats

    def register(self) -> None:
        """Register the node and send a heartbeat; raises OperatorError if another node has the same name."""
        with self._database.write_transaction() as connection:
            nodes.register(connection, self._node, self._liveness_timeout)
        self.beat()

    def beat(self) -> None:
        """Record a heartbeat and read the node's state.

        If the row was deleted, insert it again, because the node is alive.
        """
        with self._database.write_transaction() as connection:
            now, state = nodes.record_heartbeat(connection, self._node.id)
            if state is None:
                nodes.register(
                    connection, replace(self._node, started_at=now, heartbeat_at=now), self._liveness_timeout
                )
        self._read_time = now, self._monotonic()
        if self.is_draining != (state is NodeState.DRAINING):
            self.is_draining = not self.is_draining
            get_logger().info(
                "node draining" if self.is_draining else "node resumed", action="node_state", node=self._node.id
            )

    def now(self) -> datetime:
        """Return the database's time, which is used for leases so that nodes agree regardless of their own clocks.

        It goes on with the time that has passed, so a step of this machine's clock does not change it.
        """
        if self._read_time is None:
            return self._started_at
        read, read_at = self._read_time
        return read + timedelta(seconds=self._monotonic() - read_at)
