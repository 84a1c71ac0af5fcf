"""Bytes of one node through another: every download, every voice file operation, and the failures of a dead node."""

import os
import shutil
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import pytest

from ccfs.db.system.storage import locations
from ccfs.model.blobs.location_config import LocationConfig, LocationKind
from ccfs.model.exports.export import ExportKind
from ccfs.protocol.operations import BASE_PATH
from ccfs.server.node import utc_now
from ccfs.workers.maintenance.cleanup import run_cleanup
from tests import databases
from tests.api.api_client import ApiClient, Reply, create_client, send_request
from tests.api.lookup_requests import AUDIO_BASE64
from tests.nodes.node_cluster import NodeCluster, get_readiness, run_node_cluster
from tests.two_tenants import Tenant, TwoTenants, add_recording, create_two_tenants, get_blob_path
from tests.waiting import wait_until

CONNECT_SECONDS, READ_SECONDS = 1, 2  # timeouts between the test's nodes
MAX_WAIT_SECONDS = 20.0  # until a busy machine notices that a node is unavailable
BINARY_TYPE = "Application/Octet-stream;charset=UTF-8"


@dataclass(frozen=True, slots=True, kw_only=True)
class NodePair:
    """Node a, which stores everything, and a client of node b."""

    nodes: NodeCluster
    tenants: TwoTenants
    client: ApiClient

    @property
    def tenant(self) -> Tenant:
        """The client's app."""
        return self.tenants.acme

    def request(self, operation: str, **fields: object) -> Reply:
        """Call an operation of node b."""
        return self.client.request(operation, fields)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def node_pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodePair]:
    """Two nodes on a database of each kind."""
    folder = tmp_path_factory.mktemp("pair")
    if request.param == "sqlite":
        yield from _run_node_pair(folder, f"sqlite:///{folder / 'common.db'}")
    else:
        with databases.create_database(request.getfixturevalue("postgres_url")) as url:
            yield from _run_node_pair(folder, url)


def _run_node_pair(folder: Path, url: str) -> Iterator[NodePair]:
    with run_node_cluster(folder, url, peer_connect_seconds=CONNECT_SECONDS, peer_read_seconds=READ_SECONDS) as nodes:
        tenant_pair = create_two_tenants(nodes["a"].node)
        yield NodePair(nodes=nodes, tenants=tenant_pair, client=create_client(nodes["b"], tenant_pair.acme))


def test_each_node_owns_its_disk(node_pair: NodePair) -> None:
    assert (
        node_pair.tenant.only_recording.blob.location_id == node_pair.nodes["a"].node.find_primary_location_id() == "0"
    )
    assert add_recording(node_pair.nodes["b"].node, node_pair.tenant.app, b"b", "/b", "/b").blob.location_id == "1"
    assert not (node_pair.nodes["b"].node.settings.data / "files" / node_pair.tenant.only_recording.blob.key).exists()


def test_whole_files_come_from_the_other_node(node_pair: NodePair) -> None:
    for recording in (node_pair.tenant.only_recording, node_pair.tenant.large_recording):
        reply = node_pair.request("downloadRecordFile", fileName=recording.file_name)
        assert reply.headers["content-type"] == BINARY_TYPE
        assert reply.body == node_pair.tenant.audio_by_name[recording.file_name]


@pytest.mark.parametrize("span", [(0, 9), (1000, 2_500_000), (3_200_000, 3_200_010)])
def test_ranges_come_from_the_other_node(node_pair: NodePair, span: tuple[int, int]) -> None:
    name, (first, last) = node_pair.tenant.large_recording.file_name, span
    reply = node_pair.client.request("downloadRecordFile", {"fileName": name}, range=f"bytes={first}-{last}")
    assert reply.status == 206
    assert reply.body == node_pair.tenant.audio_by_name[name][first : last + 1]


def test_etags_are_equal_on_both_nodes(node_pair: NodePair) -> None:
    owner_client = create_client(node_pair.nodes["a"], node_pair.tenant)
    replies = [
        client.request("downloadRecordFile", {"fileName": node_pair.tenant.only_recording.file_name})
        for client in (node_pair.client, owner_client)
    ]
    assert replies[0].headers["etag"] == replies[1].headers["etag"]


def test_several_recordings_of_a_call_come_as_a_zip(node_pair: NodePair) -> None:
    reply = node_pair.request("downloadRecord", callId=node_pair.tenant.call_recordings[0].call_id)
    with ZipFile(BytesIO(reply.body)) as archive:
        assert archive.testzip() is None
        assert [archive.read(name) for name in archive.namelist()] == [
            node_pair.tenant.audio_by_name[recording.file_name] for recording in node_pair.tenant.call_recordings
        ]


def test_a_token_plays_on_either_node(node_pair: NodePair) -> None:
    token = node_pair.request("requestPlayVoice", fileName=node_pair.tenant.only_recording.file_name).json[
        "resultData"
    ]["token"]
    for name in ("a", "b"):
        reply = send_request(node_pair.nodes[name], "GET", f"{BASE_PATH}playVoice?st={token}")
        assert reply.body == node_pair.tenant.audio_by_name[node_pair.tenant.only_recording.file_name]


def test_exports_of_the_other_node_are_served(node_pair: NodePair) -> None:
    name = node_pair.tenant.export_names[ExportKind.BILL]
    assert node_pair.request("downloadBillFile", billFileName=name).body == node_pair.tenant.audio_by_name[name]


