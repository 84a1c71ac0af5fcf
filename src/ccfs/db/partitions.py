"""Monthly partitions on PostgreSQL for the tables that grow with every call; SQLite does not partition them.

Partitions are attached and detached without making readers or writers wait. This is impossible with a default
partition, so writers must create the partitions that they need first (`ensure`). Rows before 2000 share one partition,
and rows after 2099 another.
"""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import OperationalError

from ccfs.db import schema
from ccfs.db.engine import Database
from ccfs.db.statements import insert_or_ignore
from ccfs.model.blobs.orphan import BlobOwnerTable
from ccfs.model.calls import partition_month

AGE_COLUMN: Final = {  # monthly tables, each with the instant by which its rows age
    schema.cdrs: "begin",
    schema.recordings: "call_begin",
    schema.agent_operations: "begin",
    schema.agent_skill_changes: "operate_time",
}
MONTHS_AHEAD = 2  # months after the current one
DELETE_BATCH_ROWS = 5000  # rows deleted in one transaction
_CREATE_LOCK_KEY = 0x63636D6F  # "ccmo": the advisory lock for creating a partition
_DROP_LOCK_KEY = 0x63636667  # "ccfg": the advisory lock for dropping months
_DETACH_LOCK_TIMEOUT = "5s"  # how long to wait for transactions that use the partition; then the next run tries again
_ATTACHED_PARTITIONS_SQL = sa.text("SELECT relname FROM pg_class WHERE relname = ANY(:names) AND relispartition")
_PARTITIONS_SQL = sa.text(
    "SELECT c.relname, COALESCE(i.inhdetachpending, false) AS is_detach_pending, i.inhrelid IS NULL AS is_detached"
    " FROM pg_class c LEFT JOIN pg_inherits i ON i.inhrelid = c.oid"
    " WHERE c.relkind = 'r' AND c.relname ~ :pattern AND pg_table_is_visible(c.oid) ORDER BY c.relname"
)
_TRANSACTION_ID_SQL = sa.text("SELECT pg_current_xact_id()::text")
_ENQUEUE_ORPHANS_SQL = (  # the blobs of all recordings of a partition
    "INSERT INTO orphaned_blobs (location_id, key, owner_table, owner_row, app, lease, due_at)"
    " SELECT location_id, key, 'recordings', app || ' ' || file_name, app, '', CAST(:now AS timestamptz)"
)


def ensure(connection: Connection, table: sa.Table, months: Iterable[int]) -> None:
    """Create the missing partitions for these months, in the same transaction that will fill them."""
    names = {f"{table.name}_p{month}": month for month in set(months) if partition_month.has_own_partition(month)}
    if connection.dialect.name != "postgresql" or not names:
        return
    missing = names.keys() - set(connection.execute(_ATTACHED_PARTITIONS_SQL, {"names": list(names)}).scalars())
    if missing:
        connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": _CREATE_LOCK_KEY})
        missing -= set(connection.execute(_ATTACHED_PARTITIONS_SQL, {"names": list(missing)}).scalars())
    for name in sorted(missing):
        _create_partition(connection, table, name, names[name])


def _create_partition(connection: Connection, table: sa.Table, name: str, month: int) -> None:
    """Create one partition. Rename a detached partition of the same name that is still to be dropped."""
    detached = sa.text("SELECT to_regclass(:name)")
    if connection.execute(detached, {"name": name}).scalar():
        _execute(connection, f"ALTER TABLE {name} RENAME TO {name}_x{connection.execute(_TRANSACTION_ID_SQL).scalar()}")
    first, last = month, partition_month.add_months(month)
    if table is not schema.recordings:
        first, last = (f"'{partition_month.month_start(bound):%Y-%m-%d} 00:00+00'" for bound in (first, last))  # type: ignore[assignment]
    _execute(connection, f"CREATE TABLE {name} (LIKE {table.name} INCLUDING DEFAULTS)")
    _execute(connection, f"ALTER TABLE {table.name} ATTACH PARTITION {name} FOR VALUES FROM ({first}) TO ({last})")


def _execute(connection: Connection, statement: str) -> None:
    connection.exec_driver_sql(statement)


def ensure_upcoming(database: Database, now: datetime) -> None:
    """Create the partitions for this month and the next ones, so that the first rows of a month need not wait."""
    months = [partition_month.add_months(partition_month.month_key(now), count) for count in range(MONTHS_AHEAD + 1)]
    with database.write_transaction() as connection:
        for table in AGE_COLUMN:
            ensure(connection, table, months)


def list_months(connection: Connection, table: str) -> set[int]:
    """Return the months of a table's partitions on PostgreSQL, also of those that are detached and still to be dropped."""
    names = connection.execute(_PARTITIONS_SQL, {"pattern": f"^{table}_p[0-9]{{6}}(_x[0-9]+)?$"}).scalars()
    return {int(name.removeprefix(f"{table}_p")[:6]) for name in names}


