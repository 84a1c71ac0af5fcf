"""Questions about calls for people who look for them. The app comes first, then the accounts that may be seen.

Each search is bounded by time and walks one index of its account; the call of several legs that fit stands once, where its
first one does. No question counts further than it was asked to.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ccfs.model.agent_operation import AgentOperation
from ccfs.model.call import Direction
from ccfs.model.call_id import call_id
from ccfs.model.call_search import After, Hit, Order, Search
from ccfs.model.cdr import Cdr
from ccfs.model.recording import Recording
from ccfs.model.tenancy import App
from ccfs.store import cdrs, recordings, schema

_LEG = schema.cdrs
_OPERATIONS = schema.agent_operations
_FIELDS = AgentOperation.__dataclass_fields__


def find(connection: Connection, app: App, search: Search) -> list[Hit]:
    """The calls that fit, in the search's order, at most its limit."""
    leg = _LEG.alias("leg")
    key = _key(leg, search.order)
    told = sa.select(leg.c.call_id, leg.c.begin, leg.c.id, leg.c.talk_seconds)
    asked = told.where(*_fits(leg, app, search), ~_stands_elsewhere(leg, app, search))
    is_falling = search.order is not Order.OLDEST
    if search.after is not None:
        last = {"talk_seconds": search.after.talk, "begin": search.after.begin, "id": search.after.row}
        bound = sa.tuple_(*(sa.literal(last[column.name], column.type) for column in key))
        place = sa.tuple_(*key)
        asked = asked.where(place < bound if is_falling else place > bound)
    ordered = asked.order_by(*(column.desc() if is_falling else column for column in key))
    rows = connection.execute(ordered.limit(search.limit))
    return [Hit(call_id=row[0], after=After(begin=row[1], row=row[2], talk=row[3])) for row in rows]


def count(connection: Connection, app: App, search: Search, most: int) -> int:
    """How many calls fit; `most + 1` if they are more than that."""
    leg = _LEG.alias("leg")
    some = sa.select(sa.literal(1)).where(*_fits(leg, app, search), ~_stands_elsewhere(leg, app, search))
    return int(connection.execute(sa.select(sa.func.count()).select_from(some.limit(most + 1).subquery())).scalar_one())


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
    mine = {one: [kept.cdr for kept in rows if kept.cdr.account_id in accounts] for one, rows in found.items()}
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
    mine = (_OPERATIONS.c.app == app.id) & (_OPERATIONS.c.call_id == call) & (_OPERATIONS.c.call_id != "")
    asked = sa.select(*(_OPERATIONS.c[name] for name in _FIELDS)).where(mine, _OPERATIONS.c.account_id.in_(accounts))
    rows = connection.execute(asked.order_by(_OPERATIONS.c.begin, _OPERATIONS.c.id).limit(500))
    return [AgentOperation(**row._mapping) for row in rows]


def _key(leg: Any, order: Order) -> list[Any]:
    """What results are sorted by: the last columns of an index, and the row's number."""
    return [leg.c.talk_seconds, leg.c.begin, leg.c.id] if order is Order.LONGEST else [leg.c.begin, leg.c.id]


def _stands_elsewhere(leg: Any, app: App, search: Search) -> sa.ColumnElement[bool]:
    """Whether another leg that fits is the one by which the call stands: the first, of the longest the longest."""
    other = _LEG.alias("other")
    mine, its = sa.tuple_(*_key(leg, search.order)), sa.tuple_(*map(_unused, _key(other, search.order)))
    before = its > mine if search.order is Order.LONGEST else its < mine
    return sa.exists().where(other.c.call_id == leg.c.call_id, before, *_fits(other, app, search, is_other=True))


def _walks_by_talk(search: Search) -> bool:
    """Whether to go through the calls by their length until enough lie in the window, rather than to sort the window."""
    is_narrowed = search.caller_no or search.callee_no or search.agent_id or search.queue
    is_wide = search.window.end - search.window.begin > timedelta(days=3)
    return search.order is Order.LONGEST and is_wide and not is_narrowed


def _unused(column: Any) -> Any:
    """The column so that no index is chosen for it: SQLite, which counts no rows, would choose the wrong one."""
    return sa.func.coalesce(column, column)


def _fits(leg: Any, app: App, search: Search, is_other: bool = False) -> list[sa.ColumnElement[bool]]:
    """The conditions on a leg. Those on texts say that they are not empty, as their indexes do.

    The other legs of a call, of which there are few, are looked up by the call.
    """
    account = _unused(leg.c.account_id) if is_other else leg.c.account_id
    begin = _unused(leg.c.begin) if is_other or _walks_by_talk(search) else leg.c.begin
    own = [leg.c.app == app.id, account == search.account_id]
    own += [begin >= search.window.begin, begin < search.window.end]
    texts = {
        leg.c.caller_no: search.caller_no,
        leg.c.callee_no: search.callee_no,
        leg.c.agent_id: search.agent_id,
        leg.c.current_skill_id: search.queue,
    }
    for column, text in texts.items():
        if text:
            own += [column == text, column != sa.literal_column("''")]
    if search.direction is not None:
        direction = list(Direction).index(search.direction)
        own.append((_unused(leg.c.direction) if _walks_by_talk(search) else leg.c.direction) == direction)
    talk = leg.c.talk_seconds if _walks_by_talk(search) else _unused(leg.c.talk_seconds)
    if search.at_least is not None:
        own.append(talk >= search.at_least)
    if search.at_most is not None:
        own.append(talk <= search.at_most)
    if search.is_recorded is not None and not is_other:  # it is the call's, and so all its legs' alike
        own.append(_is_recorded(leg) if search.is_recorded else ~_is_recorded(leg))
    return own


def _is_recorded(leg: Any) -> sa.ColumnElement[bool]:
    table = schema.recordings
    return sa.exists().where(
        table.c.app == leg.c.app, table.c.call_id == leg.c.call_id, table.c.account_id == leg.c.account_id
    )
