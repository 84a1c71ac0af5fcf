"""How an engine goes about the questions that an action asks; for tests that hold it to the indexes. No test here."""

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
    """One text for each question; what the action did is undone."""
    word = "explain query plan" if database.is_sqlite else "explain"
    if not database.is_sqlite:
        with database.write_transaction() as connection:
            connection.execute(sa.text("analyze"))
    asked: list[tuple[str, Any]] = []

    def listen(_connection: Any, _cursor: Any, statement: str, values: Any, _context: Any, _many: bool) -> None:
        asked.append((statement, values))

    with database.engine.connect() as connection:
        sa.event.listen(connection, "before_cursor_execute", listen)
        action(connection)
        sa.event.remove(connection, "before_cursor_execute", listen)
        rows = [
            connection.exec_driver_sql(f"{word} {statement}", values)
            for statement, values in asked
            if not statement.startswith("SET ")
        ]
        texts = ["\n".join(str(row[-1]) for row in plan) for plan in rows]
        connection.rollback()
    return texts


def has_full_scan(plan: str) -> bool:
    """Whether it reads or sorts a whole table."""
    return any(word in plan for word in FULL_SCANS)
