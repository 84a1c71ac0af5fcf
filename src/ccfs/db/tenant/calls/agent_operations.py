"""Rows of agent operations and agent skill changes."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ccfs.db import partitions, schema
from ccfs.db.bulk_insert import BulkInserter
from ccfs.db.tenant.calls.statistics import call_statistics
from ccfs.model.calls import partition_month
from ccfs.model.calls.agent_operation import AgentOperation, AgentOperationType, AgentSkillChange
from ccfs.model.identity.tenancy import App

MAX_ZONE_SHIFT = timedelta(days=2)  # a line may be read again with another zone
_ACCOUNTS_PER_QUERY = 1000  # every database limits the parameters of a query
MAX_LASTING = timedelta(days=31)  # in which an operation that lasts is looked for
_TABLE = schema.agent_operations
_SKILL_TABLE = schema.agent_skill_changes
_BULK_INSERT = BulkInserter(_TABLE, AgentOperation)
_SKILL_BULK_INSERT = BulkInserter(_SKILL_TABLE, AgentSkillChange)


@dataclass(frozen=True, slots=True)
class OperationSpan:
    """The start and end of an agent operation."""

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
    instants = {
        (operation.account_id, instant)
        for operation in operations
        for instant in (operation.begin, operation.end)
        if instant is not None
    }
    call_statistics.mark_instants(connection, app, instants)  # of one day: a later state ends an earlier one


def set_first_queues(
    connection: Connection, app: App, queues: Mapping[str, str], begins: Mapping[str, datetime]
) -> None:
    """Set the queues of operations by id, unless an operation has a queue whose name sorts before the new one."""
    values = [
        {"row_id": row_id, "row_begin": begins[row_id], "queue": queue} for row_id, queue in queues.items() if queue
    ]
    if values:
        is_row = (_TABLE.c.id == sa.bindparam("row_id")) & (_TABLE.c.begin == sa.bindparam("row_begin"))
        is_later = (_TABLE.c.skill_id == "") | (_TABLE.c.skill_id > sa.bindparam("queue"))
        update = sa.update(_TABLE).where(_TABLE.c.app == app.id, is_row, is_later)
        connection.execute(update.values(skill_id=sa.bindparam("queue")), values)


def list_open_operations(
    connection: Connection, app: App, account_id: str, agents: Iterable[str], since: datetime | None = None
) -> list[OperationSpan]:
    """Return these agents' operations without an end in order of time; with `since`, also those that ended after it."""
    is_open = _TABLE.c.end.is_(None)
    query = sa.select(_TABLE.c.id, _TABLE.c.agent_id, _TABLE.c.begin, _TABLE.c.end).where(
        _TABLE.c.app == app.id,
        _TABLE.c.account_id == account_id,
        _TABLE.c.agent_id.in_(list(agents)),
        _TABLE.c.op_type != AgentOperationType.HOLD,  # a part of a talk, which it does not end
        is_open if since is None else is_open | (_TABLE.c.end > since),
    )
    # Sorted here, because SQLite would read all operations of the app for an ORDER BY.
    spans = [OperationSpan(*row) for row in connection.execute(query)]
    return sorted(spans, key=lambda span: (span.begin, span.end is None, span.end or span.begin))


def list_accounts_of_agents(
    connection: Connection, app: App, account_ids: Sequence[str], agents: Iterable[str]
) -> set[tuple[str, str]]:
    """Return (account, agent) for those of these agents and accounts that have an open operation."""
    found: set[tuple[str, str]] = set()
    names = list(agents)
    for start in range(0, len(account_ids), _ACCOUNTS_PER_QUERY):
        query = sa.select(_TABLE.c.account_id, _TABLE.c.agent_id).where(
            _TABLE.c.app == app.id,
            _TABLE.c.account_id.in_(account_ids[start:][:_ACCOUNTS_PER_QUERY]),
            _TABLE.c.agent_id.in_(names),
            _TABLE.c.end.is_(None),
        )
        found |= {(row.account_id, row.agent_id) for row in connection.execute(query)}
    return found


