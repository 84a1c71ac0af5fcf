"""Alembic: reads what migrations declare, and runs the missing ones.

Only runner.py imports this module, and only to run a migration, because importing Alembic takes as long as everything
else that most commands do.
"""

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy.engine import Connection

from ccfs.db import schema


def read_compatible_revision(migrations: Path, revision: str) -> str:
    """Return the oldest revision whose code works on the schema that this revision creates."""
    script = ScriptDirectory(str(migrations)).get_revision(revision)
    assert script is not None, f"there is no revision {revision}"
    oldest: str = script.module.oldest
    return oldest


def run_migrations(connection: Connection, migrations: Path, oldest_compatible: str) -> None:
    """Run the missing migrations in the connection's transaction, and store the oldest compatible revision."""
    config = Config()
    config.set_main_option("script_location", str(migrations))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    connection.execute(sa.delete(schema.compatible_revision))
    connection.execute(sa.insert(schema.compatible_revision).values(revision=oldest_compatible))
