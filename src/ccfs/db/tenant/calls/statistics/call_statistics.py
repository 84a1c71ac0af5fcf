"""Call statistics, stored as a row per account and quarter hour, so that charts of a year need not read CDRs.

Writers of legs increment `version` in the same transaction (`mark_dirty`). A worker computes the rows whose
`counted_version` is different. `save_statistics` writes only those rows whose `version` has not changed in the
meantime; the others stay dirty. It also marks their days, which daily_statistics.py adds up.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

from ccfs.db import schema
from ccfs.db.engine import force_custom_plan
from ccfs.db.no_index import NoIndex
from ccfs.db.tenant.calls.statistics import daily_statistics
from ccfs.db.tenant.calls.statistics.statistics_json import (
    parse_directions,
    parse_groups,
    serialize_directions,
    serialize_groups,
)
from ccfs.model.calls import partition_month
from ccfs.model.calls.call import MAX_LEG_SPREAD
from ccfs.model.calls.cdr import Cdr
from ccfs.model.calls.statistics import QUARTER_HOUR, ByDirection, GroupedStatistics, aggregate_calls, quarter_start
from ccfs.model.exports.time_window import TimeWindow
from ccfs.model.identity.tenancy import App

MAX_BATCH_SPAN = timedelta(hours=6)  # of one account, computed at once
IDS_PER_QUERY = 500  # calls whose legs one query selects
_TABLE = schema.call_statistics
_LEG = schema.cdrs
IS_DIRTY = _TABLE.c.version != _TABLE.c.counted_version
_TIME_COLUMNS = ("begin", "wait_begin", "wait_end", "ack_begin", "ack_end", "call_begin", "call_end")
_NAME_COLUMNS = ("call_id", "call_id_num", "call_type", "device_type", "agent_id", "current_skill_id")
_SELECT_LEGS = sa.select(*(_LEG.c[name] for name in (*_NAME_COLUMNS, *_TIME_COLUMNS)))
_NOTHING = GroupedStatistics()


@dataclass(frozen=True, slots=True, kw_only=True)
class DirtyStatistics:
    """Quarter hours of an account that must be computed."""

    app: App
    account_id: str
    versions: Mapping[datetime, int]  # begin of the quarter hour -> version to be counted


def mark_dirty(connection: Connection, app: App, rows: Iterable[Cdr]) -> None:
    """Mark the quarter hours of new or changed legs as dirty.

    Pass all legs of a call, because the call counts in the quarter hour in which its first leg begins.
    """
    mark_instants(connection, app, ((row.account_id, row.begin) for row in rows))


def mark_instants(connection: Connection, app: App, instants: Iterable[tuple[str, datetime]]) -> None:
    """Mark the quarter hours of these instants, each with its account, as dirty, and with them their days."""
    cells = sorted({(account_id, quarter_start(instant)) for account_id, instant in instants})
    if not cells:
        return
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    insert: postgresql.Insert | sqlite.Insert = dialect.insert(_TABLE)
    upsert = insert.on_conflict_do_update(index_elements=_TABLE.primary_key, set_={"version": _TABLE.c.version + 1})
    first = {"app": app.id, "version": 1, "counted_version": 0, "statistics": "{}", "details": ""}
    connection.execute(upsert, [{**first, "account_id": account_id, "begin": begin} for account_id, begin in cells])


def recount_account(connection: Connection, app: App, account_id: str) -> None:
    """Mark all statistics of an account as dirty, and delete those of days: its clock has changed."""
    is_own = (_TABLE.c.app == app.id) & (_TABLE.c.account_id == account_id)
    connection.execute(sa.update(_TABLE).where(is_own).values(version=_TABLE.c.version + 1))
    daily_statistics.delete_account(connection, app, account_id)


def compute_statistics(
    connection: Connection, app: App, account_id: str, quarters: Iterable[datetime]
) -> Mapping[datetime, GroupedStatistics]:
    """Return the statistics of the account's calls that began in these quarter hours."""
    wanted = set(quarters)
    begin, end = min(wanted), max(wanted) + QUARTER_HOUR
    condition = (_LEG.c.app == app.id) & (_LEG.c.account_id == account_id)
    condition &= (_LEG.c.begin >= begin) & (_LEG.c.begin < end)
    force_custom_plan(connection)
    ids = sorted(connection.execute(sa.select(_LEG.c.call_id).where(condition).distinct()).scalars())
    near = TimeWindow(
        begin=partition_month.shift_clamped(begin, -MAX_LEG_SPREAD),
        end=partition_month.shift_clamped(end, MAX_LEG_SPREAD),
    )
    calls: dict[str, list[Any]] = defaultdict(list)
    for start in range(0, len(ids), IDS_PER_QUERY):
        for row in _select_legs(connection, app, account_id, ids[start:][:IDS_PER_QUERY], near):
            calls[row.call_id].append(row)
    return {begin: counts for begin, counts in aggregate_calls(calls.values()).items() if begin in wanted}


