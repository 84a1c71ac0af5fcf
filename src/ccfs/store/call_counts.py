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

from ccfs.model import month
from ccfs.model.call import SPREAD, Direction
from ccfs.model.call_count import QUARTER, Counts, counted, quarter
from ccfs.model.cdr import Cdr
from ccfs.model.tenancy import App
from ccfs.model.window import Window
from ccfs.store import schema
from ccfs.store.aside import Aside
from ccfs.store.db import plan_anew

AT_ONCE = timedelta(hours=6)  # of an account, that are counted together at most
NAMES = 500  # calls whose legs are looked up by one question
_TABLE = schema.call_counts
_LEG = schema.cdrs
_IS_OLD = _TABLE.c.told != _TABLE.c.counted
_TIMES = ("begin", "wait_begin", "wait_end", "call_begin", "call_end")
_LEGS = sa.select(*(_LEG.c[name] for name in ("call_id", "call_id_num", "call_type", "device_type", *_TIMES)))
_DIRECTIONS = tuple(Direction)


@dataclass(frozen=True, slots=True, kw_only=True)
class Old:
    """Quarters of one account that are to be counted, the newest first, and what `told` is of each."""

    app: App
    account_id: str
    told: Mapping[datetime, int]


def changed(connection: Connection, app: App, rows: Iterable[Cdr]) -> None:
    """These legs are new or not what they were. Say it of all legs of a call: it counts where its first one is."""
    cells = sorted({(row.account_id, quarter(row.begin)) for row in rows})
    if not cells:
        return
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    values = [{"app": app.id, "account_id": one, "begin": begin} for one, begin in cells]
    fresh: postgresql.Insert | sqlite.Insert = dialect.insert(_TABLE)
    again = fresh.on_conflict_do_update(index_elements=_TABLE.primary_key, set_={"told": _TABLE.c.told + 1})
    connection.execute(again, [{**one, "told": 1, "counted": 0, "counts": "{}"} for one in values])


def old(connection: Connection) -> Old | None:
    """What is to be counted next: the newest that is not, and with it what is old of the same hours; None: nothing."""
    apps, keys = schema.apps, (_TABLE.c.app, _TABLE.c.account_id, _TABLE.c.begin)
    newest = sa.select(*keys, apps.c.ak, apps.c.name).join(apps, apps.c.id == _TABLE.c.app).where(_IS_OLD)
    first = connection.execute(newest.order_by(_TABLE.c.begin.desc()).limit(1)).first()
    if first is None:
        return None
    mine = (_TABLE.c.app == first.app) & (_TABLE.c.account_id == first.account_id)
    mine &= _TABLE.c.begin.between(first.begin - AT_ONCE, first.begin)
    rows = connection.execute(sa.select(_TABLE.c.begin, _TABLE.c.told).where(mine, _IS_OLD))
    app = App(id=first.app, ak=first.ak, name=first.name)
    return Old(app=app, account_id=first.account_id, told={row.begin: row.told for row in rows})


def count(connection: Connection, app: App, account_id: str, quarters: Iterable[datetime]) -> Mapping[datetime, Any]:
    """How the account's calls went that began in these quarters, by quarter and direction."""
    wanted = set(quarters)
    begin, end = min(wanted), max(wanted) + QUARTER
    mine = (_LEG.c.app == app.id) & (_LEG.c.account_id == account_id) & (_LEG.c.begin >= begin) & (_LEG.c.begin < end)
    plan_anew(connection)
    ids = sorted(connection.execute(sa.select(_LEG.c.call_id).where(mine).distinct()).scalars())
    near = Window(begin=month.clamped(begin, -SPREAD), end=month.clamped(end, SPREAD))
    calls: dict[str, list[Any]] = defaultdict(list)
    for start in range(0, len(ids), NAMES):
        for row in _legs(connection, app, account_id, ids[start:][:NAMES], near):
            calls[row.call_id].append(row)
    return {begin: counts for begin, counts in counted(calls.values()).items() if begin in wanted}


def _legs(connection: Connection, app: App, account_id: str, ids: Sequence[str], near: Window) -> Sequence[Any]:
    mine = (_LEG.c.app == app.id) & _LEG.c.call_id.in_(ids)
    mine &= Aside(_LEG.c.begin).between(near.begin, near.end) & (Aside(_LEG.c.account_id) == account_id)
    return connection.execute(_LEGS.where(mine)).all()


def keep(connection: Connection, app: App, found: Old, counts: Mapping[datetime, Mapping[Direction, Counts]]) -> None:
    """Write what was counted; what was told meanwhile stays old. It waits for nobody, so nobody waits for it in a circle."""
    mine = (_TABLE.c.app == app.id) & (_TABLE.c.account_id == found.account_id)
    there = sa.select(_TABLE.c.begin).where(mine, _TABLE.c.begin.in_(list(found.told)))
    free = connection.execute(there.with_for_update(skip_locked=True)).scalars().all()
    write = sa.update(_TABLE).where(mine, _TABLE.c.begin == sa.bindparam("at"), _TABLE.c.told == sa.bindparam("then"))
    values = [
        {"at": begin, "then": found.told[begin], "counted": found.told[begin], "counts": _text(counts.get(begin, {}))}
        for begin in sorted(free)
    ]
    if values:
        connection.execute(write.values(counted=sa.bindparam("counted"), counts=sa.bindparam("counts")), values)


def read(
    connection: Connection, app: App, account_id: str, window: Window
) -> tuple[dict[datetime, Mapping[Direction, Counts]], int]:
    """How the account's calls went, by quarter and direction; and how many quarters are to be counted (again)."""
    mine = (_TABLE.c.app == app.id) & (_TABLE.c.account_id == account_id)
    mine &= (_TABLE.c.begin >= window.begin) & (_TABLE.c.begin < window.end)
    rows = connection.execute(sa.select(_TABLE.c.begin, _IS_OLD.label("is_old"), _TABLE.c.counts).where(mine)).all()
    return {row.begin: _counts(row.counts) for row in rows}, sum(bool(row.is_old) for row in rows)


def forget(connection: Connection, app: App, before: datetime) -> None:
    """The app's calls that began before an instant are forgotten, and so are their counts."""
    accounts = sa.select(schema.accounts.c.account_id).where(schema.accounts.c.app == app.id)
    mine = (_TABLE.c.app == app.id) & _TABLE.c.account_id.in_(accounts)
    connection.execute(sa.delete(_TABLE).where(mine, _TABLE.c.begin < before))


def _text(counts: Mapping[Direction, Counts]) -> str:
    told = {_DIRECTIONS.index(way): [one.talk, _row(one.answered), _row(one.lost)] for way, one in counts.items()}
    return json.dumps(told, separators=(",", ":"))


def _row(waits: Mapping[int, int]) -> list[int]:
    """Seconds and number of calls in turn: read faster than an object, whose names are texts."""
    return [number for pair in sorted(waits.items()) for number in pair]


def _counts(text: str) -> Mapping[Direction, Counts]:
    told: dict[str, tuple[int, list[int], list[int]]] = json.loads(text)
    return {
        _DIRECTIONS[int(way)]: Counts(talk=talk, answered=_waits(answered), lost=_waits(lost))
        for way, (talk, answered, lost) in told.items()
    }


def _waits(row: list[int]) -> dict[int, int]:
    return dict(zip(row[::2], row[1::2], strict=True))
