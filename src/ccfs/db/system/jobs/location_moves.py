"""Moves between locations that operators requested, for the whole system. Workers claim them; operators pause and stop them.

A change by an operator takes the lease away, so a worker that saves its progress notices it and stops.
"""

import secrets
from collections.abc import Collection
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ccfs.db import schema
from ccfs.db.job_queue import LOCATION_MOVES, MAX_ERROR_LENGTH
from ccfs.model.blobs.location_move import LocationMove, MoveProgress, MoveState, conflicts_with

MAX_FINISHED: Final = 50  # finished moves that are kept
_TABLE = schema.location_moves
_PROGRESS_COLUMNS: Final = tuple(MoveProgress.__dataclass_fields__)
_CHANGES: Final = {  # the states that an operator can set, and from which
    MoveState.PAUSED: (MoveState.DUE,),
    MoveState.DUE: (MoveState.PAUSED, MoveState.FAILED),
    MoveState.STOPPED: (MoveState.DUE, MoveState.PAUSED, MoveState.FAILED),
}


def request(
    connection: Connection, source: str, target: str, stored_before: datetime, requested_by: str, now: datetime
) -> str:
    """Add a move, which is due at once, and return its id. The oldest finished moves beyond MAX_FINISHED are deleted."""
    move_id = secrets.token_hex(8)
    named = {"id": move_id, "source": source, "target": target, "stored_before": stored_before}
    queued = {"state": MoveState.DUE, "due_at": now, "lease": "", "attempts": 0, "error": "", "node_id": ""}
    values = named | queued | asdict(MoveProgress()) | {"requested_by": requested_by, "requested_at": now}
    connection.execute(sa.insert(_TABLE).values(**values))
    finished = sa.select(_TABLE.c.id).where(_TABLE.c.finished_at.is_not(None))
    surplus = finished.order_by(_TABLE.c.finished_at.desc()).limit(1000).offset(MAX_FINISHED)
    old = list(connection.execute(surplus).scalars())
    connection.execute(sa.delete(_TABLE).where(_TABLE.c.id.in_(old)))
    return move_id


def list_moves(connection: Connection) -> list[LocationMove]:
    """Return all moves, the latest request first."""
    rows = connection.execute(sa.select(_TABLE).order_by(_TABLE.c.requested_at.desc(), _TABLE.c.id))
    return [_from_row(row) for row in rows]


def find(connection: Connection, move_id: str) -> LocationMove | None:
    """Return a move by its id."""
    row = connection.execute(sa.select(_TABLE).where(_TABLE.c.id == move_id)).first()
    return _from_row(row) if row else None


def claim(
    connection: Connection, now: datetime, lease: str, duration: timedelta, node_id: str, local: Collection[str]
) -> LocationMove | None:
    """Lease the move that is due longest and whose two locations are among the given ones; None if none is due."""
    for row in LOCATION_MOVES.claim(connection, now, lease, duration, local=list(local)):
        connection.execute(sa.update(_TABLE).where(_TABLE.c.id == row.id).values(node_id=node_id))
        return _from_row(row)
    return None


def count_attempts(connection: Connection, move_id: str) -> int:
    """Return how often a move was claimed since it last made progress."""
    return int(connection.execute(sa.select(_TABLE.c.attempts).where(_TABLE.c.id == move_id)).scalar_one())


def is_due(connection: Connection, now: datetime) -> bool:
    """Return whether a move is due, on whichever node."""
    due = sa.select(_TABLE.c.id).where(LOCATION_MOVES.is_due, _TABLE.c.due_at <= now)
    return connection.execute(due.limit(1)).first() is not None


def save_progress(
    connection: Connection, move_id: str, lease: str, progress: MoveProgress, now: datetime, until: datetime
) -> bool:
    """Store how far a move is and extend the lease; False if the lease has been lost, as when an operator paused the move."""
    values = {**asdict(progress), "updated_at": now, "due_at": until, "error": ""}
    has_moved = _TABLE.c.files < progress.files  # since the last save: earlier leases may have moved files, too
    values["attempts"] = sa.case((has_moved, 0), else_=_TABLE.c.attempts)
    return _update_leased(connection, move_id, lease, values)


def release(connection: Connection, move_id: str, lease: str, due_at: datetime, error: str) -> bool:
    """End the lease; the move is due again at `due_at`, on any node that reaches both locations."""
    values = {"lease": "", "due_at": due_at, "error": error[:MAX_ERROR_LENGTH], "bytes_per_second": 0}
    return _update_leased(connection, move_id, lease, values)


def finish(connection: Connection, move_id: str, lease: str, state: MoveState, now: datetime, error: str = "") -> bool:
    """End the lease and the move."""
    ended = {"state": state, "lease": "", "due_at": None, "finished_at": now, "bytes_per_second": 0}
    return _update_leased(connection, move_id, lease, ended | {"error": error[:MAX_ERROR_LENGTH]})


def change_state(connection: Connection, move_id: str, state: MoveState, now: datetime) -> bool:
    """Pause, resume or stop a move, for an operator; False if it is not in a state that allows this.

    A failed move cannot be resumed while another one has its source, or moves files the other way.
    """
    if state is MoveState.DUE and has_conflict(connection, move_id):
        return False
    values: dict[str, Any] = {"state": state, "lease": "", "bytes_per_second": 0}
    values |= {"due_at": now, "attempts": 0, "error": ""} if state is MoveState.DUE else {"due_at": None}
    values["finished_at"] = now if state is MoveState.STOPPED else None
    changeable = (_TABLE.c.id == move_id) & _TABLE.c.state.in_(_CHANGES[state])
    return connection.execute(sa.update(_TABLE).where(changeable).values(**values)).rowcount == 1


def has_conflict(connection: Connection, move_id: str) -> bool:
    """Return whether another move that can go on has the move's source, or moves files the other way."""
    move, others = find(connection, move_id), [one for one in list_moves(connection) if one.id != move_id]
    return move is not None and conflicts_with(others, move.source, move.target)


def _update_leased(connection: Connection, move_id: str, lease: str, values: dict[str, Any]) -> bool:
    leased = LOCATION_MOVES.matches(move_id) & LOCATION_MOVES.is_leased(lease)
    return connection.execute(sa.update(_TABLE).where(leased).values(**values)).rowcount == 1


def _from_row(row: sa.Row[Any]) -> LocationMove:
    return LocationMove(
        id=row.id,
        source=row.source,
        target=row.target,
        stored_before=row.stored_before,
        requested_by=row.requested_by,
        requested_at=row.requested_at,
        state=MoveState(row.state),
        is_working=bool(row.lease),
        node_id=row.node_id,
        error=row.error,
        progress=MoveProgress(**{name: row._mapping[name] for name in _PROGRESS_COLUMNS}),
        finished_at=row.finished_at,
    )
