"""Bringing a database to this release's schema, once, however many nodes start together."""

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from ccfs.store.db import Database

_LOCK = 0x63636673  # "ccfs": the advisory lock that one upgrading node holds on PostgreSQL


def upgrade(database: Database) -> None:
    """Run the migrations that are missing, in one transaction that excludes every other upgrading process."""
    config = _config()
    if not database.is_local or not _is_current(database, config):
        with database.writing() as connection:  # BEGIN IMMEDIATE is the lock on SQLite
            if connection.dialect.name == "postgresql":
                connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
            config.attributes["connection"] = connection
            command.upgrade(config, "head")


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    return config


def _is_current(database: Database, config: Config) -> bool:
    with database.reading() as connection:
        return MigrationContext.configure(connection).get_current_revision() == ScriptDirectory.from_config(
            config
        ).get_current_head()
