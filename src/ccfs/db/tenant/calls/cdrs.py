"""Rows of CDRs."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from itertools import product
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ccfs.db import partitions, schema
from ccfs.db.bulk_insert import BulkInserter
from ccfs.db.engine import force_custom_plan
from ccfs.db.no_index import NoIndex
from ccfs.db.tenant.calls import search_index
from ccfs.db.tenant.calls.statistics import call_statistics
from ccfs.model.calls import partition_month
from ccfs.model.calls.call import MAX_CALL_SECONDS, MAX_LEG_SPREAD, call_talk_seconds, call_wait_time, direction_index
from ccfs.model.calls.cdr import Cdr
from ccfs.model.calls.search_text import fold_value
from ccfs.model.identity.tenancy import App

_TABLE = schema.cdrs
_FIELDS = tuple(field.name for field in fields(Cdr))
_KEYS_PER_QUERY = 500  # every database limits the parameters of a query
_KEY = ("app", "begin", "account_id", "source_key")
_SEARCH_COLUMNS = ("direction", "caller_key", "callee_key", "name_key")  # that the search needs beside the fields
_CALL_COLUMNS = ("talk_seconds", "wait_seconds")  # of the whole call, in each of its rows
_BULK_INSERT = BulkInserter(_TABLE, Cdr, (*_CALL_COLUMNS, *_SEARCH_COLUMNS))
_SELECT = sa.select(*(_TABLE.c[name] for name in _FIELDS)).where(_TABLE.c.app == sa.bindparam("owner"))
_FIRST_BEGIN, _LAST_BEGIN = (sa.bindparam(name, type_=schema.Instant) for name in ("first", "last"))
_IN_TIME_RANGE = NoIndex(_TABLE.c.begin).between(_FIRST_BEGIN, _LAST_BEGIN)  # PostgreSQL then skips other months
_SELECT_BY_CALL_IDS = _SELECT.where(_TABLE.c.call_id.in_(sa.bindparam("names", expanding=True)))
_SELECT_BY_LEG_IDS = _SELECT.where(
    _TABLE.c.switch_leg_id.in_(sa.bindparam("names", expanding=True)),
    _TABLE.c.switch_leg_id != _TABLE.c.switch_call_id,
)
_SELECT_CALLS_OF_LEGS = (
    sa.select(_TABLE.c.switch_leg_id, _TABLE.c.call_id)
    .distinct()
    .where(
        _TABLE.c.app == sa.bindparam("owner"),
        _TABLE.c.switch_leg_id.in_(sa.bindparam("names", expanding=True)),
        _TABLE.c.switch_leg_id != _TABLE.c.switch_call_id,
    )
)
_SELECT_CALLS = sa.select(_TABLE.c.call_id).where(
    _TABLE.c.app == sa.bindparam("owner"), _TABLE.c.call_id.in_(sa.bindparam("names", expanding=True))
)
_IS_ROW = [_TABLE.c[name] == sa.bindparam(f"new_{name}") for name in _KEY]
_UPDATE = (
    sa.update(_TABLE)
    .where(*_IS_ROW)
    .values({name: sa.bindparam(f"new_{name}") for name in (*_FIELDS, *_SEARCH_COLUMNS) if name not in _KEY})
)

_UPDATE_TIMES = sa.update(_TABLE).where(*_IS_ROW).values({name: sa.bindparam(f"new_{name}") for name in _CALL_COLUMNS})
_TIME_COLUMNS = ("device_type", "wait_begin", "wait_end", "call_begin", "call_end")
_SELECT_TIMES = sa.select(*(_TABLE.c[name] for name in (*_KEY, "call_id", *_TIME_COLUMNS, *_CALL_COLUMNS))).where(
    _TABLE.c.app == sa.bindparam("owner"), _TABLE.c.call_id.in_(sa.bindparam("names", expanding=True))
)
_DELETE = sa.delete(_TABLE).where(*(_TABLE.c[name] == sa.bindparam(f"old_{name}") for name in _KEY))

_NAMES_PER_QUERY = 5000  # a batch has fewer; a document may have more, and PostgreSQL takes 65,535
_BEGINS_PER_QUERY, _MAX_ROWS_OF_BEGINS = 500, 10_000
NearInstants = Iterable[datetime] | None  # restricts a query to rows that begin within MAX_LEG_SPREAD of them


def find_by_call_ids(
    connection: Connection, app: App, call_ids: Iterable[str], near: NearInstants = None
) -> dict[str, list[Cdr]]:
    """Return the app's rows for these calls by callId; with `near`, only rows that begin within MAX_LEG_SPREAD of it."""
    legs: dict[str, list[Cdr]] = defaultdict(list)
    for row in _select_rows(connection, app, _SELECT_BY_CALL_IDS, call_ids, near):
        legs[row.call_id].append(row)
    return legs