def _select_legs(
    connection: Connection, app: App, account_id: str, ids: Sequence[str], near: TimeWindow
) -> Sequence[Any]:
    condition = (_LEG.c.app == app.id) & _LEG.c.call_id.in_(ids)
    condition &= NoIndex(_LEG.c.begin).between(near.begin, near.end) & (NoIndex(_LEG.c.account_id) == account_id)
    return connection.execute(_SELECT_LEGS.where(condition)).all()


def save_statistics(
    connection: Connection,
    app: App,
    dirty: DirtyStatistics,
    statistics: Mapping[datetime, GroupedStatistics],
) -> None:
    """Write computed statistics.

    Rows that were marked in the meantime stay dirty, and so do rows that another transaction has locked: because of
    SKIP LOCKED, there can be no deadlock with ingest.
    """
    is_own = (_TABLE.c.app == app.id) & (_TABLE.c.account_id == dirty.account_id)
    rows = sa.select(_TABLE.c.begin).where(is_own, _TABLE.c.begin.in_(list(dirty.versions)))
    unlocked = connection.execute(rows.with_for_update(skip_locked=True)).scalars().all()
    update = (
        sa.update(_TABLE)
        .where(is_own, _TABLE.c.begin == sa.bindparam("row_begin"), _TABLE.c.version == sa.bindparam("row_version"))
        .values({name: sa.bindparam(name) for name in ("counted_version", "statistics", "details")})
    )
    values = [
        {
            "row_begin": begin,
            "row_version": dirty.versions[begin],
            "counted_version": dirty.versions[begin],
            "statistics": serialize_directions(statistics.get(begin, _NOTHING).account),
            "details": serialize_groups(statistics.get(begin, _NOTHING)),
        }
        for begin in sorted(unlocked)
    ]
    if values:
        connection.execute(update, values)
        daily_statistics.mark_days(connection, app, dirty.account_id, unlocked)


def load_statistics(
    connection: Connection, app: App, account_id: str, window: TimeWindow
) -> tuple[dict[datetime, ByDirection], int]:
    """Return the account's statistics by quarter hour and direction, and the number of dirty quarter hours."""
    rows = connection.execute(_select_window(app, account_id, window, _TABLE.c.statistics)).all()
    return {row.begin: parse_directions(row.statistics) for row in rows}, sum(bool(row.is_dirty) for row in rows)


def load_groups(
    connection: Connection, app: App, account_id: str, window: TimeWindow
) -> tuple[dict[datetime, GroupedStatistics], int]:
    """Return the statistics of the account, its queues and agents by quarter hour, and the number of dirty ones."""
    columns = (_TABLE.c.statistics, _TABLE.c.details)
    rows = connection.execute(_select_window(app, account_id, window, *columns)).all()
    return {row.begin: parse_groups(row.statistics, row.details) for row in rows}, sum(
        bool(row.is_dirty) for row in rows
    )


def count_dirty(connection: Connection, app: App, account_id: str, window: TimeWindow) -> int:
    """Return the number of dirty quarter hours."""
    dirty = _select_window(app, account_id, window).where(IS_DIRTY)
    return int(connection.execute(sa.select(sa.func.count()).select_from(dirty.subquery())).scalar_one())


def delete_before(connection: Connection, app: App, before: datetime) -> None:
    """Delete the statistics of the app's calls that began before an instant."""
    accounts = sa.select(schema.accounts.c.account_id).where(schema.accounts.c.app == app.id)
    is_own = (_TABLE.c.app == app.id) & _TABLE.c.account_id.in_(accounts)
    connection.execute(sa.delete(_TABLE).where(is_own, _TABLE.c.begin < before))
    daily_statistics.delete_before(connection, app, before)


def _select_window(app: App, account_id: str, window: TimeWindow, *columns: sa.Column[Any]) -> sa.Select[Any]:
    condition = (_TABLE.c.app == app.id) & (_TABLE.c.account_id == account_id)
    condition &= (_TABLE.c.begin >= window.begin) & (_TABLE.c.begin < window.end)
    return sa.select(_TABLE.c.begin, IS_DIRTY.label("is_dirty"), *columns).where(condition)
