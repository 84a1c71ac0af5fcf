"""The servers and databases that any test may ask for, and how all tests log. Nothing else: a test's own things stand beside it."""

import gc
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from tests import databases, mariadb, servers

SLOW_FILES = (  # in order of their time; a slow file that comes last leaves the other processes without work
    "test_flow_control",
    "test_flows",
    "test_wrong_clocks",
    "test_mover_kill",
    "test_node_states",
    "test_upload_orphans",
    "test_week",
    "test_accessibility",
    "test_export_kill",
    "test_kill",
    "test_s3_outage",
    "test_signals",
    "test_peer_reads",
    "test_export_csv",
    "test_node_keys",
    "test_faults",
    "test_takeover",
    "test_processes",
    "test_s3_primary_location",
    "test_callback_worker",
    "test_leaks",
    "test_feedback_browser",
    "test_player_browser",
    "test_killed_processes",
    "test_channel_events",
    "test_watch",
    "test_large_calls",
    "test_bulk_zip",
    "test_asterisk",
)


def pytest_configure() -> None:
    """Let the processes that the tests start end on SIGHUP, even if this run was started by nohup."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def pytest_sessionstart() -> None:
    """Collect no garbage while tests are collected: they stay to the end, and looking through them took a third of the time."""
    gc.disable()


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the slowest files first."""
    ranks = {name: rank for rank, name in enumerate(SLOW_FILES)}
    items.sort(key=lambda item: ranks.get(item.path.stem, len(ranks)))


def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """Stop the servers of a folder's session fixtures after its last test in this process.

    Otherwise some thirty idle servers take a quarter of two cores.
    """
    if nextitem is None or _get_folder(nextitem) == _get_folder(item):
        return
    for definition in item.session._fixturemanager._get_all_fixture_defs():
        if definition.scope == "session" and definition.baseid == f"tests/{_get_folder(item)}":
            definition.finish(item._request)  # type: ignore[attr-defined]


def _get_folder(item: pytest.Item) -> str:
    """Return the folder below tests/ that contains the test, or its own folders."""
    return item.path.relative_to(Path(__file__).parent).parts[0]


@pytest.fixture(autouse=True)
def plain_logs() -> None:
    """Errors are logged as the program does it: without every local variable, which takes minutes on a busy machine."""
    console = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
    structlog.reset_defaults()  # a test may have configured logging as the program does
    structlog.configure(processors=[structlog.processors.add_log_level, console])


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """One real PostgreSQL for the whole run: the SQLAlchemy URL of its maintenance database."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a run that is told to end tidies up as after Ctrl-C
    with servers.run_postgres() as url:
        yield url


@pytest.fixture(scope="session")
def s3_url() -> Iterator[str]:
    """One real S3 service for the whole run: its URL. Its keys are servers.S3_KEYS."""
    with servers.run_seaweedfs() as url:
        yield url


@pytest.fixture(scope="session")
def mariadb_server() -> Iterator[mariadb.MariaDbServer]:
    """One real MariaDB for the whole run."""
    with mariadb.run_mariadb() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The SQLAlchemy URL of a database with tables and no rows; every test that asks runs on each kind."""
    if request.param == "sqlite":
        yield databases.create_sqlite(tmp_path)
    else:
        with databases.create_database(request.getfixturevalue("postgres_url")) as url:
            yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The SQLAlchemy URL of a database without tables; every test that asks runs on each kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'ccfs.db'}"
    else:
        with servers.create_database(request.getfixturevalue("postgres_url")) as url:
            yield url
