"""How many rows of a table are in each state, and since when the oldest waits: of all apps together, for metrics. What the states
mean is said where the table is asked and changed."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection


def count_by_state(connection: Connection, table: sa.Table) -> dict[str, int]:
    """How many rows are in each state that some are in."""
    rows = connection.execute(sa.select(table.c.state, sa.func.count()).group_by(table.c.state))
    return {str(row[0]): int(row[1]) for row in rows}


def get_oldest_requested_at(connection: Connection, table: sa.Table, which: sa.ColumnElement[bool]) -> datetime | None:
    """When the oldest of some rows was asked for. They are counted, too: for the least alone, SQLite would walk an index on
    `asked_at`, past all others."""
    asked = sa.select(sa.func.min(table.c.asked_at), sa.func.count()).where(which)
    return connection.execute(asked).scalar()
