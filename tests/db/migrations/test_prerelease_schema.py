"""A database from before the first release, whose tables have other names, is rejected at start."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

from ccfs import settings
from ccfs.db.engine import Database, open_database
from ccfs.db.migrations.runner import upgrade
from ccfs.model.errors import OperatorError

# Of the first migration before the rename: the tables of Alembic and of the upgrade, and one with rows of ours.
PRERELEASE_SCHEMA = (
    "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)",
    "INSERT INTO alembic_version VALUES ('0001')",
    "CREATE TABLE oldest_code (revision TEXT NOT NULL, CONSTRAINT pk_oldest_code PRIMARY KEY (revision))",
    "INSERT INTO oldest_code VALUES ('0001')",
    'CREATE TABLE strays (location_id TEXT, key TEXT, holder TEXT, "row" TEXT, lease TEXT, due_at BIGINT)',
    "INSERT INTO strays VALUES ('0', '1/rec/20260504/a.wav', 'recordings', '1 a', '', 0)",
)
ADVICE = r"start with an empty data folder \(CCFS_DATA\) or an empty database \(CCFS_DATABASE_URL\)"


def execute(database: Database, *statements: str) -> None:
    with database.write_transaction() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


def list_tables(database: Database) -> set[str]:
    with database.read_transaction() as connection:
        return set(sa.inspect(connection).get_table_names())


def test_a_prerelease_database_is_rejected_and_stays_as_it_is(empty_database: Database) -> None:
    execute(empty_database, *PRERELEASE_SCHEMA)
    with pytest.raises(OperatorError, match=ADVICE):
        upgrade(empty_database)
    assert list_tables(empty_database) == {"alembic_version", "oldest_code", "strays"}
    with empty_database.read_transaction() as connection:
        assert connection.execute(sa.text("SELECT count(*) FROM strays")).scalar() == 1


@pytest.mark.parametrize("table", ["oldest_code", "strays", "selections", "marks"])
def test_any_prerelease_table_has_the_database_rejected(empty_database: Database, table: str) -> None:
    execute(empty_database, f"CREATE TABLE {table} (id INTEGER)")
    with pytest.raises(OperatorError, match=ADVICE):
        upgrade(empty_database)
    assert list_tables(empty_database) == {table}


def run_ccfs(data: Path, *command: str, **more: str) -> subprocess.CompletedProcess[str]:
    ours = {name: value for name, value in os.environ.items() if not name.startswith(settings.PREFIX)}
    environment = {**ours, "PYTHONPATH": ":".join(sys.path), "CCFS_DATA": str(data), **more}
    program = [sys.executable, "-c", "from ccfs.cli import main; main()", *command]
    return subprocess.run(program, env=environment, capture_output=True, text=True, timeout=180, check=False)


@pytest.mark.parametrize("command", ["serve --listen 127.0.0.1:0", "app list"])
def test_a_command_on_a_prerelease_database_ends_with_one_sentence(
    empty_database_url: str, command: str, tmp_path: Path
) -> None:
    database = open_database(empty_database_url)
    execute(database, *PRERELEASE_SCHEMA)
    database.close()
    done = run_ccfs(tmp_path / "data", *command.split(), CCFS_DATABASE_URL=empty_database_url)
    assert (done.returncode, done.stdout) == (1, "")
    [line] = done.stderr.splitlines()
    assert re.search(ADVICE, line)


def test_a_server_on_a_prerelease_data_folder_ends_with_one_sentence(tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{tmp_path / 'ccfs.db'}")
    execute(database, *PRERELEASE_SCHEMA)
    database.close()
    done = run_ccfs(tmp_path, "serve", "--listen", "127.0.0.1:0")
    assert (done.returncode, done.stdout) == (1, "")
    [line] = done.stderr.splitlines()
    assert re.search(ADVICE, line)
