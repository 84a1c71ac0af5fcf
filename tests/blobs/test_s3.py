"""S3 locations beyond what every location does: many parts, conditions, URLs for others, and what cannot be had."""

import hashlib
import time
import tracemalloc
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from ccfs.blobs.interface import CHUNK_BYTES
from ccfs.blobs.s3 import PART_BYTES, S3Location, _endpoint_url
from ccfs.model.blobs.errors import BlobNotFound, LocationUnreachable
from tests.blobs import s3_locations
from tests.proxies import ProxyMode, run_proxy

KEY = "7/rec/20260504/0123456789abcdef.wav"


@pytest.fixture
def s3_location(s3_url: str) -> S3Location:
    """A location without bytes."""
    return s3_locations.open_s3(s3_url)


def iter_pieces(count: int) -> Iterator[bytes]:
    for number in range(count):
        yield number.to_bytes(4) * (CHUNK_BYTES // 4)


def test_what_needs_several_parts_is_one_object_of_the_same_bytes(s3_location: S3Location) -> None:
    count = 3 * PART_BYTES // CHUNK_BYTES + 1
    kept = s3_location.write(KEY, iter_pieces(count))
    assert (kept.size, s3_location.get_size(KEY)) == (count * CHUNK_BYTES, count * CHUNK_BYTES)
    read = b"".join(s3_location.read(KEY))
    assert hashlib.sha256(read).hexdigest() == kept.sha256
    assert b"".join(s3_location.read(KEY, PART_BYTES - 5, PART_BYTES + 5)) == read[PART_BYTES - 5 : PART_BYTES + 5]


def test_what_breaks_off_in_a_later_part_is_not_there(s3_location: S3Location) -> None:
    def breaks_off() -> Iterator[bytes]:
        yield from iter_pieces(3 * PART_BYTES // CHUNK_BYTES)
        raise FileNotFoundError("the source's own trouble")

    with pytest.raises(FileNotFoundError, match="own trouble"):
        s3_location.write(KEY, breaks_off())
    with pytest.raises(BlobNotFound):
        s3_location.get_size(KEY)


def test_a_large_object_is_kept_and_read_in_little_memory(s3_location: S3Location) -> None:
    tracemalloc.start()
    try:
        s3_location.write(KEY, iter_pieces(100))
        assert sum(len(chunk) for chunk in s3_location.read(KEY)) == 100 * CHUNK_BYTES
        assert tracemalloc.get_traced_memory()[1] < 40 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("is_conditional", [True, False])
def test_the_same_bytes_again_are_no_conflict(s3_url: str, is_conditional: bool) -> None:
    bucket = s3_locations.open_s3(s3_url, is_conditional=is_conditional)
    assert bucket.write(KEY, [b"same"]) == bucket.write(KEY, [b"sa", b"me"])
    bucket.write(KEY, [b"else"])
    assert b"".join(bucket.read(KEY)) == b"else"


def test_whoever_has_the_url_can_read_the_bytes(s3_location: S3Location) -> None:
    s3_location.write(KEY, [b"the call"])
    with urllib.request.urlopen(s3_location.presign(KEY, 60), timeout=10) as answer:
        assert answer.read() == b"the call"


def test_two_prefixes_of_a_bucket_are_two_locations(s3_url: str) -> None:
    one, other = s3_locations.open_s3(s3_url), s3_locations.open_s3(s3_url)
    one.write(KEY, [b"one"])
    with pytest.raises(BlobNotFound):
        other.get_size(KEY)


def test_wrong_keys_are_told_apart_from_absent_bytes(s3_url: str) -> None:
    wrong = S3Location(
        s3_locations.make_location_config(s3_url), replace(s3_locations.make_s3_config(), secret_key="not-it")
    )
    for act in (wrong.get_size, lambda key: wrong.write(key, [b"data"]), wrong.read):
        with pytest.raises(LocationUnreachable, match="403"):
            act(KEY)


def test_a_bucket_that_is_not_there_is_told_apart_from_absent_bytes(s3_url: str) -> None:
    with pytest.raises(LocationUnreachable, match="NoSuchBucket"):
        s3_locations.open_s3(s3_url, root="no-such-bucket").read(KEY)


def test_keys_are_not_shown() -> None:
    assert s3_locations.make_s3_config().secret_key not in repr(s3_locations.make_s3_config())


@pytest.mark.parametrize(
    ("endpoint", "expected"),
    [
        ("https://obs.example.com/", "https://calls.obs.example.com"),
        ("https://calls.obs.example.com", "https://calls.obs.example.com"),
    ],
)
def test_a_virtual_host_names_the_bucket_once(endpoint: str, expected: str) -> None:
    assert _endpoint_url(s3_locations.make_location_config(endpoint, is_virtual_hosted=True)) == expected
    assert _endpoint_url(s3_locations.make_location_config(endpoint)) == endpoint.rstrip("/")


@pytest.mark.parametrize("way", [ProxyMode.BUSY, ProxyMode.SILENT])
def test_a_service_that_failed_is_left_alone_for_a_while(s3_url: str, way: ProxyMode) -> None:
    rest = timedelta(seconds=3)
    with run_proxy(s3_url) as between:
        place = s3_locations.make_location_config(between.url)
        S3Location(place, s3_locations.make_s3_config()).write(KEY, [b"the call"])
        bucket = S3Location(place, replace(s3_locations.make_s3_config(1, 0), cooldown=rest))
        between.mode = way
        with pytest.raises(LocationUnreachable):
            bucket.get_size(KEY)
        asked = between.connections
        between.mode = ProxyMode.PASS
        for _ in range(20):
            with pytest.raises(LocationUnreachable, match="a moment ago"):
                bucket.read(KEY)
        assert between.connections == asked
        time.sleep(rest.total_seconds())
        assert b"".join(bucket.read(KEY)) == b"the call"


def test_absent_bytes_are_an_answer(s3_url: str) -> None:
    bucket = S3Location(
        s3_locations.make_location_config(s3_url),
        replace(s3_locations.make_s3_config(), cooldown=timedelta(seconds=60)),
    )
    for _ in range(2):
        with pytest.raises(BlobNotFound):
            bucket.get_size(KEY)
    bucket.write(KEY, [b"the call"])
