"""Recording URLs on servers with other settings: their host, their lifetime, their keys."""

import re
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from ccfs import settings
from ccfs.model.errors import OperatorError
from tests.api.api_client import ApiClient, create_client, send_request
from tests.server.ccfs_server import CcfsServer, run_server
from tests.two_tenants import TwoTenants, create_two_tenants

PROXY_ADDRESS = "127.0.0.9"  # the trusted proxy
DAY_PERIOD = {"beginTime": "2020-10-15 00:00:00", "endTime": "2020-10-15 23:59:59", "version": "2.0"}


def get_url(client: ApiClient, tenant_pair: TwoTenants, **headers: str) -> str:
    """Return a URL of acme's large recording."""
    reply = client.request(
        "getRecordFileUrlFromObs", {"callId": tenant_pair.acme.large_recording.call_id, **DAY_PERIOD}, **headers
    )
    return str(reply.json["resultData"]["url"])


def get_status(server: CcfsServer, url: str) -> int:
    """Return the status of the URL's path and query on this server, whatever host it names."""
    return send_request(server, "HEAD", re.sub("https?://[^/]+", "", url)).status


def test_recording_urls_begin_with_the_public_url(tmp_path: Path) -> None:
    with run_server(tmp_path, public_url="https://ccfs.example.com:28443/", obs_url_seconds=600) as server:
        tenant_pair = create_two_tenants(server.node)
        url = get_url(create_client(server, tenant_pair.acme), tenant_pair)
        assert url.startswith("https://ccfs.example.com:28443/CCFS/resource/ccfs/obs/")
        assert abs(int(url.partition("Expires=")[2].partition("&")[0]) - time.time() - 600) < 60
        assert get_status(server, url) == 200


@pytest.fixture(scope="module")
def proxied_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[CcfsServer, TwoTenants]]:
    """A server that trusts one proxy, and whose URLs expire soon."""
    with run_server(tmp_path_factory.mktemp("proxied"), trusted_proxies=PROXY_ADDRESS, obs_url_seconds=3) as server:
        yield server, create_two_tenants(server.node)


@pytest.mark.parametrize(("source", "scheme"), [(PROXY_ADDRESS, "https"), ("127.0.0.10", "http")])
def test_a_trusted_proxy_reports_the_scheme_of_a_recording_url(
    proxied_server: tuple[CcfsServer, TwoTenants], source: str, scheme: str
) -> None:
    server, tenant_pair = proxied_server
    client = replace(create_client(server, tenant_pair.acme), source=source)
    url = get_url(client, tenant_pair, x_forwarded_proto="https")
    assert url.startswith(f"{scheme}://{server.host}/CCFS/resource/ccfs/obs/")
    assert get_url(client, tenant_pair, x_forwarded_proto="gopher").startswith("http://")


def test_a_recording_url_expires(proxied_server: tuple[CcfsServer, TwoTenants]) -> None:
    server, tenant_pair = proxied_server
    url = get_url(create_client(server, tenant_pair.acme), tenant_pair)
    assert get_status(server, url) == 200
    began = time.monotonic()
    while get_status(server, url) == 200:
        assert time.monotonic() - began < 30
        time.sleep(0.1)
    assert get_status(server, url) == 403


def test_recording_urls_work_while_their_key_is_configured(tmp_path: Path) -> None:
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    with run_server(tmp_path, node_keys=old) as server:
        tenant_pair = create_two_tenants(server.node)
        url = get_url(create_client(server, tenant_pair.acme), tenant_pair)
    with run_server(tmp_path, node_keys=f"{new},{old}") as server:
        assert get_status(server, url) == 200
        assert get_status(server, get_url(create_client(server, tenant_pair.acme), tenant_pair)) == 200
    other = tmp_path / "other"
    with run_server(other, node_keys=new) as server:
        create_two_tenants(server.node)
        assert get_status(server, url) == 403


@pytest.mark.parametrize(
    "value", ["ccfs.example.com", "ftp://ccfs.example.com", "https://", "https://x/?a=b", "https://x y"]
)
def test_an_invalid_public_url_is_rejected(value: str) -> None:
    with pytest.raises(OperatorError, match="CCFS_PUBLIC_URL"):
        settings.load_settings({"CCFS_PUBLIC_URL": value})
