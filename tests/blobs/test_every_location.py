"""The contract of Location: one suite for all implementations. Add a new one to LOCATION_FACTORIES."""

import hashlib
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ccfs.blobs.disk import DiskLocation
from ccfs.blobs.interface import CHUNK_BYTES, Location
from ccfs.model.blobs.blob_ref import BlobRef
from ccfs.model.blobs.errors import BlobNotFound, InvalidKey
from tests.blobs import peer_locations, s3_locations

FixtureRequest = pytest.FixtureRequest
LOCATION_FACTORIES: dict[str, Callable[[FixtureRequest, Path], Location]] = {
    "disk": lambda _, folder: DiskLocation("0", folder / "files"),
    "s3": lambda request, _: s3_locations.open_s3(request.getfixturevalue("s3_url")),
    "peer": lambda request, folder: peer_locations.create_peer_of_disk(
        request.getfixturevalue("peer_server"), folder / "files"
    ),
}
KEY = "7/rec/20260504/0123456789abcdef.wav"
BAD_KEYS = (
    "",
    "/",
    "/etc/passwd",
    "..",
    ".",
    "../up",
    "a/../b",
    "a/./b",
    "a/..",
    "a//b",
    "a/",
    ".hidden",
    "a/.hidden",
    ".tmp/0123",
    "a\0b",
    "a\n",
    "a b",
    "Y:/8/0/20260504/512/1.V3",
    "C:\\a",
    "a\\b",
    "A",
    "a/B",
    "a:b",
    "~",
    "-a",
    "_a",
    "a.tar.gz",
    "a.WAV",
    "a.toolongsuffix",
    "é",
    "１",
    "a%2fb",
    "a/" * 127 + "aa",
)


@pytest.fixture(params=LOCATION_FACTORIES)
def location(request: FixtureRequest, tmp_path: Path) -> Location:
    """An empty location."""
    return LOCATION_FACTORIES[request.param](request, tmp_path)


def read_blob(location: Location, key: str = KEY, start: int = 0, end: int | None = None) -> bytes:
    return b"".join(location.read(key, start, end))


def is_missing(location: Location, key: str = KEY) -> bool:
    with pytest.raises(BlobNotFound):
        location.get_size(key)
    with pytest.raises(BlobNotFound):
        location.read(key)  # before the first chunk is requested
    return True


@pytest.mark.parametrize(
    "data", [b"", b"a", b"\0\xff" * 70_000, bytes(CHUNK_BYTES), bytes(CHUNK_BYTES) + b"b"], ids=len
)
def test_written_bytes_are_read_back_and_described(location: Location, data: bytes) -> None:
    assert location.write(KEY, [data]) == BlobRef(
        location_id=location.location_id,
        key=KEY,
        size=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        crc32=zlib.crc32(data),
    )
    assert read_blob(location) == data
    assert location.get_size(KEY) == len(data)


def test_bytes_are_written_and_read_in_chunks(location: Location) -> None:
    blob = location.write(KEY, (b"abc" * number for number in range(1000)))
    assert blob.size == location.get_size(KEY) == 3 * 999 * 500
    location.write(KEY, (bytes(CHUNK_BYTES // 2) for _ in range(7)))
    assert [len(chunk) for chunk in location.read(KEY)] == [CHUNK_BYTES, CHUNK_BYTES, CHUNK_BYTES, CHUNK_BYTES // 2]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(start=st.integers(0, 40), length=st.one_of(st.none(), st.integers(0, 40)))
def test_any_range_is_read(location: Location, start: int, length: int | None) -> None:
    data = bytes(range(30))
    location.write(KEY, [data])
    end = None if length is None else start + length
    assert read_blob(location, KEY, start, end) == data[start:end]


def test_a_range_across_chunks_is_read(location: Location) -> None:
    data = b"".join(number.to_bytes(4) for number in range(3 * CHUNK_BYTES // 4))
    location.write(KEY, [data])
    for start, end in (
        (CHUNK_BYTES - 1, CHUNK_BYTES + 1),
        (1, 2 * CHUNK_BYTES + 1),
        (3 * CHUNK_BYTES - 5, None),
        (CHUNK_BYTES, CHUNK_BYTES),
    ):
        assert read_blob(location, KEY, start, end) == data[start:end]


@pytest.mark.parametrize("key", ["a", "0", "a_b-c/0-9.g711", "7/rec/20260504/" + "a" * 60 + ".wav", "a/" * 100 + "b"])
def test_a_key_of_our_shape_is_accepted(location: Location, key: str) -> None:
    assert location.write(key, [b"data"]).key == key
    assert read_blob(location, key) == b"data"


@pytest.mark.parametrize("key", BAD_KEYS)
def test_a_key_of_another_shape_is_rejected_by_every_method(location: Location, key: str) -> None:
    def never() -> Iterator[bytes]:
        raise AssertionError("the key must be checked first")
        yield b""

    with pytest.raises(InvalidKey):
        location.write(key, never())
    for act in (location.read, location.get_size, location.delete, location.get_path):
        with pytest.raises(InvalidKey):
            act(key)


def test_a_second_write_of_a_key_replaces_the_bytes(location: Location) -> None:
    location.write(KEY, [b"first and longer"])
    reading = location.read(KEY)
    location.write(KEY, [b"second"])
    assert read_blob(location) == b"second"
    assert location.get_size(KEY) == 6
    assert b"".join(reading) == b"first and longer"  # a read in progress goes on


def test_a_deletion_leaves_other_keys(location: Location) -> None:
    for key in (KEY, "7/rec/20260504/other.wav", "7/rec/20260505/0123456789abcdef.wav"):
        location.write(key, [key.encode()])
    location.delete(KEY)
    assert is_missing(location)
    assert read_blob(location, "7/rec/20260504/other.wav") == b"7/rec/20260504/other.wav"


@pytest.mark.parametrize("key", ["7/rec/20260504/other.wav", "7", "7/rec", "one/deeper"])
def test_a_key_that_was_never_written_is_missing(location: Location, key: str) -> None:
    location.write(KEY, [b"data"])  # its folders exist, but are not blobs
    location.write("one", [b"data"])  # exists, but is no folder
    assert is_missing(location, key)
    location.delete(key)
    assert read_blob(location) == read_blob(location, "one") == b"data"


def test_a_deleted_key_is_missing_and_can_be_deleted_again(location: Location) -> None:
    location.write(KEY, [b"data"])
    for _ in range(2):
        location.delete(KEY)
        assert is_missing(location)
    location.delete("never/written/before")
    location.write(KEY, [b"again"])
    assert read_blob(location) == b"again"


@pytest.mark.parametrize("error", [RuntimeError, OSError, KeyboardInterrupt, GeneratorExit])
def test_a_failed_write_leaves_the_previous_bytes(location: Location, error: type[BaseException]) -> None:
    def fail_halfway() -> Iterator[bytes]:
        yield b"half of it"
        raise error

    with pytest.raises(error):
        location.write(KEY, fail_halfway())
    assert is_missing(location)
    location.write(KEY, [b"whole"])
    with pytest.raises(error):
        location.write(KEY, fail_halfway())
    assert read_blob(location) == b"whole"


def test_the_path_of_a_key_leads_to_its_bytes(location: Location) -> None:
    location.write(KEY, [b"data"])
    path = location.get_path(KEY)
    assert path is None or Path(path).read_bytes() == b"data"
    absent = location.get_path("never/written")
    assert absent is None or not Path(absent).exists()
