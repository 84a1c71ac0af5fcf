"""The plans by which an engine runs the queries of an action, for tests that require indexes."""

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ccfs.db.engine import Database
from ccfs.model.identity.tenancy import App

QueryAction = Callable[[Connection, App], object]
FULL_SCANS = (
    "SCAN exports",
    "SCAN deliveries",
    "Scan on exports",
    "Scan on deliveries",
    "SCAN bulk_download",
    "TEMP B-TREE",
)


def explain_action(database: Database, action: Callable[[Connection], object]) -> list[str]:
    """Return the plan of each query. The action is rolled back."""
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
    """Return whether the plan scans or sorts a whole table."""
    return any(step in plan for step in FULL_SCANS)


def explain_queries(database: Database, app: App, action: QueryAction) -> list[str]:
    """Return the plan of each SELECT and UPDATE of the action, for its actual values. The action is rolled back."""
    with database.engine.connect() as connection:
        capture = _capture_sqlite_queries if database.is_sqlite else _capture_postgresql_queries
        plans = [
            "\n".join(str(row[-1]) for row in connection.exec_driver_sql(f"{explain} {statement}", values))
            for explain, statement, values in capture(connection, app, action)
        ]
        connection.rollback()
    return plans


def _capture_sqlite_queries(connection: Connection, app: App, action: QueryAction) -> list[tuple[str, str, Any]]:
    statements: list[str] = []
    driver: Any = connection.connection.driver_connection
    driver.set_trace_callback(statements.append)
    action(connection, app)
    driver.set_trace_callback(None)
    return [
        ("EXPLAIN QUERY PLAN", statement, ()) for statement in statements if statement.startswith(("SELECT", "UPDATE"))
    ]


def _capture_postgresql_queries(connection: Connection, app: App, action: QueryAction) -> list[tuple[str, str, Any]]:
    queries: list[tuple[str, str, Any]] = []

    def listen(_connection: Any, _cursor: Any, statement: str, values: Any, _context: Any, many: bool) -> None:
        if statement.startswith(("SELECT", "UPDATE")):
            queries.append(("EXPLAIN", statement, values[0] if many else values))

    sa.event.listen(connection, "before_cursor_execute", listen)
    action(connection, app)
    sa.event.remove(connection, "before_cursor_execute", listen)
    return queries
