"""Bytes that go where they were while they are sent: what is under way comes whole, from wherever, or is cut and never wrong."""

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
from ccfs.db.system import locations
from ccfs.model.recordings.recording import Recording
from ccfs.protocol.operations import BASE_PATH
from tests.api.api_client import create_client
from tests.blobs import s3_locations
from tests.nodes.node_cluster import NodeCluster, run_node_cluster
from tests.server.ccfs_server import CcfsServer
from tests.servers import S3_KEYS
from tests.two_tenants import TwoTenants, add_recording, create_two_tenants

LARGE_BYTES = 24 << 20  # bytes: more than lies in all buffers between a disk and a client
BUCKET_ID = "9"


@dataclass(frozen=True, slots=True, kw_only=True)
class NodePair:
    """Node a, which keeps on its disk, node b, and a bucket that both reach."""

    nodes: NodeCluster
    tenants: TwoTenants

    def add_recording(self, name: str, location_id: str, copy_at: str = "") -> Recording:
        """A large recording there, whose call is of its name; and a copy."""
        sound = hashlib.shake_128(name.encode()).digest(LARGE_BYTES)
        locations = self.nodes["a"].node.locations
        key = f"1/recordings/20201015/{hashlib.sha256(name.encode()).hexdigest()}"
        if copy_at:
            locations[copy_at].write(key, [sound])
        kept = locations[location_id].write(key, [sound])
        names = (f"/0/1/record/x/20201015/5/{name}.wav", f"Y:/4/0/20201015/5/{name}.V3")
        return add_recording(self.nodes["a"].node, self.tenants.acme.app, kept, *names, call_id=name.partition("-")[0])

    def move_blobs(self, *gone: Recording) -> None:
        """Their bytes go where their rows say that they are."""
        for one in gone:
            self.nodes["a"].node.locations[one.blob.location_id].delete(one.blob.key)

    def download(self, node: str, operation: str, fields: dict[str, Any], meanwhile: Callable[[], None]) -> bytes:
        """What a node answers to a client that has something done after it got the first bytes."""
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
        cast, _ = create_two_tenants(nodes["a"].node), nodes["b"]
        with nodes["a"].node.database.write_transaction() as connection:
            locations.add(connection, s3_locations.make_location_config(s3_url, BUCKET_ID))
        assert isinstance(nodes["a"].node.locations[BUCKET_ID], S3Location)
        yield NodePair(nodes=nodes, tenants=cast)


@pytest.mark.parametrize("node", ["a", "b"])
def test_a_file_that_leaves_a_disk_is_sent_to_its_end(node_pair: NodePair, node: str) -> None:
    """By the node itself, and by another one that fetches it there: an open file outlives its name."""
    one = node_pair.add_recording(f"disk{node}", "0")
    body = node_pair.download(
        node, "downloadRecordFile", {"fileName": one.file_name}, lambda: node_pair.move_blobs(one)
    )
    assert hashlib.sha256(body).hexdigest() == one.blob.sha256


def test_a_file_that_leaves_a_bucket_is_sent_to_its_end_from_where_it_went(node_pair: NodePair) -> None:
    one = node_pair.add_recording("bucket", BUCKET_ID, copy_at="0")
    body = node_pair.download("a", "downloadRecordFile", {"fileName": one.file_name}, lambda: node_pair.move_blobs(one))
    assert hashlib.sha256(body).hexdigest() == one.blob.sha256


@pytest.mark.parametrize(
    ("node", "source", "target"), [("a", "0", BUCKET_ID), ("b", "0", BUCKET_ID), ("a", BUCKET_ID, "0")]
)
def test_a_zip_goes_on_from_where_its_members_went(node_pair: NodePair, node: str, source: str, target: str) -> None:
    name = f"zip{node}{source}"
    members = [node_pair.add_recording(f"{name}-{number}", source, copy_at=target) for number in range(2)]
    body = node_pair.download(node, "downloadRecord", {"callId": name}, lambda: node_pair.move_blobs(*members))
    with zipfile.ZipFile(BytesIO(body)) as archive:
        assert archive.testzip() is None
        found = {hashlib.sha256(archive.read(member)).hexdigest() for member in archive.namelist()}
    assert found == {one.blob.sha256 for one in members}


def test_a_zip_is_cut_where_a_member_is_nowhere(node_pair: NodePair) -> None:
    members = [node_pair.add_recording(f"lost-{number}", "0") for number in range(2)]
    with pytest.raises((http.client.IncompleteRead, ConnectionError)):
        node_pair.download("a", "downloadRecord", {"callId": "lost"}, lambda: node_pair.move_blobs(*members))
