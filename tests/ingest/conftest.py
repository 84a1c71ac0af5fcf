"""Fixtures: sites to ingest into."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from shutil import copytree

import pytest

from tests.ingest.ingest_site import CreateSite, IngestSite


@pytest.fixture(scope="session")
def site_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of an empty site on SQLite, to be copied: creating one takes longer than most tests."""
    site = IngestSite(tmp_path_factory.mktemp("pattern") / "place").prepare()
    site.node.database.close()
    return site.folder


@pytest.fixture
def create_site(tmp_path: Path, site_template: Path) -> Iterator[CreateSite]:
    """Create an empty site on each call, on SQLite if no URL is given."""
    sites: list[IngestSite] = []
    numbers = count()

    def create(url: str = "", zone: str = "Europe/London") -> IngestSite:
        site = IngestSite(tmp_path / str(next(numbers)), url, zone)
        if (url, zone) == ("", IngestSite.zone):
            copytree(site_template, site.folder)
        else:
            site.prepare()
        sites.append(site)
        return site

    yield create
    for site in sites:
        site.node.database.close()


@pytest.fixture
def ingest_site(create_site: CreateSite) -> IngestSite:
    """An empty site on SQLite."""
    return create_site()


@pytest.fixture
def each_ingest_site(create_site: CreateSite, database_url: str) -> IngestSite:
    """An empty site on each database."""
    return create_site(database_url)
