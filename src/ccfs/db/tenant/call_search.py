"""Searching an account's calls: a page at a time, in bounded time. What else is asked about calls is in calls.py.

A search is bounded by time and walks one index of its account, a stretch at a time: narrow at first, wider where little is
found. Where its patience ends, it says how far it came, and goes on from there when it is asked again. So nobody waits long
for the first answer, whatever is looked for and however many calls there are. The call of several legs that fit stands once,
where its first one does.
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
from ccfs.db.tenant import cdrs
from ccfs.model.calls import partition_month
from ccfs.model.calls.call import Direction
from ccfs.model.calls.search import CallSearch, SearchCount, SearchCursor, SearchHit, SearchOrder, SearchPage
from ccfs.model.exports.time_window import TimeWindow
from ccfs.model.identity.tenancy import App

_TARGET_SECONDS = 0.025  # seconds that one aims to take: the next is as much wider, or narrower, within these bounds
_MIN_WIDENING, _MAX_WIDENING = 0.5, 16.0
_DAY, _MIN_WIDTH, _MICROSECOND = timedelta(days=1), timedelta(hours=1), timedelta(microseconds=1)
MAX_SORTED_LEGS = (
    4_000  # legs that are rather sorted by length than looked for among all of their account's, longest first
)
FIRST_BATCH_LEGS = 250  # legs of a stretch of that walk
INDEX_WALK_SECONDS = 0.05  # seconds that it lasts

_LEG = schema.cdrs
_LEG_COLUMNS = (_LEG.c.call_id, _LEG.c.begin, _LEG.c.source_key, _LEG.c.talk_seconds)
_BEGIN_COLUMNS = ("begin", "source_key")
_SORT_COLUMNS = {  # what results are sorted by: the last columns of an index, then what tells equals apart
    SearchOrder.NEWEST: _BEGIN_COLUMNS,
    SearchOrder.OLDEST: _BEGIN_COLUMNS,
    SearchOrder.LONGEST: ("talk_seconds", *_BEGIN_COLUMNS),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _LegBatch:
    """Legs that fit, in the search's order."""

    rows: Sequence[Any]
    next_cursor: SearchCursor | None  # what lies behind it was not looked at; None: all was


def find_calls(
    connection: Connection, app: App, search: CallSearch, patience: float, *, may_sort: bool = True
) -> SearchPage:
    """The calls that fit, in the search's order: as many as its limit says, or those found within `patience` seconds.

    The longest of very many are sorted by the database, which takes as long as it takes, unless that may not be.
    """
    force_custom_plan(connection)
    until, hits, reach = time.monotonic() + patience, list[SearchHit](), search.cursor
    for stretch in _iter_batches(connection, app, search, 2 * search.limit, may_sort):
        if stretch.rows:
            stands = _find_first_matching_legs(connection, app, search, stretch.rows)
            hits += [_build_hit(row) for row in stretch.rows if stands[row.call_id] == _sort_key(row, search.order)]
        if len(hits) >= search.limit:
            return SearchPage(hits=hits[: search.limit], next_cursor=hits[search.limit - 1].cursor)
        reach = stretch.next_cursor
        if time.monotonic() > until:
            break
    return SearchPage(hits=hits, next_cursor=reach, is_truncated=reach is not None)


def count_calls(connection: Connection, app: App, search: CallSearch, most: int, patience: float) -> SearchCount:
    """How many calls fit, the search's pages together: up to `most`, or as far as `patience` seconds allow."""
    force_custom_plan(connection)
    until, seen = time.monotonic() + patience, set[str]()
    for stretch in _iter_by_begin(connection, app, replace(search, cursor=None, order=SearchOrder.NEWEST), 2 * most):
        seen.update(row.call_id for row in stretch.rows)
        if len(seen) > most:
            return SearchCount(number=most, is_complete=False)
        if stretch.next_cursor and time.monotonic() > until:
            return SearchCount(number=len(seen), is_complete=False)
    return SearchCount(number=len(seen), is_complete=True)


def _iter_batches(
    connection: Connection, app: App, search: CallSearch, size: int, may_sort: bool
) -> Iterator[_LegBatch]:
    """The legs that fit, some at a time; to their end, unless very many may not be sorted."""
    if search.order is not SearchOrder.LONGEST:
        yield from _iter_by_begin(connection, app, search, size)
        return
    if not _has_few_legs(connection, app, search):
        for stretch in _iter_by_talk(connection, app, search):
            yield stretch
            if stretch.next_cursor is None:
                return
            search = replace(search, cursor=stretch.next_cursor)
        if not may_sort:
            return
    yield from _iter_sorted(connection, app, search, size)


