"""Bringing a database to this release's schema, once, however many nodes start together; and which releases may share one.

Each step names the oldest step whose code works on the schema that it makes (docs/development.md has the rule). The newest
step's word is kept in the table `oldest_code`, for programs that do not know that step. Steps that living nodes cannot work
with are not taken.
"""

import time
from datetime import timedelta
from functools import cache
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ccfs.model.errors import Misuse
from ccfs.store import nodes, schema
from ccfs.store.db import Database

_LOCK = 0x63636673  # "ccfs": the advisory lock that one upgrading node holds on PostgreSQL
_LOOK_SECONDS = 0.5  # between two looks whether older nodes still live
_VERSION = sa.table("alembic_version", sa.column("version_num", sa.Text()))
MIGRATIONS = Path(__file__).parent / "migrations"


class _Inhabited(Exception):
    """Nodes live, or did a moment ago, that could not work with what the steps make; the text names them."""


def newest(migrations: Path = MIGRATIONS) -> str:
    """The newest step that this program knows."""
    return max(_steps(migrations))


def upgrade(database: Database, migrations: Path = MIGRATIONS, patience: timedelta = timedelta(0)) -> None:
    """Run the migrations that are missing, in one transaction that excludes every other upgrading process.

    A newer database is left as it is. Raises Misuse if it is too new for this program, or if nodes go on living, of which
    something was heard within `patience`, whose code the migrations would break; nodes that just ended are waited for.
    """
    give_up = time.monotonic() + patience.total_seconds() + 2 * _LOOK_SECONDS
    while True:
        try:
            return _upgrade(database, migrations, patience)
        except _Inhabited as error:
            if time.monotonic() > give_up:
                raise Misuse(
                    f"the database cannot be brought to this release while older nodes live: {error}"
                ) from None
        time.sleep(_LOOK_SECONDS)


def _upgrade(database: Database, migrations: Path, patience: timedelta) -> None:
    with database.reading() as connection:
        if _is_good(connection, migrations):
            return
    with database.writing() as connection:  # BEGIN IMMEDIATE is the lock on SQLite
        if connection.dialect.name == "postgresql":
            connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        if not _is_good(connection, migrations):  # else another process was first
            _take_steps(connection, migrations, patience)


def _take_steps(connection: Connection, migrations: Path, patience: timedelta) -> None:
    from ccfs.store import migrating  # brings Alembic, which nearly every start can do without

    oldest = migrating.oldest_code(migrations, newest(migrations))
    _must_be_free(connection, oldest, patience)
    migrating.run(connection, migrations, oldest)


def _must_be_free(connection: Connection, oldest: str, patience: timedelta) -> None:
    """Raises _Inhabited while nodes live whose code is older than that step."""
    if sa.inspect(connection).has_table(schema.nodes.name):
        found = nodes.living_before(connection, oldest, patience)
        if found:
            raise _Inhabited(", ".join(found))


def _is_good(connection: Connection, migrations: Path) -> bool:
    """Whether this program can work on the database as it is."""
    there = _step(connection)
    if there is None or there in _steps(migrations):
        return there == newest(migrations)
    if newest(migrations) >= _oldest_code(connection):
        return True
    raise Misuse(f"the database is of another, newer release of ccfs (step {there}), which this one cannot work with")


def _step(connection: Connection) -> str | None:
    """The step that the database is at, in the table that Alembic keeps; None where there is none yet."""
    if not sa.inspect(connection).has_table(_VERSION.name):
        return None
    return connection.execute(sa.select(_VERSION.c.version_num)).scalar()


def _oldest_code(connection: Connection) -> str:
    """What the newest step said; beyond every step, so that nothing works, where the database does not tell."""
    if not sa.inspect(connection).has_table(schema.oldest_code.name):
        return "~"
    return connection.execute(sa.select(schema.oldest_code.c.revision)).scalar() or "~"


@cache
def _steps(migrations: Path) -> frozenset[str]:
    """Every step that is there: files are called after theirs. Steps are numbered, so that they sort."""
    return frozenset(file.stem.partition("_")[0] for file in (migrations / "versions").glob("[0-9]*.py"))
