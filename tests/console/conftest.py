"""Real servers for the console's tests: one with a floor of calls and people, one with single sign-on and its provider; and
visitors. On SQLite; for files of BOTH, whose pages ask the large tables or keep sessions, the first on PostgreSQL as well."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from ccfs.db.system import users
from ccfs.model.identity.user import Grant, Role
from ccfs.model.recordings.recording import Recording
from tests import servers
from tests.console import tapes
from tests.console.floor import Floor, furnish
from tests.console.hall import Hall, a_hall
from tests.console.provider import CLIENT, SECRET, Provider, provider
from tests.console.visitor import Visitor
from tests.ports import free_port
from tests.web.serving import Server, serving

Enter = Callable[[str], Visitor]


BOTH = {"test_calls", "test_figures", "test_reading_again", "test_roles", "test_running", "test_signing_in"}
APART = {
    "test_browser",
    "test_firefox",
    "test_hostile_text",
    "test_listening",
    "test_marks",
    "test_player",
}  # who must not meet others' rows


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """The engines on which a test of the console runs."""
    if "console" in metafunc.fixturenames:
        name = metafunc.module.__name__.rpartition(".")[2]
        usual = [f"sqlite of {name}"] if name in APART else ["sqlite"]
        metafunc.parametrize("console", ["sqlite", "postgresql"] if name in BOTH else usual, indirect=True)


@pytest.fixture(scope="session")
def console(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server where failures lock nobody out: all tests share one address."""
    folder = tmp_path_factory.mktemp("console")
    if request.param.startswith("sqlite"):
        with serving(folder, lock_failures=0) as one:
            yield one
    else:
        with (
            servers.database(request.getfixturevalue("postgres_url")) as url,
            serving(folder, lock_failures=0, database_url=url) as one,
        ):
            yield one


@pytest.fixture(scope="session")
def floor(console: Server) -> Floor:
    """What there is on it."""
    return furnish(console.node)


@pytest.fixture(scope="session")
def enter(console: Server, floor: Floor) -> Enter:
    """Somebody of that name who is signed in; the same browser at every ask."""
    known: dict[str, Visitor] = {}

    def entered(name: str) -> Visitor:
        if name not in known:
            known[name] = Visitor(server=console)
            assert known[name].sign_in(name).status == 303
        return known[name]

    return entered


@pytest.fixture(scope="session")
def hall(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hall]:
    """Another server, with many recordings; a CSV may have 30 rows there."""
    with a_hall(tmp_path_factory.mktemp("hall"), search_csv_rows=30) as one:
        yield one


@pytest.fixture
def stranger(console: Server, floor: Floor) -> Visitor:
    """Somebody who is not signed in."""
    return Visitor(server=console)


@pytest.fixture(scope="session")
def heard(console: Server, floor: Floor) -> dict[str, Recording]:
    """Recordings of one call in every coding, an hour of GSM, and one that is broken; by name."""
    files = {coding: tapes.tape(coding) for coding in tapes.CODINGS}
    files |= {"gsm": tapes.gsm(2), "speex": tapes.speex(), "unended": tapes.unended()}
    files |= {"broken": b"RIFF\0\0\0\0WAVEnonsense" * 20}
    kept = {name: tapes.keep(console.node, floor.acme, "acme-account", name, data) for name, data in files.items()}
    kept["hour"] = tapes.keep(
        console.node, floor.acme, "acme-account", "hour", tapes.gsm(tapes.HOUR), tapes.LONG_CALL, 3600
    )
    return kept


@pytest.fixture(scope="session")
def ports() -> tuple[int, int]:
    """Of the server with single sign-on, and of its provider: each must know the other's."""
    return free_port(), free_port()


@pytest.fixture(scope="session")
def idp(ports: tuple[int, int]) -> Iterator[Provider]:
    """The provider."""
    with provider(ports[1], f"http://127.0.0.1:{ports[0]}/console/oidc/back") as one:
        yield one


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory, ports: tuple[int, int], idp: Provider) -> Iterator[Server]:
    """A server with people, some of whom have no password, and single sign-on."""
    sso: dict[str, Any] = {"oidc_issuer": idp.issuer, "oidc_client_id": CLIENT, "oidc_client_secret": SECRET}
    more: dict[str, Any] = {
        "console_url": f"http://127.0.0.1:{ports[0]}",
        "oidc_name": "Example-ID",
        "lock_failures": 0,
    }
    with serving(tmp_path_factory.mktemp("house"), port=ports[0], **sso, **more) as one:
        furnish(one.node)
        for name in ("sue", "sam", "dan", "tom"):
            _person(one, name)
        yield one


@pytest.fixture
def visitor(house: Server, idp: Provider) -> Visitor:
    """A browser at that server; the provider tells the truth."""
    idp.lie()
    return Visitor(server=house)


def _person(server: Server, name: str) -> None:
    with server.node.database.write_transaction() as connection:
        users.grant_role(connection, users.add(connection, name, "", datetime.now(UTC)), Grant(role=Role.AUDITOR))
