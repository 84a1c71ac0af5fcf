"""Peer locations: authorisation, concurrent reads, and timely errors of a node that is dead, slow or malformed."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ccfs.blobs.interface import CHUNK_BYTES, Location
from ccfs.blobs.peer import PeerLocation
from ccfs.model.blobs.errors import BlobNotFound, LocationUnreachable
from ccfs.model.blobs.peer_token import sign_peer_request
from tests import receivers
from tests.api.api_client import send_request
from tests.blobs.peer_locations import add_disk, make_peer_config, open_peer
from tests.receivers import HANG, Behaviour, make_closed_receiver, run_receiver
from tests.server.ccfs_server import CcfsServer

KEY = "7/rec/20260504/0123456789abcdef.wav"
TIMEOUT_SECONDS = 1.0  # of these peers, to connect and to get a response
MAX_WAIT_SECONDS = 20.0  # enough on the busiest machine; waiting for a response would never end
COOLDOWN_SECONDS = 2.0


@pytest.fixture
def peer_location(peer_server: CcfsServer, tmp_path: Path) -> Location:
    """A disk of the server with one file of five chunks."""
    disk = add_disk(peer_server, tmp_path / "there")
    disk.write(KEY, [bytes(CHUNK_BYTES)] * 5)
    return disk


def open_peer_at(port: int) -> PeerLocation:
    """Return a location of a node at this port, whether anything listens there or not."""
    return PeerLocation(
        "0",
        lambda: f"http://127.0.0.1:{port}",
        make_peer_config(b"key", connect_seconds=TIMEOUT_SECONDS, read_seconds=TIMEOUT_SECONDS),
    )


def measure_failure(port: int) -> float:
    """Return the seconds until a read from the node at that port fails."""
    peer, began = open_peer_at(port), time.monotonic()
    with pytest.raises(LocationUnreachable):
        peer.get_size(KEY)
    return time.monotonic() - began


def test_a_peer_location_rejects_writes(peer_server: CcfsServer, peer_location: Location) -> None:
    peer = open_peer(peer_server, peer_location.location_id)
    with pytest.raises(LocationUnreachable, match="only that node can write"):
        peer.write(KEY, [b"data"])
    with pytest.raises(LocationUnreachable, match="only that node can write"):
        peer.delete(KEY)
    assert peer.get_size(KEY) == peer_location.get_size(KEY) == 5 * CHUNK_BYTES


def test_many_threads_read_over_few_connections(peer_server: CcfsServer, peer_location: Location) -> None:
    peer, sizes = open_peer(peer_server, peer_location.location_id), list[int]()
    threads = [
        threading.Thread(target=lambda: sizes.extend(len(piece) for piece in peer.read(KEY, CHUNK_BYTES)))
        for _ in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sizes == [CHUNK_BYTES] * 48
    assert 1 <= len(peer._idle) <= 8


def test_an_abandoned_read_does_not_disturb_others(peer_server: CcfsServer, peer_location: Location) -> None:
    peer = open_peer(peer_server, peer_location.location_id)
    reading = peer.read(KEY)
    next(reading)
    del reading
    peer.read(KEY)
    assert sum(map(len, peer.read(KEY, 7))) == 5 * CHUNK_BYTES - 7


def test_a_request_with_a_wrong_key_or_clock_is_unauthorised(peer_server: CcfsServer, peer_location: Location) -> None:
    unauthorised = [
        open_peer(peer_server, peer_location.location_id, key=b"another"),
        open_peer(peer_server, peer_location.location_id, now=lambda: datetime.now(UTC) - timedelta(minutes=2)),
    ]
    for peer in unauthorised:
        with pytest.raises(LocationUnreachable, match="status 401"):
            peer.get_size(KEY)
        with pytest.raises(LocationUnreachable, match="status 401"):
            peer.read(KEY)


@pytest.mark.parametrize("location_id", ["999", "x", ""])
def test_a_location_of_another_node_is_not_found(peer_server: CcfsServer, location_id: str) -> None:
    with pytest.raises(LocationUnreachable, match="status 404"):
        open_peer(peer_server, location_id).get_size(KEY)


@pytest.mark.parametrize(
    "key", ["../../ccfs.db", "%2e%2e/node.keys", ".tmp/a", "//etc/passwd", "a/../b", "7/rec/20260504/0123456789ABCDEF"]
)
def test_an_authorised_request_for_another_file_is_not_found(
    peer_server: CcfsServer, peer_location: Location, key: str
) -> None:
    path = f"/peer/{peer_location.location_id}/{key}"
    authorization = sign_peer_request(peer_server.node.peer_keys[0], "GET", path, "", datetime.now(UTC))
    assert send_request(peer_server, "GET", path, {"authorization": authorization}).status in (401, 404)


def test_unauthorised_requests_do_not_reveal_which_files_exist(
    peer_server: CcfsServer, peer_location: Location
) -> None:
    for path in (
        f"/peer/{peer_location.location_id}/{KEY}",
        f"/peer/{peer_location.location_id}/none",
        "/peer/9/none",
        "/peer/",
    ):
        for method in ("GET", "HEAD", "POST"):
            assert send_request(peer_server, method, path).status == 401
    path = f"/peer/{peer_location.location_id}/{KEY}"
    authorization = sign_peer_request(peer_server.node.peer_keys[0], "DELETE", path, "", datetime.now(UTC))
    assert send_request(peer_server, "DELETE", path, {"authorization": authorization}).status == 404
    assert peer_location.get_size(KEY)


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port where connections are never accepted."""
    with closing(socket.create_server(("127.0.0.1", 0), backlog=0)) as listener:
        yield int(listener.getsockname()[1])


