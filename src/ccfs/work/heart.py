"""A node's heart: says in the database that the node lives, hears what the operator wants of it, and keeps its clock."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from ccfs.logs import log
from ccfs.model.node import Standing, State
from ccfs.store import nodes
from ccfs.store.db import Database

BEATS = 6  # before a node counts as dead: so many may be lost


class Heart:
    """One node's. What it heard last is good until the next beat."""

    def __init__(self, database: Database, node: Standing, patience: timedelta, clock: Callable[[], datetime]) -> None:
        """`patience`: how long others wait for a beat; `clock`: this machine's."""
        self._database = database
        self._node = node
        self._patience = patience
        self._clock = clock
        self._ahead = timedelta()  # of the database's clock before this machine's
        self.is_draining = False
        self.seconds = patience.total_seconds() / BEATS  # from beat to beat

    def begin(self) -> None:
        """The first beat; raises Misuse where another node has this one's name."""
        with self._database.writing() as connection:
            nodes.begin(connection, self._node, self._patience)
        self.beat()

    def beat(self) -> None:
        """Once more. A row that was removed is made anew: whoever can say so, lives."""
        with self._database.writing() as connection:
            now, state = nodes.beat(connection, self._node.id)
            if state is None:
                nodes.begin(connection, replace(self._node, started_at=now, heartbeat_at=now), self._patience)
        self._ahead = now - self._clock()
        if self.is_draining != (state is State.DRAINING):
            self.is_draining = not self.is_draining
            log().info("drains" if self.is_draining else "works", action="node_state", node=self._node.id)

    def now(self) -> datetime:
        """The database's time: what leases are measured by, so that nodes agree on them however wrong their clocks are."""
        return self._clock() + self._ahead
