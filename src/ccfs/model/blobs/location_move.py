"""A move of files between two locations that an operator requested, its progress, and the rules for requesting one. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum, auto

from ccfs.model.blobs.location_config import LocationConfig, LocationKind


class MoveState(StrEnum):
    """States of a move. Only the first two can still move files."""

    DUE = auto()  # waiting for a node, or under way
    PAUSED = auto()
    STOPPED = auto()  # by an operator, for good
    DONE = auto()
    FAILED = auto()  # a location could not be reached for too long


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveProgress:
    """How far a move is. The first totals are None until a node has counted the files."""

    total_files: int | None = None
    total_bytes: int | None = None
    files: int = 0  # moved
    bytes: int = 0
    skipped: int = 0  # in use by another process, or deleted meanwhile
    missing: int = 0  # not in the source
    damaged: int = 0  # with other bytes than their row says
    bytes_per_second: int = 0  # of the last minute

    @property
    def share(self) -> float:
        """The share of the bytes that are moved, from 0 to 1; of the files if they are all empty."""
        total, done = self.total_bytes or self.total_files or 0, self.bytes if self.total_bytes else self.files
        return min(1.0, done / total) if total else 0.0

    @property
    def time_left(self) -> timedelta | None:
        """How long the rest takes at the present rate; None if that is unknown."""
        if not self.bytes_per_second or self.total_bytes is None:
            return None
        return timedelta(seconds=max(0, self.total_bytes - self.bytes) // self.bytes_per_second)


@dataclass(frozen=True, slots=True, kw_only=True)
class LocationMove:
    """A row of location_moves."""

    id: str
    source: str  # location ids
    target: str
    stored_before: datetime  # newer files stay in the source
    requested_by: str
    requested_at: datetime
    state: MoveState
    is_working: bool  # a node has the lease
    node_id: str  # that worked on it last; empty: none so far
    error: str  # why it failed, or why it waits
    progress: MoveProgress = field(default_factory=MoveProgress)
    finished_at: datetime | None = None

    @property
    def is_unfinished(self) -> bool:
        """Whether files may still be moved."""
        return self.state in (MoveState.DUE, MoveState.PAUSED)


class MoveProblem(StrEnum):
    """Reasons why files cannot be moved from one location to another."""

    SAME_LOCATION = auto()
    TARGET_NOT_WRITABLE = auto()  # it drains or is read-only
    SOURCE_READ_ONLY = auto()
    NO_COMMON_NODE = auto()  # the disks of two nodes


def find_move_problem(source: LocationConfig, target: LocationConfig) -> MoveProblem | None:
    """Return why files cannot be moved; None if they can."""
    if source.id == target.id:
        return MoveProblem.SAME_LOCATION
    if not target.is_accepting_blobs:
        return MoveProblem.TARGET_NOT_WRITABLE
    if source.is_read_only:
        return MoveProblem.SOURCE_READ_ONLY
    is_reachable = LocationKind.PEER not in (source.kind, target.kind)
    if not is_reachable or (source.node and target.node and source.node != target.node):
        return MoveProblem.NO_COMMON_NODE
    return None


def conflicts_with(moves: Iterable[LocationMove], source: str, target: str) -> bool:
    """Return whether an unfinished move has the same source, or moves files the other way."""
    return any(
        move.is_unfinished and (move.source == source or move.source == target or move.target == source)
        for move in moves
    )