def drop_before(database: Database, table: sa.Table, first_month: int, now: datetime) -> None:
    """Delete the table's rows for the months before `first_month`. The blobs of deleted recordings become orphans.

    The work can be interrupted at any point; the next call continues. If a transaction is reading a month, it is
    dropped later.
    """
    if database.is_sqlite:
        _delete_rows(database, table, table.name, partition_month.month_start(first_month), now)
        return
    autocommit = database.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
    with autocommit as connection, _try_lock(connection) as is_locked:
        if is_locked:
            _detach_partitions(connection, table, first_month)
            _drop_detached(database, connection, table, now)
            _delete_rows(database, table, f"{table.name}_early", partition_month.month_start(first_month), now)


@contextmanager
def _try_lock(connection: Connection) -> Iterator[bool]:
    """Yield whether no other node is dropping months now."""
    key = {"key": _DROP_LOCK_KEY}
    is_locked = bool(connection.execute(sa.text("SELECT pg_try_advisory_lock(:key)"), key).scalar())
    try:
        yield is_locked
    finally:
        if is_locked:
            connection.execute(sa.text("SELECT pg_advisory_unlock(:key)"), key)


def _detach_partitions(connection: Connection, table: sa.Table, first_month: int) -> None:
    """Detach old partitions, which hides their rows. A detach that a killed process left pending is finished first."""
    partitions = connection.execute(_PARTITIONS_SQL, {"pattern": f"^{table.name}_p[0-9]{{6}}$"}).all()
    connection.execute(sa.text(f"SET lock_timeout = '{_DETACH_LOCK_TIMEOUT}'"))
    try:
        for partition in sorted(partitions, key=lambda row: not row.is_detach_pending):
            if partition.is_detach_pending:
                _execute(connection, f"ALTER TABLE {table.name} DETACH PARTITION {partition.relname} FINALIZE")
            elif not partition.is_detached and int(partition.relname[-6:]) < first_month:
                _execute(connection, f"ALTER TABLE {table.name} DETACH PARTITION {partition.relname} CONCURRENTLY")
    except OperationalError as error:
        if getattr(error.orig, "sqlstate", "") != "55P03":  # lock_not_available: a transaction reads the partition
            raise
    finally:
        connection.execute(sa.text("RESET lock_timeout"))


def _drop_detached(database: Database, connection: Connection, table: sa.Table, now: datetime) -> None:
    """Drop the detached partitions, and enqueue the blobs that their rows reference."""
    partitions = connection.execute(_PARTITIONS_SQL, {"pattern": f"^{table.name}_p[0-9]{{6}}(_x[0-9]+)?$"}).all()
    names = [partition.relname for partition in partitions if partition.is_detached]
    for name in (name for name in names if re.fullmatch(r"[a-z0-9_]+", name)):
        with database.write_transaction() as writer:
            if table is schema.recordings:
                writer.execute(sa.text(f"{_ENQUEUE_ORPHANS_SQL} FROM {name} ON CONFLICT DO NOTHING"), {"now": now})
            _execute(writer, f"DROP TABLE {name}")


def _delete_rows(database: Database, table: sa.Table, name: str, before: datetime, now: datetime) -> None:
    """Delete rows in batches, app by app, because the index begins with the app."""
    with database.read_transaction() as connection:
        apps = connection.execute(sa.select(schema.apps.c.id)).scalars().all()
    for app in apps:
        while _delete_batch(database, table, name, app, before, now) == DELETE_BATCH_ROWS:
            pass


def _delete_batch(database: Database, table: sa.Table, name: str, app: int, before: datetime, now: datetime) -> int:
    row_id: sa.ColumnElement[Any] = sa.column("rowid" if database.is_sqlite else "ctid")
    instant = sa.column(AGE_COLUMN[table], schema.Instant)
    old: sa.Select[Any] = sa.select(row_id).select_from(sa.table(name)).where(sa.column("app") == app, instant < before)
    partition = sa.table(name, *(sa.column(column.name, column.type) for column in table.columns))
    delete = sa.delete(partition).where(row_id.in_(old.limit(DELETE_BATCH_ROWS)))
    with database.write_transaction() as connection:
        if table is not schema.recordings:
            return connection.execute(delete).rowcount
        blobs = delete.returning(partition.c.location_id, partition.c.key, partition.c.app, partition.c.file_name)
        orphans = [
            {
                "location_id": location_id,
                "key": key,
                "owner_table": BlobOwnerTable.RECORDINGS,
                "owner_row": f"{owner} {file_name}",
                "app": owner,
                "lease": "",
                "due_at": now,
            }
            for location_id, key, owner, file_name in connection.execute(blobs).all()
        ]
        if orphans:
            connection.execute(insert_or_ignore(connection, schema.orphaned_blobs), orphans)
        return len(orphans)
