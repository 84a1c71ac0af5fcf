"""Alembic: what the steps say of themselves, and running those that are missing. Whether they may be run is upgrade.py's
business, which comes here only then: to import Alembic takes as long as all else that most commands do."""

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy.engine import Connection

from ccfs.db import schema


def read_compatible_revision(migrations: Path, step: str) -> str:
    """The oldest step whose code works on the schema that this one makes."""
    script = ScriptDirectory(str(migrations)).get_revision(step)
    assert script is not None, f"no step is called {step}"
    oldest: str = script.module.oldest
    return oldest


def run_migrations(connection: Connection, migrations: Path, oldest: str) -> None:
    """Run the steps that are missing, in the connection's transaction, and keep the newest one's word."""
    config = Config()
    config.set_main_option("script_location", str(migrations))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    connection.execute(sa.delete(schema.compatible_revision))
    connection.execute(sa.insert(schema.compatible_revision).values(revision=oldest))
