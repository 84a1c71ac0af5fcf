"""Rows of agent operations and agent skill changes. Whoever asks names the app first."""

from collections.abc import Iterable, Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ccfs.model.agent_operation import AgentOperation, AgentSkillChange
from ccfs.model.tenancy import App
from ccfs.store import schema
from ccfs.store.recordings import values_of
from ccfs.store.tenancy import insert_or_ignore

_TABLE = schema.agent_operations


def known(connection: Connection, app: App, ids: Iterable[str]) -> set[str]:
    """Those of the ids that the app has."""
    statement = sa.select(_TABLE.c.id).where(_TABLE.c.app == app.id, _TABLE.c.id.in_(list(ids)))
    return set(connection.execute(statement).scalars())


def add(connection: Connection, app: App, operations: Sequence[AgentOperation]) -> None:
    """Keep new operations."""
    if operations:
        connection.execute(sa.insert(_TABLE), [{**values_of(one), "app": app.id} for one in operations])


def open_ones(connection: Connection, app: App, account_id: str, agents: Iterable[str]) -> dict[str, str]:
    """The operation that still lasts of each of these agents: agent -> id."""
    statement = sa.select(_TABLE.c.agent_id, _TABLE.c.id).where(
        _TABLE.c.app == app.id,
        _TABLE.c.account_id == account_id,
        _TABLE.c.agent_id.in_(list(agents)),
        _TABLE.c.end.is_(None),
    )
    rows = connection.execute(statement.order_by(_TABLE.c.begin))
    return {row.agent_id: row.id for row in rows}


def end(connection: Connection, app: App, ends: Sequence[tuple[str, datetime]]) -> None:
    """Let operations end that lasted until now; one that would end before it began ends as it began."""
    if ends:
        mine = (_TABLE.c.app == app.id) & (_TABLE.c.id == sa.bindparam("row_id"))
        statement = sa.update(_TABLE).where(mine).values(end=sa.bindparam("ended"))
        connection.execute(statement, [{"row_id": row_id, "ended": at} for row_id, at in ends])


def add_skill_changes(connection: Connection, app: App, changes: Sequence[AgentSkillChange]) -> int:
    """Keep skill changes that are new; how many."""
    return sum(
        connection.execute(
            insert_or_ignore(connection, schema.agent_skill_changes).values(**values_of(one), app=app.id)
        ).rowcount
        for one in changes
    )
