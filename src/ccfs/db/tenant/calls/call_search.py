"""Searches an account's calls and returns a page within a limited time.

A search covers a time window and scans one of the account's indexes in batches, which are narrow at first and become
wider if few legs match. When it times out, it returns what it has found and a cursor at which the next search
continues. The first response therefore arrives quickly, whatever the filter and however many calls the account has. If
several legs of a call match, the call is returned once, at the first of them in the order of the search.
"""

import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ccfs.db import schema
from ccfs.db.engine import force_custom_plan
from ccfs.db.no_index import NoIndex
from ccfs.db.tenant.calls import call_filters, text_filters
from ccfs.db.tenant.calls.text_filters import ColumnMatch, ResolvedSearch
from ccfs.model.calls import partition_month
from ccfs.model.calls.call import MAX_LEG_SPREAD
from ccfs.model.calls.search import CallSearch, SearchCount, SearchCursor, SearchHit, SearchOrder, SearchPage
from ccfs.model.exports.time_window import TimeWindow
from ccfs.model.identity.tenancy import App

_TARGET_SECONDS = 0.025  # time of one batch: the next one is wider or narrower by as much, within these bounds
_MIN_WIDENING, _MAX_WIDENING = 0.5, 16.0
_DAY, _MIN_WIDTH, _MICROSECOND = timedelta(days=1), timedelta(hours=1), timedelta(microseconds=1)
MAX_SORTED_LEGS = 4_000  # up to so many legs, sorting by a duration beats a walk along the account's index of durations
FIRST_BATCH_LEGS = 250  # of that walk
INDEX_WALK_SECONDS = 0.05  # length of that walk

_LEG = schema.cdrs
_LEG_COLUMNS = (_LEG.c.call_id, _LEG.c.begin, _LEG.c.source_key, _LEG.c.talk_seconds, _LEG.c.wait_seconds)
_BEGIN_COLUMNS = ("begin", "source_key")


@dataclass(frozen=True, slots=True, kw_only=True)
class _LegBatch:
    """Matching legs in the search's order."""

    rows: Sequence[Any]
    next_cursor: SearchCursor | None  # legs behind it were not read; None: all were


def find_calls(
    connection: Connection, app: App, search: CallSearch, timeout: float, *, may_sort: bool = True
) -> SearchPage:
    """Return matching calls in the order of the search, up to its limit or until `timeout` seconds have passed.

    With `may_sort`, the database may sort a very large number of legs to find the calls with the longest or shortest times, which can
    exceed the timeout.
    """
    force_custom_plan(connection)
    deadline, hits, cursor = time.monotonic() + timeout, list[SearchHit](), search.cursor
    resolved = text_filters.resolve(connection, app, search)
    if not resolved.can_match:
        return SearchPage(hits=[])
    for batch in _iter_batches(connection, app, resolved, 2 * search.limit, may_sort):
        if batch.rows:
            first_legs = _find_first_matching_legs(connection, app, resolved, batch.rows)
            hits += [
                _build_hit(row, search.order)
                for row in batch.rows
                if first_legs[row.call_id] == _sort_key(row, search.order)
            ]
        if len(hits) >= search.limit:
            return SearchPage(hits=hits[: search.limit], next_cursor=hits[search.limit - 1].cursor)
        cursor = batch.next_cursor
        if time.monotonic() > deadline:
            break
    return SearchPage(hits=hits, next_cursor=cursor, is_truncated=cursor is not None)


def find_position(connection: Connection, app: App, search: CallSearch, call_id: str) -> SearchCursor | None:
    """Return the cursor behind a call, from which the search continues; None if the call does not match."""
    force_custom_plan(connection)
    resolved = text_filters.resolve(connection, app, search)
    query = sa.select(*_LEG_COLUMNS).where(
        _LEG.c.call_id == call_id,
        *call_filters.scope_conditions(app, search, NoIndex(_LEG.c.account_id), NoIndex(_LEG.c.begin)),
        *call_filters.filter_conditions(resolved, no_index=True),
        *call_filters.recording_conditions(resolved),
    )
    rows = sorted(connection.execute(query).all(), key=lambda row: _sort_key(row, search.order))
    return _build_hit(rows[0], search.order).cursor if rows else None


def count_calls(connection: Connection, app: App, search: CallSearch, limit: int, timeout: float) -> SearchCount:
    """Count the matching calls on all pages, up to `limit` or until `timeout` seconds have passed."""
    force_custom_plan(connection)
    deadline, call_ids = time.monotonic() + timeout, set[str]()
    search = replace(search, cursor=None, order=SearchOrder.NEWEST)
    resolved = text_filters.resolve(connection, app, search)
    for batch in _iter_by_begin(connection, app, resolved, 2 * limit) if resolved.can_match else ():
        call_ids.update(row.call_id for row in batch.rows)
        if len(call_ids) > limit:
            return SearchCount(number=limit, is_complete=False)
        if batch.next_cursor and time.monotonic() > deadline:
            return SearchCount(number=len(call_ids), is_complete=False)
    return SearchCount(number=len(call_ids), is_complete=True)


