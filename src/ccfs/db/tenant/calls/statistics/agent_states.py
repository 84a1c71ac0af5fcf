"""Agents' operations of a period, for statistics and the pages of agents."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ccfs.db import schema
from ccfs.db.engine import force_custom_plan
from ccfs.model.calls import partition_month
from ccfs.model.calls.agent_time import MAX_STATE
from ccfs.model.exports.time_window import TimeWindow
from ccfs.model.identity.tenancy import App

MAX_OPERATIONS = 200_000  # of a day of an account: more are of damaged files
_TABLE = schema.agent_operations
_NAMES = ("agent_id", "skill_id", "call_id", "begin", "end", "op_type", "op_cause", "reason")


@dataclass(frozen=True, slots=True)
class OperationRow:
    """An operation of an agent."""

    agent_id: str
    skill_id: str
    call_id: str
    begin: datetime
    end: datetime | None
    op_type: int
    op_cause: str
    reason: str


def list_operations(
    connection: Connection, app: App, account_id: str, window: TimeWindow, agents: Collection[str] = ()
) -> list[OperationRow]:
    """Return the operations of these agents, or of all, that were in progress in a window, in order of time.

    Operations that began more than MAX_STATE before the window are left out.
    """
    force_custom_plan(connection)
    query = sa.select(*(_TABLE.c[name] for name in _NAMES)).where(
        _TABLE.c.app == app.id,
        _TABLE.c.account_id == account_id,
        _TABLE.c.begin >= partition_month.shift_clamped(window.begin, -MAX_STATE),
        _TABLE.c.begin < window.end,
        _TABLE.c.end.is_(None) | (_TABLE.c.end > window.begin),
    )
    if agents:
        query = query.where(_TABLE.c.agent_id.in_(list(agents)))
    rows = [OperationRow(*row) for row in connection.execute(query.limit(MAX_OPERATIONS))]
    return sorted(rows, key=lambda row: (row.begin, row.end is None, row.end or row.begin))
