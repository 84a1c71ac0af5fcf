"""Noting in the database that an ingest pass has ended, so that the status page knows whether ingest runs."""

import time
from collections.abc import Callable
from contextlib import suppress

from sqlalchemy.exc import SQLAlchemyError

from ccfs.db.system import clock_times
from ccfs.ingest.context import IngestRun

MIN_INTERVAL_SECONDS = 30.0  # between two notes of a watch: its passes follow each other within seconds


def note_passes(run_pass: Callable[[IngestRun], None]) -> Callable[[IngestRun], None]:
    """Return the pass, which is noted when it has ended without an error. A note that fails does not fail the pass."""
    noted_at = float("-inf")

    def run_and_note(run: IngestRun) -> None:
        nonlocal noted_at
        run_pass(run)
        if time.monotonic() - noted_at >= MIN_INTERVAL_SECONDS:
            with suppress(SQLAlchemyError), run.database.write_transaction() as connection:
                clock_times.note(connection, clock_times.INGEST_PASS, run.now())
            noted_at = time.monotonic()

    return run_and_note
