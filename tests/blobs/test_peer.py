"""Another node's disk from afar: who may read it, and that a node which is dead, slow or odd fails clearly and soon."""

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
TIMEOUT_SECONDS = 1.0  # of the tests' peers, to connect and to be answered
MAX_WAIT_SECONDS = 20.0  # seconds in which the busiest machine knows; to wait for an answer would take for ever
COOLDOWN_SECONDS = 2.0


@pytest.fixture
def peer_location(peer_server: CcfsServer, tmp_path: Path) -> Location:
    """A disk of the node with a file of some chunks."""
    disk = add_disk(peer_server, tmp_path / "there")
    disk.write(KEY, [bytes(CHUNK_BYTES)] * 5)
    return disk


def open_peer_at(port: int) -> PeerLocation:
    """A location of a node that listens, or does not, at this port."""
    return PeerLocation(
        "0",
        lambda: f"http://127.0.0.1:{port}",
        make_peer_config(b"key", connect_seconds=TIMEOUT_SECONDS, read_seconds=TIMEOUT_SECONDS),
    )


def measure_failure(port: int) -> float:
    """That nothing can be had there: the seconds that it took to know."""
    one, began = open_peer_at(port), time.monotonic()
    with pytest.raises(LocationUnreachable):
        one.get_size(KEY)
    return time.monotonic() - began


def test_nothing_is_written_from_afar(peer_server: CcfsServer, peer_location: Location) -> None:
    one = open_peer(peer_server, peer_location.location_id)
    with pytest.raises(LocationUnreachable, match="only that node writes"):
        one.write(KEY, [b"data"])
    with pytest.raises(LocationUnreachable, match="only that node writes"):
        one.delete(KEY)
    assert one.get_size(KEY) == peer_location.get_size(KEY) == 5 * CHUNK_BYTES


def test_many_read_at_once_over_few_connections(peer_server: CcfsServer, peer_location: Location) -> None:
    one, sizes = open_peer(peer_server, peer_location.location_id), list[int]()
    threads = [
        threading.Thread(target=lambda: sizes.extend(len(piece) for piece in one.read(KEY, CHUNK_BYTES)))
        for _ in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sizes == [CHUNK_BYTES] * 48
    assert 1 <= len(one._idle) <= 8


def test_a_reading_that_is_dropped_disturbs_no_other(peer_server: CcfsServer, peer_location: Location) -> None:
    one = open_peer(peer_server, peer_location.location_id)
    reading = one.read(KEY)
    next(reading)
    del reading
    one.read(KEY)
    assert sum(map(len, one.read(KEY, 7))) == 5 * CHUNK_BYTES - 7


def test_another_key_or_clock_opens_nothing(peer_server: CcfsServer, peer_location: Location) -> None:
    strangers = [
        open_peer(peer_server, peer_location.location_id, key=b"another"),
        open_peer(peer_server, peer_location.location_id, now=lambda: datetime.now(UTC) - timedelta(minutes=2)),
    ]
    for one in strangers:
        with pytest.raises(LocationUnreachable, match="status 401"):
            one.get_size(KEY)
        with pytest.raises(LocationUnreachable, match="status 401"):
            one.read(KEY)


@pytest.mark.parametrize("location_id", ["999", "x", ""])
def test_a_location_that_is_not_the_nodes_is_not_given(peer_server: CcfsServer, location_id: str) -> None:
    with pytest.raises(LocationUnreachable, match="status 404"):
        open_peer(peer_server, location_id).get_size(KEY)


@pytest.mark.parametrize(
    "key", ["../../ccfs.db", "%2e%2e/node.keys", ".tmp/a", "//etc/passwd", "a/../b", "7/rec/20260504/0123456789ABCDEF"]
)
def test_not_even_with_the_key_is_another_file_given(
    peer_server: CcfsServer, peer_location: Location, key: str
) -> None:
    path = f"/peer/{peer_location.location_id}/{key}"
    shown = sign_peer_request(peer_server.node.peer_keys[0], "GET", path, "", datetime.now(UTC))
    assert send_request(peer_server, "GET", path, {"authorization": shown}).status in (401, 404)


def test_strangers_see_no_difference_between_what_is_there_and_what_is_not(
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
    asked = f"/peer/{peer_location.location_id}/{KEY}"
    shown = sign_peer_request(peer_server.node.peer_keys[0], "DELETE", asked, "", datetime.now(UTC))
    assert send_request(peer_server, "DELETE", asked, {"authorization": shown}).status == 404
    assert peer_location.get_size(KEY)


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port where connections wait for ever to be taken."""
    with closing(socket.create_server(("127.0.0.1", 0), backlog=0)) as listener:
        yield int(listener.getsockname()[1])


def test_a_dead_node_is_known_in_time(silent_port: int) -> None:
    assert measure_failure(make_closed_receiver().port) < MAX_WAIT_SECONDS
    assert TIMEOUT_SECONDS <= measure_failure(silent_port) < MAX_WAIT_SECONDS


@pytest.mark.parametrize(
    "behaviour", [HANG, receivers.reset_connection, receivers.close_connection, receivers.send_raw(b"\0\0\r\n\r\n")]
)
def test_a_node_that_answers_oddly_or_never_fails_in_time(behaviour: Behaviour) -> None:
    with run_receiver(behaviour) as there:
        assert measure_failure(there.port) < MAX_WAIT_SECONDS


def test_an_answer_that_breaks_off_is_no_end() -> None:
    half = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"
    with run_receiver(receivers.send_raw(half)) as there, pytest.raises(LocationUnreachable, match="broke off"):
        list(open_peer_at(there.port).read(KEY))


def test_a_node_that_failed_is_left_alone_and_then_asked_again(
    peer_server: CcfsServer, peer_location: Location
) -> None:
    ports = iter([make_closed_receiver().port])
    one = PeerLocation(
        peer_location.location_id,
        lambda: f"http://127.0.0.1:{next(ports, peer_server.port)}",
        make_peer_config(peer_server.node.peer_keys[0], cooldown_seconds=COOLDOWN_SECONDS),
    )
    with pytest.raises(LocationUnreachable, match="does not answer"):
        one.get_size(KEY)
    for _ in range(50):
        with pytest.raises(LocationUnreachable, match="a moment ago"):
            one.get_size(KEY)
    time.sleep(COOLDOWN_SECONDS)
    assert one.get_size(KEY) == 5 * CHUNK_BYTES


def test_bytes_that_are_gone_are_no_failure_of_the_node(peer_server: CcfsServer, peer_location: Location) -> None:
    one = open_peer(peer_server, peer_location.location_id)
    for _ in range(3):
        with pytest.raises(BlobNotFound):
            one.read("7/rec/none.wav")
    assert one.get_size(KEY)
