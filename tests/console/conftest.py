"""One real server for the console's tests, with a floor of calls and people; and visitors who are signed in."""

from collections.abc import Callable, Iterator

import pytest

from tests.console.floor import Floor, furnish
from tests.console.visitor import Visitor
from tests.web.serving import Server, serving

Enter = Callable[[str], Visitor]


@pytest.fixture(scope="session")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server where failures lock nobody out: all tests share one address."""
    with serving(tmp_path_factory.mktemp("console"), lock_failures=0) as one:
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
