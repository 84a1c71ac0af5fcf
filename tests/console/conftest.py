"""Servers for the console's tests: one with a call centre, one with bulk downloads, one with single sign-on; and clients.

They run on SQLite. For the files of ON_BOTH_ENGINES, whose pages query large tables, also on PostgreSQL. With
CONSOLE_ENGINES=all, as a soak test sets it, every file runs on both.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa

from ccfs.db import schema
from ccfs.db.system.console import users
from ccfs.model.identity.user import Grant, Role
from ccfs.model.recordings.recording import Recording
from ccfs.server.node import Node
from tests import databases
from tests.console.bulk.bulk_download_server import BulkDownloadServer, run_bulk_download_server
from tests.console.call_centre_data import CDR_COUNT, CallCentreData, create_call_centre
from tests.console.console_client import ConsoleClient
from tests.console.login.oidc_provider import CLIENT_ID, CLIENT_SECRET, OidcProvider, run_oidc_provider
from tests.media import audio_samples
from tests.ports import get_free_port
from tests.server.ccfs_server import CcfsServer, run_server

ON_ALL_ENGINES = os.environ.get("CONSOLE_ENGINES") == "all"
SEARCH_MS = 10_000  # a busy machine finds all calls at once, too
SignIn = Callable[[str], ConsoleClient]


ON_BOTH_ENGINES = {
    "test_call_pages",
    "test_statistics_page",
    "test_source_file_reread",
    "test_node_operation",
    "test_evaluations",
    "test_odd_requests",
}
ON_OWN_SERVER = {
    "test_feedback_browser",
    "test_accessibility",
    "test_player_firefox",
    "test_hostile_text",
    "test_player_audio",
    "test_annotations",
    "test_player_browser",
    "test_access_matrix",
    "test_speech_pages",
    "test_sampling",
    "test_agent_pages",
    "test_call_pages",
}  # which add calls, or must not see rows of other tests


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Parametrize a test with its engines."""
    name = metafunc.module.__name__.rpartition(".")[2]
    owner = f" of {name}" if name in ON_OWN_SERVER else ""
    engines = ["sqlite", "postgresql"] if name in ON_BOTH_ENGINES or ON_ALL_ENGINES else ["sqlite"]
    if "console_server" in metafunc.fixturenames:
        metafunc.parametrize("console_server", [engine + owner for engine in engines], indirect=True)
    for fixture in ("bulk_download_server", "sso_server"):
        if fixture in metafunc.fixturenames and ON_ALL_ENGINES:
            metafunc.parametrize(fixture, ["sqlite", "postgresql"], indirect=True)


@contextmanager
def create_database(request: pytest.FixtureRequest) -> Iterator[dict[str, Any]]:
    """Yield the settings of a server on the engine of the fixture's parameter, SQLite without any."""
    with ExitStack() as stack:
        if not getattr(request, "param", "sqlite").startswith("postgresql"):
            yield {}
        else:
            server = request.getfixturevalue("postgres_url")
            yield {"database_url": stack.enter_context(databases.create_database(server))}


@pytest.fixture(scope="session")
def shared_nodes() -> list[Node]:
    """The node of the running server that files share, if any."""
    return []


@pytest.fixture(scope="module", autouse=True)
def check_shared_calls(shared_nodes: list[Node]) -> Iterator[None]:
    """Fail a file that adds calls to the server that files share, where other tests count them."""
    yield
    for node in shared_nodes:
        with node.database.read_transaction() as connection:
            assert connection.scalar(sa.select(sa.func.count()).select_from(schema.cdrs)) in (0, CDR_COUNT)


@pytest.fixture(scope="session")
def console_server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, shared_nodes: list[Node]
) -> Iterator[CcfsServer]:
    """A server without lock-out, since all tests share one address."""
    folder = tmp_path_factory.mktemp("console")
    with (
        create_database(request) as database,
        run_server(folder, lock_failures=0, search_ms=SEARCH_MS, **database) as server,
    ):
        shared_nodes[:] = [] if " of " in request.param else [server.node]
        yield server
        shared_nodes.clear()


