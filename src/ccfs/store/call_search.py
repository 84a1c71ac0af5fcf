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

from ccfs.model import month
from ccfs.model.call import Direction
from ccfs.model.call_search import After, Count, Found, Hit, Order, Search
from ccfs.model.tenancy import App
from ccfs.model.window import Window
from ccfs.store import cdrs, schema
from ccfs.store.aside import Aside
from ccfs.store.db import plan_anew

_STRETCH = 0.025  # seconds that one aims to take: the next is as much wider, or narrower, within these bounds
_NARROWER, _WIDER = 0.5, 16.0
_DAY, _NARROWEST, _TICK = timedelta(days=1), timedelta(hours=1), timedelta(microseconds=1)
FEW = 4_000  # legs that are rather sorted by length than looked for among all of their account's, longest first
PIECE = 250  # legs of a stretch of that walk
A_WHILE = 0.05  # seconds that it lasts

_LEG = schema.cdrs
_ROW = (_LEG.c.call_id, _LEG.c.begin, _LEG.c.line_key, _LEG.c.talk_seconds)
_BY_BEGIN = ("begin", "line_key")
_KEYS = {  # what results are sorted by: the last columns of an index, then what tells equals apart
    Order.NEWEST: _BY_BEGIN,
    Order.OLDEST: _BY_BEGIN,
    Order.LONGEST: ("talk_seconds", *_BY_BEGIN),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stretch:
    """Legs that fit, in the search's order."""

    rows: Sequence[Any]
    reach: After | None  # what lies behind it was not looked at; None: all was


def find(connection: Connection, app: App, search: Search, patience: float, *, may_sort: bool = True) -> Found:
    """The calls that fit, in the search's order: as many as its limit says, or those found within `patience` seconds.

    The longest of very many are sorted by the database, which takes as long as it takes, unless that may not be.
    """
    plan_anew(connection)
    until, hits, reach = time.monotonic() + patience, list[Hit](), search.after
    for stretch in _walk(connection, app, search, 2 * search.limit, may_sort):
        if stretch.rows:
            stands = _stands(connection, app, search, stretch.rows)
            hits += [_hit(row) for row in stretch.rows if stands[row.call_id] == _place(row, search.order)]
        if len(hits) >= search.limit:
            return Found(hits=hits[: search.limit], after=hits[search.limit - 1].after)
        reach = stretch.reach
        if time.monotonic() > until:
            break
    return Found(hits=hits, after=reach, is_cut=reach is not None)


def count(connection: Connection, app: App, search: Search, most: int, patience: float) -> Count:
    """How many calls fit, the search's pages together: up to `most`, or as far as `patience` seconds allow."""
    plan_anew(connection)
    until, seen = time.monotonic() + patience, set[str]()
    for stretch in _by_begin(connection, app, replace(search, after=None, order=Order.NEWEST), 2 * most):
        seen.update(row.call_id for row in stretch.rows)
        if len(seen) > most:
            return Count(number=most, is_whole=False)
        if stretch.reach and time.monotonic() > until:
            return Count(number=len(seen), is_whole=False)
    return Count(number=len(seen), is_whole=True)


def _walk(connection: Connection, app: App, search: Search, size: int, may_sort: bool) -> Iterator[_Stretch]:
    """The legs that fit, some at a time; to their end, unless very many may not be sorted."""
    if search.order is not Order.LONGEST:
        yield from _by_begin(connection, app, search, size)
        return
    if not _are_few(connection, app, search):
        for stretch in _by_talk(connection, app, search):
            yield stretch
            if stretch.reach is None:
                return
            search = replace(search, after=stretch.reach)
        if not may_sort:
            return
    yield from _sorted(connection, app, search, size)


def _by_begin(connection: Connection, app: App, search: Search, size: int) -> Iterator[_Stretch]:
    """Along the index of the time, or of a text that was given: through parts of the window."""
    after, width, is_falling = search.after, _DAY, search.order is Order.NEWEST
    while True:
        left = _left(search.window, after, is_falling)
        part = _part(left, width, is_falling)
        began = time.monotonic()
        rows = connection.execute(_asked(app, replace(search, window=part, after=after), size)).all()
        took = time.monotonic() - began
        if len(rows) < size and part == left:
            yield _Stretch(rows=rows, reach=None)
            return
        is_full = len(rows) == size
        after = _hit(rows[-1]).after if is_full else After(begin=part.begin if is_falling else part.end, line="")
        yield _Stretch(rows=rows, reach=after)
        if not is_full:
            width = max(width * _wider(took), _NARROWEST)


def _wider(took: float) -> float:
    """How much wider than one that took so many seconds the next stretch is."""
    return min(max(_STRETCH / max(took, 1e-6), _NARROWER), _WIDER)


def _left(window: Window, after: After | None, is_falling: bool) -> Window:
    """What is left of the window behind a place; where it begins, or ends, legs may lie on both sides of it."""
    if after is None:
        return window
    place = min(max(after.begin, window.begin), window.end)
    return replace(window, end=min(place + _TICK, window.end)) if is_falling else replace(window, begin=place)


def _part(window: Window, width: timedelta, is_falling: bool) -> Window:
    """The first part of a window, as it is walked."""
    if window.end - window.begin <= width:
        return window
    near = window.end - width if is_falling else window.begin + width
    return replace(window, begin=near) if is_falling else replace(window, end=near)


def _are_few(connection: Connection, app: App, search: Search) -> bool:
    """Whether few of the window's legs would be walked through to find those that fit."""
    walked = [*_own(app, search), *(condition for pair in _pairs(search)[:1] for condition in _is(*pair))]
    asked = sa.select(_LEG.c.begin).where(*walked).order_by(_LEG.c.begin).limit(1).offset(FEW)
    return connection.execute(asked).first() is None


def _by_talk(connection: Connection, app: App, search: Search) -> Iterator[_Stretch]:
    """For a while along the index of the length, which leads to what is common: pieces of all the window's legs, the longest
    first, and what fits of them."""
    size, after, until = PIECE, search.after, time.monotonic() + A_WHILE
    fits = sa.and_(sa.true(), *_filters(search), *_recorded(search)).label("fits")
    leads = [*_own(app, search, begin=Aside(_LEG.c.begin)), *_lasts(search, _LEG.c.talk_seconds)]
    while time.monotonic() < until:
        began = time.monotonic()
        rows = connection.execute(_in_order(sa.select(*_ROW, fits).where(*leads), search, after, size)).all()
        took = time.monotonic() - began
        after = _hit(rows[-1]).after if len(rows) == size else None
        yield _Stretch(rows=[row for row in rows if row.fits], reach=after)
        if after is None:
            return
        size = int(size * max(_wider(took), 1))


def _sorted(connection: Connection, app: App, search: Search, size: int) -> Iterator[_Stretch]:
    """The legs that fit, which the database finds and sorts by length."""
    while True:
        rows = connection.execute(_asked(app, search, size)).all()
        if len(rows) < size:
            yield _Stretch(rows=rows, reach=None)
            return
        search = replace(search, after=_hit(rows[-1]).after)
        yield _Stretch(rows=rows, reach=search.after)


def _asked(app: App, search: Search, size: int) -> sa.Select[Any]:
    """The legs that fit; the longest sorted, rather than found along the index of the length."""
    asked = sa.select(*_ROW).where(*_own(app, search), *_filters(search), *_recorded(search))
    return _in_order(asked, search, search.after, size, talk=Aside(_LEG.c.talk_seconds))


def _in_order(
    asked: sa.Select[Any], search: Search, after: After | None, size: int, talk: Any = _LEG.c.talk_seconds
) -> sa.Select[Any]:
    """The question's rows behind a place, in the search's order, so many."""
    key = [_LEG.c[name] for name in _BY_BEGIN]
    bound = [sa.literal(after.begin, key[0].type), sa.literal(after.line)] if after else []
    if search.order is Order.LONGEST:
        key = [talk, *key]
        bound = [sa.literal(after.talk), *bound] if after else []
    is_falling = search.order is not Order.OLDEST
    asked = asked.order_by(*(column.desc() if is_falling else column for column in key)).limit(size)
    place = sa.tuple_(*key)
    if not bound:
        return asked
    return asked.where(place < sa.tuple_(*bound) if is_falling else place > sa.tuple_(*bound))


def _stands(connection: Connection, app: App, search: Search, rows: Sequence[Any]) -> dict[str, Any]:
    """Where each of these legs' calls stands: at the first leg that fits, or at the longest. Its other legs may lie pages away."""
    first, last = (
        month.clamped(end(row.begin for row in rows), reach) for end, reach in ((min, -cdrs.REACH), (max, cdrs.REACH))
    )
    ids = sorted({row.call_id for row in rows})
    asked = sa.select(*_ROW).where(
        _LEG.c.call_id.in_(ids),
        Aside(_LEG.c.begin).between(first, last),
        *_own(app, search, Aside(_LEG.c.account_id), Aside(_LEG.c.begin)),
        *_filters(search, looked_up=0),
    )
    places: dict[str, list[Any]] = defaultdict(list)
    for row in connection.execute(asked):
        places[row.call_id].append(_place(row, search.order))
    return {call: max(found) if search.order is Order.LONGEST else min(found) for call, found in places.items()}


def _place(row: Any, order: Order) -> tuple[Any, ...]:
    return tuple(row._mapping[name] for name in _KEYS[order])


def _hit(row: Any) -> Hit:
    return Hit(call_id=row.call_id, after=After(begin=row.begin, line=row.line_key, talk=row.talk_seconds))


# The conditions on a leg. Aside is what SQLite, which is left one index, is not to look up by.


def _own(
    app: App, search: Search, account: Any = _LEG.c.account_id, begin: Any = _LEG.c.begin
) -> list[sa.ColumnElement[bool]]:
    window = [begin >= search.window.begin, begin < search.window.end]
    return [_LEG.c.app == app.id, account == search.account_id, *window]


def _filters(search: Search, looked_up: int = 1) -> list[sa.ColumnElement[bool]]:
    """All but who has it and when it was, and whether it is recorded; the first of `looked_up`."""
    pairs = [(pair, number >= looked_up) for number, pair in enumerate(_pairs(search))]
    equal = [condition for pair, is_aside in pairs for condition in _is(*pair, is_aside)]
    return equal + _lasts(search, Aside(_LEG.c.talk_seconds))


def _pairs(search: Search) -> list[tuple[Any, Any]]:
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


def _is(column: Any, value: Any, is_aside: bool = False) -> list[sa.ColumnElement[bool]]:
    """That a column has a value; of a text also that it is not empty, as the index on it says."""
    equal = (Aside(column) if is_aside else column) == value
    return [equal, column != sa.literal_column("''")] if isinstance(value, str) else [equal]


def _lasts(search: Search, talk: Any) -> list[sa.ColumnElement[bool]]:
    found = [] if search.at_least is None else [talk >= search.at_least]
    return found if search.at_most is None else [*found, talk <= search.at_most]


def _recorded(search: Search) -> list[sa.ColumnElement[bool]]:
    """Whether the call is recorded, under a name of a month near the window's or of none: that is the call's, and so all its
    legs' alike."""
    if search.is_recorded is None:
        return []
    tape = schema.recordings.c
    mine = (tape.app == _LEG.c.app) & (tape.call_id == _LEG.c.call_id) & (tape.account_id == _LEG.c.account_id)
    first, last = month.clamped(search.window.begin, -cdrs.REACH), month.clamped(search.window.end, cdrs.REACH)
    near = (tape.month == month.UNDATED) | tape.month.between(month.of(first), month.of(last))
    there = sa.exists().where(mine, near)
    return [there if search.is_recorded else ~there]
