"""PostgreSQL connections that do not wait for ever: one on which nothing is heard for too long is closed. No question here.

A line that is cut without a word, or a server that stands still, would hold a thread until the kernel gives up, or for good.
"""

import time
from typing import Any, TypeVar

import psycopg
from psycopg.abc import PQGen

from ccfs.db.pg_timeout_connection import ReadTimeout

T = TypeVar("T")


class TimeoutConnection(psycopg.Connection[Any]):
    """A connection of the driver with such a patience for each thing that it waits for."""

    read_timeout = ReadTimeout()

    def wait(self, gen: PQGen[T], interval: float = 0.1, timeout: float | None = None) -> T:
        """As the driver waits; raises OperationalError, and is closed, once that took too long."""
        limit = self.read_timeout.seconds
        if timeout is not None or limit is None:
            return super().wait(gen, interval, timeout)
        until = time.monotonic() + limit
        try:
            return super().wait(gen, interval, limit)
        except psycopg.OperationalError:
            if time.monotonic() >= until:  # nobody knows what it would say later: it is of no use any more
                self.close()
            raise


def connect(patience: ReadTimeout, *arguments: Any, **parameters: Any) -> TimeoutConnection:
    """A new connection, with the arguments of the driver's connect."""
    found = TimeoutConnection.connect(*arguments, **parameters)
    found.read_timeout = patience
    return found
