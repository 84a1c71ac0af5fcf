"""The state of an account right now, from the events of its switch: callers who wait, states of agents, and how new they are."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ccfs.db import schema
from ccfs.db.tenant.calls.statistics import agent_states
from ccfs.model.calls.agent_operation import AgentOperationType
from ccfs.model.calls.agent_time import MAX_STATE, STATES_BY_TYPE, AgentState
from ccfs.model.exports.time_window import TimeWindow
from ccfs.model.identity.tenancy import Account, App

MAX_WAIT = timedelta(hours=2)  # a caller who waits longer has left without an event
MAX_WAITING = 1000
_CDRS, _OPERATIONS, _VISITS = schema.cdrs, schema.agent_operations, schema.queue_visits


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingQueue:
    """Callers who wait in a queue."""

    queue: str
    callers: int
    since: datetime  # of the one who has waited longest


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentNow:
    """The last known state of an agent."""

    agent: str
    state: AgentState | None  # None: signed out
    since: datetime
    reason: str
    queue: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveState:
    """The state of an account as of its newest data."""

    waiting: list[WaitingQueue]
    agents: list[AgentNow]
    newest: datetime | None  # when the newest call or operation began; None without any
    has_queue_events: bool  # otherwise nobody knows who waits
    has_agent_events: bool


def load_live_state(connection: Connection, app: App, account: Account, now: datetime) -> LiveState:
    """Return the state of an account."""
    agents = _list_agents(connection, app, account, now)
    any_visit = _select_own(_VISITS, app, account, _VISITS.c.queue).order_by(_VISITS.c.switch_leg_id).limit(1)
    has_visits = connection.execute(any_visit).first() is not None
    return LiveState(
        waiting=_list_waiting(connection, app, account, now),
        agents=agents,
        newest=_find_newest(connection, app, account),
        has_queue_events=has_visits and bool(agents),
        has_agent_events=bool(agents),
    )


def _list_waiting(connection: Connection, app: App, account: Account, now: datetime) -> list[WaitingQueue]:
    query = _select_own(_VISITS, app, account, _VISITS.c.queue, _VISITS.c.entered_at).where(
        _VISITS.c.connected_at.is_(None),
        _VISITS.c.left_at.is_(None),
        _VISITS.c.entered_at.between(now - MAX_WAIT, now),
    )
    since: dict[str, list[datetime]] = {}
    for row in connection.execute(query.order_by(_VISITS.c.entered_at).limit(MAX_WAITING)):
        since.setdefault(row.queue, []).append(row.entered_at)
    return [WaitingQueue(queue=queue, callers=len(times), since=times[0]) for queue, times in sorted(since.items())]


def _list_agents(connection: Connection, app: App, account: Account, now: datetime) -> list[AgentNow]:
    """Return the last state of each agent that had one within MAX_STATE."""
    window = TimeWindow(begin=now - timedelta(seconds=1), end=now)
    limit = timedelta(seconds=account.after_call_seconds)
    agents: dict[str, AgentNow] = {}
    for row in agent_states.list_operations(connection, app, account.account_id, window):
        state = STATES_BY_TYPE.get(row.op_type)
        if (row.end is not None and row.end <= now) or row.begin < now - MAX_STATE:
            continue
        if state is AgentState.HOLD or (state is None and row.op_type != AgentOperationType.SIGN_OUT):
            continue
        since = row.begin
        if state is AgentState.AFTER_CALL and now - row.begin > limit:
            state, since = AgentState.READY, row.begin + limit
        agents[row.agent_id] = AgentNow(
            agent=row.agent_id, state=state, since=since, reason=row.reason, queue=row.skill_id
        )
    return sorted(agents.values(), key=lambda agent: agent.agent)


def _find_newest(connection: Connection, app: App, account: Account) -> datetime | None:
    """Return when the newest call or operation of the account began. When a file was read says nothing of its content."""
    found: list[datetime] = []
    for table in (_CDRS, _OPERATIONS):
        query = _select_own(table, app, account, table.c.begin).order_by(table.c.begin.desc()).limit(1)
        found += connection.execute(query).scalars()
    return max(found, default=None)


def _select_own(table: sa.Table, app: App, account: Account, *columns: sa.Column[Any]) -> sa.Select[Any]:
    return sa.select(*columns).where(table.c.app == app.id, table.c.account_id == account.account_id)
