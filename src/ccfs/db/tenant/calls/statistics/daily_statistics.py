"""Statistics of whole days of accounts' clocks, added up from quarter hours and agent operations, for long periods.

A day has a row once one of its quarter hours has been counted. A worker adds it up after it has ended, and again
whenever `version` differs from `counted_version`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

from ccfs.db import schema
from ccfs.db.tenant.calls.statistics.statistics_json import (
    parse_groups,
    parse_times,
    serialize_directions,
    serialize_groups,
    serialize_times,
)
from ccfs.model.calls.agent_time import AgentTimes, TimesByQueue
from ccfs.model.calls.statistics import GroupedStatistics
from ccfs.model.exports.time_window import TimeWindow, to_local, to_utc
from ccfs.model.identity.tenancy import DEFAULT_ZONE, App

_TABLE = schema.daily_statistics
IS_STALE = _TABLE.c.version != _TABLE.c.counted_version


@dataclass(frozen=True, slots=True, kw_only=True)
class StaleDay:
    """A day of an account that must be added up."""

    app: App
    account_id: str
    window: TimeWindow
    version: int
    after_call_limit: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class DayStatistics:
    """Statistics of a day."""

    window: TimeWindow
    groups: GroupedStatistics
    times: Mapping[tuple[str, str], AgentTimes]  # by agent and queue
    is_stale: bool


def get_day(instant: datetime, zone: ZoneInfo) -> TimeWindow:
    """Return the day of a zone's clock in which an instant falls; it may have 23 or 25 hours."""
    day = datetime.combine(to_local(instant, zone).date(), time())
    return TimeWindow(begin=to_utc(day, zone), end=to_utc(day + timedelta(days=1), zone))


def mark_days(connection: Connection, app: App, account_id: str, instants: Iterable[datetime]) -> None:
    """Mark the days of an account in which these instants fall."""
    own = (schema.accounts.c.app == app.id) & (schema.accounts.c.account_id == account_id)
    zone = connection.execute(sa.select(schema.accounts.c.zone).where(own)).scalar()
    days = {(day.begin, day.end) for day in (get_day(instant, ZoneInfo(zone or DEFAULT_ZONE)) for instant in instants)}
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    insert: postgresql.Insert | sqlite.Insert = dialect.insert(_TABLE)
    upsert = insert.on_conflict_do_update(index_elements=_TABLE.primary_key, set_={"version": _TABLE.c.version + 1})
    first = {"app": app.id, "account_id": account_id, "version": 1, "counted_version": 0}
    first |= {"statistics": "{}", "details": "", "times": "[]"}
    connection.execute(upsert, [{**first, "begin": begin, "end": end} for begin, end in sorted(days)])


def mark_account(connection: Connection, app: App, account_id: str) -> None:
    """Mark all days of an account: a limit of its after-call work has changed."""
    connection.execute(sa.update(_TABLE).where(_is_own(app, account_id)).values(version=_TABLE.c.version + 1))


def delete_account(connection: Connection, app: App, account_id: str) -> None:
    """Delete all days of an account."""
    connection.execute(sa.delete(_TABLE).where(_is_own(app, account_id)))


def delete_before(connection: Connection, app: App, before: datetime) -> None:
    """Delete the days of the app's accounts that ended by an instant."""
    accounts = sa.select(schema.accounts.c.account_id).where(schema.accounts.c.app == app.id)
    is_own = (_TABLE.c.app == app.id) & _TABLE.c.account_id.in_(accounts)
    connection.execute(sa.delete(_TABLE).where(is_own, _TABLE.c.end <= before))


def save_day(connection: Connection, app: App, day: StaleDay, groups: GroupedStatistics, times: TimesByQueue) -> None:
    """Write a day, unless it was marked or deleted in the meantime."""
    is_day = _is_own(app, day.account_id) & (_TABLE.c.begin == day.window.begin) & (_TABLE.c.version == day.version)
    values = {
        "counted_version": day.version,
        "statistics": serialize_directions(groups.account),
        "details": serialize_groups(groups),
        "times": serialize_times(times),
    }
    connection.execute(sa.update(_TABLE).where(is_day).values(**values))


def load_days(connection: Connection, app: App, account_id: str, window: TimeWindow) -> list[DayStatistics]:
    """Return the account's days that begin within a window, in order of time."""
    is_near = (_TABLE.c.begin >= window.begin) & (_TABLE.c.begin < window.end)
    query = sa.select(_TABLE, IS_STALE.label("is_stale")).where(_is_own(app, account_id), is_near)
    return [_build_day(row) for row in connection.execute(query.order_by(_TABLE.c.begin))]


def _build_day(row: sa.Row[Any]) -> DayStatistics:
    return DayStatistics(
        window=TimeWindow(begin=row.begin, end=row.end),
        groups=parse_groups(row.statistics, row.details),
        times=parse_times(row.times),
        is_stale=bool(row.is_stale),
    )


def _is_own(app: App, account_id: str) -> sa.ColumnElement[bool]:
    return (_TABLE.c.app == app.id) & (_TABLE.c.account_id == account_id)