def _iter_batches(
    connection: Connection, app: App, search: ResolvedSearch, size: int, may_sort: bool
) -> Iterator[_LegBatch]:
    """Yield the matching legs; all of them, unless very many had to be sorted without `may_sort`."""
    if not search.order.duration_column:
        yield from _iter_by_begin(connection, app, search, size)
        return
    if not _has_few_legs(connection, app, search):
        for batch in _iter_by_duration(connection, app, search):
            yield batch
            if batch.next_cursor is None:
                return
            search = replace(search, cursor=batch.next_cursor)
        if not may_sort:
            return
    yield from _iter_sorted(connection, app, search, size)


def _iter_by_begin(connection: Connection, app: App, search: ResolvedSearch, size: int) -> Iterator[_LegBatch]:
    """Walk the index of begins, or that of a given text, through slices of the window."""
    cursor, width, is_falling = search.cursor, _DAY, search.order.is_falling
    while True:
        remaining = _remaining_window(search.window, cursor, is_falling)
        window = _slice_window(remaining, width, is_falling)
        started = time.monotonic()
        rows = connection.execute(_select_legs(app, replace(search, window=window, cursor=cursor), size)).all()
        seconds = time.monotonic() - started
        if len(rows) < size and window == remaining:
            yield _LegBatch(rows=rows, next_cursor=None)
            return
        is_full = len(rows) == size
        cursor = (
            _build_hit(rows[-1], search.order).cursor
            if is_full
            else SearchCursor(begin=window.begin if is_falling else window.end, source_key="")
        )
        yield _LegBatch(rows=rows, next_cursor=cursor)
        if not is_full:
            width = max(width * _widen(seconds), _MIN_WIDTH)


def _widen(seconds: float) -> float:
    """Return the factor by which to widen the batch after one that took this many seconds."""
    return min(max(_TARGET_SECONDS / max(seconds, 1e-6), _MIN_WIDENING), _MAX_WIDENING)


def _remaining_window(window: TimeWindow, cursor: SearchCursor | None, is_falling: bool) -> TimeWindow:
    """Return the window after the cursor, including the cursor's own instant: other legs may begin at it."""
    if cursor is None:
        return window
    begin = min(max(cursor.begin, window.begin), window.end)
    return replace(window, end=min(begin + _MICROSECOND, window.end)) if is_falling else replace(window, begin=begin)


def _slice_window(window: TimeWindow, width: timedelta, is_falling: bool) -> TimeWindow:
    """Return the part of a window that the walk reads first."""
    if window.end - window.begin <= width:
        return window
    return replace(window, begin=window.end - width) if is_falling else replace(window, end=window.begin + width)


def _has_few_legs(connection: Connection, app: App, search: ResolvedSearch) -> bool:
    """Whether sorting would read at most MAX_SORTED_LEGS legs of the window."""
    for path in search.path.paths if search.path else (None,):
        query = sa.select(_LEG.c.begin).where(*call_filters.scope_conditions(app, search))
        if path is None:
            query = query.where(*call_filters.direction_conditions(search)).order_by(_LEG.c.begin)
        else:
            query = query.where(*call_filters.path_conditions(path))
        if connection.execute(query.limit(1).offset(MAX_SORTED_LEGS)).first() is not None:
            return False
    return True


def _iter_by_duration(connection: Connection, app: App, search: ResolvedSearch) -> Iterator[_LegBatch]:
    """Walk the index of talk or waiting times for INDEX_WALK_SECONDS, from one of its ends; this finds what is common."""
    size, cursor, deadline = FIRST_BATCH_LEGS, search.cursor, time.monotonic() + INDEX_WALK_SECONDS
    matches = sa.and_(
        sa.true(), *call_filters.filter_conditions(search), *call_filters.recording_conditions(search)
    ).label("matches")
    duration = _LEG.c[search.order.duration_column]
    talk = _LEG.c.talk_seconds if duration is _LEG.c.talk_seconds else NoIndex(_LEG.c.talk_seconds)
    conditions = [
        *call_filters.scope_conditions(app, search, begin=NoIndex(_LEG.c.begin)),
        *call_filters.duration_conditions(search, talk),
    ]
    query = sa.select(*_LEG_COLUMNS, matches).where(*conditions)
    while time.monotonic() < deadline:
        started = time.monotonic()
        rows = connection.execute(_order_and_limit(query, search, cursor, size, duration)).all()
        seconds = time.monotonic() - started
        cursor = _build_hit(rows[-1], search.order).cursor if len(rows) == size else None
        yield _LegBatch(rows=[row for row in rows if row.matches], next_cursor=cursor)
        if cursor is None:
            return
        size = int(size * max(_widen(seconds), 1))


