"""Rows of agent operations and agent skill changes. Whoever asks names the app first."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ccfs.model import month
from ccfs.model.agent_operation import AgentOperation, AgentSkillChange
from ccfs.model.tenancy import App
from ccfs.store import months, schema
from ccfs.store.bulk import Bulk

SLACK = timedelta(days=2)  # a line may be read again with another zone
_TABLE = schema.agent_operations
_BULK = Bulk(_TABLE, AgentOperation)
_SKILL_BULK = Bulk(schema.agent_skill_changes, AgentSkillChange)


@dataclass(frozen=True, slots=True)
class Span:
    """How long an agent's operation lasted."""

    id: str
    agent_id: str
    begin: datetime
    end: datetime | None


def known(connection: Connection, app: App, begins: Mapping[str, datetime]) -> set[str]:
    """Those ids of operations, each given with its begin, that the app has."""
    return _known(connection, app, _TABLE.c.id, _TABLE.c.begin, begins)


def _known(
    connection: Connection, app: App, row_id: sa.Column[str], at: sa.Column[datetime], begins: Mapping[str, datetime]
) -> set[str]:
    """The ids that are there, in the months of their begins: an id and its begin come from one line."""
    if not begins:
        return set()
    between = at.between(month.clamped(min(begins.values()), -SLACK), month.clamped(max(begins.values()), SLACK))
    statement = sa.select(row_id).where(row_id.table.c.app == app.id, row_id.in_(list(begins)), between)
    return set(connection.execute(statement).scalars())


def add(connection: Connection, app: App, operations: Sequence[AgentOperation]) -> None:
    """Keep new operations."""
    months.need(connection, _TABLE, {month.of(one.begin) for one in operations})
    _BULK.add(connection, app, operations)


def lasting(
    connection: Connection, app: App, account_id: str, agents: Iterable[str], since: datetime | None = None
) -> list[Span]:
    """The operations of these agents that still last, and with `since` those too that ended later, in order of time."""
    lasts = _TABLE.c.end.is_(None)
    statement = sa.select(_TABLE.c.id, _TABLE.c.agent_id, _TABLE.c.begin, _TABLE.c.end).where(
        _TABLE.c.app == app.id,
        _TABLE.c.account_id == account_id,
        _TABLE.c.agent_id.in_(list(agents)),
        lasts if since is None else lasts | (_TABLE.c.end > since),
    )
    found = (Span(*row) for row in connection.execute(statement))  # for an order, SQLite would read all operations
    return sorted(found, key=lambda one: (one.begin, one.end is None, one.end or one.begin))


def end(connection: Connection, app: App, ends: Sequence[tuple[Span, datetime]]) -> None:
    """Let operations end, each with its end."""
    if ends:
        mine = (_TABLE.c.id == sa.bindparam("row_id")) & (_TABLE.c.begin == sa.bindparam("began"))
        statement = sa.update(_TABLE).where(_TABLE.c.app == app.id, mine).values(end=sa.bindparam("ended"))
        connection.execute(statement, [{"row_id": one.id, "began": one.begin, "ended": at} for one, at in ends])


def add_skill_changes(connection: Connection, app: App, changes: Sequence[AgentSkillChange]) -> int:
    """Keep skill changes that are new; how many."""
    table = schema.agent_skill_changes
    begins = {one.id: one.operate_time for one in changes}
    there = _known(connection, app, table.c.id, table.c.operate_time, begins)
    fresh = {one.id: one for one in changes if one.id not in there}
    months.need(connection, table, {month.of(one.operate_time) for one in fresh.values()})
    _SKILL_BULK.add(connection, app, list(fresh.values()))
    return len(fresh)
