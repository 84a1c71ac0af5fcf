"""What every location does: one suite for all makers; whoever makes another adds it to MAKERS."""

import hashlib
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ccfs.model.recording import Kept
from ccfs.store.locations.disk import Disk
from ccfs.store.locations.port import CHUNK, BadKey, Gone, Location
from tests.store import buckets, peers

Ask = pytest.FixtureRequest
MAKERS: dict[str, Callable[[Ask, Path], Location]] = {
    "disk": lambda _, folder: Disk("0", folder / "files"),
    "s3": lambda ask, _: buckets.s3(ask.getfixturevalue("s3_url")),
    "peer": lambda ask, folder: peers.of_disk(ask.getfixturevalue("peer_server"), folder / "files"),
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


@pytest.fixture(params=MAKERS)
def location(request: Ask, tmp_path: Path) -> Location:
    """A location without bytes."""
    return MAKERS[request.param](request, tmp_path)


def read(location: Location, key: str = KEY, start: int = 0, end: int | None = None) -> bytes:
    return b"".join(location.read(key, start, end))


def is_gone(location: Location, key: str = KEY) -> bool:
    with pytest.raises(Gone):
        location.size(key)
    with pytest.raises(Gone):
        location.read(key)  # before the first chunk is asked for
    return True


@pytest.mark.parametrize("data", [b"", b"a", b"\0\xff" * 70_000, bytes(CHUNK), bytes(CHUNK) + b"b"], ids=len)
def test_what_is_kept_is_read_again_and_described(location: Location, data: bytes) -> None:
    assert location.keep(KEY, [data]) == Kept(
        location_id=location.location_id,
        key=KEY,
        size=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        crc32=zlib.crc32(data),
    )
    assert read(location) == data
    assert location.size(KEY) == len(data)


def test_bytes_come_and_go_in_chunks(location: Location) -> None:
    kept = location.keep(KEY, (b"abc" * number for number in range(1000)))
    assert kept.size == location.size(KEY) == 3 * 999 * 500
    location.keep(KEY, (bytes(CHUNK // 2) for _ in range(7)))
    assert [len(chunk) for chunk in location.read(KEY)] == [CHUNK, CHUNK, CHUNK, CHUNK // 2]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(start=st.integers(0, 40), length=st.one_of(st.none(), st.integers(0, 40)))
def test_any_range_is_read(location: Location, start: int, length: int | None) -> None:
    data = bytes(range(30))
    location.keep(KEY, [data])
    end = None if length is None else start + length
    assert read(location, KEY, start, end) == data[start:end]


def test_a_range_across_chunks_is_read(location: Location) -> None:
    data = b"".join(number.to_bytes(4) for number in range(3 * CHUNK // 4))
    location.keep(KEY, [data])
    for start, end in ((CHUNK - 1, CHUNK + 1), (1, 2 * CHUNK + 1), (3 * CHUNK - 5, None), (CHUNK, CHUNK)):
        assert read(location, KEY, start, end) == data[start:end]


@pytest.mark.parametrize("key", ["a", "0", "a_b-c/0-9.g711", "7/rec/20260504/" + "a" * 60 + ".wav", "a/" * 100 + "b"])
def test_a_key_that_we_would_make_is_good(location: Location, key: str) -> None:
    assert location.keep(key, [b"data"]).key == key
    assert read(location, key) == b"data"


@pytest.mark.parametrize("key", BAD_KEYS)
def test_a_key_that_we_would_not_make_is_refused_by_everything(location: Location, key: str) -> None:
    def never() -> Iterator[bytes]:
        raise AssertionError("the key is looked at first")
        yield b""

    with pytest.raises(BadKey):
        location.keep(key, never())
    for act in (location.read, location.size, location.remove, location.path):
        with pytest.raises(BadKey):
            act(key)


def test_the_same_key_again_replaces_the_bytes(location: Location) -> None:
    location.keep(KEY, [b"first and longer"])
    reading = location.read(KEY)
    location.keep(KEY, [b"second"])
    assert read(location) == b"second"
    assert location.size(KEY) == 6
    assert b"".join(reading) == b"first and longer"  # who reads already is not disturbed


def test_keys_do_not_touch_each_other(location: Location) -> None:
    for key in (KEY, "7/rec/20260504/other.wav", "7/rec/20260505/0123456789abcdef.wav"):
        location.keep(key, [key.encode()])
    location.remove(KEY)
    assert is_gone(location)
    assert read(location, "7/rec/20260504/other.wav") == b"7/rec/20260504/other.wav"


@pytest.mark.parametrize("key", ["7/rec/20260504/other.wav", "7", "7/rec", "one/deeper"])
def test_what_was_never_kept_is_gone(location: Location, key: str) -> None:
    location.keep(KEY, [b"data"])  # its folders are there, and are not bytes
    location.keep("one", [b"data"])  # is there, and no folder
    assert is_gone(location, key)
    location.remove(key)
    assert read(location) == read(location, "one") == b"data"


def test_what_is_removed_is_gone_and_may_be_removed_again(location: Location) -> None:
    location.keep(KEY, [b"data"])
    for _ in range(2):
        location.remove(KEY)
        assert is_gone(location)
    location.remove("never/kept/before")
    location.keep(KEY, [b"again"])
    assert read(location) == b"again"


@pytest.mark.parametrize("error", [RuntimeError, OSError, KeyboardInterrupt, GeneratorExit])
def test_an_upload_that_breaks_off_leaves_what_was_there_before(location: Location, error: type[BaseException]) -> None:
    def breaks_off() -> Iterator[bytes]:
        yield b"half of it"
        raise error

    with pytest.raises(error):
        location.keep(KEY, breaks_off())
    assert is_gone(location)
    location.keep(KEY, [b"whole"])
    with pytest.raises(error):
        location.keep(KEY, breaks_off())
    assert read(location) == b"whole"


def test_where_there_is_a_file_its_path_leads_to_the_bytes(location: Location) -> None:
    location.keep(KEY, [b"data"])
    path = location.path(KEY)
    assert path is None or Path(path).read_bytes() == b"data"
    absent = location.path("never/kept")
    assert absent is None or not Path(absent).exists()