@pytest.fixture(scope="session")
def call_centre(console_server: CcfsServer) -> CallCentreData:
    """The call centre of the server."""
    return create_call_centre(console_server.node)


@pytest.fixture(scope="session")
def signed_in(console_server: CcfsServer, call_centre: CallCentreData) -> SignIn:
    """Return the signed-in client of a user, one per name."""
    known: dict[str, ConsoleClient] = {}

    def sign_in(name: str) -> ConsoleClient:
        if name not in known:
            known[name] = ConsoleClient(server=console_server)
            assert known[name].sign_in(name).status == 303
        return known[name]

    return sign_in


@pytest.fixture(scope="session")
def bulk_download_server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[BulkDownloadServer]:
    """A server with many recordings, whose CSVs have at most 30 rows."""
    with (
        create_database(request) as database,
        run_bulk_download_server(tmp_path_factory.mktemp("bulk"), search_csv_rows=30, **database) as server,
    ):
        yield server


@pytest.fixture
def anonymous(console_server: CcfsServer, call_centre: CallCentreData) -> ConsoleClient:
    """A client without a session."""
    return ConsoleClient(server=console_server)


@pytest.fixture(scope="session")
def audio_recordings(console_server: CcfsServer, call_centre: CallCentreData) -> dict[str, Recording]:
    """Recordings of one call in every codec, an hour of GSM, and a broken one, by name."""
    files = {coding: audio_samples.encode_tone(coding) for coding in audio_samples.CODINGS}
    files |= {
        "gsm": audio_samples.make_gsm_wav(2),
        "speex": audio_samples.read_speex(),
        "unended": audio_samples.make_unfinished_wav(),
    }
    files |= {"broken": b"RIFF\0\0\0\0WAVEnonsense" * 20}
    recordings = {
        name: audio_samples.add_audio_recording(console_server.node, call_centre.acme, "acme-account", name, data)
        for name, data in files.items()
    }
    recordings["hour"] = audio_samples.add_audio_recording(
        console_server.node,
        call_centre.acme,
        "acme-account",
        "hour",
        audio_samples.make_gsm_wav(audio_samples.HOUR_REPEATS),
        audio_samples.LONG_CALL_ID,
        3600,
    )
    return recordings


@pytest.fixture(scope="session")
def sso_ports() -> tuple[int, int]:
    """Ports of the server with single sign-on and of its provider, which have each other's URL."""
    return get_free_port(), get_free_port()


@pytest.fixture(scope="session")
def oidc_provider(sso_ports: tuple[int, int]) -> Iterator[OidcProvider]:
    """The identity provider."""
    with run_oidc_provider(sso_ports[1], f"http://127.0.0.1:{sso_ports[0]}/console/oidc/callback") as provider:
        yield provider


@pytest.fixture(scope="session")
def sso_server(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    sso_ports: tuple[int, int],
    oidc_provider: OidcProvider,
) -> Iterator[CcfsServer]:
    """A server with single sign-on, and users of whom some have no password."""
    sso: dict[str, Any] = {
        "oidc_issuer": oidc_provider.issuer,
        "oidc_client_id": CLIENT_ID,
        "oidc_client_secret": CLIENT_SECRET,
    }
    more: dict[str, Any] = {
        "console_url": f"http://127.0.0.1:{sso_ports[0]}",
        "oidc_name": "Example-ID",
        "lock_failures": 0,
    }
    with (
        create_database(request) as database,
        run_server(tmp_path_factory.mktemp("sso"), port=sso_ports[0], **sso, **more, **database) as server,
    ):
        create_call_centre(server.node)
        for name in ("sue", "sam", "dan", "tom"):
            _add_auditor(server, name)
        yield server


@pytest.fixture
def client(sso_server: CcfsServer, oidc_provider: OidcProvider) -> ConsoleClient:
    """A client of that server, whose provider has no overrides."""
    oidc_provider.set_overrides()
    return ConsoleClient(server=sso_server)


def _add_auditor(server: CcfsServer, name: str) -> None:
    with server.node.database.write_transaction() as connection:
        users.grant_role(connection, users.add(connection, name, "", datetime.now(UTC)), Grant(role=Role.AUDITOR))
