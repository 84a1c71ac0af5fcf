"""Carries out the moves between locations that operators requested, with their progress in the database.

It leases a move whose two locations its node opens directly. It saves the progress once a second: that extends the lease,
and fails once an operator has paused or stopped the move.
"""

import secrets
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from ccfs.blobs.registry import Locations
from ccfs.db.engine import Database
from ccfs.db.system.jobs import blob_moves, location_moves
from ccfs.logs import get_logger
from ccfs.model.blobs.location_config import LocationConfig
from ccfs.model.blobs.location_move import LocationMove, MoveState, find_move_problem
from ccfs.workers.base import Worker
from ccfs.workers.storage.mover import BlobMover, MoveResult

LEASE: Final = timedelta(minutes=2)  # longer than a location may take for one chunk
SAVE_SECONDS: Final = 1.0  # between two saves of the progress
RATE_SECONDS: Final = 60.0  # over which the rate is measured
MAX_ATTEMPTS: Final = 10  # without progress
RETRY_DELAY: Final = timedelta(seconds=30)  # after the first failure, doubled after each further one, up to the maximum
MAX_RETRY_DELAY: Final = timedelta(minutes=15)

CreateMover = Callable[[Callable[[], bool], Callable[[MoveResult], None]], BlobMover]


class MoveWorker(Worker):
    """Carries out one move after another."""

    THREAD_NAME = "location_moves"
    IDLE_SECONDS = 2.0

    def __init__(
        self,
        database: Database,
        locations: Locations,
        now: Callable[[], datetime],
        is_draining: Callable[[], bool],
        create_mover: CreateMover,
        save_seconds: float = SAVE_SECONDS,
    ) -> None:
        """`create_mover` gets the functions that end a move early and that receive its counts."""
        super().__init__(is_draining)
        self._database, self._locations, self._now, self._create_mover = database, locations, now, create_mover
        self._save_seconds = save_seconds

    def run_once(self) -> bool:
        """Carry out the next due move, until it ends or is interrupted, and return whether there was one."""
        now, lease = self._now(), secrets.token_hex(8)
        with self._database.read_transaction() as connection:
            if not location_moves.is_due(connection, now):
                return False
        local = [config.id for config in self._locations.get_configs().values() if self._locations.is_local(config)]
        with self._database.write_transaction() as connection:
            move = location_moves.claim(connection, now, lease, LEASE, self._locations.node, local)
        if move is None:
            return False
        try:
            self._carry_out(move, lease)
        except Exception as error:  # noqa: BLE001  of any kind: a location is away, or the database
            self._handle_failure(move, lease, error)
        return True

    def _carry_out(self, move: LocationMove, lease: str) -> None:
        configs = self._locations.get_configs()
        problem = _find_problem(configs.get(move.source), configs.get(move.target))
        if problem:
            self._finish(move, lease, MoveState.FAILED, problem)
            return
        tracker = _ProgressTracker(self._database, self._now, move, lease, self._save_seconds)
        tracker.count_files()
        mover = self._create_mover(lambda: self._should_stop(tracker), tracker.update)
        tracker.update(mover.move(move.source, move.target, move.stored_before))
        if not tracker.save() or tracker.is_lost:
            return  # paused or stopped; or another node has it
        if self._stopped.is_set() or self._is_draining():
            with self._database.write_transaction() as connection:
                location_moves.release(connection, move.id, lease, self._now(), "")
            return
        self._finish(move, lease, MoveState.DONE)

    def _should_stop(self, tracker: "_ProgressTracker") -> bool:
        return self._stopped.is_set() or self._is_draining() or not tracker.save_if_due()

    def _finish(self, move: LocationMove, lease: str, state: MoveState, error: str = "") -> None:
        with self._database.write_transaction() as connection:
            location_moves.finish(connection, move.id, lease, state, self._now(), error)
        words = {"location": move.source, "target": move.target, "state": str(state), "reason": error}
        get_logger().info("move between locations ended", action="location_move_ended", **words)

    def _handle_failure(self, move: LocationMove, lease: str, error: Exception) -> None:
        reason = f"{type(error).__name__}: {error}"[:300]
        get_logger().warning(
            "could not move files", action="move_failed", location=move.source, target=move.target, reason=reason
        )
        with self._database.read_transaction() as connection:
            attempts = location_moves.count_attempts(connection, move.id)
        if attempts >= MAX_ATTEMPTS:
            self._finish(move, lease, MoveState.FAILED, reason)
            return
        delay = min(RETRY_DELAY * 2 ** max(0, attempts - 1), MAX_RETRY_DELAY)
        with self._database.write_transaction() as connection:
            location_moves.release(connection, move.id, lease, self._now() + delay, reason)


