"""A node's heart: says in the database that the node lives, hears what the operator wants of it, and keeps its clock."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from ccfs.db.engine import Database
from ccfs.db.system import nodes
from ccfs.logs import get_logger
from ccfs.model.node import NodeRecord, NodeState

BEATS_PER_TIMEOUT = 6  # before a node counts as dead: so many may be lost


class Heartbeat:
    """One node's. What it heard last is good until the next beat."""

    def __init__(
        self, database: Database, node: NodeRecord, patience: timedelta, clock: Callable[[], datetime]
    ) -> None:
        """`patience`: how long others wait for a beat; `clock`: this machine's."""
        self._database = database
        self._node = node
        self._liveness_timeout = patience
        self._clock = clock
        self._clock_offset = timedelta()  # of the database's clock before this machine's
        self.is_draining = False
        self.interval_seconds = patience.total_seconds() / BEATS_PER_TIMEOUT  # from beat to beat

    def register(self) -> None:
        """The first beat; raises Misuse where another node has this one's name."""
        with self._database.write_transaction() as connection:
            nodes.register(connection, self._node, self._liveness_timeout)
        self.beat()

    def beat(self) -> None:
        """Once more. A row that was removed is made anew: whoever can say so, lives."""
        with self._database.write_transaction() as connection:
            now, state = nodes.record_heartbeat(connection, self._node.id)
            if state is None:
                nodes.register(
                    connection, replace(self._node, started_at=now, heartbeat_at=now), self._liveness_timeout
                )
        self._clock_offset = now - self._clock()
        if self.is_draining != (state is NodeState.DRAINING):
            self.is_draining = not self.is_draining
            get_logger().info("drains" if self.is_draining else "works", action="node_state", node=self._node.id)

    def now(self) -> datetime:
        """The database's time: what leases are measured by, so that nodes agree on them however wrong their clocks are."""
        return self._clock() + self._clock_offset
