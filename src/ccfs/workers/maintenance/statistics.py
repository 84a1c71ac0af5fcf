"""Counting for the console's pictures: a step of the work loop. What is counted how is said in model and store."""

from collections.abc import Callable
from datetime import datetime, timedelta

from ccfs.db.engine import Database
from ccfs.db.system import maintenance, storage_statistics
from ccfs.db.tenant import call_statistics

MAX_ROUND_TIME = timedelta(seconds=2)  # of one round: a history that was taken in is counted bit by bit


def update_statistics(database: Database, now: Callable[[], datetime], is_stopped: Callable[[], bool]) -> None:
    """One round: the newest calls first. It may be cut short at any point; two nodes that do it at once do no harm."""
    until = now() + MAX_ROUND_TIME
    while update_call_statistics(database) and now() < until and not is_stopped():
        pass
    while update_storage_statistics(database, now()) and now() < until and not is_stopped():
        pass


def update_call_statistics(database: Database) -> bool:
    """Count some hours of an account's calls; False if there is nothing to count."""
    with database.read_transaction() as connection:  # one moment: what is counted is as old as what it is said to be
        old = maintenance.find_dirty_statistics(connection)
        if old is None:
            return False
        counts = call_statistics.compute_statistics(connection, old.app, old.account_id, old.versions)
    with database.write_transaction() as connection:
        call_statistics.save_statistics(connection, old.app, old, counts)
    return True


def update_storage_statistics(database: Database, now: datetime) -> bool:
    """Count one month of a location's recordings; False if all are counted."""
    with database.read_transaction() as connection:
        due = storage_statistics.find_next_stale(connection, now)
        if due is None:
            return False
        found = storage_statistics.count_recordings(connection, *due)
    with database.write_transaction() as connection:
        storage_statistics.save(connection, *due, found, now)
    return True
