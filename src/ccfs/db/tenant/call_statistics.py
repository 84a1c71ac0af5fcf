"""Rows of how calls went, a quarter of an hour of an account each: pictures of a year read these and no call.

Whoever writes legs says so in the same transaction (`changed`): `told` grows. A worker counts what was told since (`old`, `count`,
`keep`); what is told meanwhile makes the row old again, for `keep` writes only what `told` still fits.
"""

import json
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
from ccfs.model.calls import partition_month
from ccfs.model.calls.call import MAX_LEG_SPREAD, Direction
from ccfs.model.calls.cdr import Cdr
from ccfs.model.calls.statistics import QUARTER_HOUR, CallStatistics, aggregate_calls, quarter_start
from ccfs.model.exports.time_window import TimeWindow
from ccfs.model.identity.tenancy import App

MAX_BATCH_SPAN = timedelta(hours=6)  # of an account, that are counted together at most
IDS_PER_QUERY = 500  # calls whose legs are looked up by one question
_TABLE = schema.call_statistics
_LEG = schema.cdrs
_IS_DIRTY = _TABLE.c.version != _TABLE.c.counted_version
_TIME_COLUMNS = ("begin", "wait_begin", "wait_end", "call_begin", "call_end")
_SELECT_LEGS = sa.select(
    *(_LEG.c[name] for name in ("call_id", "call_id_num", "call_type", "device_type", *_TIME_COLUMNS))
)
_DIRECTIONS = tuple(Direction)


@dataclass(frozen=True, slots=True, kw_only=True)
class DirtyStatistics:
    """Quarters of one account that are to be counted, the newest first, and what `told` is of each."""

    app: App
    account_id: str
    versions: Mapping[datetime, int]


def mark_dirty(connection: Connection, app: App, rows: Iterable[Cdr]) -> None:
    """These legs are new or not what they were. Say it of all legs of a call: it counts where its first one is."""
    cells = sorted({(row.account_id, quarter_start(row.begin)) for row in rows})
    if not cells:
        return
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    values = [{"app": app.id, "account_id": one, "begin": begin} for one, begin in cells]
    fresh: postgresql.Insert | sqlite.Insert = dialect.insert(_TABLE)
    again = fresh.on_conflict_do_update(index_elements=_TABLE.primary_key, set_={"version": _TABLE.c.version + 1})
    connection.execute(again, [{**one, "version": 1, "counted_version": 0, "statistics": "{}"} for one in values])


def find_next_dirty(connection: Connection) -> DirtyStatistics | None:
    """What is to be counted next: the newest that is not, and with it what is old of the same hours; None: nothing."""
    apps, keys = schema.apps, (_TABLE.c.app, _TABLE.c.account_id, _TABLE.c.begin)
    newest = sa.select(*keys, apps.c.ak, apps.c.name).join(apps, apps.c.id == _TABLE.c.app).where(_IS_DIRTY)
    first = connection.execute(newest.order_by(_TABLE.c.begin.desc()).limit(1)).first()
    if first is None:
        return None
    mine = (_TABLE.c.app == first.app) & (_TABLE.c.account_id == first.account_id)
    mine &= _TABLE.c.begin.between(first.begin - MAX_BATCH_SPAN, first.begin)
    rows = connection.execute(sa.select(_TABLE.c.begin, _TABLE.c.version).where(mine, _IS_DIRTY))
    app = App(id=first.app, ak=first.ak, name=first.name)
    return DirtyStatistics(app=app, account_id=first.account_id, versions={row.begin: row.version for row in rows})


