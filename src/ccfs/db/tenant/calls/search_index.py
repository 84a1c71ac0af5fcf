"""The index of the numbers, names, agents and queues of an account's CDRs, by which a search finds them from a part.

`search_values` has each value once. `search_keys` has the beginnings under which it is found: all ends of a number, all
ends of a text that begin with a word. A search for a part is therefore a range of an index, on both engines, and returns
the values as the CDRs have them, for which the CDRs have indexes of their own.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from enum import IntEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import Connection

from ccfs.db import schema
from ccfs.db.statements import insert_or_ignore
from ccfs.model.calls import partition_month
from ccfs.model.calls.cdr import Cdr
from ccfs.model.calls.search_text import SearchTerm, TermKind, fold_value, list_index_keys
from ccfs.model.identity.tenancy import App

_VALUES, _KEYS = schema.search_values, schema.search_keys
_NAMES_PER_QUERY = 500
_KEYS_PER_SUGGESTION = 4  # a value may have several keys that match
_LAST_CHARACTER = "\U0010ffff"  # sorts after every character of a key


class ValueKind(IntEnum):
    """The column of the CDRs that has a value."""

    CALLER = 0
    CALLEE = 1
    NAME = 2
    AGENT = 3
    QUEUE = 4


COLUMNS = {
    ValueKind.CALLER: "caller_no",
    ValueKind.CALLEE: "callee_no",
    ValueKind.NAME: "caller_name",
    ValueKind.AGENT: "agent_id",
    ValueKind.QUEUE: "current_skill_id",
}
ValuesByKind = Mapping[ValueKind, Mapping[str, datetime]]  # value -> start of the newest month with it


def add_rows(connection: Connection, app: App, rows: Iterable[Cdr]) -> None:
    """Add the values of new or changed CDRs."""
    accounts: dict[str, dict[ValueKind, dict[str, datetime]]] = defaultdict(lambda: defaultdict(dict))
    for row in rows:
        month, values = _start_of_month(row.begin), accounts[row.account_id]
        for kind, column in COLUMNS.items():
            if value := getattr(row, column):
                values[kind][value] = max(month, values[kind].get(value, month))
    for account_id in sorted(accounts):
        add_values(connection, app, account_id, accounts[account_id])


def _start_of_month(instant: datetime) -> datetime:
    return partition_month.month_start(partition_month.month_key(instant))


def add_values(connection: Connection, app: App, account_id: str, values: ValuesByKind) -> None:
    """Add values that are new, with their keys, and note a newer month of known ones."""
    for kind in sorted(values):
        known = _load_months(connection, app, account_id, kind, values[kind])
        new = sorted(value for value in values[kind] if value not in known)
        newer = sorted(value for value, month in known.items() if values[kind][value] > month)
        scope = {"app": app.id, "account_id": account_id, "kind": int(kind)}
        if new:
            rows = [scope | {"value": value, "last_month": values[kind][value]} for value in new]
            connection.execute(insert_or_ignore(connection, _VALUES), rows)
            _add_keys(connection, scope, new)
        if newer:
            is_value = [_VALUES.c[name] == sa.bindparam(f"of_{name}") for name in (*scope, "value")]
            update = sa.update(_VALUES).where(*is_value).values(last_month=sa.bindparam("month"))
            keys = {f"of_{name}": value for name, value in scope.items()}
            connection.execute(update, [keys | {"of_value": value, "month": values[kind][value]} for value in newer])


def _load_months(
    connection: Connection, app: App, account_id: str, kind: ValueKind, values: Iterable[str]
) -> dict[str, datetime]:
    """Return the newest month of those values that are known."""
    query = sa.select(_VALUES.c.value, _VALUES.c.last_month).where(*_is_of(_VALUES, app, account_id, kind))
    names, months = sorted(values), dict[str, datetime]()
    for start in range(0, len(names), _NAMES_PER_QUERY):
        some = names[start:][:_NAMES_PER_QUERY]
        months |= {row.value: row.last_month for row in connection.execute(query.where(_VALUES.c.value.in_(some)))}
    return months


def _add_keys(connection: Connection, scope: Mapping[str, Any], values: Sequence[str]) -> None:
    pairs = [(key, value) for value in values for key in dict.fromkeys(list_index_keys(fold_value(value)))]
    if not pairs:
        return
    if connection.dialect.name != "postgresql":
        rows = [{**scope, "key": key, "value": value} for key, value in pairs]
        connection.execute(insert_or_ignore(connection, _KEYS), rows)
        return
    keys, of_values = (sa.literal(list(texts), postgresql.ARRAY(sa.Text)) for texts in zip(*pairs, strict=True))
    arrays = sa.func.unnest(keys, of_values).table_valued("key", "value", name="listed").render_derived()
    columns = [*(sa.literal(scope[name]) for name in ("app", "account_id", "kind")), arrays.c.key, arrays.c.value]
    names = ["app", "account_id", "kind", "key", "value"]
    insert = postgresql.insert(_KEYS).from_select(names, sa.select(*columns)).on_conflict_do_nothing()
    connection.execute(insert)  # one statement: an executemany takes ten times as long


def find_values(
    connection: Connection, app: App, account_id: str, kind: ValueKind, terms: Iterable[SearchTerm], limit: int
) -> list[str] | None:
    """Return the values that match any of the terms; None if there are more than `limit`, or perhaps so."""
    found: set[str] = set()
    for term in terms:
        query = sa.select(_KEYS.c.value).where(*_is_of(_KEYS, app, account_id, kind), *_is_term(term))
        rows = connection.execute(query.limit(limit + 1)).scalars().all()
        found.update(rows)
        if len(rows) > limit or len(found) > limit:
            return None
    return sorted(found)


def list_suggestions(
    connection: Connection, app: App, account_id: str, kind: ValueKind, terms: Iterable[SearchTerm], limit: int
) -> list[str]:
    """Return up to `limit` values that match any of the terms, in the order of their keys."""
    found: dict[str, None] = {}
    for term in terms:
        query = sa.select(_KEYS.c.value).where(*_is_of(_KEYS, app, account_id, kind), *_is_term(term))
        rows = connection.execute(query.order_by(_KEYS.c.key).limit(_KEYS_PER_SUGGESTION * limit)).scalars()
        found |= dict.fromkeys(rows)
    return list(found)[:limit]


def _is_of(table: sa.Table, app: App, account_id: str, kind: ValueKind) -> tuple[sa.ColumnElement[bool], ...]:
    return table.c.app == app.id, table.c.account_id == account_id, table.c.kind == int(kind)


def _is_term(term: SearchTerm) -> Iterator[sa.ColumnElement[bool]]:
    first = term.index_key
    if term.kind is TermKind.WHOLE:
        yield _KEYS.c.key == first
    else:
        yield _KEYS.c.key >= first
        yield _KEYS.c.key < first + _LAST_CHARACTER


def delete_before(connection: Connection, app: App, before: datetime) -> None:
    """Delete the values that no CDR since an instant has, with their keys."""
    names = ("app", "account_id", "kind", "value")
    is_old = (_VALUES.c.app == app.id) & (_VALUES.c.last_month < before)
    old = sa.select(*(_VALUES.c[name] for name in names)).where(is_old)
    of_value = sa.tuple_(*(_KEYS.c[name] for name in names))
    connection.execute(sa.delete(_KEYS).where(_KEYS.c.app == app.id, of_value.in_(old)))
    connection.execute(sa.delete(_VALUES).where(is_old))
