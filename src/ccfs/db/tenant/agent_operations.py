"""Rows of agent operations and agent skill changes. Whoever asks names the app first."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ccfs.db import partitions, schema
from ccfs.db.bulk_insert import BulkInserter
from ccfs.model.calls import partition_month
from ccfs.model.calls.agent_operation import AgentOperation, AgentSkillChange
from ccfs.model.identity.tenancy import App

MAX_ZONE_SHIFT = timedelta(days=2)  # a line may be read again with another zone
_TABLE = schema.agent_operations
_BULK_INSERT = BulkInserter(_TABLE, AgentOperation)
_SKILL_BULK_INSERT = BulkInserter(schema.agent_skill_changes, AgentSkillChange)


@dataclass(frozen=True, slots=True)
class OperationSpan:
    """How long an agent's operation lasted."""

    id: str
    agent_id: str
    begin: datetime
    end: datetime | None


def find_existing_ids(connection: Connection, app: App, begins: Mapping[str, datetime]) -> set[str]:
    """Those ids of operations, each given with its begin, that the app has."""
    return _find_existing_ids(connection, app, _TABLE.c.id, _TABLE.c.begin, begins)


def _find_existing_ids(
    connection: Connection, app: App, row_id: sa.Column[str], at: sa.Column[datetime], begins: Mapping[str, datetime]
) -> set[str]:
    """The ids that are there, in the months of their begins: an id and its begin come from one line."""
    if not begins:
        return set()
    between = at.between(
        partition_month.shift_clamped(min(begins.values()), -MAX_ZONE_SHIFT),
        partition_month.shift_clamped(max(begins.values()), MAX_ZONE_SHIFT),
    )
    statement = sa.select(row_id).where(row_id.table.c.app == app.id, row_id.in_(list(begins)), between)
    return set(connection.execute(statement).scalars())


def add(connection: Connection, app: App, operations: Sequence[AgentOperation]) -> None:
    """Keep new operations."""
    partitions.ensure(connection, _TABLE, {partition_month.month_key(one.begin) for one in operations})
    _BULK_INSERT.insert(connection, app, operations)


def list_open_operations(
    connection: Connection, app: App, account_id: str, agents: Iterable[str], since: datetime | None = None
) -> list[OperationSpan]:
    """The operations of these agents that still last, and with `since` those too that ended later, in order of time."""
    lasts = _TABLE.c.end.is_(None)
    statement = sa.select(_TABLE.c.id, _TABLE.c.agent_id, _TABLE.c.begin, _TABLE.c.end).where(
        _TABLE.c.app == app.id,
        _TABLE.c.account_id == account_id,
        _TABLE.c.agent_id.in_(list(agents)),
        lasts if since is None else lasts | (_TABLE.c.end > since),
    )
    found = (
        OperationSpan(*row) for row in connection.execute(statement)
    )  # for an order, SQLite would read all operations
    return sorted(found, key=lambda one: (one.begin, one.end is None, one.end or one.begin))


def close_operations(connection: Connection, app: App, ends: Sequence[tuple[OperationSpan, datetime]]) -> None:
    """Let operations end, each with its end."""
    if ends:
        mine = (_TABLE.c.id == sa.bindparam("row_id")) & (_TABLE.c.begin == sa.bindparam("began"))
        statement = sa.update(_TABLE).where(_TABLE.c.app == app.id, mine).values(end=sa.bindparam("ended"))
        connection.execute(statement, [{"row_id": one.id, "began": one.begin, "ended": at} for one, at in ends])


def add_skill_changes(connection: Connection, app: App, changes: Sequence[AgentSkillChange]) -> int:
    """Keep skill changes that are new; how many."""
    table = schema.agent_skill_changes
    begins = {one.id: one.operate_time for one in changes}
    there = _find_existing_ids(connection, app, table.c.id, table.c.operate_time, begins)
    fresh = {one.id: one for one in changes if one.id not in there}
    partitions.ensure(connection, table, {partition_month.month_key(one.operate_time) for one in fresh.values()})
    _SKILL_BULK_INSERT.insert(connection, app, list(fresh.values()))
    return len(fresh)
