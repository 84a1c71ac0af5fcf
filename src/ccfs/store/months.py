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

from ccfs.model import month
from ccfs.model.stray import Holder
from ccfs.store import schema
from ccfs.store.db import Database
from ccfs.store.tenancy import insert_or_ignore

MOMENTS: Final = {  # monthly tables, and the instant in each that tells a row's age
    schema.cdrs: "begin",
    schema.recordings: "call_begin",
    schema.agent_operations: "begin",
    schema.agent_skill_changes: "operate_time",
}
AHEAD = 2  # months after this one
AT_ONCE = 5000  # rows deleted in one transaction
_LOCK = 0x63636D6F  # "ccmo": the advisory lock of who makes a part
_FORGET_LOCK = 0x63636667  # "ccfg": that of who lets months go
_PATIENCE = "5s"  # for transactions that began before a part goes; then it is tried again next time
_ATTACHED = sa.text("SELECT relname FROM pg_class WHERE relname = ANY(:names) AND relispartition")
_PARTS = sa.text(
    "SELECT c.relname, COALESCE(i.inhdetachpending, false) AS is_leaving, i.inhrelid IS NULL AS is_gone"
    " FROM pg_class c LEFT JOIN pg_inherits i ON i.inhrelid = c.oid"
    " WHERE c.relkind = 'r' AND c.relname ~ :pattern AND pg_table_is_visible(c.oid) ORDER BY c.relname"
)
_LEAVING = (  # the strays that all recordings of a part leave
    "INSERT INTO strays (location_id, key, holder, row, lease, due_at)"
    " SELECT location_id, key, 'recordings', app || ' ' || file_name, '', CAST(:now AS timestamptz)"
)


def need(connection: Connection, table: sa.Table, months: Iterable[int]) -> None:
    """Make the parts for these months that are not there, in the transaction that will fill them."""
    names = {f"{table.name}_p{one}": one for one in set(months) if month.is_usual(one)}
    if connection.dialect.name != "postgresql" or not names:
        return
    missing = names.keys() - set(connection.execute(_ATTACHED, {"names": list(names)}).scalars())
    if missing:
        connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        missing -= set(connection.execute(_ATTACHED, {"names": list(missing)}).scalars())
    for name in sorted(missing):
        _make(connection, table, name, names[name])


def _make(connection: Connection, table: sa.Table, name: str, number: int) -> None:
    """One part; a detached one of that name, which is on its way out, gives the name up."""
    gone = sa.text("SELECT to_regclass(:name)")
    if connection.execute(gone, {"name": name}).scalar():
        _do(connection, f"ALTER TABLE {name} RENAME TO {name}_x{connection.execute(_TRANSACTION).scalar()}")
    first, last = number, month.after(number)
    if table is not schema.recordings:
        first, last = (f"'{month.begin(one):%Y-%m-%d} 00:00+00'" for one in (first, last))  # type: ignore[assignment]
    _do(connection, f"CREATE TABLE {name} (LIKE {table.name} INCLUDING DEFAULTS)")
    _do(connection, f"ALTER TABLE {table.name} ATTACH PARTITION {name} FOR VALUES FROM ({first}) TO ({last})")


_TRANSACTION = sa.text("SELECT pg_current_xact_id()::text")


def _do(connection: Connection, statement: str) -> None:
    connection.exec_driver_sql(statement)


def make_ahead(database: Database, now: datetime) -> None:
    """Make the parts of this month and of those to come: then a month's first rows wait for nothing."""
    months = [month.after(month.of(now), count) for count in range(AHEAD + 1)]
    with database.writing() as connection:
        for table in MOMENTS:
            need(connection, table, months)


def forget(database: Database, table: sa.Table, first_kept: int, now: datetime) -> None:
    """Let the table's rows go that are of earlier months; the bytes of recordings are strays then.

    It may be cut short at any point, and goes on when it is called again. A month that somebody reads stays till then.
    """
    if database.is_local:
        _forget_rows(database, table, table.name, month.begin(first_kept), now)
        return
    autocommit = database.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
    with autocommit as connection, _alone(connection) as is_mine:
        if is_mine:
            _forget_parts(connection, table, first_kept)
            _drop_gone(database, connection, table, now)
            _forget_rows(database, table, f"{table.name}_early", month.begin(first_kept), now)


