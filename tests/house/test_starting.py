"""What a process starts without. Imports are most of what it costs to start one, and every command, every web process and
every server of these tests pays them: so what only some need is imported when they do."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ccfs import settings
from ccfs.server.node import Node
from tests.house.source import PACKAGE

CODECS = {"av", "numpy", "ccfs.audio.tape", "ccfs.switches", "ccfs.demo"}
SOMETIMES = {*CODECS, "alembic", "psycopg", "httpx2", "joserfc", "jinja2"}
WORK = {"ccfs.work", "httpcore2", "isal"}
WEB = {"ccfs.web.app", "argon2", "prometheus_client"}
SERVER = {"granian", "uvloop", "structlog"}
COMMANDS = {"ccfs.cli.door", "typer"}

OPENED = (
    "from ccfs import settings; from ccfs.node import Node; node = Node(settings.read()); node.database, node.home; "
)
PROCESSES: dict[str, tuple[str, set[str]]] = {  # each: how it begins, and what it does not import
    "the program's file": ("import ccfs.cli", {*SOMETIMES, *WORK, *WEB, *SERVER, *COMMANDS, "ccfs.node", "sqlalchemy"}),
    "a web process": (
        OPENED + "import ccfs.cli, ccfs.node.web; ccfs.node.web.application(node)",
        SOMETIMES | WORK | COMMANDS,
    ),
    "a node": (
        OPENED + "import ccfs.cli.door, ccfs.cli.serve",
        SOMETIMES | WEB,
    ),
    "a command": ("from ccfs.cli import main; main()", SOMETIMES | WORK | WEB | SERVER | {"rich"}),
}
TOLD = "import atexit, sys; atexit.register(lambda: print(*sys.modules)); sys.argv = ['ccfs', 'app', 'list']; "


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of a node that was there before."""
    folder = tmp_path_factory.mktemp("started")
    node = Node(settings.load_settings({}, data=folder))
    _ = node.database, node.primary_location, node.secret_box
    node.database.close()
    return folder


@pytest.mark.parametrize("process", PROCESSES)
def test_it_starts_without_what_it_does_not_need(process: str, data: Path) -> None:
    program, unneeded = PROCESSES[process]
    ours = {name: value for name, value in os.environ.items() if not name.startswith(settings.PREFIX)}
    environment = {**ours, "PYTHONPATH": str(PACKAGE.parent), "CCFS_DATA": str(data)}
    done = subprocess.run(
        [sys.executable, "-c", TOLD + program], env=environment, capture_output=True, text=True, timeout=120, check=True
    )
    found = set(done.stdout.split())
    assert "ccfs.cli" in found
    assert found & unneeded == set()
