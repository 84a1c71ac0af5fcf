"""Conditions that a call search applies to a leg. NoIndex leaves SQLite only one index to choose."""

from typing import Any

import sqlalchemy as sa

from ccfs.db import schema
from ccfs.db.no_index import NoIndex
from ccfs.model.calls import partition_month
from ccfs.model.calls.call import MAX_LEG_SPREAD, Direction
from ccfs.model.calls.search import CallSearch
from ccfs.model.identity.tenancy import App

_LEG = schema.cdrs


def scope_conditions(
    app: App, search: CallSearch, account: Any = _LEG.c.account_id, begin: Any = _LEG.c.begin
) -> list[sa.ColumnElement[bool]]:
    """Return the conditions on app, account and time window."""
    window = [begin >= search.window.begin, begin < search.window.end]
    return [_LEG.c.app == app.id, account == search.account_id, *window]


def filter_conditions(search: CallSearch, indexed: int = 1) -> list[sa.ColumnElement[bool]]:
    """Return the conditions other than scope and recordings; SQLite may use an index for the first `indexed` of them."""
    pairs = [(pair, number >= indexed) for number, pair in enumerate(list_equalities(search))]
    equal = [condition for pair, no_index in pairs for condition in equality_conditions(*pair, no_index)]
    return equal + duration_conditions(search, NoIndex(_LEG.c.talk_seconds))


def list_equalities(search: CallSearch) -> list[tuple[Any, Any]]:
    """Return columns and their required values, most selective first. Each column is the first of an index."""
    texts = {
        _LEG.c.caller_no: search.caller_no,
        _LEG.c.agent_id: search.agent_id,
        _LEG.c.callee_no: search.callee_no,
        _LEG.c.current_skill_id: search.queue,
    }
    pairs: list[tuple[Any, Any]] = [(column, text) for column, text in texts.items() if text]
    if search.direction is not None:
        pairs.append((_LEG.c.direction, list(Direction).index(search.direction)))
    return pairs


def equality_conditions(column: Any, value: Any, no_index: bool = False) -> list[sa.ColumnElement[bool]]:
    """Return the condition on a column. For texts, it also excludes empty ones, as the partial index requires."""
    equal = (NoIndex(column) if no_index else column) == value
    return [equal, column != sa.literal_column("''")] if isinstance(value, str) else [equal]


def duration_conditions(search: CallSearch, talk: Any) -> list[sa.ColumnElement[bool]]:
    """Return the conditions on the talk time."""
    lower = [] if search.min_talk_seconds is None else [talk >= search.min_talk_seconds]
    return lower if search.max_talk_seconds is None else [*lower, talk <= search.max_talk_seconds]


def recording_conditions(search: CallSearch) -> list[sa.ColumnElement[bool]]:
    """Return the condition that the call has, or does not have, a recording.

    Only recordings of the months near the window, or without a month, are considered. The condition is about the call,
    so it is the same for all its legs.
    """
    if search.is_recorded is None:
        return []
    recording = schema.recordings.c
    is_of_call = (recording.app == _LEG.c.app) & (recording.call_id == _LEG.c.call_id)
    is_of_call &= recording.account_id == _LEG.c.account_id
    first = partition_month.month_key(partition_month.shift_clamped(search.window.begin, -MAX_LEG_SPREAD))
    last = partition_month.month_key(partition_month.shift_clamped(search.window.end, MAX_LEG_SPREAD))
    is_near = (recording.month == partition_month.UNDATED) | recording.month.between(first, last)
    exists = sa.exists().where(is_of_call, is_near)
    return [exists if search.is_recorded else ~exists]
