"""A check of a SQLite file for damage. PostgreSQL reports damage by errors, and has tools of its own."""

import time
from collections.abc import Callable

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from ccfs.db.engine import Database
from ccfs.db.faults import DatabaseFault, classify

_STEPS_BETWEEN_LOOKS = 100_000  # instructions of SQLite's machine, some milliseconds


def check_integrity(database: Database, is_stopped: Callable[[], bool], time_limit_seconds: float) -> str | None:
    """Return the first damage that `PRAGMA quick_check` finds; empty if there is none, None if it did not end in time.

    Damage is recorded in the database's faults; a complete check that finds none clears what was met before it. The check
    reads the whole file alongside other readers and writers. Call it in a thread of its own.
    """
    if not database.is_sqlite:
        return ""
    started_at = time.monotonic()
    give_up = started_at + time_limit_seconds
    with database.engine.connect() as connection:
        driver = connection.connection.driver_connection
        assert driver is not None
        driver.set_progress_handler(lambda: is_stopped() or time.monotonic() > give_up, _STEPS_BETWEEN_LOOKS)
        try:
            result = str(connection.execute(sa.text("PRAGMA quick_check(1)")).scalar_one())
        except DBAPIError as error:
            if "interrupted" in str(error.orig):
                return None
            if classify(error) is not DatabaseFault.DAMAGED:
                raise
            result = str(error.orig)
        finally:
            driver.set_progress_handler(None, 0)
    if result == "ok":
        database.faults.clear(DatabaseFault.DAMAGED, until=started_at)
        return ""
    database.faults.record(DatabaseFault.DAMAGED, result)
    return result
