"""A server with short time-outs and small limits."""

from collections.abc import Iterator

import pytest

from tests.api.api_client import ApiClient, create_client
from tests.server.ccfs_server import CcfsServer, run_server
from tests.two_tenants import Tenant, create_two_tenants


@pytest.fixture(scope="module")
def strict_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CcfsServer]:
    """The server."""
    with run_server(
        tmp_path_factory.mktemp("strict"),
        lock_failures=0,
        http_first_byte_seconds=0.5,
        http_head_seconds=0.7,
        http_idle_seconds=0.9,
        http_body_stall_seconds=0.5,
        http_response_stall_seconds=0.6,
        http_response_min_rate=100_000,
    ) as server:
        yield server


@pytest.fixture(scope="module")
def tenant(strict_server: CcfsServer) -> Tenant:
    """An app of that server."""
    return create_two_tenants(strict_server.node).acme


@pytest.fixture(scope="module")
def client(strict_server: CcfsServer, tenant: Tenant) -> ApiClient:
    """A client of that app."""
    return create_client(strict_server, tenant)
