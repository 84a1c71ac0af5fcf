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

from ccfs.db import schema
from ccfs.db.engine import Database
from ccfs.db.system import nodes
from ccfs.model.errors import OperatorError

_UPGRADE_LOCK_KEY = 0x63636673  # "ccfs": the advisory lock that one upgrading node holds on PostgreSQL
_POLL_SECONDS = 0.5  # between two looks whether older nodes still live
_VERSION_TABLE = sa.table("alembic_version", sa.column("version_num", sa.Text()))
MIGRATIONS_DIR = Path(__file__).parent


class _OlderNodesAlive(Exception):
    """Nodes live, or did a moment ago, that could not work with what the steps make; the text names them."""


def get_head_revision(migrations: Path = MIGRATIONS_DIR) -> str:
    """The newest step that this program knows."""
    return max(_list_known_revisions(migrations))


def upgrade(database: Database, migrations: Path = MIGRATIONS_DIR, patience: timedelta = timedelta(0)) -> None:
    """Run the migrations that are missing, in one transaction that excludes every other upgrading process.

    A newer database is left as it is. Raises Misuse if it is too new for this program, or if nodes go on living, of which
    something was heard within `patience`, whose code the migrations would break; nodes that just ended are waited for.
    """
    give_up = time.monotonic() + patience.total_seconds() + 2 * _POLL_SECONDS
    while True:
        try:
            return _upgrade_once(database, migrations, patience)
        except _OlderNodesAlive as error:
            if time.monotonic() > give_up:
                raise OperatorError(
                    f"the database cannot be brought to this release while older nodes live: {error}"
                ) from None
        time.sleep(_POLL_SECONDS)


def _upgrade_once(database: Database, migrations: Path, patience: timedelta) -> None:
    with database.read_transaction() as connection:
        if _is_compatible(connection, migrations):
            return
    with database.write_transaction() as connection:  # BEGIN IMMEDIATE is the lock on SQLite
        if connection.dialect.name == "postgresql":
            connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": _UPGRADE_LOCK_KEY})
        if not _is_compatible(connection, migrations):  # else another process was first
            _run_migrations(connection, migrations, patience)


def _run_migrations(connection: Connection, migrations: Path, patience: timedelta) -> None:
    from ccfs.db.migrations import versioning  # brings Alembic, which nearly every start can do without

    oldest = versioning.read_compatible_revision(migrations, get_head_revision(migrations))
    _require_no_older_nodes(connection, oldest, patience)
    versioning.run_migrations(connection, migrations, oldest)


def _require_no_older_nodes(connection: Connection, oldest: str, patience: timedelta) -> None:
    """Raises _Inhabited while nodes live whose code is older than that step."""
    if sa.inspect(connection).has_table(schema.nodes.name):
        found = nodes.list_alive_on_older_schema(connection, oldest, patience)
        if found:
            raise _OlderNodesAlive(", ".join(found))


def _is_compatible(connection: Connection, migrations: Path) -> bool:
    """Whether this program can work on the database as it is."""
    there = _get_current_revision(connection)
    if there is None or there in _list_known_revisions(migrations):
        return there == get_head_revision(migrations)
    if get_head_revision(migrations) >= _get_compatible_revision(connection):
        return True
    raise OperatorError(
        f"the database is of another, newer release of ccfs (step {there}), which this one cannot work with"
    )


def _get_current_revision(connection: Connection) -> str | None:
    """The step that the database is at, in the table that Alembic keeps; None where there is none yet."""
    if not sa.inspect(connection).has_table(_VERSION_TABLE.name):
        return None
    return connection.execute(sa.select(_VERSION_TABLE.c.version_num)).scalar()


def _get_compatible_revision(connection: Connection) -> str:
    """What the newest step said; beyond every step, so that nothing works, where the database does not tell."""
    if not sa.inspect(connection).has_table(schema.compatible_revision.name):
        return "~"
    return connection.execute(sa.select(schema.compatible_revision.c.revision)).scalar() or "~"


@cache
def _list_known_revisions(migrations: Path) -> frozenset[str]:
    """Every step that is there: files are called after theirs. Steps are numbered, so that they sort."""
    return frozenset(file.stem.partition("_")[0] for file in (migrations / "versions").glob("[0-9]*.py"))
