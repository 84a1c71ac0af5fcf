"""Fixtures of API tests: one real server for all tests with default settings, its two tenants, and their clients."""

from collections.abc import Iterator

import pytest

from tests.api.api_client import ApiClient, create_client
from tests.api.recording_urls import DAY_PERIOD, IN_CHINA, get_urls
from tests.server.ccfs_server import CcfsServer, run_server
from tests.two_tenants import TwoTenants, create_two_tenants


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CcfsServer]:
    """A server on SQLite with default settings, but without lock-out: all tests share one address."""
    with run_server(tmp_path_factory.mktemp("web"), lock_failures=0) as running:
        yield running


@pytest.fixture(scope="session")
def tenant_pair(server: CcfsServer) -> TwoTenants:
    """The two apps of that server."""
    return create_two_tenants(server.node)


@pytest.fixture(scope="session")
def acme_client(server: CcfsServer, tenant_pair: TwoTenants) -> ApiClient:
    """A client of the first app."""
    return create_client(server, tenant_pair.acme)


@pytest.fixture(scope="session")
def bolt_client(server: CcfsServer, tenant_pair: TwoTenants) -> ApiClient:
    """A client of the second app."""
    return create_client(server, tenant_pair.bolt)


@pytest.fixture(scope="module")
def recording_url(acme_client: ApiClient, tenant_pair: TwoTenants) -> str:
    """A URL of acme's large recording."""
    [url] = get_urls(acme_client, tenant_pair.acme.large_recording.call_id, *DAY_PERIOD.values(), **IN_CHINA)
    return url
