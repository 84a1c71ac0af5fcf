"""Conditions that a call search applies to a leg. NoIndex leaves SQLite only one index to choose."""

from typing import Any

import sqlalchemy as sa

from ccfs.db import schema
from ccfs.db.no_index import NoIndex
from ccfs.db.tenant.calls.search_index import COLUMNS
from ccfs.db.tenant.calls.text_filters import ColumnMatch, ResolvedSearch
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


def filter_conditions(
    search: ResolvedSearch, path: ColumnMatch | None = None, *, no_index: bool = False
) -> list[sa.ColumnElement[bool]]:
    """Return the conditions other than scope and recordings.

    SQLite may use the index of the column of `path`, else that of the direction, unless `no_index` is set.
    """
    conditions = duration_conditions(search, NoIndex(_LEG.c.talk_seconds))
    for text in search.texts:
        if path is not None and text is search.path:
            conditions += path_conditions(path)
        else:
            conditions.append(text.build_condition())
    return conditions + direction_conditions(search, no_index=no_index or path is not None)


def path_conditions(path: ColumnMatch) -> list[sa.ColumnElement[bool]]:
    """Return the condition by which an index finds CDRs. It excludes empty texts, as the partial index requires."""
    return [path.build_condition(no_index=False), _LEG.c[COLUMNS[path.kind]] != sa.literal_column("''")]


def direction_conditions(search: CallSearch, *, no_index: bool = False) -> list[sa.ColumnElement[bool]]:
    """Return the condition on the direction."""
    if search.direction is None:
        return []
    column: Any = NoIndex(_LEG.c.direction) if no_index else _LEG.c.direction
    return [column == list(Direction).index(search.direction)]


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
