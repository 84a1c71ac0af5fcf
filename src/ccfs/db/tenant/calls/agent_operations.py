"""Rows of agent operations and agent skill changes."""

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
_SKILL_TABLE = schema.agent_skill_changes
_BULK_INSERT = BulkInserter(_TABLE, AgentOperation)
_SKILL_BULK_INSERT = BulkInserter(_SKILL_TABLE, AgentSkillChange)


@dataclass(frozen=True, slots=True)
class OperationSpan:
    """The begin and end of an agent operation."""

    id: str
    agent_id: str
    begin: datetime
    end: datetime | None


def find_existing_ids(connection: Connection, app: App, begins: Mapping[str, datetime]) -> set[str]:
    """Return which of these operation ids, given with their begin times, the app already has."""
    return _find_existing_ids(connection, app, _TABLE.c.id, _TABLE.c.begin, begins)


def _find_existing_ids(
    connection: Connection,
    app: App,
    id_column: sa.Column[str],
    time: sa.Column[datetime],
    times: Mapping[str, datetime],
) -> set[str]:
    """Query the months of the times only: an id and its time are read from one line."""
    if not times:
        return set()
    is_near = time.between(
        partition_month.shift_clamped(min(times.values()), -MAX_ZONE_SHIFT),
        partition_month.shift_clamped(max(times.values()), MAX_ZONE_SHIFT),
    )
    query = sa.select(id_column).where(id_column.table.c.app == app.id, id_column.in_(list(times)), is_near)
    return set(connection.execute(query).scalars())


def add(connection: Connection, app: App, operations: Sequence[AgentOperation]) -> None:
    """Add new operations."""
    partitions.ensure(connection, _TABLE, {partition_month.month_key(operation.begin) for operation in operations})
    _BULK_INSERT.insert(connection, app, operations)


def list_open_operations(
    connection: Connection, app: App, account_id: str, agents: Iterable[str], since: datetime | None = None
) -> list[OperationSpan]:
    """Return these agents' operations without an end in order of time; with `since`, also those that ended after it."""
    is_open = _TABLE.c.end.is_(None)
    query = sa.select(_TABLE.c.id, _TABLE.c.agent_id, _TABLE.c.begin, _TABLE.c.end).where(
        _TABLE.c.app == app.id,
        _TABLE.c.account_id == account_id,
        _TABLE.c.agent_id.in_(list(agents)),
        is_open if since is None else is_open | (_TABLE.c.end > since),
    )
    # Sorted here, because SQLite would read all operations of the app for an ORDER BY.
    spans = [OperationSpan(*row) for row in connection.execute(query)]
    return sorted(spans, key=lambda span: (span.begin, span.end is None, span.end or span.begin))


def close_operations(connection: Connection, app: App, ends: Sequence[tuple[OperationSpan, datetime]]) -> None:
    """Set the end times of operations."""
    if ends:
        is_row = (_TABLE.c.id == sa.bindparam("row_id")) & (_TABLE.c.begin == sa.bindparam("row_begin"))
        update = sa.update(_TABLE).where(_TABLE.c.app == app.id, is_row).values(end=sa.bindparam("new_end"))
        connection.execute(update, [{"row_id": span.id, "row_begin": span.begin, "new_end": end} for span, end in ends])


def add_skill_changes(connection: Connection, app: App, changes: Sequence[AgentSkillChange]) -> int:
    """Add the skill changes that are new, and return their number."""
    columns = _SKILL_TABLE.c
    times = {change.id: change.operate_time for change in changes}
    known = _find_existing_ids(connection, app, columns.id, columns.operate_time, times)
    new = list({change.id: change for change in changes if change.id not in known}.values())
    partitions.ensure(connection, _SKILL_TABLE, {partition_month.month_key(change.operate_time) for change in new})
    _SKILL_BULK_INSERT.insert(connection, app, new)
    return len(new)
