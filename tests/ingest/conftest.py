"""Fixtures: sites to ingest into."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from shutil import copytree

import pytest

from tests.ingest.ingest_site import CreateSite, IngestSite
from tests.ingest.tables.switch_database import (
    FREEPBX_CDR,
    POSTGRESQL_CDR,
    SwitchTables,
    create_mariadb_tables,
    create_postgres_tables,
)
from tests.mariadb import MariaDbServer


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


@pytest.fixture
def freepbx(mariadb_server: MariaDbServer) -> Iterator[SwitchTables]:
    """FreePBX's table on MariaDB, without rows."""
    with create_mariadb_tables(mariadb_server, FREEPBX_CDR) as tables:
        yield tables


@pytest.fixture(params=["mysql", "postgresql"])
def each_cdr_table(request: pytest.FixtureRequest) -> Iterator[SwitchTables]:
    """A `cdr` table without rows, of Asterisk's own columns on PostgreSQL, and of FreePBX's on MariaDB."""
    if request.param == "mysql":
        yield request.getfixturevalue("freepbx")
    else:
        with create_postgres_tables(request.getfixturevalue("postgres_url"), POSTGRESQL_CDR) as tables:
            yield tables
