"""Fixtures of the tests of the web side: one real server for all that need no settings of their own, and its cast."""

from collections.abc import Iterator

import pytest

from tests.cast import Cast, fill
from tests.web.callers import Caller, caller
from tests.web.serving import Server, serving


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server on SQLite as it comes, but that bad signatures lock nobody out: all tests share one address."""
    with serving(tmp_path_factory.mktemp("web"), lock_failures=0) as one:
        yield one


@pytest.fixture(scope="session")
def cast(server: Server) -> Cast:
    """The two apps of that server."""
    return fill(server.node)


@pytest.fixture(scope="session")
def acme(server: Server, cast: Cast) -> Caller:
    """A client of the first app."""
    return caller(server, cast.acme)


@pytest.fixture(scope="session")
def bolt(server: Server, cast: Cast) -> Caller:
    """A client of the second app."""
    return caller(server, cast.bolt)
