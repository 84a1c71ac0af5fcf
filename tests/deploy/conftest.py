"""Two nodes on one folder and one PostgreSQL behind nginx, with the configuration of deploy/: with X-Accel, and without."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests import databases
from tests.api.api_client import ApiClient, create_client
from tests.certificates import Identity, create_identity
from tests.deploy.nginx_balancer import run_nginx
from tests.server.ccfs_server import CcfsServer, run_server
from tests.two_tenants import TwoTenants, create_two_tenants


@dataclass(frozen=True, slots=True, kw_only=True)
class NginxSite:
    """A load balancer, its nodes and its tenants."""

    nginx: CcfsServer
    tls_port: int
    nodes: list[CcfsServer]
    tenants: TwoTenants
    tls_identity: Identity

    @property
    def acme_client(self) -> ApiClient:
        """Return a client of the first app."""
        return create_client(self.nginx, self.tenants.acme)


@pytest.fixture(scope="session")
def nginx_sites(postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, NginxSite]]:
    """Two sites on the same data: "x_accel" hands files over to nginx, "plain" does not."""
    data: Path = tmp_path_factory.mktemp("sites")
    with databases.create_database(postgres_url) as url, ExitStack() as stack:
        tenant_pair, sites = None, {}
        for name, x_accel in (("x_accel", "/ccfs-files"), ("plain", "")):
            options: dict[str, Any] = {
                "database_url": url,
                "trusted_proxies": "127.0.0.1",
                "x_accel": x_accel,
                "lock_failures": 3,
                "shared_data": True,
            }
            nodes = [stack.enter_context(run_server(data, **options)) for _ in range(2)]
            tenant_pair = tenant_pair or create_two_tenants(nodes[0].node)
            tls = create_identity("127.0.0.1")
            front, tls_port = stack.enter_context(run_nginx(data / name, nodes, tls))
            sites[name] = NginxSite(nginx=front, tls_port=tls_port, nodes=nodes, tenants=tenant_pair, tls_identity=tls)
        yield sites


@pytest.fixture(params=["x_accel", "plain"])
def nginx_site(request: pytest.FixtureRequest, nginx_sites: dict[str, NginxSite]) -> NginxSite:
    """Each of the two sites."""
    return nginx_sites[request.param]
