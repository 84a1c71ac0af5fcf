"""Updates the console's statistics, as a step of the work loop."""

from collections.abc import Callable
from datetime import datetime, timedelta

from ccfs.db.engine import Database
from ccfs.db.system import maintenance
from ccfs.db.system.storage import storage_statistics
from ccfs.db.tenant.calls.statistics import agent_states, call_statistics, daily_statistics
from ccfs.model.calls.agent_time import sum_operations
from ccfs.model.calls.statistics import merge_groups

MAX_ROUND_TIME = timedelta(seconds=2)  # of one round: an ingested history is counted in parts


def update_statistics(database: Database, now: Callable[[], datetime], is_stopped: Callable[[], bool]) -> None:
    """Update statistics, newest calls first. It can be interrupted, and several nodes may run it at once."""
    until = now() + MAX_ROUND_TIME
    while update_call_statistics(database) and now() < until and not is_stopped():
        pass
    while update_daily_statistics(database, now()) and now() < until and not is_stopped():
        pass
    while update_storage_statistics(database, now()) and now() < until and not is_stopped():
        pass


def update_call_statistics(database: Database) -> bool:
    """Count an account's calls in some hours; False if nothing has changed."""
    with database.read_transaction() as connection:  # one snapshot for the versions and the counts
        dirty = maintenance.find_dirty_statistics(connection)
        if dirty is None:
            return False
        counts = call_statistics.compute_statistics(connection, dirty.app, dirty.account_id, dirty.versions)
    with database.write_transaction() as connection:
        call_statistics.save_statistics(connection, dirty.app, dirty, counts)
    return True


def update_daily_statistics(database: Database, now: datetime) -> bool:
    """Add up an account's day that has ended; False if all days are up to date."""
    with database.read_transaction() as connection:
        day = maintenance.find_stale_day(connection, now)
        if day is None:
            return False
        quarters, _ = call_statistics.load_groups(connection, day.app, day.account_id, day.window)
        operations = agent_states.list_operations(connection, day.app, day.account_id, day.window)
    groups = merge_groups(quarters.values())
    times = sum_operations(operations, day.window, day.after_call_limit)
    with database.write_transaction() as connection:
        daily_statistics.save_day(connection, day.app, day, groups, times)
    return True


def update_storage_statistics(database: Database, now: datetime) -> bool:
    """Count a location's recordings in one month; False if all months are up to date."""
    with database.read_transaction() as connection:
        stale = storage_statistics.find_next_stale(connection, now)
        if stale is None:
            return False
        counts = storage_statistics.count_recordings(connection, *stale)
    with database.write_transaction() as connection:
        storage_statistics.save(connection, *stale, counts, now)
    return True