@contextmanager
def _alone(connection: Connection) -> Iterator[bool]:
    """Whether no other node lets months go now."""
    key = {"key": _FORGET_LOCK}
    is_mine = bool(connection.execute(sa.text("SELECT pg_try_advisory_lock(:key)"), key).scalar())
    try:
        yield is_mine
    finally:
        if is_mine:
            connection.execute(sa.text("SELECT pg_advisory_unlock(:key)"), key)


def _forget_parts(connection: Connection, table: sa.Table, first_kept: int) -> None:
    """Detach parts. Only then are they seen by nobody; one that was half detached by a process that died comes first."""
    parts = connection.execute(_PARTS, {"pattern": f"^{table.name}_p[0-9]{{6}}$"}).all()
    connection.execute(sa.text(f"SET lock_timeout = '{_PATIENCE}'"))
    try:
        for part in sorted(parts, key=lambda one: not one.is_leaving):
            if part.is_leaving:
                _do(connection, f"ALTER TABLE {table.name} DETACH PARTITION {part.relname} FINALIZE")
            elif not part.is_gone and int(part.relname[-6:]) < first_kept:
                _do(connection, f"ALTER TABLE {table.name} DETACH PARTITION {part.relname} CONCURRENTLY")
    except OperationalError as error:
        if getattr(error.orig, "sqlstate", "") != "55P03":  # lock_not_available: it is read just now
            raise
    finally:
        connection.execute(sa.text("RESET lock_timeout"))


def _drop_gone(database: Database, connection: Connection, table: sa.Table, now: datetime) -> None:
    """Drop what is detached; what it says of bytes stays."""
    gone = connection.execute(_PARTS, {"pattern": f"^{table.name}_p[0-9]{{6}}(_x[0-9]+)?$"}).all()
    for name in (one.relname for one in gone if one.is_gone and re.fullmatch(r"[a-z0-9_]+", one.relname)):
        with database.writing() as writing:
            if table is schema.recordings:
                writing.execute(sa.text(f"{_LEAVING} FROM {name} ON CONFLICT DO NOTHING"), {"now": now})
            _do(writing, f"DROP TABLE {name}")


def _forget_rows(database: Database, table: sa.Table, name: str, before: datetime, now: datetime) -> None:
    """Delete rows, some thousand in a transaction; each app's, for so the index has them."""
    with database.reading() as connection:
        apps = connection.execute(sa.select(schema.apps.c.id)).scalars().all()
    for app in apps:
        while _forget_some(database, table, name, app, before, now) == AT_ONCE:
            pass


def _forget_some(database: Database, table: sa.Table, name: str, app: int, before: datetime, now: datetime) -> int:
    row = "rowid" if database.is_local else "ctid"
    moment = sa.column(MOMENTS[table], schema.Instant)
    old: sa.Select[Any] = (
        sa.select(sa.column(row)).select_from(sa.table(name)).where(sa.column("app") == app, moment < before)
    )
    part = sa.table(name, *(sa.column(one.name, one.type) for one in table.columns))
    delete = sa.delete(part).where(sa.column(row).in_(old.limit(AT_ONCE)))
    with database.writing() as connection:
        if table is not schema.recordings:
            return connection.execute(delete).rowcount
        named = connection.execute(delete.returning(part.c.location_id, part.c.key, part.c.app, part.c.file_name)).all()
        strays = [
            {
                "location_id": at,
                "key": key,
                "holder": Holder.RECORDINGS,
                "row": f"{app} {name}",
                "lease": "",
                "due_at": now,
            }
            for at, key, app, name in named
        ]
        if strays:
            connection.execute(insert_or_ignore(connection, schema.strays), strays)
        return len(named)