def _iter_sorted(connection: Connection, app: App, search: ResolvedSearch, size: int) -> Iterator[_LegBatch]:
    """Yield the matching legs that the database sorts by talk or waiting time."""
    while True:
        rows = connection.execute(_select_legs(app, search, size)).all()
        if len(rows) < size:
            yield _LegBatch(rows=rows, next_cursor=None)
            return
        search = replace(search, cursor=_build_hit(rows[-1], search.order).cursor)
        yield _LegBatch(rows=rows, next_cursor=search.cursor)


def _select_legs(app: App, search: ResolvedSearch, size: int) -> sa.Select[Any]:
    """Select matching legs; by a duration, with a sort rather than along the index of durations."""
    paths = search.path.paths if search.path else (None,)
    queries = [_select_by_path(app, search, size, path) for path in paths]
    if len(queries) == 1:
        return queries[0]
    legs = sa.union(*(sa.select(query.subquery()) for query in queries)).subquery()
    names = _sort_columns(search.order)
    order = [legs.c[name].desc() if search.order.is_falling else legs.c[name] for name in names]
    return sa.select(legs).order_by(*order).limit(size)


def _select_by_path(app: App, search: ResolvedSearch, size: int, path: ColumnMatch | None) -> sa.Select[Any]:
    """Select matching legs by the index of one column."""
    query = sa.select(*_LEG_COLUMNS).where(
        *call_filters.scope_conditions(app, search),
        *call_filters.filter_conditions(search, path),
        *call_filters.recording_conditions(search),
    )
    is_list = path is not None and len(path.values or ()) > 1  # SQLite would walk along all begins, which are in order
    begin: Any = NoIndex(_LEG.c.begin) if is_list else _LEG.c.begin
    duration = NoIndex(_LEG.c[search.order.duration_column]) if search.order.duration_column else None
    return _order_and_limit(query, search, search.cursor, size, duration, begin)


def _order_and_limit(
    query: sa.Select[Any],
    search: CallSearch,
    cursor: SearchCursor | None,
    size: int,
    duration: Any,
    begin: Any = _LEG.c.begin,
) -> sa.Select[Any]:
    """Restrict a query to `size` rows behind the cursor, in the search's order."""
    key = [begin, _LEG.c.source_key]
    bound = [sa.literal(cursor.begin, key[0].type), sa.literal(cursor.source_key)] if cursor else []
    if search.order.duration_column:
        key = [duration, *key]
        bound = [sa.literal(cursor.seconds), *bound] if cursor else []
    is_falling = search.order.is_falling
    query = query.order_by(*(column.desc() if is_falling else column for column in key)).limit(size)
    if not bound:
        return query
    row, last = sa.tuple_(*key), sa.tuple_(*bound)
    return query.where(row < last if is_falling else row > last)


def _find_first_matching_legs(
    connection: Connection, app: App, search: ResolvedSearch, rows: Sequence[Any]
) -> dict[str, Any]:
    """Return, by callId, the sort key of the leg at which each call is listed: the first that matches, in every order.
    The call's other matching legs may be pages away."""
    first, last = (
        partition_month.shift_clamped(end(row.begin for row in rows), spread)
        for end, spread in ((min, -MAX_LEG_SPREAD), (max, MAX_LEG_SPREAD))
    )
    ids = sorted({row.call_id for row in rows})
    query = sa.select(*_LEG_COLUMNS).where(
        _LEG.c.call_id.in_(ids),
        NoIndex(_LEG.c.begin).between(first, last),
        *call_filters.scope_conditions(app, search, NoIndex(_LEG.c.account_id), NoIndex(_LEG.c.begin)),
        *call_filters.filter_conditions(search, no_index=True),
    )
    keys: dict[str, list[Any]] = defaultdict(list)
    for row in connection.execute(query):
        keys[row.call_id].append(_sort_key(row, search.order))
    return {call_id: min(leg_keys) for call_id, leg_keys in keys.items()}


def _sort_columns(order: SearchOrder) -> tuple[str, ...]:
    return (order.duration_column, *_BEGIN_COLUMNS) if order.duration_column else _BEGIN_COLUMNS


def _sort_key(row: Any, order: SearchOrder) -> tuple[Any, ...]:
    return tuple(row._mapping[name] for name in _sort_columns(order))


def _build_hit(row: Any, order: SearchOrder) -> SearchHit:
    seconds = row._mapping[order.duration_column] if order.duration_column else 0
    return SearchHit(
        call_id=row.call_id, cursor=SearchCursor(begin=row.begin, source_key=row.source_key, seconds=seconds)
    )