def test_a_dead_node_is_noticed_in_time(silent_port: int) -> None:
    assert measure_failure(make_closed_receiver().port) < MAX_WAIT_SECONDS
    assert TIMEOUT_SECONDS <= measure_failure(silent_port) < MAX_WAIT_SECONDS


@pytest.mark.parametrize(
    "behaviour", [HANG, receivers.reset_connection, receivers.close_connection, receivers.send_raw(b"\0\0\r\n\r\n")]
)
def test_a_node_with_a_malformed_response_or_none_is_noticed_in_time(behaviour: Behaviour) -> None:
    with run_receiver(behaviour) as receiver:
        assert measure_failure(receiver.port) < MAX_WAIT_SECONDS


def test_a_response_that_ends_early_is_an_error() -> None:
    half = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"
    with run_receiver(receivers.send_raw(half)) as receiver, pytest.raises(LocationUnreachable, match="broke off"):
        list(open_peer_at(receiver.port).read(KEY))


def test_a_failed_node_gets_no_requests_during_the_cooldown(peer_server: CcfsServer, peer_location: Location) -> None:
    ports = iter([make_closed_receiver().port])
    peer = PeerLocation(
        peer_location.location_id,
        lambda: f"http://127.0.0.1:{next(ports, peer_server.port)}",
        make_peer_config(peer_server.node.peer_keys[0], cooldown_seconds=COOLDOWN_SECONDS),
    )
    with pytest.raises(LocationUnreachable, match="does not answer"):
        peer.get_size(KEY)
    for _ in range(50):
        with pytest.raises(LocationUnreachable, match="a moment ago"):
            peer.get_size(KEY)
    time.sleep(COOLDOWN_SECONDS)
    assert peer.get_size(KEY) == 5 * CHUNK_BYTES


def test_missing_bytes_do_not_open_the_circuit_breaker(peer_server: CcfsServer, peer_location: Location) -> None:
    peer = open_peer(peer_server, peer_location.location_id)
    for _ in range(3):
        with pytest.raises(BlobNotFound):
            peer.read("7/rec/none.wav")
    assert peer.get_size(KEY)
