"""Questions about calls for people who look for them. The app comes first, then the accounts that may be seen.

Each search is bounded by time and walks one index of its account; the call of several legs that fit stands once, where its
first one does. No question counts further than it was asked to.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ccfs.model import month
from ccfs.model.agent_operation import AgentOperation
from ccfs.model.call import Direction
from ccfs.model.call_id import call_id
from ccfs.model.call_search import After, Hit, Order, Search
from ccfs.model.cdr import Cdr
from ccfs.model.recording import Recording
from ccfs.model.tenancy import App
from ccfs.store import cdrs, recordings, schema
from ccfs.store.aside import Aside

_LEG = schema.cdrs
_OPERATIONS = schema.agent_operations
_FIELDS = AgentOperation.__dataclass_fields__
_BY_BEGIN = ("begin", "line_key")
_KEYS = {  # what results are sorted by: the last columns of an index, then what tells equals apart
    Order.NEWEST: _BY_BEGIN,
    Order.OLDEST: _BY_BEGIN,
    Order.LONGEST: ("talk_seconds", *_BY_BEGIN),
}


def find(connection: Connection, app: App, search: Search) -> list[Hit]:
    """The calls that fit, in the search's order, at most its limit."""
    hits: list[Hit] = []
    for rows in _walk(connection, app, search, 2 * search.limit):
        stands = _stands(connection, app, search, rows)
        hits += [_hit(row) for row in rows if stands[row.call_id] == _place(row, search.order)]
        if len(hits) >= search.limit:
            break
    return hits[: search.limit]


def count(connection: Connection, app: App, search: Search, most: int) -> int:
    """How many calls fit; `most + 1` if they are more than that."""
    seen: set[str] = set()
    for rows in _walk(connection, app, replace(search, after=None), 2 * most):
        seen.update(row.call_id for row in rows)
        if len(seen) > most:
            return most + 1
    return len(seen)


def by_any_id(connection: Connection, app: App, accounts: Sequence[str], text: str) -> list[tuple[str, str]]:
    """(account id, callId) of calls in these accounts that go by this id: our callId, the switch's of the call or a leg."""
    names = {text, call_id(text)}
    own = [_LEG.c.app == app.id, _LEG.c.account_id.in_(accounts)]
    other = (_LEG.c.switch_leg_id == text) & (_LEG.c.switch_leg_id != _LEG.c.switch_call_id)
    taped = schema.recordings
    kept = [taped.c.app == app.id, taped.c.account_id.in_(accounts)]
    asked = sa.union(
        sa.select(_LEG.c.account_id, _LEG.c.call_id).where(*own, _LEG.c.call_id.in_(names)),
        sa.select(_LEG.c.account_id, _LEG.c.call_id).where(*own, other),
        sa.select(taped.c.account_id, taped.c.call_id).where(*kept, taped.c.call_id.in_(names)),
    )
    return sorted((str(row[0]), str(row[1])) for row in connection.execute(asked))


def legs(connection: Connection, app: App, accounts: Sequence[str], call_ids: Sequence[str]) -> dict[str, list[Cdr]]:
    """The legs of these calls as far as they lie in these accounts, by callId."""
    found = cdrs.of_calls(connection, app, call_ids)
    mine = {one: [row for row in rows if row.account_id in accounts] for one, rows in found.items()}
    return {one: rows for one, rows in mine.items() if rows}


def taped(connection: Connection, app: App, accounts: Sequence[str], call: str) -> list[Recording]:
    """The recordings of a call as far as they lie in these accounts, in order of time."""
    return [one for one in recordings.by_call(connection, app, call) if one.account_id in accounts]


def recorded(connection: Connection, app: App, accounts: Sequence[str], call_ids: Sequence[str]) -> dict[str, int]:
    """How many recordings each of these calls has in these accounts; none: it is left out."""
    table = schema.recordings
    mine = (table.c.app == app.id) & table.c.call_id.in_(call_ids) & table.c.account_id.in_(accounts)
    rows = connection.execute(sa.select(table.c.call_id, sa.func.count()).where(mine).group_by(table.c.call_id))
    return {str(row[0]): int(row[1]) for row in rows}


def operations(connection: Connection, app: App, accounts: Sequence[str], call: str) -> list[AgentOperation]:
    """What agents did in a call, in order of time, at most 500."""
    mine = (
        (_OPERATIONS.c.app == app.id)
        & (_OPERATIONS.c.call_id == call)
        & (_OPERATIONS.c.call_id != sa.literal_column("''"))
    )
    asked = sa.select(*(_OPERATIONS.c[name] for name in _FIELDS)).where(mine, _OPERATIONS.c.account_id.in_(accounts))
    rows = connection.execute(asked.order_by(Aside(_OPERATIONS.c.begin), _OPERATIONS.c.id).limit(500))
    return [AgentOperation(**row._mapping) for row in rows]


