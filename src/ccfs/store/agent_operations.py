"""Rows of agent operations and agent skill changes. Whoever asks names the app first."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ccfs.model.agent_operation import AgentOperation, AgentSkillChange
from ccfs.model.tenancy import App
from ccfs.store import schema
from ccfs.store.recordings import values_of
from ccfs.store.tenancy import insert_or_ignore

_TABLE = schema.agent_operations


@dataclass(frozen=True, slots=True)
class Span:
    """How long an agent's operation lasted."""

    id: str
    agent_id: str
    begin: datetime
    end: datetime | None


def known(connection: Connection, app: App, ids: Iterable[str]) -> set[str]:
    """Those of the ids that the app has."""
    statement = sa.select(_TABLE.c.id).where(_TABLE.c.app == app.id, _TABLE.c.id.in_(list(ids)))
    return set(connection.execute(statement).scalars())


def add(connection: Connection, app: App, operations: Sequence[AgentOperation]) -> None:
    """Keep new operations."""
    if operations:
        connection.execute(sa.insert(_TABLE), [{**values_of(one), "app": app.id} for one in operations])


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
    return [Span(*row) for row in connection.execute(statement.order_by(_TABLE.c.begin, _TABLE.c.end))]


def end(connection: Connection, app: App, ends: Sequence[tuple[str, datetime]]) -> None:
    """Let operations end, each (id, when)."""
    if ends:
        mine = (_TABLE.c.app == app.id) & (_TABLE.c.id == sa.bindparam("row_id"))
        statement = sa.update(_TABLE).where(mine).values(end=sa.bindparam("ended"))
        connection.execute(statement, [{"row_id": row_id, "ended": at} for row_id, at in ends])


def add_skill_changes(connection: Connection, app: App, changes: Sequence[AgentSkillChange]) -> int:
    """Keep skill changes that are new; how many."""
    table = schema.agent_skill_changes
    asked = sa.select(table.c.id).where(table.c.app == app.id, table.c.id.in_([one.id for one in changes]))
    known = set(connection.execute(asked).scalars())
    fresh = {one.id: one for one in changes if one.id not in known}
    if fresh:
        values = [{**values_of(one), "app": app.id} for one in fresh.values()]
        connection.execute(insert_or_ignore(connection, table), values)
    return len(fresh)
