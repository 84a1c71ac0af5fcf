"""Databases of calls for benchmarks. The database generates the rows from their numbers."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from ccfs.db import partitions, schema
from ccfs.db.engine import Database, open_database
from ccfs.db.migrations.runner import upgrade
from ccfs.model.calls import partition_month
from ccfs.model.identity.tenancy import App

APP = App(id=1, ak="BENCHAK0001", name="bench")
FIRST_DAY = datetime(2026, 1, 1, tzinfo=UTC)
FIRST_EPOCH = int(FIRST_DAY.timestamp())
DAY = timedelta(days=1)
ROWS_PER_DAY = 333_333

# SQL of each column: two rows per call, queue and agent, in whole seconds; n is the number of the row.
CDR_COLUMNS = {
    "app": "1",
    "account_id": "'100'",
    "cc_id": "'1'",
    "vdn_id": "'8'",
    "call_id": f"CAST({FIRST_EPOCH} + n / 8 AS text) || '-' || CAST(n / 2 AS text)",
    "call_id_num": "CASE WHEN n % 2 = 0 THEN 1 ELSE -1 END",
    "agent_id": "CASE WHEN n % 2 = 0 THEN '' ELSE CAST(500 + n % 97 AS text) END",
    "caller_no": "'0207946' || CAST(1000 + n % 9000 AS text)",
    "callee_no": "'600'",
    "begin": "{0}",
    "wait_begin": "{0}",
    "wait_end": "{12 + n % 7}",
    "ack_begin": "CASE WHEN n % 2 = 1 THEN {9} END",
    "ack_end": "CASE WHEN n % 2 = 1 THEN {12 + n % 7} END",
    "call_begin": "CASE WHEN n % 2 = 1 THEN {12 + n % 7} END",
    "call_end": "CASE WHEN n % 2 = 1 THEN {80 + n % 500} END",
    "device_type": "1 + n % 2",
    "device_no": "CASE WHEN n % 2 = 0 THEN 7 ELSE 500 + n % 97 END",
    "call_type": "0",
    "release_cause": "16",
    "pre_device_type": "n % 2",
    "pre_device_no": "7",
    "leave_reason": "0",
    "media_type": "5",
    "sub_media_type": "0",
    "user_wanted_skill_id": "'7'",
    "current_skill_id": "'7'",
    "caller_name": "''",
    "switch_call_id": "'PJSIP-' || CAST(n / 2 AS text)",
    "switch_leg_id": "'PJSIP-' || CAST(n AS text)",
    "leg_order": "''",
    "talk_seconds": "0",
    "wait_seconds": "12 + n / 2 % 7",
    "direction": "0",
    **dict.fromkeys(("caller_key", "callee_key", "name_key"), "''"),
    "source_key": "CAST(n AS text) || 'abcdef0123456789abcdef'",
}


def build_insert_sql(table: str, row: Mapping[str, str], instant: str, numbers: str, daily: int) -> str:
    """Return an INSERT of rows. `instant` begins the SQL of an instant, {seconds} after the first one."""
    cells = [
        cell.replace("{", f"{instant} + n * 86400 / {daily} + ").replace("}", ")") if "{" in cell else cell
        for cell in row.values()
    ]
    return f"INSERT INTO {table} ({', '.join(row)}) SELECT {', '.join(cells)} FROM {numbers}"


def create_filled_database(url: str, rows: int) -> Database:
    """Create a database with that many CDR rows."""
    database = create_database(url)
    insert_rows(database, "cdrs", CDR_COLUMNS, rows)
    analyse(database)
    return database


def create_database(url: str) -> Database:
    """Create a database with the app."""
    database = open_database(url)
    upgrade(database)
    created_at = "0" if database.is_sqlite else "now()"
    with database.write_transaction() as connection:
        connection.exec_driver_sql(
            f"INSERT INTO apps (id, ak, name, created_at) VALUES (1, '{APP.ak}', 'bench', {created_at})"
        )
    return database


def insert_rows(database: Database, table: str, row: Mapping[str, str], rows: int, daily: int = ROWS_PER_DAY) -> None:
    """Let the database generate rows from FIRST_DAY on, `daily` per day."""
    if database.is_sqlite:
        numbers = (
            f"(WITH RECURSIVE s(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM s WHERE n < {rows - 1}) SELECT n FROM s)"
        )
        statement = build_insert_sql(table, row, f"1000000 * ({FIRST_EPOCH}", numbers, daily)
    else:
        numbers = f"generate_series(0::bigint, {rows - 1}) AS s(n)"
        statement = build_insert_sql(table, row, f"to_timestamp({FIRST_EPOCH}", numbers, daily).replace("%", "%%")
    with database.write_transaction() as connection:
        months = {partition_month.month_key(FIRST_DAY + day * DAY) for day in range(rows // daily + 1)}
        partitions.ensure(connection, schema.METADATA.tables[table], months)
        connection.exec_driver_sql(statement)


@contextmanager
def without_indexes(database: Database, table: str) -> Iterator[None]:
    """Drop the indexes of a table, and create them at the end of the block: they are then sorted once, not row by row."""
    indexes = sorted(schema.METADATA.tables[table].indexes, key=lambda index: str(index.name))
    with database.write_transaction() as connection:
        for index in indexes:
            index.drop(connection)
    yield
    for index in indexes:
        with database.write_transaction() as connection:
            if not database.is_sqlite:
                connection.exec_driver_sql("SET LOCAL maintenance_work_mem = '1GB'")
            index.create(connection)


def analyse(database: Database) -> None:
    """Update the statistics of the query planner."""
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("ANALYZE" if database.is_sqlite else "VACUUM ANALYZE")
