"""Fixtures of the tests of ingest: places to ingest into."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from shutil import copytree

import pytest

from tests.work.ingest.given import Place, Prepare


@pytest.fixture(scope="session")
def pattern(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty place on SQLite to be copied: making one takes longer than most tests."""
    place = Place(tmp_path_factory.mktemp("pattern") / "place").prepare()
    place.node.database.close()
    return place.folder


@pytest.fixture
def prepare(tmp_path: Path, pattern: Path) -> Iterator[Prepare]:
    """Makes an empty place each time it is called, on SQLite if no URL is given."""
    places: list[Place] = []
    numbers = count()

    def prepared(url: str = "", zone: str = "Europe/London") -> Place:
        place = Place(tmp_path / str(next(numbers)), url, zone)
        if (url, zone) == ("", Place.zone):
            copytree(pattern, place.folder)
        else:
            place.prepare()
        places.append(place)
        return place

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