def find_call_ids(connection: Connection, app: App, begins: Mapping[str, datetime]) -> set[str]:
    """Return the callIds of rows with these source_keys and begin times."""
    keys, call_ids = sorted(begins), set[str]()
    query = sa.select(_TABLE.c.call_id).where(_TABLE.c.app == app.id)
    for start in range(0, len(keys), _KEYS_PER_QUERY):
        some = keys[start:][:_KEYS_PER_QUERY]
        is_row = _TABLE.c.begin.in_({begins[key] for key in some}) & _TABLE.c.source_key.in_(some)
        call_ids |= set(connection.execute(query.where(is_row)).scalars())
    return call_ids


def find_by_numbers(
    connection: Connection, app: App, account_id: str, numbers: Iterable[str], first: datetime, last: datetime
) -> list[Cdr]:
    """Return the account's rows that begin between two instants and have one of these numbers as caller or callee."""
    names, rows = sorted(set(numbers)), list[Cdr]()
    for column, start in product((_TABLE.c.caller_no, _TABLE.c.callee_no), range(0, len(names), _KEYS_PER_QUERY)):
        query = _SELECT.where(
            _TABLE.c.account_id == account_id,
            column.in_(names[start:][:_KEYS_PER_QUERY]),
            column != sa.literal_column("''"),  # as the partial index requires
            _TABLE.c.begin.between(first, last),
        )
        rows += [Cdr(**dict(zip(_FIELDS, row, strict=True))) for row in connection.execute(query, {"owner": app.id})]
    return rows


def find_by_leg_ids(connection: Connection, app: App, leg_ids: Iterable[str], near: NearInstants = None) -> list[Cdr]:
    """Return the app's rows for these legs, except legs with the id of their call, which find_by_call_ids returns."""
    return _select_rows(connection, app, _SELECT_BY_LEG_IDS, leg_ids, near)


def find_large_calls(
    connection: Connection, app: App, call_ids: Iterable[str], leg_ids: Iterable[str], near: NearInstants, size: int
) -> dict[str, set[str]]:
    """Return those of these calls, and of these legs' calls, that have more than `size` rows, each with its legs among

    `leg_ids`.
    """
    of_legs: dict[str, set[str]] = defaultdict(set)
    for row in _iter_rows(connection, app, _SELECT_CALLS_OF_LEGS, leg_ids, near):
        of_legs[row.call_id].add(row.switch_leg_id)
    query = _SELECT_CALLS.group_by(_TABLE.c.call_id).having(sa.func.count() > size)
    large = {row[0] for row in _iter_rows(connection, app, query, {*call_ids, *of_legs}, near)}
    return {call_id: of_legs[call_id] for call_id in large}


def find_by_begins(
    connection: Connection, app: App, account_id: str, begins: Iterable[datetime], *, without_leg_id: bool
) -> list[Cdr]:
    """Return the account's rows that begin at these instants, either all or only those without a leg id.

    If there are very many, as only in damaged files, some are left out.
    """
    query = _SELECT.where(
        _TABLE.c.begin.in_(sa.bindparam("begins", expanding=True, type_=schema.Instant)),
        _TABLE.c.account_id == account_id,
    )
    if without_leg_id:
        query = query.where(_TABLE.c.switch_leg_id == "")
    query = query.limit(sa.bindparam("most"))
    instants, rows = sorted(set(begins)), list[Cdr]()
    for start in range(0, len(instants), _BEGINS_PER_QUERY):
        values = {"owner": app.id, "begins": instants[start:][:_BEGINS_PER_QUERY], "most": _MAX_ROWS_OF_BEGINS}
        rows += [Cdr(**dict(zip(_FIELDS, row, strict=True))) for row in connection.execute(query, values)]
    return rows


def _select_rows(
    connection: Connection, app: App, query: sa.Select[Any], names: Iterable[str], near: NearInstants
) -> list[Cdr]:
    return [Cdr(**dict(zip(_FIELDS, row, strict=True))) for row in _iter_rows(connection, app, query, names, near)]