def _iter_by_begin(connection: Connection, app: App, search: CallSearch, size: int) -> Iterator[_LegBatch]:
    """Along the index of the time, or of a text that was given: through parts of the window."""
    after, width, is_falling = search.cursor, _DAY, search.order is SearchOrder.NEWEST
    while True:
        left = _remaining_window(search.window, after, is_falling)
        part = _slice_window(left, width, is_falling)
        began = time.monotonic()
        rows = connection.execute(_select_legs(app, replace(search, window=part, cursor=after), size)).all()
        took = time.monotonic() - began
        if len(rows) < size and part == left:
            yield _LegBatch(rows=rows, next_cursor=None)
            return
        is_full = len(rows) == size
        after = (
            _build_hit(rows[-1]).cursor
            if is_full
            else SearchCursor(begin=part.begin if is_falling else part.end, source_key="")
        )
        yield _LegBatch(rows=rows, next_cursor=after)
        if not is_full:
            width = max(width * _widen(took), _MIN_WIDTH)


def _widen(took: float) -> float:
    """How much wider than one that took so many seconds the next stretch is."""
    return min(max(_TARGET_SECONDS / max(took, 1e-6), _MIN_WIDENING), _MAX_WIDENING)


def _remaining_window(window: TimeWindow, after: SearchCursor | None, is_falling: bool) -> TimeWindow:
    """What is left of the window behind a place; where it begins, or ends, legs may lie on both sides of it."""
    if after is None:
        return window
    place = min(max(after.begin, window.begin), window.end)
    return replace(window, end=min(place + _MICROSECOND, window.end)) if is_falling else replace(window, begin=place)


def _slice_window(window: TimeWindow, width: timedelta, is_falling: bool) -> TimeWindow:
    """The first part of a window, as it is walked."""
    if window.end - window.begin <= width:
        return window
    near = window.end - width if is_falling else window.begin + width
    return replace(window, begin=near) if is_falling else replace(window, end=near)


def _has_few_legs(connection: Connection, app: App, search: CallSearch) -> bool:
    """Whether few of the window's legs would be walked through to find those that fit."""
    walked = [
        *_scope_conditions(app, search),
        *(condition for pair in _list_equalities(search)[:1] for condition in _equals(*pair)),
    ]
    asked = sa.select(_LEG.c.begin).where(*walked).order_by(_LEG.c.begin).limit(1).offset(MAX_SORTED_LEGS)
    return connection.execute(asked).first() is None


def _iter_by_talk(connection: Connection, app: App, search: CallSearch) -> Iterator[_LegBatch]:
    """For a while along the index of the length, which leads to what is common: pieces of all the window's legs, the longest
    first, and what fits of them."""
    size, after, until = FIRST_BATCH_LEGS, search.cursor, time.monotonic() + INDEX_WALK_SECONDS
    fits = sa.and_(sa.true(), *_filter_conditions(search), *_recording_conditions(search)).label("fits")
    leads = [
        *_scope_conditions(app, search, begin=NoIndex(_LEG.c.begin)),
        *_duration_conditions(search, _LEG.c.talk_seconds),
    ]
    while time.monotonic() < until:
        began = time.monotonic()
        rows = connection.execute(
            _order_and_limit(sa.select(*_LEG_COLUMNS, fits).where(*leads), search, after, size)
        ).all()
        took = time.monotonic() - began
        after = _build_hit(rows[-1]).cursor if len(rows) == size else None
        yield _LegBatch(rows=[row for row in rows if row.fits], next_cursor=after)
        if after is None:
            return
        size = int(size * max(_widen(took), 1))


def _iter_sorted(connection: Connection, app: App, search: CallSearch, size: int) -> Iterator[_LegBatch]:
    """The legs that fit, which the database finds and sorts by length."""
    while True:
        rows = connection.execute(_select_legs(app, search, size)).all()
        if len(rows) < size:
            yield _LegBatch(rows=rows, next_cursor=None)
            return
        search = replace(search, cursor=_build_hit(rows[-1]).cursor)
        yield _LegBatch(rows=rows, next_cursor=search.cursor)


def _select_legs(app: App, search: CallSearch, size: int) -> sa.Select[Any]:
    """The legs that fit; the longest sorted, rather than found along the index of the length."""
    asked = sa.select(*_LEG_COLUMNS).where(
        *_scope_conditions(app, search), *_filter_conditions(search), *_recording_conditions(search)
    )
    return _order_and_limit(asked, search, search.cursor, size, talk=NoIndex(_LEG.c.talk_seconds))


def _order_and_limit(
    asked: sa.Select[Any], search: CallSearch, after: SearchCursor | None, size: int, talk: Any = _LEG.c.talk_seconds
) -> sa.Select[Any]:
    """The question's rows behind a place, in the search's order, so many."""
    key = [_LEG.c[name] for name in _BEGIN_COLUMNS]
    bound = [sa.literal(after.begin, key[0].type), sa.literal(after.source_key)] if after else []
    if search.order is SearchOrder.LONGEST:
        key = [talk, *key]
        bound = [sa.literal(after.talk_seconds), *bound] if after else []
    is_falling = search.order is not SearchOrder.OLDEST
    asked = asked.order_by(*(column.desc() if is_falling else column for column in key)).limit(size)
    place = sa.tuple_(*key)
    if not bound:
        return asked
    return asked.where(place < sa.tuple_(*bound) if is_falling else place > sa.tuple_(*bound))


