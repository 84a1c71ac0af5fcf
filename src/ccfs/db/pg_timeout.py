"""PostgreSQL connections with a read timeout: if the server stays silent for too long, the connection is closed.

Otherwise, an interrupted network path or a frozen server would block a thread until the kernel gives up, or for ever.
"""

import time
from typing import Any, TypeVar

import psycopg
from psycopg.abc import PQGen

from ccfs.db.engine import ReadTimeout

T = TypeVar("T")


class TimeoutConnection(psycopg.Connection[Any]):
    """A driver connection that applies the read timeout to each of its waits."""

    read_timeout = ReadTimeout()

    def wait(self, gen: PQGen[T], interval: float = 0.1, timeout: float | None = None) -> T:
        """Wait like the driver does. On a timeout, close the connection and raise OperationalError."""
        read_timeout = self.read_timeout.seconds
        if timeout is not None or read_timeout is None:
            return super().wait(gen, interval, timeout)
        deadline = time.monotonic() + read_timeout
        try:
            return super().wait(gen, interval, read_timeout)
        except psycopg.OperationalError:
            if time.monotonic() >= deadline:  # a late reply would be read as the reply to the next query
                self.close()
            raise


def connect(read_timeout: ReadTimeout, *arguments: Any, **parameters: Any) -> TimeoutConnection:
    """Return a new connection. The arguments are those of the driver's connect function."""
    connection = TimeoutConnection.connect(*arguments, **parameters)
    connection.read_timeout = read_timeout
    return connection