def test_voice_files_of_the_other_node_are_found_by_location(node_pair: NodePair) -> None:
    acme = node_pair.tenant
    for operation, name in (("downloadOiapRecord", acme.oiap_names[0]), ("downloadIVRRecordFile", acme.voice_message)):
        assert node_pair.request(f"{operation}?locationId=0", fileName=name).body == acme.audio_by_name[name]
        assert node_pair.request(f"{operation}?locationId=1", fileName=name).result_code == "0300011"
    assert node_pair.request("ivr/downloadFile", filePath=acme.single_file).body == acme.audio_by_name[acme.single_file]
    assert (
        node_pair.request("ivr/downloadFile", filePath=acme.single_file_folder, mode=1).body
        == acme.audio_by_name[acme.single_file]
    )
    hashed = node_pair.request("ivr/getFileHash", fileName=acme.uploaded_name, locationId="0").json["resultData"][
        "fileHash"
    ]
    assert len(hashed) == 64


def test_an_upload_to_one_node_is_served_and_deleted_by_another(node_pair: NodePair) -> None:
    owner_client = create_client(node_pair.nodes["a"], node_pair.tenant)
    up = owner_client.request(f"ivr/uploadFile?vdnId={node_pair.tenant.vdn}", {"data": AUDIO_BASE64}).json["resultData"]
    assert up["locationId"] == ["0"]
    name = up["fileName"]
    assert (
        node_pair.request("ivr/downloadFile", filePath=name).body
        == owner_client.request("ivr/downloadFile", {"filePath": name}).body
    )
    folder = node_pair.nodes["a"].node.settings.data / "files"
    before = len(list(folder.rglob("*.wav")))
    assert node_pair.request("ivr/deleteFile", fileName=name, locationId="0").result_code == "0"
    for client in (node_pair.client, owner_client):
        assert client.request("ivr/downloadFile", {"filePath": name}).result_code == "0300011"
    for node in (
        node_pair.nodes["b"].node,
        node_pair.nodes["a"].node,
    ):  # as the workers of the nodes do; only the second may delete
        assert len(list(folder.rglob("*.wav"))) == before
        run_cleanup(
            node.database,
            node.locations,
            utc_now(),
            timedelta(hours=1),
            timedelta(days=7),
            node.locations.list_remote_ids(),
        )
    assert len(list(folder.rglob("*.wav"))) == before - 1


def test_a_node_that_hangs_delays_one_request_only(node_pair: NodePair) -> None:
    group, name = node_pair.nodes["a"].process.pid, node_pair.tenant.only_recording.file_name
    os.killpg(group, signal.SIGSTOP)
    try:
        began = time.monotonic()
        assert node_pair.request("downloadRecordFile", fileName=name).result_code == "0390005"
        waited = time.monotonic() - began
        assert READ_SECONDS <= waited < MAX_WAIT_SECONDS
        for _ in range(10):
            assert node_pair.request("downloadRecordFile", fileName=name).result_code == "0390005"
        assert time.monotonic() - began - waited < 10 * READ_SECONDS  # as one request waits
    finally:
        os.killpg(group, signal.SIGCONT)
    wait_until(
        lambda: node_pair.request("downloadRecordFile", fileName=name).body == node_pair.tenant.audio_by_name[name]
    )


def test_a_dead_node_fails_clearly_and_soon_and_replicas_are_used(node_pair: NodePair, tmp_path: Path) -> None:
    """The last test: afterwards one node is dead."""
    a, b = node_pair.nodes["a"], node_pair.nodes["b"]
    name = node_pair.tenant.large_recording.file_name
    a.kill()
    assert node_pair.request("downloadRecordFile", fileName=name).result_code == "0390005"
    began = time.monotonic()
    for _ in range(20):
        assert node_pair.request("downloadRecordFile", fileName=name).result_code == "0390005"
    assert time.monotonic() - began < MAX_WAIT_SECONDS < 20 * READ_SECONDS
    assert get_readiness(b) == (200, "ready")
    wait_until(lambda: not node_pair.nodes.list_nodes()["a"]["alive"])
    assert "has the only copy of" in node_pair.nodes.run_command("node", "remove", "a").err
    shutil.copytree(a.node.settings.data / "files", tmp_path / "copy")
    config = LocationConfig(id="7", kind=LocationKind.DISK, root=str(tmp_path / "copy"), created_at=utc_now())
    with b.node.database.write_transaction() as connection:
        locations.add(connection, config)
    assert node_pair.request("downloadRecordFile", fileName=name).body == node_pair.tenant.audio_by_name[name]
    reply = node_pair.request("downloadRecord", callId=node_pair.tenant.call_recordings[0].call_id)
    with ZipFile(BytesIO(reply.body)) as archive:
        assert archive.testzip() is None
    assert node_pair.nodes.run_command("node", "remove", "a").code == 0
    assert (
        node_pair.request("ivr/downloadFile", filePath=node_pair.tenant.single_file).body
        == node_pair.tenant.audio_by_name[node_pair.tenant.single_file]
    )
    copy = (
        tmp_path
        / "copy"
        / get_blob_path(a.node, node_pair.tenant.only_recording.blob).relative_to(a.node.settings.data / "files")
    )
    copy.write_bytes(bytes(node_pair.tenant.only_recording.blob.size))  # of equal size, with other bytes
    assert (
        node_pair.request("downloadRecordFile", fileName=node_pair.tenant.only_recording.file_name).result_code
        == "0390005"
    )
