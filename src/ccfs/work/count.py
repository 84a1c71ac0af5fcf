"""Counting for the console's pictures: a step of the work loop. What is counted how is said in model and store."""

from collections.abc import Callable
from datetime import datetime, timedelta

from ccfs.store import call_counts, kept_sizes
from ccfs.store.db import Database

LONGEST = timedelta(seconds=2)  # of one round: a history that was taken in is counted bit by bit


def count(database: Database, now: Callable[[], datetime], is_stopped: Callable[[], bool]) -> None:
    """One round: the newest calls first. It may be cut short at any point; two nodes that do it at once do no harm."""
    until = now() + LONGEST
    while count_calls(database) and now() < until and not is_stopped():
        pass
    while count_sizes(database, now()) and now() < until and not is_stopped():
        pass


def count_calls(database: Database) -> bool:
    """Count some hours of an account's calls; False if there is nothing to count."""
    with database.reading() as connection:  # one moment: what is counted is as old as what it is said to be
        old = call_counts.old(connection)
        if old is None:
            return False
        counts = call_counts.count(connection, old.app, old.account_id, old.told)
    with database.writing() as connection:
        call_counts.keep(connection, old.app, old, counts)
    return True


def count_sizes(database: Database, now: datetime) -> bool:
    """Count one month of a location's recordings; False if all are counted."""
    with database.reading() as connection:
        due = kept_sizes.due(connection, now)
        if due is None:
            return False
        found = kept_sizes.count(connection, *due)
    with database.writing() as connection:
        kept_sizes.keep(connection, *due, found, now)
    return True
