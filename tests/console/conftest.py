"""One real server for the console's tests, with a floor of calls and people; and visitors who are signed in.

On SQLite; for files of BOTH, whose pages ask the large tables or keep sessions, on PostgreSQL as well.
"""

from collections.abc import Callable, Iterator

import pytest

from tests import servers
from tests.console.floor import Floor, furnish
from tests.console.visitor import Visitor
from tests.web.serving import Server, serving

Enter = Callable[[str], Visitor]


BOTH = {"test_calls", "test_figures", "test_roles", "test_signing_in"}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """The engines on which a test of the console runs."""
    if "console" in metafunc.fixturenames:
        is_for_both = metafunc.module.__name__.rpartition(".")[2] in BOTH
        metafunc.parametrize("console", ["sqlite", "postgresql"] if is_for_both else ["sqlite"], indirect=True)


@pytest.fixture(scope="session")
def console(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server where failures lock nobody out: all tests share one address."""
    folder = tmp_path_factory.mktemp("console")
    if request.param == "sqlite":
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


@pytest.fixture
def stranger(console: Server, floor: Floor) -> Visitor:
    """Somebody who is not signed in."""
    return Visitor(server=console)
