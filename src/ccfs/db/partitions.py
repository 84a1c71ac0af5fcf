"""The parts of tables that grow with every call: a month each, on PostgreSQL. SQLite has whole tables.

A part is attached and detached in ways that neither readers nor writers wait for; so there is no default part, which would
forbid it: who adds rows says their months first (`need`). Rows before 2000 and after 2099 share a part each.
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

AGE_COLUMN: Final = {  # monthly tables, and the instant in each that tells a row's age
    schema.cdrs: "begin",
    schema.recordings: "call_begin",
    schema.agent_operations: "begin",
    schema.agent_skill_changes: "operate_time",
}
MONTHS_AHEAD = 2  # months after this one
DELETE_BATCH_ROWS = 5000  # rows deleted in one transaction
_CREATE_LOCK_KEY = 0x63636D6F  # "ccmo": the advisory lock of who makes a part
_DROP_LOCK_KEY = 0x63636667  # "ccfg": that of who lets months go
_DETACH_LOCK_TIMEOUT = "5s"  # for transactions that began before a part goes; then it is tried again next time
_ATTACHED_PARTITIONS_SQL = sa.text("SELECT relname FROM pg_class WHERE relname = ANY(:names) AND relispartition")
_PARTITIONS_SQL = sa.text(
    "SELECT c.relname, COALESCE(i.inhdetachpending, false) AS is_leaving, i.inhrelid IS NULL AS is_gone"
    " FROM pg_class c LEFT JOIN pg_inherits i ON i.inhrelid = c.oid"
    " WHERE c.relkind = 'r' AND c.relname ~ :pattern AND pg_table_is_visible(c.oid) ORDER BY c.relname"
)
_ENQUEUE_ORPHANS_SQL = (  # the strays that all recordings of a part leave
    "INSERT INTO orphaned_blobs (location_id, key, owner_table, owner_row, lease, due_at)"
    " SELECT location_id, key, 'recordings', app || ' ' || file_name, '', CAST(:now AS timestamptz)"
)


def ensure(connection: Connection, table: sa.Table, months: Iterable[int]) -> None:
    """Make the parts for these months that are not there, in the transaction that will fill them."""
    names = {f"{table.name}_p{one}": one for one in set(months) if partition_month.has_own_partition(one)}
    if connection.dialect.name != "postgresql" or not names:
        return
    missing = names.keys() - set(connection.execute(_ATTACHED_PARTITIONS_SQL, {"names": list(names)}).scalars())
    if missing:
        connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": _CREATE_LOCK_KEY})
        missing -= set(connection.execute(_ATTACHED_PARTITIONS_SQL, {"names": list(missing)}).scalars())
    for name in sorted(missing):
        _create_partition(connection, table, name, names[name])


def _create_partition(connection: Connection, table: sa.Table, name: str, number: int) -> None:
    """One part; a detached one of that name, which is on its way out, gives the name up."""
    gone = sa.text("SELECT to_regclass(:name)")
    if connection.execute(gone, {"name": name}).scalar():
        _execute(connection, f"ALTER TABLE {name} RENAME TO {name}_x{connection.execute(_TRANSACTION_ID_SQL).scalar()}")
    first, last = number, partition_month.add_months(number)
    if table is not schema.recordings:
        first, last = (f"'{partition_month.month_start(one):%Y-%m-%d} 00:00+00'" for one in (first, last))  # type: ignore[assignment]
    _execute(connection, f"CREATE TABLE {name} (LIKE {table.name} INCLUDING DEFAULTS)")
    _execute(connection, f"ALTER TABLE {table.name} ATTACH PARTITION {name} FOR VALUES FROM ({first}) TO ({last})")


_TRANSACTION_ID_SQL = sa.text("SELECT pg_current_xact_id()::text")


def _execute(connection: Connection, statement: str) -> None:
    connection.exec_driver_sql(statement)


def ensure_upcoming(database: Database, now: datetime) -> None:
    """Make the parts of this month and of those to come: then a month's first rows wait for nothing."""
    months = [partition_month.add_months(partition_month.month_key(now), count) for count in range(MONTHS_AHEAD + 1)]
    with database.write_transaction() as connection:
        for table in AGE_COLUMN:
            ensure(connection, table, months)


