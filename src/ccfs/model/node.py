"""Nodes as they see each other: a noun, and the rule by which one counts as dead."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class NodeState(StrEnum):
    """What the operator wants of a node."""

    ACTIVE = "active"
    DRAINING = "draining"  # it takes no new work, and balancers send it nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeRecord:
    """A node's row."""

    id: str  # its name among all nodes of the database
    folder: str  # names its data folder: two that claim one id are told apart by it
    address: str  # URL at which other nodes reach it; empty: they cannot
    version: str  # of its program
    revision: str  # the newest step of the schema that its program knows
    state: NodeState = NodeState.ACTIVE
    started_at: datetime  # by the database's clock, as all instants here
    heartbeat_at: datetime

    def is_alive(self, now: datetime, patience: timedelta) -> bool:
        """Whether it was heard of within `patience` before `now`, which is the database's."""
        return now - self.heartbeat_at <= patience
