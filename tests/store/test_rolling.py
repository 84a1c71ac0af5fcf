"""Old and new code on one database, both ways: a step that adds lets old code go on, a step that breaks says so to it.

The next release is made up: a copy of the migrations with further steps. Of the old one there is a real server, too.
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
from tests.cast import fill
from tests.store import given
from tests.web.callers import caller, send
from tests.web.serving import serving

ADDS = "op.add_column('apps', sa.Column('colour', sa.Text(), nullable=True))"
BREAKS = "op.rename_table('play_tokens', 'tokens')"
STEP = """
import sqlalchemy as sa
from alembic import op

revision, down_revision, branch_labels, depends_on = {number!r}, {before!r}, None, None
oldest = {oldest!r}


def upgrade():
    {change}
"""
NOW = get_head_revision()


def later(folder: Path, name: str, *steps: tuple[str, str]) -> Path:
    """The migrations of a later release: ours, and further steps, each (its change, the oldest code that it lets live)."""
    copy = folder / name
    shutil.copytree(MIGRATIONS_DIR, copy)
    for number, (change, oldest) in enumerate(steps, int(NOW) + 1):
        text = STEP.format(number=f"{number:04}", before=f"{number - 1:04}", oldest=oldest, change=change)
        (copy / "versions" / f"{number:04}_next.py").write_text(text)
    return copy


def revision(database: Database) -> str:
    with database.read_transaction() as connection:
        return str(connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar_one())


def test_new_code_brings_an_old_database_to_its_schema_and_keeps_the_rows(fresh: Database, tmp_path: Path) -> None:
    upgrade(fresh)
    with fresh.write_transaction() as connection:
        given.app(connection)
    upgrade(fresh, later(tmp_path, "new", (ADDS, NOW)))
    with fresh.read_transaction() as connection:
        assert connection.execute(sa.text("SELECT name, colour FROM apps")).all() == [("acme", None)]


def test_old_code_works_on_beside_a_step_that_adds(fresh: Database, tmp_path: Path) -> None:
    new = later(tmp_path, "new", (ADDS, NOW))
    upgrade(fresh, new)
    upgrade(fresh)
    with fresh.write_transaction() as connection:
        given.app(connection)
    upgrade(fresh, new)
    assert revision(fresh) == get_head_revision(new) > NOW


def test_old_code_refuses_a_database_after_a_step_that_breaks_and_leaves_it_alone(
    fresh: Database, tmp_path: Path
) -> None:
    new = later(tmp_path, "new", (BREAKS, "0002"))
    upgrade(fresh, new)
    with pytest.raises(OperatorError, match="another, newer release"):
        upgrade(fresh)
    assert revision(fresh) == get_head_revision(new)


def test_the_newest_step_says_which_code_may_live(fresh: Database, tmp_path: Path) -> None:
    """In two steps: the second takes away what code of the first no longer needs; only still older code must go."""
    first = later(tmp_path, "first", (ADDS, NOW))
    upgrade(fresh, later(tmp_path, "second", (ADDS, NOW), (BREAKS, "0002")))
    upgrade(fresh, first)
    with pytest.raises(OperatorError, match="step 0003"):
        upgrade(fresh)


PATIENCE = timedelta(seconds=2)


def live(database: Database, name: str, code: str) -> None:
    """A node of that code says that it lives."""
    at = datetime.now(UTC)
    node = NodeRecord(id=name, folder=name, address="", version="1", revision=code, started_at=at, heartbeat_at=at)
    with database.write_transaction() as connection:
        nodes.register(connection, node, PATIENCE)


def test_a_step_that_breaks_waits_for_nobody_that_goes_on_living(fresh: Database, tmp_path: Path) -> None:
    """It is refused, and nothing is changed."""
    upgrade(fresh)
    stopped = threading.Event()

    def go_on() -> None:
        while not stopped.wait(0.3):
            live(fresh, "north-2", NOW)

    live(fresh, "north-2", NOW)
    beating = threading.Thread(target=go_on)
    beating.start()
    try:
        with pytest.raises(OperatorError, match=r"while older nodes live: north-2$"):
            upgrade(fresh, later(tmp_path, "new", (BREAKS, "0002")), PATIENCE)
    finally:
        stopped.set()
        beating.join()
    assert revision(fresh) == NOW


def test_a_step_that_breaks_waits_until_a_node_that_ended_counts_as_dead(fresh: Database, tmp_path: Path) -> None:
    upgrade(fresh)
    live(fresh, "north-1", "0002")  # of this release: it is no hindrance
    live(fresh, "north-2", NOW)
    began, new = time.monotonic(), later(tmp_path, "new", (BREAKS, "0002"))
    upgrade(fresh, new, PATIENCE)
    assert PATIENCE.total_seconds() * 0.9 < time.monotonic() - began < 10
    assert revision(fresh) == get_head_revision(new)


def test_a_step_that_adds_waits_for_nobody(fresh: Database, tmp_path: Path) -> None:
    upgrade(fresh)
    live(fresh, "north-2", NOW)
    began = time.monotonic()
    upgrade(fresh, later(tmp_path, "new", (ADDS, NOW)), timedelta(minutes=1))
    assert time.monotonic() - began < 10


def test_a_database_that_does_not_tell_is_refused(fresh: Database) -> None:
    upgrade(fresh)
    with fresh.write_transaction() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
        connection.execute(sa.text("DROP TABLE compatible_revision"))
    with pytest.raises(OperatorError, match="another, newer release"):
        upgrade(fresh)


def test_a_server_works_through_a_step_that_adds_and_does_not_start_after_one_that_breaks(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    with serving(data, lock_failures=0) as old:
        client, cast = caller(old, fill(old.node).acme), old.node
        database = open_database(cast.settings.effective_database_url)
        upgrade(database, later(tmp_path, "adds", (ADDS, NOW)))
        assert client.ask("ivr/getFileHash", {"fileName": "Y:/3rdfile/4/thirdvoicebotfile/none.wav"}).code == "0300011"
    with serving(data) as old_again:
        assert send(old_again, "GET", "/readyz").status == 200
        assert send(old_again, "GET", f"{BASE_PATH}playVoice?st=none").code == "010107"
    upgrade(database, later(tmp_path, "breaks", (ADDS, NOW), (BREAKS, "0002")))
    database.close()
    command = [sys.executable, "-c", "from ccfs.cli import main; main()", "serve", "--listen", "127.0.0.1:0"]
    environment = {"CCFS_DATA": str(data), "PYTHONPATH": ":".join(sys.path)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 1
    assert "another, newer release" in done.stderr
