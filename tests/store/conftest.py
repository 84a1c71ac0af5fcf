"""Fixtures of the store's tests: one upgraded database of each engine, emptied after each test; a sealer, two apps."""

from collections.abc import Iterator

import pytest
from cryptography.fernet import Fernet

from ccfs.db.encryption import SecretBox
from ccfs.db.engine import Database, open_database
from ccfs.db.migrations.runner import upgrade
from ccfs.db.schema import METADATA
from ccfs.model.identity.tenancy import App
from tests import servers
from tests.store import given
from tests.web.serving import Server, serving


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def upgraded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """A database at this release's schema, for the whole run."""
    if request.param == "sqlite":
        yield from _opened(f"sqlite:///{tmp_path_factory.mktemp('store') / 'ccfs.db'}")
    else:
        with servers.database(request.getfixturevalue("postgres_url")) as url:
            yield from _opened(url)


def _opened(url: str) -> Iterator[Database]:
    database = open_database(url)
    upgrade(database)
    yield database
    database.close()


@pytest.fixture(scope="session")
def peer_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A real node, whose disks are read from afar."""
    with serving(tmp_path_factory.mktemp("peer"), lock_failures=0) as server:
        yield server


@pytest.fixture
def database(upgraded: Database) -> Iterator[Database]:
    """A database without a row; every test that asks for it runs on both engines."""
    yield upgraded
    with upgraded.write_transaction() as connection:
        for table in reversed(METADATA.sorted_tables):
            connection.execute(table.delete())


@pytest.fixture
def url(database: Database) -> str:
    """Where other processes find the database."""
    return database.engine.url.render_as_string(hide_password=False)


@pytest.fixture
def fresh(database_url: str) -> Iterator[Database]:
    """An empty database of its own, not upgraded."""
    database = open_database(database_url)
    yield database
    database.close()


@pytest.fixture(scope="session")
def sealer() -> SecretBox:
    """A sealer with one key."""
    return SecretBox((Fernet.generate_key().decode(),))


@pytest.fixture
def app(database: Database) -> App:
    """An app."""
    with database.write_transaction() as connection:
        return given.app(connection, "acme")


@pytest.fixture
def other(database: Database, app: App) -> App:
    """Another app, which may see nothing of the first one's."""
    with database.write_transaction() as connection:
        return given.app(connection, "bolt")
