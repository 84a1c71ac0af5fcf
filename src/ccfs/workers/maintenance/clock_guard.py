"""Whether the clocks agree: nothing is deleted by age while they do not."""

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy.engine import Connection

from ccfs.db.engine import Database
from ccfs.db.system import clock_times
from ccfs.logs import get_logger
from ccfs.model.clocks import ClockReading, advance_history, find_disagreement

REPEAT_SECONDS = 3600.0  # between two reports of the same disagreement


class ClockGuard:
    """Compares the clocks, and records the time in the database. Thread-safe."""

    def __init__(
        self,
        database: Database,
        now: Callable[[], datetime],
        bound: timedelta,
        monotonic: Callable[[], float] = time.monotonic,
        get_server_time: Callable[[Connection], datetime | None] = clock_times.get_server_time,
    ) -> None:
        """`bound`: the largest difference at which clocks still count as agreeing."""
        self._get_server_time = get_server_time
        self._database, self._now, self._bound, self._monotonic = database, now, bound, monotonic
        self._lock = threading.Lock()
        self._recorded: datetime | None = None  # what this process saw in the database, and when
        self._seen_at = 0.0
        self._reported_at = float("-inf")
        self.disagreement = ""  # at the last check
        self.has_wrong_clock = False  # this machine's differs from the database server's

    def get_safe_now(self) -> datetime | None:
        """Return the earliest of the clocks; None if they do not agree, so that nothing may be deleted by age."""
        with self._lock:
            reading = self.check()
            return None if self.disagreement else reading.earliest

    def check(self) -> ClockReading:
        """Read the clocks, report whether they agree, and record the time."""
        with self._database.read_transaction() as connection:
            reading = clock_times.read_clocks(connection, self._now(), self._get_server_time(connection))
        elapsed = self._measure_elapsed(reading.history)
        history = reading.history
        if history is not None:
            reading = replace(reading, history=history + elapsed)
        self.has_wrong_clock = reading.database is not None and abs(reading.node - reading.database) > self._bound
        self._report(find_disagreement(reading, self._bound))
        advanced = reading.node if history is None else advance_history(history, reading.node, elapsed, self._bound)
        with self._database.write_transaction() as connection:
            if clock_times.record(connection, advanced, history):
                self._recorded, self._seen_at = advanced, self._monotonic()
        return reading

    def _measure_elapsed(self, history: datetime | None) -> timedelta:
        """Return the time since this process recorded or first saw this history; zero if it has not seen it before."""
        now, elapsed = self._monotonic(), timedelta()
        if history is not None and history == self._recorded:
            elapsed = timedelta(seconds=max(0.0, now - self._seen_at))
        else:
            self._recorded, self._seen_at = history, now
        return elapsed

    def _report(self, disagreement: str) -> None:
        if disagreement and (not self.disagreement or self._monotonic() - self._reported_at >= REPEAT_SECONDS):
            self._reported_at = self._monotonic()
            get_logger().error(
                "clocks disagree: nothing is deleted by age until they agree; set the clock, or if it is right: ccfs node clock --accept",
                action="clocks_disagree",
                clocks=disagreement,
            )
        if self.disagreement and not disagreement:
            get_logger().info("clocks agree again", action="clocks_agree")
        self.disagreement = disagreement
