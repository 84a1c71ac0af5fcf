"""Blobs that are moved during a download: the download is complete, from the new location, or aborted, but never wrong."""

import hashlib
import http.client
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from ccfs.blobs.s3 import S3Location
from ccfs.db.system.storage import locations
from ccfs.model.recordings.recording import Recording
from ccfs.protocol.operations import BASE_PATH
from tests.api.api_client import create_client
from tests.blobs import s3_locations
from tests.nodes.node_cluster import NodeCluster, run_node_cluster
from tests.server.ccfs_server import CcfsServer
from tests.servers import S3_KEYS
from tests.two_tenants import TwoTenants, add_recording, create_two_tenants

LARGE_BYTES = 24 << 20  # more than all buffers between a disk and a client hold
BUCKET_ID = "9"


@dataclass(frozen=True, slots=True, kw_only=True)
class NodePair:
    """Node a, which stores on its disk, node b, and a bucket that both reach."""

    nodes: NodeCluster
    tenants: TwoTenants

    def add_recording(self, name: str, location_id: str, copy_at: str = "") -> Recording:
        """Add a large recording to a location, and a replica to another one; its call has its name."""
        sound = hashlib.shake_128(name.encode()).digest(LARGE_BYTES)
        locations = self.nodes["a"].node.locations
        key = f"1/recordings/20201015/{hashlib.sha256(name.encode()).hexdigest()}"
        if copy_at:
            locations[copy_at].write(key, [sound])
        blob = locations[location_id].write(key, [sound])
        names = (f"/0/1/record/x/20201015/5/{name}.wav", f"Y:/4/0/20201015/5/{name}.V3")
        return add_recording(self.nodes["a"].node, self.tenants.acme.app, blob, *names, call_id=name.partition("-")[0])

    def move_blobs(self, *gone: Recording) -> None:
        """Delete the bytes from the locations that the rows name."""
        for recording in gone:
            self.nodes["a"].node.locations[recording.blob.location_id].delete(recording.blob.key)

    def download(self, node: str, operation: str, fields: dict[str, Any], meanwhile: Callable[[], None]) -> bytes:
        """Return a node's response to a client that runs an action after the first bytes."""
        server: CcfsServer = self.nodes[node]
        client = create_client(server, self.tenants.acme)
        body, target = client.build_body(fields), BASE_PATH + operation
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
        try:
            connection.request("POST", target, body, client.sign_headers(target, body))
            response = connection.getresponse()
            assert response.status == 200
            first = response.read(1 << 16)
            meanwhile()
            return first + response.read()
        finally:
            connection.close()


@pytest.fixture(scope="module")
def node_pair(tmp_path_factory: pytest.TempPathFactory, s3_url: str) -> Iterator[NodePair]:
    """The two nodes."""
    folder: Path = tmp_path_factory.mktemp("pair")
    ak, sk = S3_KEYS
    with run_node_cluster(folder, f"sqlite:///{folder / 'ccfs.db'}", s3_access_key=ak, s3_secret_key=sk) as nodes:
        tenant_pair, _ = create_two_tenants(nodes["a"].node), nodes["b"]
        with nodes["a"].node.database.write_transaction() as connection:
            locations.add(connection, s3_locations.make_location_config(s3_url, BUCKET_ID))
        assert isinstance(nodes["a"].node.locations[BUCKET_ID], S3Location)
        yield NodePair(nodes=nodes, tenants=tenant_pair)


@pytest.mark.parametrize("node", ["a", "b"])
def test_a_download_of_a_file_deleted_from_a_disk_is_complete(node_pair: NodePair, node: str) -> None:
    """By the node itself, and by another node that reads it there: an open file outlives its name."""
    recording = node_pair.add_recording(f"disk{node}", "0")
    body = node_pair.download(
        node, "downloadRecordFile", {"fileName": recording.file_name}, lambda: node_pair.move_blobs(recording)
    )
    assert hashlib.sha256(body).hexdigest() == recording.blob.sha256


def test_a_download_of_a_blob_deleted_from_a_bucket_continues_from_its_replica(node_pair: NodePair) -> None:
    recording = node_pair.add_recording("bucket", BUCKET_ID, copy_at="0")
    body = node_pair.download(
        "a", "downloadRecordFile", {"fileName": recording.file_name}, lambda: node_pair.move_blobs(recording)
    )
    assert hashlib.sha256(body).hexdigest() == recording.blob.sha256


@pytest.mark.parametrize(
    ("node", "source", "target"), [("a", "0", BUCKET_ID), ("b", "0", BUCKET_ID), ("a", BUCKET_ID, "0")]
)
def test_a_zip_continues_from_the_replicas_of_its_members(
    node_pair: NodePair, node: str, source: str, target: str
) -> None:
    name = f"zip{node}{source}"
    members = [node_pair.add_recording(f"{name}-{number}", source, copy_at=target) for number in range(2)]
    body = node_pair.download(node, "downloadRecord", {"callId": name}, lambda: node_pair.move_blobs(*members))
    with zipfile.ZipFile(BytesIO(body)) as archive:
        assert archive.testzip() is None
        hashes = {hashlib.sha256(archive.read(member)).hexdigest() for member in archive.namelist()}
    assert hashes == {recording.blob.sha256 for recording in members}


def test_a_zip_is_aborted_if_a_member_has_no_replica(node_pair: NodePair) -> None:
    members = [node_pair.add_recording(f"lost-{number}", "0") for number in range(2)]
    with pytest.raises((http.client.IncompleteRead, ConnectionError)):
        node_pair.download("a", "downloadRecord", {"callId": "lost"}, lambda: node_pair.move_blobs(*members))