def close_operations(connection: Connection, app: App, ends: Sequence[tuple[OperationSpan, datetime]]) -> None:
    """Set the end times of operations."""
    if ends:
        is_row = (_TABLE.c.id == sa.bindparam("row_id")) & (_TABLE.c.begin == sa.bindparam("row_begin"))
        update = sa.update(_TABLE).where(_TABLE.c.app == app.id, is_row).values(end=sa.bindparam("new_end"))
        connection.execute(update, [{"row_id": span.id, "row_begin": span.begin, "new_end": end} for span, end in ends])


def delete(connection: Connection, app: App, operations: Iterable[OperationSpan]) -> None:
    """Delete operations."""
    for operation in operations:
        is_row = (_TABLE.c.id == operation.id) & (_TABLE.c.begin == operation.begin)
        connection.execute(sa.delete(_TABLE).where(_TABLE.c.app == app.id, is_row))


def list_of_agents(
    connection: Connection, app: App, account_id: str, agents: Iterable[str]
) -> list[tuple[OperationSpan, int, str]]:
    """Return these agents' operations with their types and causes."""
    columns = (_TABLE.c.id, _TABLE.c.agent_id, _TABLE.c.begin, _TABLE.c.end, _TABLE.c.op_type, _TABLE.c.op_cause)
    query = sa.select(*columns).where(
        _TABLE.c.app == app.id, _TABLE.c.account_id == account_id, _TABLE.c.agent_id.in_(list(agents))
    )
    return [(OperationSpan(*row[:4]), row[4], row[5]) for row in connection.execute(query)]


def list_unanswered_attempts(
    connection: Connection, app: App, account_id: str, call_ids: Iterable[str]
) -> list[tuple[OperationSpan, str]]:
    """Return the instants at which agents' phones stopped ringing unanswered in these calls, each with its callId."""
    query = sa.select(_TABLE.c.id, _TABLE.c.agent_id, _TABLE.c.begin, _TABLE.c.end, _TABLE.c.call_id).where(
        _TABLE.c.app == app.id,
        _TABLE.c.account_id == account_id,
        _TABLE.c.call_id.in_(list(call_ids)),
        _TABLE.c.call_id != sa.literal_column("''"),
        _TABLE.c.op_type == AgentOperationType.BUSY,
    )
    return [(OperationSpan(*row[:4]), row[4]) for row in connection.execute(query)]


def rename_agent(connection: Connection, app: App, account_id: str, old: str, new: str) -> None:
    """Assign the operations of one agent to another."""
    is_old = (_TABLE.c.account_id == account_id) & (_TABLE.c.agent_id == old)
    connection.execute(sa.update(_TABLE).where(_TABLE.c.app == app.id, is_old).values(agent_id=new))


def reassign_calls(connection: Connection, app: App, account_id: str, calls: Mapping[str, str]) -> None:
    """Assign operations of calls to other calls; `calls` maps old to new callIds."""
    for old, new in calls.items():
        is_old = (_TABLE.c.account_id == account_id) & (_TABLE.c.call_id == old)
        connection.execute(sa.update(_TABLE).where(_TABLE.c.app == app.id, is_old).values(call_id=new))


def list_lasting_in_calls(
    connection: Connection, app: App, account_id: str, types: Iterable[int], until: datetime
) -> list[OperationSpan]:
    """Return the account's operations of these types during a call that were in progress at this instant."""
    query = sa.select(_TABLE.c.id, _TABLE.c.agent_id, _TABLE.c.begin, _TABLE.c.end).where(
        _TABLE.c.app == app.id,
        _TABLE.c.account_id == account_id,
        _TABLE.c.op_type.in_(list(types)),
        _TABLE.c.begin.between(partition_month.shift_clamped(until, -MAX_LASTING), until - timedelta(microseconds=1)),
        _TABLE.c.end.is_(None) | (_TABLE.c.end > until),
    )
    return [OperationSpan(*row) for row in connection.execute(query)]


def add_skill_changes(connection: Connection, app: App, changes: Sequence[AgentSkillChange]) -> int:
    """Add new skill changes. Return their number."""
    columns = _SKILL_TABLE.c
    times = {change.id: change.operate_time for change in changes}
    known = _find_existing_ids(connection, app, columns.id, columns.operate_time, times)
    new = list({change.id: change for change in changes if change.id not in known}.values())
    partitions.ensure(connection, _SKILL_TABLE, {partition_month.month_key(change.operate_time) for change in new})
    _SKILL_BULK_INSERT.insert(connection, app, new)
    return len(new)
