"""Fixtures of the database tests: a migrated database of each engine, emptied after each test; a SecretBox; two apps."""

from collections.abc import Iterator

import pytest
from cryptography.fernet import Fernet

from ccfs.db.encryption import SecretBox
from ccfs.db.engine import Database, open_database
from ccfs.db.migrations.runner import upgrade
from ccfs.db.schema import METADATA
from ccfs.model.identity.tenancy import App
from tests import databases
from tests.db import sample_rows


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def migrated_database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """A database with this release's schema, for the whole run."""
    if request.param == "sqlite":
        yield from _open_migrated(f"sqlite:///{tmp_path_factory.mktemp('database') / 'ccfs.db'}")
    else:
        with databases.create_database(request.getfixturevalue("postgres_url")) as url:
            yield from _open_migrated(url)


def _open_migrated(url: str) -> Iterator[Database]:
    database = open_database(url)
    upgrade(database)
    yield database
    database.close()


@pytest.fixture
def database(migrated_database: Database) -> Iterator[Database]:
    """A database without rows. Every test that uses it runs on both engines."""
    yield migrated_database
    with migrated_database.write_transaction() as connection:
        for table in reversed(METADATA.sorted_tables):
            connection.execute(table.delete())


@pytest.fixture
def url(database: Database) -> str:
    """The URL by which other processes open the database."""
    return database.engine.url.render_as_string(hide_password=False)


@pytest.fixture
def empty_database(empty_database_url: str) -> Iterator[Database]:
    """A database of the test's own, without tables."""
    database = open_database(empty_database_url)
    yield database
    database.close()


@pytest.fixture(scope="session")
def secret_box() -> SecretBox:
    """A SecretBox with one key."""
    return SecretBox((Fernet.generate_key().decode(),))


@pytest.fixture
def app(database: Database) -> App:
    """An app."""
    with database.write_transaction() as connection:
        return sample_rows.add_app(connection, "acme")


@pytest.fixture
def other_app(database: Database, app: App) -> App:
    """A second app, which must not see rows of the first."""
    with database.write_transaction() as connection:
        return sample_rows.add_app(connection, "bolt")
