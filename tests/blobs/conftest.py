"""Fixtures of the location tests: a real server whose disks other nodes read."""

from collections.abc import Iterator

import pytest

from tests.server.ccfs_server import CcfsServer, run_server


@pytest.fixture(scope="session")
def peer_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CcfsServer]:
    """A running server, whose disks peers read."""
    with run_server(tmp_path_factory.mktemp("peer"), lock_failures=0) as server:
        yield server