def _iter_rows(
    connection: Connection, app: App, query: sa.Select[Any], names: Iterable[str], near: NearInstants
) -> Iterator[sa.Row[Any]]:
    """Yield the rows of a query, which is restricted to rows near these instants, for all names."""
    some, values = list(dict.fromkeys(names)), dict[str, Any](owner=app.id)
    if not some:
        return
    force_custom_plan(connection)
    if instants := list(near or ()):
        query = query.where(_IN_TIME_RANGE)
        values["first"] = partition_month.shift_clamped(min(instants), -MAX_LEG_SPREAD)
        values["last"] = partition_month.shift_clamped(max(instants), MAX_LEG_SPREAD)
    for start in range(0, len(some), _NAMES_PER_QUERY):
        yield from connection.execute(query, {**values, "names": some[start:][:_NAMES_PER_QUERY]})


def add(connection: Connection, app: App, rows: Sequence[Cdr]) -> None:
    """Add new rows. If their calls have other rows already, call `refresh_call_times` next."""
    times = _sum_times(rows)
    partitions.ensure(connection, _TABLE, {partition_month.month_key(row.begin) for row in rows})
    _BULK_INSERT.insert(connection, app, rows, lambda row: (*times[_call_of(row)], *_derive_search_values(row)))
    call_statistics.mark_dirty(connection, app, rows)
    search_index.add_rows(connection, app, rows)


def _derive_search_values(row: Cdr) -> tuple[Any, ...]:
    """Return the values of _SEARCH_COLUMNS."""
    keys = (fold_value(row.caller_no), fold_value(row.callee_no), fold_value(row.caller_name))
    return (direction_index(row.call_type), *keys)


def _sum_times(rows: Iterable[Any]) -> dict[tuple[str, str], tuple[int, int]]:
    """Return the values of _CALL_COLUMNS of each call of these rows, by account and callId."""
    calls: dict[tuple[str, str], list[Any]] = defaultdict(list)
    for row in rows:
        calls[_call_of(row)].append(row)
    return {
        call: (
            min(call_talk_seconds(legs), MAX_CALL_SECONDS),
            min(int(call_wait_time(legs).total_seconds()), MAX_CALL_SECONDS),
        )
        for call, legs in calls.items()
    }


def _call_of(row: Any) -> tuple[str, str]:
    return row.account_id, row.call_id


def refresh_call_times(connection: Connection, app: App, rows: Iterable[Cdr]) -> None:
    """Set talk and waiting time of these rows' calls in all rows of each call, after one was added, changed or deleted."""
    changed = list(rows)
    call_ids, near = {row.call_id for row in changed}, [row.begin for row in changed]
    legs = list(_iter_rows(connection, app, _SELECT_TIMES, sorted(call_ids), near))
    times = _sum_times(legs)
    stale = [leg for leg in legs if (leg.talk_seconds, leg.wait_seconds) != times[_call_of(leg)]]
    if stale:
        rows_ = [dict(zip(_CALL_COLUMNS, times[_call_of(leg)], strict=True)) for leg in stale]
        keys = [{name: leg._mapping[name] for name in _KEY} for leg in stale]
        connection.execute(
            _UPDATE_TIMES,
            [
                {f"new_{name}": value for name, value in (key | row).items()}
                for key, row in zip(keys, rows_, strict=True)
            ],
        )


def update(connection: Connection, app: App, rows: Sequence[Cdr]) -> None:
    """Update rows of the app: a later leg changes the numbers of earlier ones, and a queue log adds details.

    The begin time, account and source key of a row never change. Call `refresh_call_times` next.
    """
    if rows:
        names = (*_FIELDS, *_SEARCH_COLUMNS)
        values = [(*(getattr(row, name) for name in _FIELDS), *_derive_search_values(row)) for row in rows]
        connection.execute(
            _UPDATE,
            [
                {f"new_{name}": value for name, value in zip(names, row, strict=True)} | {"new_app": app.id}
                for row in values
            ],
        )
        call_statistics.mark_dirty(connection, app, rows)
        search_index.add_rows(connection, app, rows)


def delete(connection: Connection, app: App, rows: Sequence[Cdr]) -> None:
    """Delete rows of the app: parts of a line that another line turned out to contain. Call `refresh_call_times` next."""
    if rows:
        keys = [{f"old_{name}": getattr(row, name) for name in _KEY[1:]} | {"old_app": app.id} for row in rows]
        connection.execute(_DELETE, keys)
        call_statistics.mark_dirty(connection, app, rows)