class _ProgressTracker:
    """The progress of one move under one lease: that of earlier leases, and what the mover has done since."""

    def __init__(
        self, database: Database, now: Callable[[], datetime], move: LocationMove, lease: str, save_seconds: float
    ) -> None:
        self._database, self._now, self._move, self._lease = database, now, move, lease
        self._save_seconds = save_seconds
        # What an earlier lease skipped or did not find is tried again, and counted again.
        self._start = replace(move.progress, skipped=0, missing=0, damaged=0)
        self._progress = self._start
        self._missing = self._damaged = 0
        self._rates: deque[tuple[float, int]] = deque([(time.monotonic(), 0)])
        self._saved_at = time.monotonic()
        self._saving = threading.Lock()
        self.is_lost = False  # whether the lease is

    def count_files(self) -> None:
        """Count what the move has to do, unless an earlier lease has."""
        if self._start.total_files is None:
            move = self._move
            with self._database.read_transaction() as connection:
                files, size = blob_moves.measure_owners_before(connection, move.source, move.stored_before)
            self._start = replace(self._start, total_files=files, total_bytes=size)
            self._progress = self._start
        self.save()

    def update(self, result: MoveResult) -> None:
        """Take over the counts of the mover, and log the files that are lost."""
        for reason, keys in (("missing", result.missing), ("damaged", result.damaged)):
            for key in keys:
                get_logger().error(
                    "file missing or damaged", action="file_lost", location=self._move.source, key=key, reason=reason
                )
        self._missing, self._damaged = self._missing + len(result.missing), self._damaged + len(result.damaged)
        result.missing.clear()  # a move of millions of files would hold them all
        result.damaged.clear()
        start = self._start
        self._progress = replace(
            start,
            files=start.files + result.files,
            bytes=start.bytes + result.size,
            skipped=result.skipped,
            missing=self._missing,
            damaged=self._damaged,
            bytes_per_second=self._measure_rate(result.size),
        )

    def save_if_due(self) -> bool:
        """Save the progress if the last save is too old; False once the lease is lost. For any thread."""
        if time.monotonic() - self._saved_at >= self._save_seconds and self._saving.acquire(blocking=False):
            try:
                self.save()
            finally:
                self._saving.release()
        return not self.is_lost

    def save(self) -> bool:
        """Save the progress and extend the lease; False once it is lost."""
        now = self._now()
        with self._database.write_transaction() as connection:
            is_ours = location_moves.save_progress(
                connection, self._move.id, self._lease, self._progress, now, now + LEASE
            )
        self._saved_at = time.monotonic()
        self.is_lost = self.is_lost or not is_ours
        return is_ours

    def _measure_rate(self, size: int) -> int:
        now = time.monotonic()
        self._rates.append((now, size))
        while len(self._rates) > 2 and now - self._rates[0][0] > RATE_SECONDS:
            self._rates.popleft()
        first_at, first_size = self._rates[0]
        return int((size - first_size) / max(now - first_at, 0.001))


def _find_problem(source: LocationConfig | None, target: LocationConfig | None) -> str:
    if source is None or target is None:
        return "a location was removed"
    problem = find_move_problem(source, target)
    return str(problem).replace("_", " ") if problem else ""
