"""Statistics of a period: whole days from their rows, the rest from quarter hours and agent operations.

So a year reads 366 rows, however many calls it has, and today a few more.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.engine import Connection

from ccfs.db.tenant.calls.statistics import agent_states, call_statistics, daily_statistics
from ccfs.db.tenant.calls.statistics.daily_statistics import get_day
from ccfs.model.calls.agent_time import TimesByQueue, merge_by_queue, sum_operations
from ccfs.model.calls.call import Direction
from ccfs.model.calls.reports.figures import FigureTables, build_tables
from ccfs.model.calls.statistics import GroupedStatistics, merge_groups
from ccfs.model.exports.time_window import TimeWindow
from ccfs.model.identity.tenancy import Account, App

_INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodStatistics:
    """Statistics of a period."""

    parts: list[tuple[datetime, GroupedStatistics]]  # of days and quarter hours, each with its begin
    times: TimesByQueue
    uncounted: int  # quarter hours and days that are not up to date

    def build_tables(self, direction: Direction | None = None) -> FigureTables:
        """Return the figures of the period."""
        return build_tables(merge_groups(part for _, part in self.parts), self.times, direction)


def load_period(
    connection: Connection, app: App, account: Account, window: TimeWindow, now: datetime
) -> PeriodStatistics:
    """Return the statistics of a window, which begins when a day of the account's clock begins."""
    account_id, zone = account.account_id, account.zoneinfo
    last_day = get_day(window.end - _INSTANT, zone)
    is_whole = last_day.end == window.end <= now
    split = window.end if is_whole else last_day.begin
    days = daily_statistics.load_days(connection, app, account_id, TimeWindow(begin=window.begin, end=split))
    parts = [(day.window.begin, day.groups) for day in days]
    times: list[TimesByQueue] = [day.times for day in days]
    if not is_whole:
        rest = TimeWindow(begin=split, end=window.end)
        quarters, _ = call_statistics.load_groups(connection, app, account_id, rest)
        parts += sorted(quarters.items())
        times.append(_sum_times(connection, app, account, TimeWindow(begin=split, end=min(window.end, now))))
    dirty = call_statistics.count_dirty(connection, app, account_id, window)
    return PeriodStatistics(
        parts=parts, times=merge_by_queue(times), uncounted=dirty + sum(day.is_stale for day in days)
    )


def _sum_times(connection: Connection, app: App, account: Account, window: TimeWindow) -> TimesByQueue:
    if window.end <= window.begin:
        return {}
    operations = agent_states.list_operations(connection, app, account.account_id, window)
    return sum_operations(operations, window, timedelta(seconds=account.after_call_seconds))


def load_quarters(
    connection: Connection, app: App, account: Account, window: TimeWindow, *, with_groups: bool
) -> list[tuple[datetime, GroupedStatistics]]:
    """Return the statistics of the window's quarter hours; those of queues and agents only `with_groups`."""
    if with_groups:
        return list(call_statistics.load_groups(connection, app, account.account_id, window)[0].items())
    quarters, _ = call_statistics.load_statistics(connection, app, account.account_id, window)
    return [(begin, GroupedStatistics(account=part)) for begin, part in quarters.items()]
