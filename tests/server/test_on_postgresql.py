"""The API on PostgreSQL: tenant isolation of every operation, play tokens, lock-out."""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ccfs.db.system.tenant_cache import TenantCache
from ccfs.protocol.operations import BASE_PATH
from tests import databases
from tests.api.api_client import ApiClient, create_client, send_request
from tests.api.lookup_requests import assert_rejected, assert_success, build_lookup_requests, list_labels
from tests.server.ccfs_server import CcfsServer, run_server
from tests.two_tenants import TwoTenants, create_two_tenants


@pytest.fixture(scope="module")
def postgres_server(postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CcfsServer]:
    """A server on its own PostgreSQL database."""
    data: Path = tmp_path_factory.mktemp("postgresql_server")
    with (
        databases.create_database(postgres_url) as url,
        run_server(data, database_url=url, lock_failures=3, lock_seconds=60) as running,
    ):
        yield running


@pytest.fixture(scope="module")
def tenants(postgres_server: CcfsServer) -> TwoTenants:
    """The two tenants of that server."""
    return create_two_tenants(postgres_server.node)


@pytest.fixture(scope="module")
def client(postgres_server: CcfsServer, tenants: TwoTenants) -> ApiClient:
    """A client of the first app."""
    return create_client(postgres_server, tenants.acme)


@pytest.mark.parametrize("label", list_labels())
def test_a_lookup_request_succeeds_for_its_owner_alone(client: ApiClient, tenants: TwoTenants, label: str) -> None:
    theirs = create_client(client.server, tenants.bolt)
    operation, msg_body = build_lookup_requests(tenants.acme, there=True)[label]
    foreign, absent = (
        theirs.request(operation, msg_body),
        theirs.request(*build_lookup_requests(tenants.bolt, there=False)[label]),
    )
    assert_rejected(foreign, operation)
    assert foreign.without_headers("x-request-id", "date") == absent.without_headers("x-request-id", "date")
    reply = client.request(operation, msg_body)
    assert_success(reply, operation, tenants.acme)


def test_a_token_plays(client: ApiClient, tenants: TwoTenants) -> None:
    token = client.request("requestPlayVoice", {"fileName": tenants.acme.only_recording.file_name}).json["resultData"][
        "token"
    ]
    for st in (token, tenants.acme.play_token):
        reply = send_request(client.server, "GET", f"{BASE_PATH}playVoice?st={st}")
        assert reply.body == tenants.acme.audio_by_name[tenants.acme.only_recording.file_name]
    assert (
        send_request(client.server, "GET", f"{BASE_PATH}playVoice?st={tenants.acme.expired_play_token}").result_code
        == "010107"
    )


@pytest.mark.parametrize("name", ["a\\u0000b", "\ud800"])
def test_a_name_that_postgresql_cannot_store_is_rejected_before_the_query(client: ApiClient, name: str) -> None:
    body = f'{{"request":{{"version":"2.0"}},"msgBody":{{"fileName":"{name}"}}}}'.encode("utf-8", "surrogatepass")
    assert client.post(BASE_PATH + "downloadRecordFile", body).result_code == "0300004"
    assert send_request(client.server, "GET", f"{BASE_PATH}playVoice?st=a%00b%ff").result_code == "010107"


def test_bad_signatures_lock_the_address_within_a_second(client: ApiClient) -> None:
    attacker = replace(client, sk="wrong", source="127.0.0.31")
    statuses = [attacker.request("downloadRecord", {"callId": "none"}).status for _ in range(3)]
    assert statuses == [401] * 3
    time.sleep(TenantCache.MAX_AGE_SECONDS)
    assert attacker.request("downloadRecord", {"callId": "none"}).status == 403
