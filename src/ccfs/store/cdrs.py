"""Rows of call detail records. Whoever asks names the app first."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ccfs.model.call import direction_number, talk_seconds
from ccfs.model.cdr import Cdr
from ccfs.model.tenancy import App
from ccfs.store import schema

_TABLE = schema.cdrs
_FIELDS = tuple(field.name for field in fields(Cdr))
_NEW = tuple(f"new_{name}" for name in _FIELDS)
_values = attrgetter(*_FIELDS)
_FIND = sa.select(_TABLE.c.id, *(_TABLE.c[name] for name in _FIELDS)).where(_TABLE.c.app == sa.bindparam("owner"))
_OF_CALLS = _FIND.where(_TABLE.c.call_id.in_(sa.bindparam("names", expanding=True)))
_BY_LEG = _FIND.where(
    _TABLE.c.switch_leg_id.in_(sa.bindparam("names", expanding=True)),
    _TABLE.c.switch_leg_id != _TABLE.c.switch_call_id,
)
_SEARCHED = ("talk_seconds", "direction")  # what people search by, beside a row's own fields
_CHANGE = sa.update(_TABLE).where(_TABLE.c.id == sa.bindparam("row_id"))


@dataclass(frozen=True, slots=True)
class KeptCdr:
    """A row and its number."""

    id: int
    cdr: Cdr


def _from_row(row: Sequence[Any]) -> KeptCdr:
    return KeptCdr(row[0], Cdr(**dict(zip(_FIELDS, row[1:], strict=True))))


def _searched(row: Cdr) -> dict[str, int]:
    return dict(zip(_SEARCHED, (talk_seconds(row), direction_number(row.call_type)), strict=True))


def of_calls(connection: Connection, app: App, call_ids: Iterable[str]) -> dict[str, list[KeptCdr]]:
    """The app's rows of these calls, by callId."""
    found: dict[str, list[KeptCdr]] = defaultdict(list)
    for row in connection.execute(_OF_CALLS, {"owner": app.id, "names": list(call_ids)}):
        kept = _from_row(row)
        found[kept.cdr.call_id].append(kept)
    return found


def of_legs(connection: Connection, app: App, leg_ids: Iterable[str]) -> list[KeptCdr]:
    """The app's rows of these legs, those apart whose leg id is the call's own (`of_calls` finds them)."""
    return [_from_row(row) for row in connection.execute(_BY_LEG, {"owner": app.id, "names": list(leg_ids)})]


def add(connection: Connection, app: App, rows: Sequence[Cdr]) -> None:
    """Keep new rows."""
    if rows:
        values = [dict(zip(_FIELDS, _values(row), strict=True)) | {"app": app.id} | _searched(row) for row in rows]
        connection.execute(sa.insert(_TABLE), values)


def change(connection: Connection, app: App, rows: Sequence[KeptCdr]) -> None:
    """Write rows of the app anew: a later leg numbers the earlier ones, a queue log tells more of them."""
    if rows:
        statement = _CHANGE.where(_TABLE.c.app == app.id).values(
            {name: sa.bindparam(new) for name, new in zip(_FIELDS, _NEW, strict=True)}
            | {name: sa.bindparam(f"new_{name}") for name in _SEARCHED}
        )
        values = [
            dict(zip(_NEW, _values(row.cdr), strict=True))
            | {"row_id": row.id}
            | {f"new_{name}": value for name, value in _searched(row.cdr).items()}
            for row in rows
        ]
        connection.execute(statement, values)
