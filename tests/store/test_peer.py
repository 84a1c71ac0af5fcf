"""Another node's disk from afar: who may read it, and that a node which is dead, slow or odd fails clearly and soon."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ccfs.blobs.interface import CHUNK_BYTES, BlobNotFound, Location, LocationUnreachable
from ccfs.blobs.peer import PeerLocation
from ccfs.model.blobs.peer_token import sign_peer_request
from tests import receivers
from tests.receivers import HANGS, Behaviour, nobody, receiver
from tests.store.peers import new_disk, peer, terms
from tests.web.callers import send
from tests.web.serving import Server

KEY = "7/rec/20260504/0123456789abcdef.wav"
PATIENCE = 1.0  # of the tests' peers, to connect and to be answered
LONG = 20.0  # seconds in which the busiest machine knows; to wait for an answer would take for ever
REST = 2.0


@pytest.fixture
def there(peer_server: Server, tmp_path: Path) -> Location:
    """A disk of the node with a file of some chunks."""
    disk = new_disk(peer_server, tmp_path / "there")
    disk.write(KEY, [bytes(CHUNK_BYTES)] * 5)
    return disk


def at(port: int) -> PeerLocation:
    """A location of a node that listens, or does not, at this port."""
    return PeerLocation(
        "0", lambda: f"http://127.0.0.1:{port}", terms(b"key", connect_seconds=PATIENCE, read_seconds=PATIENCE)
    )


def refused(port: int) -> float:
    """That nothing can be had there: the seconds that it took to know."""
    one, began = at(port), time.monotonic()
    with pytest.raises(LocationUnreachable):
        one.get_size(KEY)
    return time.monotonic() - began


def test_nothing_is_written_from_afar(peer_server: Server, there: Location) -> None:
    one = peer(peer_server, there.location_id)
    with pytest.raises(LocationUnreachable, match="only that node writes"):
        one.write(KEY, [b"data"])
    with pytest.raises(LocationUnreachable, match="only that node writes"):
        one.delete(KEY)
    assert one.get_size(KEY) == there.get_size(KEY) == 5 * CHUNK_BYTES


def test_many_read_at_once_over_few_connections(peer_server: Server, there: Location) -> None:
    one, sizes = peer(peer_server, there.location_id), list[int]()
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


def test_a_reading_that_is_dropped_disturbs_no_other(peer_server: Server, there: Location) -> None:
    one = peer(peer_server, there.location_id)
    reading = one.read(KEY)
    next(reading)
    del reading
    one.read(KEY)
    assert sum(map(len, one.read(KEY, 7))) == 5 * CHUNK_BYTES - 7


def test_another_key_or_clock_opens_nothing(peer_server: Server, there: Location) -> None:
    strangers = [
        peer(peer_server, there.location_id, key=b"another"),
        peer(peer_server, there.location_id, now=lambda: datetime.now(UTC) - timedelta(minutes=2)),
    ]
    for one in strangers:
        with pytest.raises(LocationUnreachable, match="status 401"):
            one.get_size(KEY)
        with pytest.raises(LocationUnreachable, match="status 401"):
            one.read(KEY)


@pytest.mark.parametrize("location_id", ["999", "x", ""])
def test_a_location_that_is_not_the_nodes_is_not_given(peer_server: Server, location_id: str) -> None:
    with pytest.raises(LocationUnreachable, match="status 404"):
        peer(peer_server, location_id).get_size(KEY)


@pytest.mark.parametrize(
    "key", ["../../ccfs.db", "%2e%2e/node.keys", ".tmp/a", "//etc/passwd", "a/../b", "7/rec/20260504/0123456789ABCDEF"]
)
def test_not_even_with_the_key_is_another_file_given(peer_server: Server, there: Location, key: str) -> None:
    path = f"/peer/{there.location_id}/{key}"
    shown = sign_peer_request(peer_server.node.peer_keys[0], "GET", path, "", datetime.now(UTC))
    assert send(peer_server, "GET", path, {"authorization": shown}).status in (401, 404)


def test_strangers_see_no_difference_between_what_is_there_and_what_is_not(
    peer_server: Server, there: Location
) -> None:
    for path in (f"/peer/{there.location_id}/{KEY}", f"/peer/{there.location_id}/none", "/peer/9/none", "/peer/"):
        for method in ("GET", "HEAD", "POST"):
            assert send(peer_server, method, path).status == 401
    asked = f"/peer/{there.location_id}/{KEY}"
    shown = sign_peer_request(peer_server.node.peer_keys[0], "DELETE", asked, "", datetime.now(UTC))
    assert send(peer_server, "DELETE", asked, {"authorization": shown}).status == 404
    assert there.get_size(KEY)


@pytest.fixture
def silent() -> Iterator[int]:
    """A port where connections wait for ever to be taken."""
    with closing(socket.create_server(("127.0.0.1", 0), backlog=0)) as listener:
        yield int(listener.getsockname()[1])


def test_a_dead_node_is_known_in_time(silent: int) -> None:
    assert refused(nobody().port) < LONG
    assert PATIENCE <= refused(silent) < LONG


@pytest.mark.parametrize("behaviour", [HANGS, receivers.resets, receivers.hangs_up, receivers.says(b"\0\0\r\n\r\n")])
def test_a_node_that_answers_oddly_or_never_fails_in_time(behaviour: Behaviour) -> None:
    with receiver(behaviour) as there:
        assert refused(there.port) < LONG


def test_an_answer_that_breaks_off_is_no_end() -> None:
    half = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"
    with receiver(receivers.says(half)) as there, pytest.raises(LocationUnreachable, match="broke off"):
        list(at(there.port).read(KEY))


def test_a_node_that_failed_is_left_alone_and_then_asked_again(peer_server: Server, there: Location) -> None:
    ports = iter([nobody().port])
    one = PeerLocation(
        there.location_id,
        lambda: f"http://127.0.0.1:{next(ports, peer_server.port)}",
        terms(peer_server.node.peer_keys[0], rest_seconds=REST),
    )
    with pytest.raises(LocationUnreachable, match="does not answer"):
        one.get_size(KEY)
    for _ in range(50):
        with pytest.raises(LocationUnreachable, match="a moment ago"):
            one.get_size(KEY)
    time.sleep(REST)
    assert one.get_size(KEY) == 5 * CHUNK_BYTES


def test_bytes_that_are_gone_are_no_failure_of_the_node(peer_server: Server, there: Location) -> None:
    one = peer(peer_server, there.location_id)
    for _ in range(3):
        with pytest.raises(BlobNotFound):
            one.read("7/rec/none.wav")
    assert one.get_size(KEY)
