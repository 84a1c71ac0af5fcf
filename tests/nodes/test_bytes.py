"""Bytes of one node through another: every download, every voice operation; and what becomes of them when a node is dead."""

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

from ccfs.db.system import locations
from ccfs.model.blobs.location_config import LocationConfig, LocationKind
from ccfs.model.exports.export import ExportKind
from ccfs.protocol.operations import BASE_PATH
from ccfs.server.node import utc_now
from ccfs.workers.maintenance.cleanup import run_cleanup
from tests import servers
from tests.cast import Cast, Member, fill, keep_recording, path_of
from tests.nodes.cluster import Cluster, cluster, readiness, until
from tests.web.callers import Caller, Reply, caller, send
from tests.web.doors import SOUND

CONNECT_SECONDS, READ_SECONDS = 1, 2  # patience of the test's nodes with each other
LONG = 20.0  # seconds in which the busiest machine knows that a node is away
BINARY = "Application/Octet-stream;charset=UTF-8"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Node a, which took everything in, and a client of node b."""

    nodes: Cluster
    cast: Cast
    client: Caller

    @property
    def acme(self) -> Member:
        """The client's app."""
        return self.cast.acme

    def ask(self, operation: str, **fields: object) -> Reply:
        """An operation of node b."""
        return self.client.ask(operation, fields)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Two nodes on a database of each kind."""
    folder = tmp_path_factory.mktemp("pair")
    if request.param == "sqlite":
        yield from _paired(folder, f"sqlite:///{folder / 'common.db'}")
    else:
        with servers.database(request.getfixturevalue("postgres_url")) as url:
            yield from _paired(folder, url)


def _paired(folder: Path, url: str) -> Iterator[Pair]:
    with cluster(folder, url, peer_connect_seconds=CONNECT_SECONDS, peer_read_seconds=READ_SECONDS) as nodes:
        cast = fill(nodes["a"].node)
        yield Pair(nodes=nodes, cast=cast, client=caller(nodes["b"], cast.acme))


def test_each_node_owns_its_disk(pair: Pair) -> None:
    assert pair.acme.one.blob.location_id == pair.nodes["a"].node.find_primary_location_id() == "0"
    assert keep_recording(pair.nodes["b"].node, pair.acme.app, b"b", "/b", "/b").blob.location_id == "1"
    assert not (pair.nodes["b"].node.settings.data / "files" / pair.acme.one.blob.key).exists()


def test_whole_files_come_from_the_other_node(pair: Pair) -> None:
    for one in (pair.acme.one, pair.acme.large):
        reply = pair.ask("downloadRecordFile", fileName=one.file_name)
        assert reply.headers["content-type"] == BINARY
        assert reply.body == pair.acme.audio[one.file_name]


@pytest.mark.parametrize("span", [(0, 9), (1000, 2_500_000), (3_200_000, 3_200_010)])
def test_ranges_come_from_the_other_node(pair: Pair, span: tuple[int, int]) -> None:
    name, (first, last) = pair.acme.large.file_name, span
    reply = pair.client.ask("downloadRecordFile", {"fileName": name}, range=f"bytes={first}-{last}")
    assert reply.status == 206
    assert reply.body == pair.acme.audio[name][first : last + 1]


def test_the_tag_is_the_same_on_both_nodes(pair: Pair) -> None:
    other = caller(pair.nodes["a"], pair.acme)
    found = [one.ask("downloadRecordFile", {"fileName": pair.acme.one.file_name}) for one in (pair.client, other)]
    assert found[0].headers["etag"] == found[1].headers["etag"]


def test_several_recordings_of_a_call_come_as_a_zip(pair: Pair) -> None:
    reply = pair.ask("downloadRecord", callId=pair.acme.two[0].call_id)
    with ZipFile(BytesIO(reply.body)) as archive:
        assert archive.testzip() is None
        assert [archive.read(name) for name in archive.namelist()] == [
            pair.acme.audio[one.file_name] for one in pair.acme.two
        ]


def test_a_token_plays_on_either_node(pair: Pair) -> None:
    token = pair.ask("requestPlayVoice", fileName=pair.acme.one.file_name).json["resultData"]["token"]
    for name in ("a", "b"):
        reply = send(pair.nodes[name], "GET", f"{BASE_PATH}playVoice?st={token}")
        assert reply.body == pair.acme.audio[pair.acme.one.file_name]


def test_exports_that_the_other_node_made_come(pair: Pair) -> None:
    name = pair.acme.exports[ExportKind.BILL]
    assert pair.ask("downloadBillFile", billFileName=name).body == pair.acme.audio[name]


def test_voice_files_of_the_other_node_are_found_by_location(pair: Pair) -> None:
    acme = pair.acme
    for operation, name in (("downloadOiapRecord", acme.oiap[0]), ("downloadIVRRecordFile", acme.message)):
        assert pair.ask(f"{operation}?locationId=0", fileName=name).body == acme.audio[name]
        assert pair.ask(f"{operation}?locationId=1", fileName=name).code == "0300011"
    assert pair.ask("ivr/downloadFile", filePath=acme.lonely).body == acme.audio[acme.lonely]
    assert pair.ask("ivr/downloadFile", filePath=acme.lonely_folder, mode=1).body == acme.audio[acme.lonely]
    hashed = pair.ask("ivr/getFileHash", fileName=acme.upload, locationId="0").json["resultData"]["fileHash"]
    assert len(hashed) == 64


def test_what_one_node_takes_another_gives_and_deletes(pair: Pair) -> None:
    other = caller(pair.nodes["a"], pair.acme)
    up = other.ask(f"ivr/uploadFile?vdnId={pair.acme.vdn}", {"data": SOUND}).json["resultData"]
    assert up["locationId"] == ["0"]
    name = up["fileName"]
    assert pair.ask("ivr/downloadFile", filePath=name).body == other.ask("ivr/downloadFile", {"filePath": name}).body
    folder = pair.nodes["a"].node.settings.data / "files"
    before = len(list(folder.rglob("*.wav")))
    assert pair.ask("ivr/deleteFile", fileName=name, locationId="0").code == "0"
    for one in (pair.client, other):
        assert one.ask("ivr/downloadFile", {"filePath": name}).code == "0300011"
    for node in (pair.nodes["b"].node, pair.nodes["a"].node):  # what a node's loop does; only the second may
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


def test_a_node_that_hangs_costs_one_request_the_wait_and_no_other(pair: Pair) -> None:
    group, name = pair.nodes["a"].process.pid, pair.acme.one.file_name
    os.killpg(group, signal.SIGSTOP)
    try:
        began = time.monotonic()
        assert pair.ask("downloadRecordFile", fileName=name).code == "0390005"
        waited = time.monotonic() - began
        assert READ_SECONDS <= waited < LONG
        for _ in range(10):
            assert pair.ask("downloadRecordFile", fileName=name).code == "0390005"
        assert time.monotonic() - began - waited < 10 * READ_SECONDS  # as each would wait by itself
    finally:
        os.killpg(group, signal.SIGCONT)
    until(lambda: pair.ask("downloadRecordFile", fileName=name).body == pair.acme.audio[name])


def test_a_dead_node_fails_clearly_and_soon_and_copies_elsewhere_are_used(pair: Pair, tmp_path: Path) -> None:
    """Last: the pair is one node afterwards."""
    a, b = pair.nodes["a"], pair.nodes["b"]
    name = pair.acme.large.file_name
    a.kill()
    assert pair.ask("downloadRecordFile", fileName=name).code == "0390005"
    began = time.monotonic()
    for _ in range(20):
        assert pair.ask("downloadRecordFile", fileName=name).code == "0390005"
    assert time.monotonic() - began < LONG < 20 * READ_SECONDS
    assert readiness(b) == (200, "ready")
    until(lambda: not pair.nodes.listed()["a"]["alive"])
    assert "alone has" in pair.nodes.command("node", "remove", "a").err
    shutil.copytree(a.node.settings.data / "files", tmp_path / "copy")
    place = LocationConfig(id="7", kind=LocationKind.DISK, root=str(tmp_path / "copy"), created_at=utc_now())
    with b.node.database.write_transaction() as connection:
        locations.add(connection, place)
    assert pair.ask("downloadRecordFile", fileName=name).body == pair.acme.audio[name]
    reply = pair.ask("downloadRecord", callId=pair.acme.two[0].call_id)
    with ZipFile(BytesIO(reply.body)) as archive:
        assert archive.testzip() is None
    assert pair.nodes.command("node", "remove", "a").code == 0
    assert pair.ask("ivr/downloadFile", filePath=pair.acme.lonely).body == pair.acme.audio[pair.acme.lonely]
    copy = tmp_path / "copy" / path_of(a.node, pair.acme.one.blob).relative_to(a.node.settings.data / "files")
    copy.write_bytes(bytes(pair.acme.one.blob.size))  # as long, and not the same
    assert pair.ask("downloadRecordFile", fileName=pair.acme.one.file_name).code == "0390005"