def compute_statistics(
    connection: Connection, app: App, account_id: str, quarters: Iterable[datetime]
) -> Mapping[datetime, Any]:
    """How the account's calls went that began in these quarters, by quarter and direction."""
    wanted = set(quarters)
    begin, end = min(wanted), max(wanted) + QUARTER_HOUR
    mine = (_LEG.c.app == app.id) & (_LEG.c.account_id == account_id) & (_LEG.c.begin >= begin) & (_LEG.c.begin < end)
    force_custom_plan(connection)
    ids = sorted(connection.execute(sa.select(_LEG.c.call_id).where(mine).distinct()).scalars())
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
    mine = (_LEG.c.app == app.id) & _LEG.c.call_id.in_(ids)
    mine &= NoIndex(_LEG.c.begin).between(near.begin, near.end) & (NoIndex(_LEG.c.account_id) == account_id)
    return connection.execute(_SELECT_LEGS.where(mine)).all()


def save_statistics(
    connection: Connection,
    app: App,
    found: DirtyStatistics,
    counts: Mapping[datetime, Mapping[Direction, CallStatistics]],
) -> None:
    """Write what was counted; what was told meanwhile stays old. It waits for nobody, so nobody waits for it in a circle."""
    mine = (_TABLE.c.app == app.id) & (_TABLE.c.account_id == found.account_id)
    there = sa.select(_TABLE.c.begin).where(mine, _TABLE.c.begin.in_(list(found.versions)))
    free = connection.execute(there.with_for_update(skip_locked=True)).scalars().all()
    write = sa.update(_TABLE).where(
        mine, _TABLE.c.begin == sa.bindparam("at"), _TABLE.c.version == sa.bindparam("then")
    )
    values = [
        {
            "at": begin,
            "then": found.versions[begin],
            "counted_version": found.versions[begin],
            "statistics": _serialize(counts.get(begin, {})),
        }
        for begin in sorted(free)
    ]
    if values:
        connection.execute(
            write.values(counted_version=sa.bindparam("counted_version"), statistics=sa.bindparam("statistics")), values
        )


def load_statistics(
    connection: Connection, app: App, account_id: str, window: TimeWindow
) -> tuple[dict[datetime, Mapping[Direction, CallStatistics]], int]:
    """How the account's calls went, by quarter and direction; and how many quarters are to be counted (again)."""
    mine = (_TABLE.c.app == app.id) & (_TABLE.c.account_id == account_id)
    mine &= (_TABLE.c.begin >= window.begin) & (_TABLE.c.begin < window.end)
    rows = connection.execute(
        sa.select(_TABLE.c.begin, _IS_DIRTY.label("is_dirty"), _TABLE.c.statistics).where(mine)
    ).all()
    return {row.begin: _deserialize(row.statistics) for row in rows}, sum(bool(row.is_dirty) for row in rows)


def delete_before(connection: Connection, app: App, before: datetime) -> None:
    """The app's calls that began before an instant are forgotten, and so are their counts."""
    accounts = sa.select(schema.accounts.c.account_id).where(schema.accounts.c.app == app.id)
    mine = (_TABLE.c.app == app.id) & _TABLE.c.account_id.in_(accounts)
    connection.execute(sa.delete(_TABLE).where(mine, _TABLE.c.begin < before))


def _serialize(counts: Mapping[Direction, CallStatistics]) -> str:
    told = {
        _DIRECTIONS.index(way): [
            one.talk_seconds,
            _flatten_waits(one.answered_by_wait),
            _flatten_waits(one.abandoned_by_wait),
        ]
        for way, one in counts.items()
    }
    return json.dumps(told, separators=(",", ":"))


def _flatten_waits(waits: Mapping[int, int]) -> list[int]:
    """Seconds and number of calls in turn: read faster than an object, whose names are texts."""
    return [number for pair in sorted(waits.items()) for number in pair]


def _deserialize(text: str) -> Mapping[Direction, CallStatistics]:
    told: dict[str, tuple[int, list[int], list[int]]] = json.loads(text)
    return {
        _DIRECTIONS[int(way)]: CallStatistics(
            talk_seconds=talk, answered_by_wait=_unflatten_waits(answered), abandoned_by_wait=_unflatten_waits(lost)
        )
        for way, (talk, answered, lost) in told.items()
    }


def _unflatten_waits(row: list[int]) -> dict[int, int]:
    return dict(zip(row[::2], row[1::2], strict=True))