def _walk(connection: Connection, app: App, search: Search, size: int) -> Iterator[Sequence[Any]]:
    """The legs that fit, in the search's order, some at a time: along one index, and no further than is taken."""
    key = [_LEG.c[name] for name in _KEYS[search.order]]
    is_falling = search.order is not Order.OLDEST
    asked = sa.select(_LEG.c.call_id, _LEG.c.begin, _LEG.c.line_key, _LEG.c.talk_seconds).where(*_fits(app, search))
    asked = asked.order_by(*(column.desc() if is_falling else column for column in key)).limit(size)
    after = search.after
    while True:
        bound = _beyond(key, after, is_falling) if after else sa.true()
        rows = connection.execute(asked.where(bound)).all()
        if rows:
            yield rows
        if len(rows) < size:
            return
        after = _hit(rows[-1]).after


def _beyond(key: list[Any], after: After, is_falling: bool) -> sa.ColumnElement[bool]:
    last = {"talk_seconds": after.talk, "begin": after.begin, "line_key": after.line}
    bound = sa.tuple_(*(sa.literal(last[column.name], column.type) for column in key))
    place = sa.tuple_(*key)
    return place < bound if is_falling else place > bound


def _stands(connection: Connection, app: App, search: Search, rows: Sequence[Any]) -> dict[str, Any]:
    """Where each of these legs' calls stands: at the first leg that fits, or at the longest. Its other legs may lie pages away."""
    first, last = (
        month.clamped(end(row.begin for row in rows), reach) for end, reach in ((min, -cdrs.REACH), (max, cdrs.REACH))
    )
    ids = sorted({row.call_id for row in rows})
    asked = sa.select(_LEG.c.call_id, _LEG.c.begin, _LEG.c.line_key, _LEG.c.talk_seconds).where(
        _LEG.c.call_id.in_(ids), Aside(_LEG.c.begin).between(first, last), *_fits(app, search, of_calls=True)
    )
    places: dict[str, list[Any]] = defaultdict(list)
    for row in connection.execute(asked):
        places[row.call_id].append(_place(row, search.order))
    return {call: max(found) if search.order is Order.LONGEST else min(found) for call, found in places.items()}


def _place(row: Any, order: Order) -> tuple[Any, ...]:
    return tuple(row._mapping[name] for name in _KEYS[order])


def _hit(row: Any) -> Hit:
    return Hit(call_id=row.call_id, after=After(begin=row.begin, line=row.line_key, talk=row.talk_seconds))


def _walks_by_talk(search: Search) -> bool:
    """Whether to go through the calls by their length until enough lie in the window, rather than to sort the window."""
    is_narrowed = search.caller_no or search.callee_no or search.agent_id or search.queue
    is_wide = search.window.end - search.window.begin > timedelta(days=3)
    return search.order is Order.LONGEST and is_wide and not is_narrowed


def _fits(app: App, search: Search, of_calls: bool = False) -> list[sa.ColumnElement[bool]]:
    """The conditions on a leg. SQLite is left one index: of the call where calls are known, else of the length where it
    leads, else of the first text that was given, which are in the order of how much they narrow. Those on texts say that
    they are not empty, as their indexes do."""
    by_talk = _walks_by_talk(search)
    plain: Callable[[Any], Any] = Aside if of_calls else lambda column: column
    begin = Aside(_LEG.c.begin) if of_calls or by_talk else _LEG.c.begin
    own = [_LEG.c.app == app.id, plain(_LEG.c.account_id) == search.account_id]
    own += [begin >= search.window.begin, begin < search.window.end]
    texts = {
        _LEG.c.caller_no: search.caller_no,
        _LEG.c.agent_id: search.agent_id,
        _LEG.c.callee_no: search.callee_no,
        _LEG.c.current_skill_id: search.queue,
    }
    for column, text in texts.items():
        if text:
            own += [plain(column) == text, column != sa.literal_column("''")]
            plain = Aside
    if search.direction is not None:
        direction = list(Direction).index(search.direction)
        own.append((Aside if by_talk else plain)(_LEG.c.direction) == direction)
    talk = _LEG.c.talk_seconds if by_talk and not of_calls else Aside(_LEG.c.talk_seconds)
    if search.at_least is not None:
        own.append(talk >= search.at_least)
    if search.at_most is not None:
        own.append(talk <= search.at_most)
    if search.is_recorded is not None and not of_calls:  # it is the call's, and so all its legs' alike
        own.append(_is_recorded() if search.is_recorded else ~_is_recorded())
    return own


def _is_recorded() -> sa.ColumnElement[bool]:
    table = schema.recordings
    return sa.exists().where(
        table.c.app == _LEG.c.app, table.c.call_id == _LEG.c.call_id, table.c.account_id == _LEG.c.account_id
    )
