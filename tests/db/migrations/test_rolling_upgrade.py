"""Old and new code on one database: old code works on after a migration that adds, and is stopped by one that breaks.

The next release is simulated by a copy of the migrations with further ones. One test runs a real server of the old release.
"""

import shutil
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from ccfs.db.engine import Database, open_database
from ccfs.db.migrations.runner import MIGRATIONS_DIR, get_head_revision, upgrade
from ccfs.db.system import nodes
from ccfs.model.errors import OperatorError
from ccfs.model.node import NodeRecord
from ccfs.protocol.operations import BASE_PATH
from tests.api.api_client import create_client, send_request
from tests.db import sample_rows
from tests.server.ccfs_server import run_server
from tests.two_tenants import create_two_tenants

ADDING_CHANGE = "op.add_column('apps', sa.Column('colour', sa.Text(), nullable=True))"
BREAKING_CHANGE = "op.rename_table('play_tokens', 'tokens')"
MIGRATION_TEMPLATE = """
import sqlalchemy as sa
from alembic import op

revision, down_revision, branch_labels, depends_on = {number!r}, {before!r}, None, None
oldest = {oldest!r}


def upgrade():
    {change}
"""
HEAD_REVISION = get_head_revision()


def write_later_migrations(folder: Path, name: str, *migrations: tuple[str, str]) -> Path:
    """Write the migrations of a later release: ours and further ones, each (change, oldest compatible revision)."""
    copy = folder / name
    shutil.copytree(MIGRATIONS_DIR, copy)
    for number, (change, oldest) in enumerate(migrations, int(HEAD_REVISION) + 1):
        text = MIGRATION_TEMPLATE.format(number=f"{number:04}", before=f"{number - 1:04}", oldest=oldest, change=change)
        (copy / "versions" / f"{number:04}_next.py").write_text(text)
    return copy


def read_revision(database: Database) -> str:
    with database.read_transaction() as connection:
        return str(connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar_one())


def test_new_code_upgrades_an_old_database_and_keeps_its_rows(empty_database: Database, tmp_path: Path) -> None:
    upgrade(empty_database)
    with empty_database.write_transaction() as connection:
        sample_rows.add_app(connection)
    upgrade(empty_database, write_later_migrations(tmp_path, "new", (ADDING_CHANGE, HEAD_REVISION)))
    with empty_database.read_transaction() as connection:
        assert connection.execute(sa.text("SELECT name, colour FROM apps")).all() == [("acme", None)]


def test_old_code_works_after_a_migration_that_adds(empty_database: Database, tmp_path: Path) -> None:
    new = write_later_migrations(tmp_path, "new", (ADDING_CHANGE, HEAD_REVISION))
    upgrade(empty_database, new)
    upgrade(empty_database)
    with empty_database.write_transaction() as connection:
        sample_rows.add_app(connection)
    upgrade(empty_database, new)
    assert read_revision(empty_database) == get_head_revision(new) > HEAD_REVISION


def test_old_code_rejects_a_database_after_a_migration_that_breaks(empty_database: Database, tmp_path: Path) -> None:
    new = write_later_migrations(tmp_path, "new", (BREAKING_CHANGE, "0002"))
    upgrade(empty_database, new)
    with pytest.raises(OperatorError, match="a newer release"):
        upgrade(empty_database)
    assert read_revision(empty_database) == get_head_revision(new)


def test_the_newest_migration_names_the_oldest_compatible_code(empty_database: Database, tmp_path: Path) -> None:
    """The second migration drops what code of the first no longer needs; only older code is rejected."""
    first = write_later_migrations(tmp_path, "first", (ADDING_CHANGE, HEAD_REVISION))
    upgrade(
        empty_database,
        write_later_migrations(tmp_path, "second", (ADDING_CHANGE, HEAD_REVISION), (BREAKING_CHANGE, "0002")),
    )
    upgrade(empty_database, first)
    with pytest.raises(OperatorError, match="revision 0003"):
        upgrade(empty_database)


LIVENESS_TIMEOUT = timedelta(seconds=2)


