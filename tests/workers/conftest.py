"""Fixtures of worker tests: a database and a location."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ccfs.blobs.disk import DiskLocation
from ccfs.db.engine import Database, open_database
from ccfs.db.migrations.runner import upgrade


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A database of its own with the current schema."""
    database = open_database(database_url)
    upgrade(database)
    yield database
    database.close()


@pytest.fixture
def disk(tmp_path: Path) -> DiskLocation:
    """The only location."""
    return DiskLocation("0", tmp_path / "files")
