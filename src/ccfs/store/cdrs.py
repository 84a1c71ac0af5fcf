"""Rows of call detail records. Whoever asks names the app first."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ccfs.model import month
from ccfs.model.call import SPREAD, direction_number, talk_seconds
from ccfs.model.cdr import Cdr
from ccfs.model.tenancy import App
from ccfs.store import call_counts, months, schema
from ccfs.store.aside import Aside
from ccfs.store.bulk import Bulk
from ccfs.store.db import plan_anew

REACH = SPREAD
_TABLE = schema.cdrs
_FIELDS = tuple(field.name for field in fields(Cdr))
_KEY = ("app", "begin", "account_id", "line_key")
_SEARCHED: dict[str, Callable[[Cdr], int]] = {  # what people search by, beside a row's own fields
    "talk_seconds": talk_seconds,
    "direction": lambda row: direction_number(row.call_type),
}
_BULK = Bulk(_TABLE, Cdr, _SEARCHED)
_FIND = sa.select(*(_TABLE.c[name] for name in _FIELDS)).where(_TABLE.c.app == sa.bindparam("owner"))
_FIRST, _LAST = (sa.bindparam(name, type_=schema.Instant) for name in ("first", "last"))
_NEAR = Aside(_TABLE.c.begin).between(_FIRST, _LAST)  # by which PostgreSQL leaves out the other months
_OF_CALLS = _FIND.where(_TABLE.c.call_id.in_(sa.bindparam("names", expanding=True)))
_BY_LEG = _FIND.where(
    _TABLE.c.switch_leg_id.in_(sa.bindparam("names", expanding=True)),
    _TABLE.c.switch_leg_id != _TABLE.c.switch_call_id,
)
_CHANGE = (
    sa.update(_TABLE)
    .where(*(_TABLE.c[name] == sa.bindparam(f"new_{name}") for name in _KEY))
    .values({name: sa.bindparam(f"new_{name}") for name in (*_FIELDS, *_SEARCHED) if name not in _KEY})
)

Near = Iterable[datetime] | None  # instants around which rows are looked for; none: at any time


def of_calls(connection: Connection, app: App, call_ids: Iterable[str], near: Near = None) -> dict[str, list[Cdr]]:
    """The app's rows of these calls, by callId: of those that begin within REACH of `near`."""
    found: dict[str, list[Cdr]] = defaultdict(list)
    for row in _rows(connection, app, _OF_CALLS, call_ids, near):
        found[row.call_id].append(row)
    return found


def of_legs(connection: Connection, app: App, leg_ids: Iterable[str], near: Near = None) -> list[Cdr]:
    """The app's rows of these legs, those apart whose leg id is the call's own (`of_calls` finds them)."""
    return _rows(connection, app, _BY_LEG, leg_ids, near)


def _rows(connection: Connection, app: App, question: sa.Select[Any], names: Iterable[str], near: Near) -> list[Cdr]:
    values: dict[str, Any] = {"owner": app.id, "names": list(names)}
    if not values["names"]:
        return []
    plan_anew(connection)
    if moments := list(near or ()):
        question = question.where(_NEAR)
        values["first"], values["last"] = month.clamped(min(moments), -REACH), month.clamped(max(moments), REACH)
    return [Cdr(**dict(zip(_FIELDS, row, strict=True))) for row in connection.execute(question, values)]


def add(connection: Connection, app: App, rows: Sequence[Cdr]) -> None:
    """Keep new rows."""
    months.need(connection, _TABLE, {month.of(row.begin) for row in rows})
    _BULK.add(connection, app, rows)
    call_counts.changed(connection, app, rows)


def change(connection: Connection, app: App, rows: Sequence[Cdr]) -> None:
    """Write rows of the app anew: a later leg numbers the earlier ones, a queue log tells more of them. A row keeps its
    begin, account and line."""
    if rows:
        names = (*_FIELDS, *_SEARCHED)
        values = [dict(zip(names, _BULK.values(row), strict=True)) | {"app": app.id} for row in rows]
        connection.execute(_CHANGE, [{f"new_{name}": value for name, value in one.items()} for one in values])
        call_counts.changed(connection, app, rows)
