"""Fixtures of the tests of ingest: places to ingest into."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from tests.work.ingest.given import Place, Prepare


@pytest.fixture
def prepare(tmp_path: Path) -> Iterator[Prepare]:
    """Makes an empty place each time it is called, on SQLite if no URL is given."""
    places: list[Place] = []
    numbers = count()

    def prepared(url: str = "", zone: str = "Europe/London") -> Place:
        places.append(Place(tmp_path / str(next(numbers)), url, zone).prepare())
        return places[-1]

    yield prepared
    for place in places:
        place.node.database.close()


@pytest.fixture
def place(prepare: Prepare) -> Place:
    """An empty place on SQLite."""
    return prepare()


@pytest.fixture
def each_place(prepare: Prepare, database_url: str) -> Place:
    """An empty place on each kind of database."""
    return prepare(database_url)