def drop_before(database: Database, table: sa.Table, first_kept: int, now: datetime) -> None:
    """Let the table's rows go that are of earlier months; the bytes of recordings are strays then.

    It may be cut short at any point, and goes on when it is called again. A month that somebody reads stays till then.
    """
    if database.is_sqlite:
        _delete_rows(database, table, table.name, partition_month.month_start(first_kept), now)
        return
    autocommit = database.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
    with autocommit as connection, _try_lock(connection) as is_mine:
        if is_mine:
            _detach_partitions(connection, table, first_kept)
            _drop_detached(database, connection, table, now)
            _delete_rows(database, table, f"{table.name}_early", partition_month.month_start(first_kept), now)


@contextmanager
def _try_lock(connection: Connection) -> Iterator[bool]:
    """Whether no other node lets months go now."""
    key = {"key": _DROP_LOCK_KEY}
    is_mine = bool(connection.execute(sa.text("SELECT pg_try_advisory_lock(:key)"), key).scalar())
    try:
        yield is_mine
    finally:
        if is_mine:
            connection.execute(sa.text("SELECT pg_advisory_unlock(:key)"), key)


def _detach_partitions(connection: Connection, table: sa.Table, first_kept: int) -> None:
    """Detach parts. Only then are they seen by nobody; one that was half detached by a process that died comes first."""
    parts = connection.execute(_PARTITIONS_SQL, {"pattern": f"^{table.name}_p[0-9]{{6}}$"}).all()
    connection.execute(sa.text(f"SET lock_timeout = '{_DETACH_LOCK_TIMEOUT}'"))
    try:
        for part in sorted(parts, key=lambda one: not one.is_leaving):
            if part.is_leaving:
                _execute(connection, f"ALTER TABLE {table.name} DETACH PARTITION {part.relname} FINALIZE")
            elif not part.is_gone and int(part.relname[-6:]) < first_kept:
                _execute(connection, f"ALTER TABLE {table.name} DETACH PARTITION {part.relname} CONCURRENTLY")
    except OperationalError as error:
        if getattr(error.orig, "sqlstate", "") != "55P03":  # lock_not_available: it is read just now
            raise
    finally:
        connection.execute(sa.text("RESET lock_timeout"))


def _drop_detached(database: Database, connection: Connection, table: sa.Table, now: datetime) -> None:
    """Drop what is detached; what it says of bytes stays."""
    gone = connection.execute(_PARTITIONS_SQL, {"pattern": f"^{table.name}_p[0-9]{{6}}(_x[0-9]+)?$"}).all()
    for name in (one.relname for one in gone if one.is_gone and re.fullmatch(r"[a-z0-9_]+", one.relname)):
        with database.write_transaction() as writing:
            if table is schema.recordings:
                writing.execute(sa.text(f"{_ENQUEUE_ORPHANS_SQL} FROM {name} ON CONFLICT DO NOTHING"), {"now": now})
            _execute(writing, f"DROP TABLE {name}")


def _delete_rows(database: Database, table: sa.Table, name: str, before: datetime, now: datetime) -> None:
    """Delete rows, some thousand in a transaction; each app's, for so the index has them."""
    with database.read_transaction() as connection:
        apps = connection.execute(sa.select(schema.apps.c.id)).scalars().all()
    for app in apps:
        while _delete_batch(database, table, name, app, before, now) == DELETE_BATCH_ROWS:
            pass


def _delete_batch(database: Database, table: sa.Table, name: str, app: int, before: datetime, now: datetime) -> int:
    row = "rowid" if database.is_sqlite else "ctid"
    moment = sa.column(AGE_COLUMN[table], schema.Instant)
    old: sa.Select[Any] = (
        sa.select(sa.column(row)).select_from(sa.table(name)).where(sa.column("app") == app, moment < before)
    )
    part = sa.table(name, *(sa.column(one.name, one.type) for one in table.columns))
    delete = sa.delete(part).where(sa.column(row).in_(old.limit(DELETE_BATCH_ROWS)))
    with database.write_transaction() as connection:
        if table is not schema.recordings:
            return connection.execute(delete).rowcount
        named = connection.execute(delete.returning(part.c.location_id, part.c.key, part.c.app, part.c.file_name)).all()
        strays = [
            {
                "location_id": at,
                "key": key,
                "owner_table": BlobOwnerTable.RECORDINGS,
                "owner_row": f"{app} {name}",
                "lease": "",
                "due_at": now,
            }
            for at, key, app, name in named
        ]
        if strays:
            connection.execute(insert_or_ignore(connection, schema.orphaned_blobs), strays)
        return len(named)
