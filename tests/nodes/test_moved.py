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
from tests.cast import Cast, fill, keep_recording
from tests.nodes.cluster import Cluster, cluster
from tests.servers import S3_KEYS
from tests.store import buckets
from tests.web.callers import caller
from tests.web.serving import Server

SIZE = 24 << 20  # bytes: more than lies in all buffers between a disk and a client
BUCKET = "9"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Node a, which keeps on its disk, node b, and a bucket that both reach."""

    nodes: Cluster
    cast: Cast

    def record(self, name: str, location_id: str, copy_at: str = "") -> Recording:
        """A large recording there, whose call is of its name; and a copy."""
        sound = hashlib.shake_128(name.encode()).digest(SIZE)
        locations = self.nodes["a"].node.locations
        key = f"1/recordings/20201015/{hashlib.sha256(name.encode()).hexdigest()}"
        if copy_at:
            locations[copy_at].write(key, [sound])
        kept = locations[location_id].write(key, [sound])
        names = (f"/0/1/record/x/20201015/5/{name}.wav", f"Y:/4/0/20201015/5/{name}.V3")
        return keep_recording(self.nodes["a"].node, self.cast.acme.app, kept, *names, call_id=name.partition("-")[0])

    def remove(self, *gone: Recording) -> None:
        """Their bytes go where their rows say that they are."""
        for one in gone:
            self.nodes["a"].node.locations[one.blob.location_id].delete(one.blob.key)

    def body(self, node: str, operation: str, fields: dict[str, Any], meanwhile: Callable[[], None]) -> bytes:
        """What a node answers to a client that has something done after it got the first bytes."""
        server: Server = self.nodes[node]
        client = caller(server, self.cast.acme)
        body, target = client.body(fields), BASE_PATH + operation
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
        try:
            connection.request("POST", target, body, client.signed(target, body))
            response = connection.getresponse()
            assert response.status == 200
            first = response.read(1 << 16)
            meanwhile()
            return first + response.read()
        finally:
            connection.close()


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory, s3_url: str) -> Iterator[Pair]:
    """The two nodes."""
    folder: Path = tmp_path_factory.mktemp("pair")
    ak, sk = S3_KEYS
    with cluster(folder, f"sqlite:///{folder / 'ccfs.db'}", s3_access_key=ak, s3_secret_key=sk) as nodes:
        cast, _ = fill(nodes["a"].node), nodes["b"]
        with nodes["a"].node.database.write_transaction() as connection:
            locations.add(connection, buckets.place(s3_url, BUCKET))
        assert isinstance(nodes["a"].node.locations[BUCKET], S3Location)
        yield Pair(nodes=nodes, cast=cast)


@pytest.mark.parametrize("node", ["a", "b"])
def test_a_file_that_leaves_a_disk_is_sent_to_its_end(pair: Pair, node: str) -> None:
    """By the node itself, and by another one that fetches it there: an open file outlives its name."""
    one = pair.record(f"disk{node}", "0")
    body = pair.body(node, "downloadRecordFile", {"fileName": one.file_name}, lambda: pair.remove(one))
    assert hashlib.sha256(body).hexdigest() == one.blob.sha256


def test_a_file_that_leaves_a_bucket_is_sent_to_its_end_from_where_it_went(pair: Pair) -> None:
    one = pair.record("bucket", BUCKET, copy_at="0")
    body = pair.body("a", "downloadRecordFile", {"fileName": one.file_name}, lambda: pair.remove(one))
    assert hashlib.sha256(body).hexdigest() == one.blob.sha256


@pytest.mark.parametrize(("node", "source", "target"), [("a", "0", BUCKET), ("b", "0", BUCKET), ("a", BUCKET, "0")])
def test_a_zip_goes_on_from_where_its_members_went(pair: Pair, node: str, source: str, target: str) -> None:
    name = f"zip{node}{source}"
    members = [pair.record(f"{name}-{number}", source, copy_at=target) for number in range(2)]
    body = pair.body(node, "downloadRecord", {"callId": name}, lambda: pair.remove(*members))
    with zipfile.ZipFile(BytesIO(body)) as archive:
        assert archive.testzip() is None
        found = {hashlib.sha256(archive.read(member)).hexdigest() for member in archive.namelist()}
    assert found == {one.blob.sha256 for one in members}


def test_a_zip_is_cut_where_a_member_is_nowhere(pair: Pair) -> None:
    members = [pair.record(f"lost-{number}", "0") for number in range(2)]
    with pytest.raises((http.client.IncompleteRead, ConnectionError)):
        pair.body("a", "downloadRecord", {"callId": "lost"}, lambda: pair.remove(*members))
