"""Bringing a database to this release's schema, once, however many nodes start together."""

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError

from ccfs.model.errors import Misuse
from ccfs.store.db import Database

_LOCK = 0x63636673  # "ccfs": the advisory lock that one upgrading node holds on PostgreSQL


def upgrade(database: Database) -> None:
    """Run the migrations that are missing, in one transaction that excludes every other upgrading process.

    Raises Misuse if the database is of a release that this one does not know.
    """
    config = _config()
    if _is_current(database, config):
        return
    with database.writing() as connection:  # BEGIN IMMEDIATE is the lock on SQLite
        if connection.dialect.name == "postgresql":
            connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, "head")
        except CommandError as error:
            raise Misuse(f"the database is of another, newer release of ccfs: {error}") from None


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    return config


def _is_current(database: Database, config: Config) -> bool:
    newest = ScriptDirectory.from_config(config).get_current_head()
    with database.reading() as connection:
        return MigrationContext.configure(connection).get_current_revision() == newest
