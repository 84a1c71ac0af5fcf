"""S3 locations beyond the contract: multipart uploads, conditional writes, presigned URLs, errors of the service."""

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
    """An empty location."""
    return s3_locations.open_s3(s3_url)


def iter_pieces(count: int) -> Iterator[bytes]:
    for number in range(count):
        yield number.to_bytes(4) * (CHUNK_BYTES // 4)


def test_a_multipart_upload_is_one_object_of_the_same_bytes(s3_location: S3Location) -> None:
    count = 3 * PART_BYTES // CHUNK_BYTES + 1
    blob = s3_location.write(KEY, iter_pieces(count))
    assert (blob.size, s3_location.get_size(KEY)) == (count * CHUNK_BYTES, count * CHUNK_BYTES)
    read = b"".join(s3_location.read(KEY))
    assert hashlib.sha256(read).hexdigest() == blob.sha256
    assert b"".join(s3_location.read(KEY, PART_BYTES - 5, PART_BYTES + 5)) == read[PART_BYTES - 5 : PART_BYTES + 5]


def test_an_upload_that_fails_in_a_later_part_leaves_no_object(s3_location: S3Location) -> None:
    def fail_halfway() -> Iterator[bytes]:
        yield from iter_pieces(3 * PART_BYTES // CHUNK_BYTES)
        raise FileNotFoundError("the source failed")

    with pytest.raises(FileNotFoundError, match="source failed"):
        s3_location.write(KEY, fail_halfway())
    with pytest.raises(BlobNotFound):
        s3_location.get_size(KEY)


def test_a_large_object_is_written_and_read_in_little_memory(s3_location: S3Location) -> None:
    tracemalloc.start()
    try:
        s3_location.write(KEY, iter_pieces(100))
        assert sum(len(chunk) for chunk in s3_location.read(KEY)) == 100 * CHUNK_BYTES
        assert tracemalloc.get_traced_memory()[1] < 40 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("is_conditional", [True, False])
def test_writing_the_same_bytes_again_is_no_conflict(s3_url: str, is_conditional: bool) -> None:
    bucket = s3_locations.open_s3(s3_url, is_conditional=is_conditional)
    assert bucket.write(KEY, [b"same"]) == bucket.write(KEY, [b"sa", b"me"])
    bucket.write(KEY, [b"else"])
    assert b"".join(bucket.read(KEY)) == b"else"


def test_a_presigned_url_gives_the_bytes(s3_location: S3Location) -> None:
    s3_location.write(KEY, [b"the call"])
    with urllib.request.urlopen(s3_location.presign(KEY, 60), timeout=10) as response:
        assert response.read() == b"the call"


def test_two_prefixes_of_a_bucket_are_two_locations(s3_url: str) -> None:
    first, second = s3_locations.open_s3(s3_url), s3_locations.open_s3(s3_url)
    first.write(KEY, [b"data"])
    with pytest.raises(BlobNotFound):
        second.get_size(KEY)


def test_wrong_credentials_do_not_look_like_missing_bytes(s3_url: str) -> None:
    wrong = S3Location(
        s3_locations.make_location_config(s3_url), replace(s3_locations.make_s3_config(), secret_key="not-it")
    )
    for act in (wrong.get_size, lambda key: wrong.write(key, [b"data"]), wrong.read):
        with pytest.raises(LocationUnreachable, match="403"):
            act(KEY)


def test_a_missing_bucket_does_not_look_like_missing_bytes(s3_url: str) -> None:
    with pytest.raises(LocationUnreachable, match="NoSuchBucket"):
        s3_locations.open_s3(s3_url, root="no-such-bucket").read(KEY)


def test_the_secret_key_is_not_in_the_repr() -> None:
    assert s3_locations.make_s3_config().secret_key not in repr(s3_locations.make_s3_config())


@pytest.mark.parametrize(
    ("endpoint", "expected"),
    [
        ("https://obs.example.com/", "https://calls.obs.example.com"),
        ("https://calls.obs.example.com", "https://calls.obs.example.com"),
    ],
)
def test_a_virtual_host_contains_the_bucket_once(endpoint: str, expected: str) -> None:
    assert _endpoint_url(s3_locations.make_location_config(endpoint, is_virtual_hosted=True)) == expected
    assert _endpoint_url(s3_locations.make_location_config(endpoint)) == endpoint.rstrip("/")


@pytest.mark.parametrize("mode", [ProxyMode.BUSY, ProxyMode.SILENT])
def test_a_failed_service_gets_no_requests_during_the_cooldown(s3_url: str, mode: ProxyMode) -> None:
    cooldown = timedelta(seconds=3)
    with run_proxy(s3_url) as proxy:
        config = s3_locations.make_location_config(proxy.url)
        S3Location(config, s3_locations.make_s3_config()).write(KEY, [b"the call"])
        bucket = S3Location(config, replace(s3_locations.make_s3_config(1, 0), cooldown=cooldown))
        proxy.mode = mode
        with pytest.raises(LocationUnreachable):
            bucket.get_size(KEY)
        connections = proxy.connections
        proxy.mode = ProxyMode.PASS
        for _ in range(20):
            with pytest.raises(LocationUnreachable, match="a moment ago"):
                bucket.read(KEY)
        assert proxy.connections == connections
        time.sleep(cooldown.total_seconds())
        assert b"".join(bucket.read(KEY)) == b"the call"


def test_missing_bytes_do_not_open_the_circuit_breaker(s3_url: str) -> None:
    bucket = S3Location(
        s3_locations.make_location_config(s3_url),
        replace(s3_locations.make_s3_config(), cooldown=timedelta(seconds=60)),
    )
    for _ in range(2):
        with pytest.raises(BlobNotFound):
            bucket.get_size(KEY)
    bucket.write(KEY, [b"the call"])
