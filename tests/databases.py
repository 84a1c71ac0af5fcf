"""Databases with the tables of this release, copied from one that was migrated once: a migration takes half a second."""

import atexit
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from ccfs.db.engine import open_database
from ccfs.db.migrations.runner import upgrade
from tests import servers

SQLITE_NAME = "ccfs.db"  # in a data folder
_TEMPLATE = "ccfs_tables"


@contextmanager
def create_database(server: str) -> Iterator[str]:
    """Create a database with tables on that PostgreSQL server until the block ends; yield its URL."""
    with servers.create_database(server, template=_create_postgres_template(server)) as url:
        yield url


def create_sqlite(folder: Path) -> str:
    """Create a SQLite database with tables in a data folder, unless it has one; return its URL."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / SQLITE_NAME
    if not path.exists():
        shutil.copy(_create_sqlite_template(), path)
    return f"sqlite:///{path}"


@cache
def _create_postgres_template(server: str) -> str:
    _migrate(servers.create_lasting_database(server, _TEMPLATE))
    return _TEMPLATE


@cache
def _create_sqlite_template() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="ccfs-tables-"))
    atexit.register(shutil.rmtree, folder)
    _migrate(f"sqlite:///{folder / SQLITE_NAME}")
    return folder / SQLITE_NAME


def _migrate(url: str) -> None:
    database = open_database(url)
    upgrade(database)
    database.close()
