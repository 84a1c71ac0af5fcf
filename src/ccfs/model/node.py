"""Nodes: the record that each node writes, and the rule for when a node counts as dead."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class NodeState(StrEnum):
    """The state set by the operator."""

    ACTIVE = "active"
    DRAINING = "draining"  # claims no new work; /readyz fails, so that load balancers send it nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeRecord:
    """A node as described by its row."""

    id: str  # unique among the nodes of a database
    folder: str  # id of its data folder; distinguishes two nodes that claim one id
    address: str  # URL at which other nodes reach it; empty if they cannot
    version: str  # version of ccfs
    revision: str  # newest schema revision that its version knows
    state: NodeState = NodeState.ACTIVE
    started_at: datetime  # database time, as is heartbeat_at
    heartbeat_at: datetime
    certificate_expires_at: datetime | None = None  # of its TLS server; None: it has none

    def is_alive(self, now: datetime, timeout: timedelta) -> bool:
        """Return whether the last heartbeat was within `timeout` of `now`, which is the database's time.

        A later one is of a time when the database's clock was ahead.
        """
        return abs(now - self.heartbeat_at) <= timeout
