"""Counts of requests per app, in memory that the web processes of a node share.

Each process writes only its own rows and reads those of all, so that no lock is needed and none can be left behind. A row
is a few integers; the operating system provides memory only for rows that are used.
"""

import fcntl
import mmap
import os
from enum import IntEnum
from pathlib import Path
from typing import Final

MINUTE_SECONDS: Final = 60
_REJECTION_BUCKET_SECONDS: Final = 300
_REJECTION_BUCKETS: Final = 12  # an hour
_MAX_APPS: Final = 1 << 16  # rows; apps whose ids differ by a multiple share one
_BYTES_PER_NUMBER: Final = 8
_ROW_NUMBERS: Final = 40
_FIRST_MINUTE_NUMBER: Final = 2  # of three per kind: minute, requests in it, requests in the minute before
_FIRST_REJECTION_NUMBER: Final = 8  # of two per bucket: number of the bucket, rejected requests in it
_PROCESS_NUMBERS: Final = _MAX_APPS * _ROW_NUMBERS
_HIGHEST_ROW: Final = 0  # row 0 belongs to no app: its first number is the highest row in use


class RequestKind(IntEnum):
    """The two kinds of requests for which the interface has a code of its own."""

    DOWNLOAD = 0  # the response to success is a file
    QUERY = 1  # any other request


class AppCounters:
    """Counts of one process, and sums over all processes of its node. Times are of the monotonic clock, in seconds."""

    def __init__(self, path: Path | None = None, processes: int = 1) -> None:
        """`path` is a file that the processes share; None: there is one process."""
        slot = None
        if path is not None:
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            slot = _lock_free_slot(self._descriptor, processes)
        if slot is None:
            self._descriptor, processes, slot = -1, 1, 0
        size = processes * _PROCESS_NUMBERS * _BYTES_PER_NUMBER
        if self._descriptor >= 0 and os.fstat(self._descriptor).st_size < size:
            os.ftruncate(self._descriptor, size)
        self._numbers = memoryview(mmap.mmap(self._descriptor, size)).cast("q")
        self._own = slot * _PROCESS_NUMBERS
        self._bases = [number * _PROCESS_NUMBERS for number in range(processes)]
        self.is_shared = processes > 1
        self._own_rows: dict[int, int] = {}  # by app, of those that this process has counted
        self._clear_own_rows()  # of a process that died

    def begin(self, app: int, kind: RequestKind) -> int:
        """Count a request as begun in this process; return the number under way in all processes, including this one."""
        at = (self._own_rows.get(app) or self._add_own_row(app)) + kind
        self._numbers[at] = number = self._numbers[at] + 1
        return self.count_in_flight(app, kind) if self.is_shared else number

    def end(self, app: int, kind: RequestKind) -> None:
        """Count a request of this process as ended."""
        self._numbers[(self._own_rows.get(app) or self._add_own_row(app)) + kind] -= 1

    def count_in_flight(self, app: int, kind: RequestKind) -> int:
        """Return the number of requests under way in all processes."""
        at, numbers = _get_row(app) + kind, self._numbers
        return sum([numbers[base + at] for base in self._bases])

    def get_own_share(self, app: int) -> float:
        """Return this process's share of the app's requests under way, which is also its share of the app's rate."""
        if not self.is_shared:
            return 1.0
        own = sum(self._numbers[self._own + _get_row(app) + kind] for kind in RequestKind)
        total = sum(self.count_in_flight(app, kind) for kind in RequestKind)
        return max(own, 1) / max(total, 1)

    def add_to_minute(self, app: int, kind: RequestKind, now: float) -> None:
        """Count a request in the current minute."""
        at = (self._own_rows.get(app) or self._add_own_row(app)) + _FIRST_MINUTE_NUMBER + 3 * kind
        minute, numbers = int(now) // MINUTE_SECONDS, self._numbers
        if numbers[at] != minute:
            numbers[at + 2] = numbers[at + 1] if numbers[at] == minute - 1 else 0
            numbers[at + 1], numbers[at] = 0, minute
        numbers[at + 1] += 1

    def count_minutes(self, app: int, kind: RequestKind, now: float) -> tuple[int, int]:
        """Return the number of requests to all processes in the current minute and in the one before."""
        at, minute, numbers = _get_row(app) + _FIRST_MINUTE_NUMBER + 3 * kind, int(now) // MINUTE_SECONDS, self._numbers
        current = previous = 0
        for first in (base + at for base in self._bases):
            if numbers[first] == minute:
                current, previous = current + numbers[first + 1], previous + numbers[first + 2]
            elif numbers[first] == minute - 1:
                previous += numbers[first + 1]
        return current, previous

    def add_rejection(self, app: int, now: float) -> None:
        """Count a rejected request."""
        bucket = int(now) // _REJECTION_BUCKET_SECONDS
        at = (
            (self._own_rows.get(app) or self._add_own_row(app))
            + _FIRST_REJECTION_NUMBER
            + 2 * (bucket % _REJECTION_BUCKETS)
        )
        if self._numbers[at] != bucket:
            self._numbers[at + 1], self._numbers[at] = 0, bucket
        self._numbers[at + 1] += 1

    def count_rejections(self, app: int, now: float) -> int:
        """Return the number of requests that all processes rejected in the last hour."""
        oldest = int(now) // _REJECTION_BUCKET_SECONDS - _REJECTION_BUCKETS + 1
        at, numbers, count = _get_row(app) + _FIRST_REJECTION_NUMBER, self._numbers, 0
        for base in self._bases:
            for first in range(base + at, base + at + 2 * _REJECTION_BUCKETS, 2):
                count += numbers[first + 1] if numbers[first] >= oldest else 0
        return count

    def _add_own_row(self, app: int) -> int:
        row = self._own_rows[app] = self._own + _get_row(app)
        highest = self._own + _HIGHEST_ROW
        self._numbers[highest] = max(self._numbers[highest], _get_row(app))
        return row

    def _clear_own_rows(self) -> None:
        highest = self._numbers[self._own + _HIGHEST_ROW]
        for number in range(self._own, self._own + highest + _ROW_NUMBERS if highest else self._own):
            self._numbers[number] = 0


def _get_row(app: int) -> int:
    return (1 + (app - 1) % (_MAX_APPS - 1)) * _ROW_NUMBERS


def _lock_free_slot(descriptor: int, processes: int) -> int | None:
    """Lock and return a slot that no living process uses; None if all are taken. The kernel unlocks it when this process ends."""
    for slot in range(processes):
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, slot)
        except OSError:
            continue
        return slot
    return None
