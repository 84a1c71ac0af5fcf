"""Fixtures of the tests of ingest: places to ingest into."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from shutil import copytree

import pytest

from tests.ingest.ingest_site import CreateSite, IngestSite


@pytest.fixture(scope="session")
def site_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty place on SQLite to be copied: making one takes longer than most tests."""
    place = IngestSite(tmp_path_factory.mktemp("pattern") / "place").prepare()
    place.node.database.close()
    return place.folder


@pytest.fixture
def create_site(tmp_path: Path, site_template: Path) -> Iterator[CreateSite]:
    """Makes an empty place each time it is called, on SQLite if no URL is given."""
    places: list[IngestSite] = []
    numbers = count()

    def prepared(url: str = "", zone: str = "Europe/London") -> IngestSite:
        place = IngestSite(tmp_path / str(next(numbers)), url, zone)
        if (url, zone) == ("", IngestSite.zone):
            copytree(site_template, place.folder)
        else:
            place.prepare()
        places.append(place)
        return place

    yield prepared
    for place in places:
        place.node.database.close()


@pytest.fixture
def ingest_site(create_site: CreateSite) -> IngestSite:
    """An empty place on SQLite."""
    return create_site()


@pytest.fixture
def each_ingest_site(create_site: CreateSite, database_url: str) -> IngestSite:
    """An empty place on each kind of database."""
    return create_site(database_url)
