"""Faults of a database: what an error of the driver means, and what an operator should do about it.

SQLite's damage, full disks and I/O errors, and PostgreSQL's, otherwise look like any failed query.
"""

import math
import sqlite3
import threading
import time
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

CURRENT_SECONDS: Final = 30.0  # for which a fault that may end by itself counts


class DatabaseFault(StrEnum):
    """A kind of fault, as in metrics."""

    DAMAGED = "damaged"
    READ_ONLY = "read_only"
    FULL = "disk_full"
    IO_ERROR = "io_error"
    LOCKED = "locked"
    NO_CONNECTION = "no_connection"  # refused, lost, timed out, or none free
    OTHER = "other"


ADVICE: Final = {
    DatabaseFault.DAMAGED: "stop this node, keep a copy of the database, and restore a backup or recover it with its own tools",
    DatabaseFault.READ_ONLY: "make the database and its folder writable for ccfs, or connect to the primary server",
    DatabaseFault.FULL: "make room on the disk of the database",
    DatabaseFault.IO_ERROR: "check the disk of the database and the kernel's log; then run a check of the file system",
    DatabaseFault.LOCKED: "find the process that holds a long transaction",
    DatabaseFault.NO_CONNECTION: "check that the database server runs and accepts connections",
    DatabaseFault.OTHER: "see the error",
}
_SQLITE = {  # primary result codes
    sqlite3.SQLITE_CORRUPT: DatabaseFault.DAMAGED,
    sqlite3.SQLITE_NOTADB: DatabaseFault.DAMAGED,
    sqlite3.SQLITE_READONLY: DatabaseFault.READ_ONLY,
    sqlite3.SQLITE_FULL: DatabaseFault.FULL,
    sqlite3.SQLITE_IOERR: DatabaseFault.IO_ERROR,
    sqlite3.SQLITE_CANTOPEN: DatabaseFault.IO_ERROR,
    sqlite3.SQLITE_BUSY: DatabaseFault.LOCKED,
    sqlite3.SQLITE_LOCKED: DatabaseFault.LOCKED,
}
_POSTGRESQL = {  # SQLSTATE
    "XX001": DatabaseFault.DAMAGED,
    "XX002": DatabaseFault.DAMAGED,
    "25006": DatabaseFault.READ_ONLY,
    "53100": DatabaseFault.FULL,
    "58030": DatabaseFault.IO_ERROR,
    "55P03": DatabaseFault.LOCKED,
    "57P01": DatabaseFault.NO_CONNECTION,
    "57P02": DatabaseFault.NO_CONNECTION,
    "57P03": DatabaseFault.NO_CONNECTION,
    "53300": DatabaseFault.NO_CONNECTION,
}


def classify(error: BaseException) -> DatabaseFault:
    """Return the kind of an error of SQLAlchemy or of a driver."""
    original = getattr(error, "orig", None) or error
    code = getattr(original, "sqlite_errorcode", None)
    if code is not None:
        return _SQLITE.get(code & 0xFF, DatabaseFault.OTHER)
    if isinstance(original, sqlite3.DatabaseError) and "malformed" in str(original):
        return DatabaseFault.DAMAGED
    state = getattr(original, "sqlstate", None)
    if state is not None:
        return _POSTGRESQL.get(state, DatabaseFault.OTHER)
    is_connection = getattr(error, "connection_invalidated", False) or type(original).__name__ == "OperationalError"
    is_pool = type(error).__name__ == "TimeoutError"
    return DatabaseFault.NO_CONNECTION if is_connection or is_pool else DatabaseFault.OTHER


@dataclass(slots=True)
class _Occurrence:
    at: float  # monotonic
    text: str


class FaultMemory:
    """The faults that this process has met. Damage counts until a check finds none; others until they are past. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._latest: dict[DatabaseFault, _Occurrence] = {}

    def record(self, fault: DatabaseFault, text: str) -> None:
        """Note a fault."""
        with self._lock:
            self._latest[fault] = _Occurrence(time.monotonic(), text[:300])

    def clear(self, *faults: DatabaseFault, until: float = math.inf) -> None:
        """Forget these kinds if they last occurred before `until` of time.monotonic(), because the database works again."""
        with self._lock:
            for fault in faults:
                if fault in self._latest and self._latest[fault].at < until:
                    del self._latest[fault]

    def find_current(self) -> DatabaseFault | None:
        """Return the worst kind that still counts."""
        with self._lock:
            latest = {fault: one.at for fault, one in self._latest.items()}
        if DatabaseFault.DAMAGED in latest:
            return DatabaseFault.DAMAGED
        recent = (DatabaseFault.READ_ONLY, DatabaseFault.FULL, DatabaseFault.IO_ERROR)
        limit = time.monotonic() - CURRENT_SECONDS
        return next((fault for fault in recent if latest.get(fault, float("-inf")) > limit), None)

    def get_text(self, fault: DatabaseFault) -> str:
        """Return the latest error of a kind."""
        with self._lock:
            return self._latest[fault].text if fault in self._latest else ""
