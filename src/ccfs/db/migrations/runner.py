"""Upgrades a database to this release's schema, and decides which releases may use the same database.

If several nodes start at once, only one of them runs the migrations. Each migration declares the oldest revision whose
code works on the schema that it creates (see docs/development.md for the rule). The table `compatible_revision` stores
what the newest migration declared, for programs that do not know that migration. Migrations that would break a running
node are not run.
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

_UPGRADE_LOCK_KEY = 0x63636673  # "ccfs": the advisory lock of the upgrading node on PostgreSQL
_POLL_SECONDS = 0.5  # between two checks for older nodes
_VERSION_TABLE = sa.table("alembic_version", sa.column("version_num", sa.Text()))
_PRERELEASE_TABLES = ("oldest_code", "strays", "selections", "marks")  # no release has ever had these names
MIGRATIONS_DIR = Path(__file__).parent


class _OlderNodesAlive(Exception):
    """Nodes are alive, or were a moment ago, that the migrations would break. The text names them."""


def get_head_revision(migrations: Path = MIGRATIONS_DIR) -> str:
    """Return the newest revision that this program knows."""
    return max(_list_known_revisions(migrations))


def upgrade(database: Database, migrations: Path = MIGRATIONS_DIR, liveness_timeout: timedelta = timedelta(0)) -> None:
    """Run the missing migrations in a single transaction, which excludes all other processes that upgrade.

    A newer database is left unchanged. Raises OperatorError if it is too new for this program, if it is older than the
    first release, or if nodes that the migrations would break remain alive. A node that has just ended counts as alive
    until its last heartbeat is older than `liveness_timeout`.
    """
    deadline = time.monotonic() + liveness_timeout.total_seconds() + 2 * _POLL_SECONDS
    while True:
        try:
            return _upgrade_once(database, migrations, liveness_timeout)
        except _OlderNodesAlive as error:
            if time.monotonic() > deadline:
                raise OperatorError(
                    f"the database cannot be upgraded to this release while older nodes are alive: {error}"
                ) from None
        time.sleep(_POLL_SECONDS)


def _upgrade_once(database: Database, migrations: Path, liveness_timeout: timedelta) -> None:
    with database.read_transaction() as connection:
        _reject_prerelease_schema(connection)
        if _is_compatible(connection, migrations):
            return
    with database.write_transaction() as connection:  # BEGIN IMMEDIATE is the lock on SQLite
        if connection.dialect.name == "postgresql":
            connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": _UPGRADE_LOCK_KEY})
        if not _is_compatible(connection, migrations):  # else another process was first
            _run_migrations(connection, migrations, liveness_timeout)


def _reject_prerelease_schema(connection: Connection) -> None:
    if not set(_PRERELEASE_TABLES).isdisjoint(sa.inspect(connection).get_table_names()):
        raise OperatorError(
            "the database has tables of ccfs before its first release, which cannot be upgraded: start with an empty data"
            " folder (CCFS_DATA) or an empty database (CCFS_DATABASE_URL); `ccfs serve --demo` creates a new one"
        )


def _run_migrations(connection: Connection, migrations: Path, liveness_timeout: timedelta) -> None:
    from ccfs.db.migrations import versioning  # imports Alembic, which nearly every start does without

    oldest_compatible = versioning.read_compatible_revision(migrations, get_head_revision(migrations))
    _require_no_older_nodes(connection, oldest_compatible, liveness_timeout)
    versioning.run_migrations(connection, migrations, oldest_compatible)


def _require_no_older_nodes(connection: Connection, revision: str, liveness_timeout: timedelta) -> None:
    """Raise _OlderNodesAlive while nodes are alive whose code is older than the revision."""
    if sa.inspect(connection).has_table(schema.nodes.name):
        older_nodes = nodes.list_alive_on_older_schema(connection, revision, liveness_timeout)
        if older_nodes:
            raise _OlderNodesAlive(", ".join(older_nodes))


def _is_compatible(connection: Connection, migrations: Path) -> bool:
    """Return whether this program works on the database as it is. Raises OperatorError if it is too new."""
    revision = _get_current_revision(connection)
    if revision is None or revision in _list_known_revisions(migrations):
        return revision == get_head_revision(migrations)
    if get_head_revision(migrations) >= _get_compatible_revision(connection):
        return True
    raise OperatorError(
        f"the database is of a newer release of ccfs (revision {revision}), which this release cannot work with"
    )


def _get_current_revision(connection: Connection) -> str | None:
    """Return the database's revision from Alembic's table; None if the database is empty."""
    if not sa.inspect(connection).has_table(_VERSION_TABLE.name):
        return None
    return connection.execute(sa.select(_VERSION_TABLE.c.version_num)).scalar()


def _get_compatible_revision(connection: Connection) -> str:
    """Return the oldest compatible revision. Without an entry it is "~", newer than every revision: nothing is compatible."""
    if not sa.inspect(connection).has_table(schema.compatible_revision.name):
        return "~"
    return connection.execute(sa.select(schema.compatible_revision.c.revision)).scalar() or "~"


@cache
def _list_known_revisions(migrations: Path) -> frozenset[str]:
    """Return every revision of the folder. Files are named by revision, and revisions are numbered, so that they sort."""
    return frozenset(file.stem.partition("_")[0] for file in (migrations / "versions").glob("[0-9]*.py"))
