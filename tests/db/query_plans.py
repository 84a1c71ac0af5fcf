"""Query plans of an action, for tests that require indexes."""

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ccfs.db.engine import Database

FULL_SCANS = (
    "SCAN exports",
    "SCAN deliveries",
    "Scan on exports",
    "Scan on deliveries",
    "SCAN bulk_download",
    "TEMP B-TREE",
)


def explain_action(database: Database, action: Callable[[Connection], object]) -> list[str]:
    """Return one plan for each query of an action; roll its changes back."""
    explain = "explain query plan" if database.is_sqlite else "explain"
    if not database.is_sqlite:
        with database.write_transaction() as connection:
            connection.execute(sa.text("analyze"))
    queries: list[tuple[str, Any]] = []

    def listen(_connection: Any, _cursor: Any, statement: str, values: Any, _context: Any, _many: bool) -> None:
        queries.append((statement, values))

    with database.engine.connect() as connection:
        sa.event.listen(connection, "before_cursor_execute", listen)
        action(connection)
        sa.event.remove(connection, "before_cursor_execute", listen)
        plans = [
            connection.exec_driver_sql(f"{explain} {statement}", values)
            for statement, values in queries
            if not statement.startswith("SET ")
        ]
        texts = ["\n".join(str(row[-1]) for row in plan) for plan in plans]
        connection.rollback()
    return texts


def has_full_scan(plan: str) -> bool:
    """Whether a plan reads or sorts a whole table."""
    return any(step in plan for step in FULL_SCANS)
