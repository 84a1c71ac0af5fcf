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

MEDIA_MODULES = {"av", "numpy", "ccfs.media.probe", "ccfs.switches", "ccfs.demo"}
OPTIONAL_MODULES = {*MEDIA_MODULES, "alembic", "psycopg", "httpx2", "joserfc", "jinja2"}
WORKER_MODULES = {"ccfs.workers", "ccfs.ingest", "httpcore2", "isal"}
WEB_MODULES = {"ccfs.server.app", "argon2", "prometheus_client"}
SERVER_MODULES = {"httptools", "uvloop", "structlog"}
CLI_MODULES = {"ccfs.cli.commands", "typer"}

OPEN_NODE_CODE = "from ccfs import settings; from ccfs.server.node import Node; node = Node(settings.load_settings()); node.database, node.primary_location; "
PROCESSES: dict[str, tuple[str, set[str]]] = {  # each: how it begins, and what it does not import
    "the program's file": (
        "import ccfs.cli",
        {*OPTIONAL_MODULES, *WORKER_MODULES, *WEB_MODULES, *SERVER_MODULES, *CLI_MODULES, "ccfs.server", "sqlalchemy"},
    ),
    "a web process": (
        OPEN_NODE_CODE + "import ccfs.cli, ccfs.server.web_process; ccfs.server.web_process.build_web_app(node)",
        OPTIONAL_MODULES | WORKER_MODULES | CLI_MODULES,
    ),
    "a node": (
        OPEN_NODE_CODE + "import ccfs.cli.commands, ccfs.cli.serve",
        OPTIONAL_MODULES | WEB_MODULES,
    ),
    "a command": (
        "from ccfs.cli import main; main()",
        OPTIONAL_MODULES | WORKER_MODULES | WEB_MODULES | SERVER_MODULES | {"rich"},
    ),
}
PRINT_MODULES_CODE = (
    "import atexit, sys; atexit.register(lambda: print(*sys.modules)); sys.argv = ['ccfs', 'app', 'list']; "
)


@pytest.fixture(scope="module")
def data_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of a node that was there before."""
    folder = tmp_path_factory.mktemp("started")
    node = Node(settings.load_settings({}, data=folder))
    _ = node.database, node.primary_location, node.secret_box
    node.database.close()
    return folder


@pytest.mark.parametrize("process", PROCESSES)
def test_it_starts_without_what_it_does_not_need(process: str, data_folder: Path) -> None:
    program, unneeded = PROCESSES[process]
    ours = {name: value for name, value in os.environ.items() if not name.startswith(settings.PREFIX)}
    environment = {**ours, "PYTHONPATH": str(PACKAGE.parent), "CCFS_DATA": str(data_folder)}
    done = subprocess.run(
        [sys.executable, "-c", PRINT_MODULES_CODE + program],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    found = set(done.stdout.split())
    assert "ccfs.cli" in found
    assert found & unneeded == set()
