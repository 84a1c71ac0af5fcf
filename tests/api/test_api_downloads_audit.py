"""Downloads of API clients in the audit log, where the setting is on: one entry for each recording, with its call."""

import time
from collections.abc import Iterator
from datetime import timedelta

import pytest

from ccfs.db.system.console import audit
from ccfs.model.identity.audit import AuditAction, AuditEntry, AuditQuery
from ccfs.protocol.operations import BASE_PATH
from ccfs.server.node import utc_now
from tests.api.api_client import ApiClient, create_client, send_request
from tests.server.ccfs_server import CcfsServer, run_server
from tests.two_tenants import TwoTenants, create_two_tenants
from tests.waiting import wait_until


@pytest.fixture(scope="module")
def audited_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CcfsServer]:
    """A server that notes the downloads of API clients."""
    with run_server(tmp_path_factory.mktemp("audited"), lock_failures=0, audit_api_downloads=True) as server:
        yield server


@pytest.fixture(scope="module")
def audited_tenants(audited_server: CcfsServer) -> TwoTenants:
    """The two apps of that server."""
    return create_two_tenants(audited_server.node)


def list_downloads(server: CcfsServer) -> list[AuditEntry]:
    query = AuditQuery(
        begin=utc_now() - timedelta(hours=1),
        end=utc_now() + timedelta(hours=1),
        actions=(AuditAction.API_RECORDING_DOWNLOADED,),
    )
    with server.node.database.read_transaction() as connection:
        return [entry for _, entry in audit.list_entries(connection, query)]


def download(client: ApiClient, operation: str, fields: dict[str, str], **headers: str) -> None:
    assert client.request(operation, fields, **headers).status in (200, 206)


def test_downloads_are_in_the_audit_log_with_app_call_and_address(
    audited_server: CcfsServer, audited_tenants: TwoTenants
) -> None:
    acme = audited_tenants.acme
    client = create_client(audited_server, acme)
    download(client, "downloadRecordFile", {"fileName": acme.only_recording.file_name})
    download(client, "downloadRecord", {"callId": acme.call_recordings[0].call_id})
    download(client, "downloadRecordFile", {"fileName": acme.voice_message})  # no recording, so no entry
    assert send_request(audited_server, "GET", f"{BASE_PATH}playVoice?st={acme.play_token}").status == 200
    wait_until(lambda: len(list_downloads(audited_server)) >= 4, 20)
    entries = list_downloads(audited_server)
    assert {entry.app for entry in entries} == {acme.app.id}
    assert {entry.actor for entry in entries} == {"(downloadRecordFile)", "(downloadRecord)", "(playVoice)"}
    assert {entry.target for entry in entries} == {
        acme.only_recording.file_name,
        *(recording.file_name for recording in acme.call_recordings),
    }
    assert {entry.call_ids for entry in entries} == {
        (acme.only_recording.call_id,),
        (acme.call_recordings[0].call_id,),
    }
    assert {entry.address for entry in entries} == {"127.0.0.1"}


def test_a_download_by_ranges_is_one_entry(audited_server: CcfsServer, audited_tenants: TwoTenants) -> None:
    bolt = audited_tenants.bolt
    client = create_client(audited_server, bolt)
    for part in ("bytes=0-99", "bytes=100-199", "bytes=200-"):
        download(client, "downloadRecordFile", {"fileName": bolt.only_recording.file_name}, range=part)
    wait_until(lambda: bolt.app.id in {entry.app for entry in list_downloads(audited_server)}, 20)
    time.sleep(1.5)  # further entries would be written within a second
    assert [entry.app for entry in list_downloads(audited_server)].count(bolt.app.id) == 1


def test_downloads_are_in_no_log_without_the_setting(
    server: CcfsServer, acme_client: ApiClient, tenant_pair: TwoTenants
) -> None:
    download(acme_client, "downloadRecordFile", {"fileName": tenant_pair.acme.only_recording.file_name})
    time.sleep(1.5)
    assert list_downloads(server) == []