def register_node(database: Database, name: str, revision: str) -> None:
    """Register a living node whose code has that revision."""
    now = datetime.now(UTC)
    node = NodeRecord(
        id=name, folder=name, address="", version="1", revision=revision, started_at=now, heartbeat_at=now
    )
    with database.write_transaction() as connection:
        nodes.register(connection, node, LIVENESS_TIMEOUT)


def test_a_migration_that_breaks_is_rejected_while_an_older_node_lives(
    empty_database: Database, tmp_path: Path
) -> None:
    """The database stays as it is."""
    upgrade(empty_database)
    stopped = threading.Event()

    def send_heartbeats() -> None:
        while not stopped.wait(0.3):
            register_node(empty_database, "north-2", HEAD_REVISION)

    register_node(empty_database, "north-2", HEAD_REVISION)
    thread = threading.Thread(target=send_heartbeats)
    thread.start()
    try:
        with pytest.raises(OperatorError, match=r"while older nodes are alive: north-2$"):
            upgrade(
                empty_database, write_later_migrations(tmp_path, "new", (BREAKING_CHANGE, "0002")), LIVENESS_TIMEOUT
            )
    finally:
        stopped.set()
        thread.join()
    assert read_revision(empty_database) == HEAD_REVISION


def test_a_migration_that_breaks_waits_until_an_ended_node_counts_as_dead(
    empty_database: Database, tmp_path: Path
) -> None:
    upgrade(empty_database)
    register_node(empty_database, "north-1", "0002")  # of the new release
    register_node(empty_database, "north-2", HEAD_REVISION)
    began, new = time.monotonic(), write_later_migrations(tmp_path, "new", (BREAKING_CHANGE, "0002"))
    upgrade(empty_database, new, LIVENESS_TIMEOUT)
    assert LIVENESS_TIMEOUT.total_seconds() * 0.9 < time.monotonic() - began < 10
    assert read_revision(empty_database) == get_head_revision(new)


def test_a_migration_that_adds_does_not_wait_for_older_nodes(empty_database: Database, tmp_path: Path) -> None:
    upgrade(empty_database)
    register_node(empty_database, "north-2", HEAD_REVISION)
    began = time.monotonic()
    upgrade(
        empty_database, write_later_migrations(tmp_path, "new", (ADDING_CHANGE, HEAD_REVISION)), timedelta(minutes=1)
    )
    assert time.monotonic() - began < 10


def test_a_database_without_a_compatible_revision_is_rejected(empty_database: Database) -> None:
    upgrade(empty_database)
    with empty_database.write_transaction() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
        connection.execute(sa.text("DROP TABLE compatible_revision"))
    with pytest.raises(OperatorError, match="a newer release"):
        upgrade(empty_database)


def test_a_server_works_through_a_migration_that_adds_and_not_after_one_that_breaks(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    with run_server(data, lock_failures=0) as old:
        client, node = create_client(old, create_two_tenants(old.node).acme), old.node
        database = open_database(node.settings.effective_database_url)
        upgrade(database, write_later_migrations(tmp_path, "adds", (ADDING_CHANGE, HEAD_REVISION)))
        assert (
            client.request("ivr/getFileHash", {"fileName": "Y:/3rdfile/4/thirdvoicebotfile/none.wav"}).result_code
            == "0300011"
        )
    with run_server(data) as old_again:
        assert send_request(old_again, "GET", "/readyz").status == 200
        assert send_request(old_again, "GET", f"{BASE_PATH}playVoice?st=none").result_code == "010107"
    upgrade(
        database, write_later_migrations(tmp_path, "breaks", (ADDING_CHANGE, HEAD_REVISION), (BREAKING_CHANGE, "0002"))
    )
    database.close()
    command = [sys.executable, "-c", "from ccfs.cli import main; main()", "serve", "--listen", "127.0.0.1:0"]
    environment = {"CCFS_DATA": str(data), "PYTHONPATH": ":".join(sys.path)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 1
    assert "a newer release" in done.stderr
