"""Clocks: whether they agree, and which of the instants that they gave can be believed.

A clock may be years ahead or behind until it is set right. Nothing is deleted by age unless the clocks agree, and a lease, a
lock or a wait that ends later than it could is over.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

TOLERANCE: Final = timedelta(minutes=15)  # between the clocks of two machines that are both right


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockReading:
    """The times that the clocks show at one moment."""

    node: datetime  # this machine's
    database: datetime | None = None  # the database server's; None for SQLite, which has none of its own
    history: datetime | None = None  # the last time that was recorded, and the time that this process has run since
    newest_row: datetime | None = None  # when the newest recording, export or audit entry was stored
    accepted_until: datetime | None = None  # an operator has accepted that rows up to this are later than the clock

    @property
    def earliest(self) -> datetime:
        """The earlier of the two clocks: by it, least is deleted."""
        return self.node if self.database is None else min(self.node, self.database)


def find_disagreement(reading: ClockReading, bound: timedelta) -> str:
    """Return which clocks differ by more than `bound`, with their times; empty if they agree."""
    others = {"the database's clock": reading.database, "the recorded time": reading.history}
    for name, other in others.items():
        if other is not None and abs(reading.node - other) > bound:
            return _describe(reading.node, name, other)
    newest, accepted = reading.newest_row, reading.accepted_until
    if newest is not None and newest - reading.node > bound and (accepted is None or newest > accepted):
        return _describe(reading.node, "the newest row", newest)
    return ""


def _describe(node: datetime, name: str, other: datetime) -> str:
    return f"this machine's clock is at {node:%Y-%m-%d %H:%M:%S} UTC, {name} at {other:%Y-%m-%d %H:%M:%S} UTC"


def advance_history(history: datetime, now: datetime, elapsed: timedelta, bound: timedelta) -> datetime:
    """Return the time to record, `elapsed` after `history` was recorded.

    A clock within `bound` is followed. One that is further away is approached only as fast as time passes: a server that was
    switched off for days catches up by itself, and a clock that is a year ahead is not believed for a year.
    """
    expected = history + elapsed
    gap = now - expected
    if abs(gap) <= bound:
        return now
    return expected + max(-elapsed, min(gap, elapsed))


def is_over(until: datetime, now: datetime, longest: timedelta) -> bool:
    """Return whether something that lasts `longest` at most, and until `until`, is over.

    It is if it would still last longer than it can, because the clock was ahead when it began.
    """
    return until <= now or until > now + longest + TOLERANCE
