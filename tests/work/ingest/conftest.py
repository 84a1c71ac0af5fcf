"""Fixtures of the tests of ingest: places to ingest into."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.work.ingest.given import Place


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """An empty place on SQLite."""
    place = Place(tmp_path).prepare()
    yield place
    place.node.database.close()


@pytest.fixture
def each_place(tmp_path: Path, database_url: str) -> Iterator[Place]:
    """An empty place on each kind of database."""
    place = Place(tmp_path, database_url).prepare()
    yield place
    place.node.database.close()
