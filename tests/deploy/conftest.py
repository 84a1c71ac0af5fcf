"""Two nodes on one folder and one PostgreSQL behind nginx, by the configuration of deploy/: with X-Accel, and without."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests import servers
from tests.cast import Cast, fill
from tests.certificates import Identity, identity
from tests.deploy.balancing import balancer
from tests.web.callers import Caller, caller
from tests.web.serving import Server, serving


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What stands behind and before one balancer."""

    front: Server  # nginx
    tls_port: int
    nodes: list[Server]
    cast: Cast
    tls: Identity

    @property
    def acme(self) -> Caller:
        """A client of the first app."""
        return caller(self.front, self.cast.acme)


@pytest.fixture(scope="session")
def sites(postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Site]]:
    """Two sites over the same data: "x_accel" hands files over to nginx, "plain" does not."""
    data: Path = tmp_path_factory.mktemp("sites")
    with servers.database(postgres_url) as url, ExitStack() as stack:
        cast, found = None, {}
        for name, x_accel in (("x_accel", "/ccfs-files"), ("plain", "")):
            given: dict[str, Any] = {
                "database_url": url,
                "trusted_proxies": "127.0.0.1",
                "x_accel": x_accel,
                "lock_failures": 3,
            }
            nodes = [stack.enter_context(serving(data, **given)) for _ in range(2)]
            cast = cast or fill(nodes[0].node)
            tls = identity("127.0.0.1")
            front, tls_port = stack.enter_context(balancer(data / name, nodes, tls))
            found[name] = Site(front=front, tls_port=tls_port, nodes=nodes, cast=cast, tls=tls)
        yield found


@pytest.fixture(params=["x_accel", "plain"])
def site(request: pytest.FixtureRequest, sites: dict[str, Site]) -> Site:
    """Either of them."""
    return sites[request.param]