def _find_first_matching_legs(
    connection: Connection, app: App, search: CallSearch, rows: Sequence[Any]
) -> dict[str, Any]:
    """Where each of these legs' calls stands: at the first leg that fits, or at the longest. Its other legs may lie pages away."""
    first, last = (
        partition_month.shift_clamped(end(row.begin for row in rows), reach)
        for end, reach in ((min, -cdrs.MAX_CALL_SPREAD), (max, cdrs.MAX_CALL_SPREAD))
    )
    ids = sorted({row.call_id for row in rows})
    asked = sa.select(*_LEG_COLUMNS).where(
        _LEG.c.call_id.in_(ids),
        NoIndex(_LEG.c.begin).between(first, last),
        *_scope_conditions(app, search, NoIndex(_LEG.c.account_id), NoIndex(_LEG.c.begin)),
        *_filter_conditions(search, looked_up=0),
    )
    places: dict[str, list[Any]] = defaultdict(list)
    for row in connection.execute(asked):
        places[row.call_id].append(_sort_key(row, search.order))
    return {call: max(found) if search.order is SearchOrder.LONGEST else min(found) for call, found in places.items()}


def _sort_key(row: Any, order: SearchOrder) -> tuple[Any, ...]:
    return tuple(row._mapping[name] for name in _SORT_COLUMNS[order])


def _build_hit(row: Any) -> SearchHit:
    return SearchHit(
        call_id=row.call_id,
        cursor=SearchCursor(begin=row.begin, source_key=row.source_key, talk_seconds=row.talk_seconds),
    )


# The conditions on a leg. Aside is what SQLite, which is left one index, is not to look up by.


def _scope_conditions(
    app: App, search: CallSearch, account: Any = _LEG.c.account_id, begin: Any = _LEG.c.begin
) -> list[sa.ColumnElement[bool]]:
    window = [begin >= search.window.begin, begin < search.window.end]
    return [_LEG.c.app == app.id, account == search.account_id, *window]


def _filter_conditions(search: CallSearch, looked_up: int = 1) -> list[sa.ColumnElement[bool]]:
    """All but who has it and when it was, and whether it is recorded; the first of `looked_up`."""
    pairs = [(pair, number >= looked_up) for number, pair in enumerate(_list_equalities(search))]
    equal = [condition for pair, is_aside in pairs for condition in _equals(*pair, is_aside)]
    return equal + _duration_conditions(search, NoIndex(_LEG.c.talk_seconds))


def _list_equalities(search: CallSearch) -> list[tuple[Any, Any]]:
    """Columns and the values that they must have; what narrows more comes first. Each heads an index."""
    texts = {
        _LEG.c.caller_no: search.caller_no,
        _LEG.c.agent_id: search.agent_id,
        _LEG.c.callee_no: search.callee_no,
        _LEG.c.current_skill_id: search.queue,
    }
    found: list[tuple[Any, Any]] = [(column, text) for column, text in texts.items() if text]
    if search.direction is not None:
        found.append((_LEG.c.direction, list(Direction).index(search.direction)))
    return found


def _equals(column: Any, value: Any, is_aside: bool = False) -> list[sa.ColumnElement[bool]]:
    """That a column has a value; of a text also that it is not empty, as the index on it says."""
    equal = (NoIndex(column) if is_aside else column) == value
    return [equal, column != sa.literal_column("''")] if isinstance(value, str) else [equal]


def _duration_conditions(search: CallSearch, talk: Any) -> list[sa.ColumnElement[bool]]:
    found = [] if search.min_talk_seconds is None else [talk >= search.min_talk_seconds]
    return found if search.max_talk_seconds is None else [*found, talk <= search.max_talk_seconds]


def _recording_conditions(search: CallSearch) -> list[sa.ColumnElement[bool]]:
    """Whether the call is recorded, under a name of a month near the window's or of none: that is the call's, and so all its
    legs' alike."""
    if search.is_recorded is None:
        return []
    tape = schema.recordings.c
    mine = (tape.app == _LEG.c.app) & (tape.call_id == _LEG.c.call_id) & (tape.account_id == _LEG.c.account_id)
    first, last = (
        partition_month.shift_clamped(search.window.begin, -cdrs.MAX_CALL_SPREAD),
        partition_month.shift_clamped(search.window.end, cdrs.MAX_CALL_SPREAD),
    )
    near = (tape.month == partition_month.UNDATED) | tape.month.between(
        partition_month.month_key(first), partition_month.month_key(last)
    )
    there = sa.exists().where(mine, near)
    return [there if search.is_recorded else ~there]
