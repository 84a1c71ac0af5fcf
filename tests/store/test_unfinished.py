"""Uploads in parts that a killed process left in a bucket: found, aborted when they are old enough, and nobody else's."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ccfs.blobs import s3_multipart
from ccfs.blobs.interface import LocationUnreachable
from ccfs.blobs.s3 import PART_BYTES, S3Location, _bucket_access
from ccfs.blobs.s3_multipart import BucketAccess, abort_uploads, build_signed_headers
from ccfs.model.blobs.location_config import LocationConfig
from tests.proxies import Way, proxy
from tests.store import buckets

KEY = "7/recordings/20260504/0123456789abcdef.wav"
AGE = timedelta(seconds=1)
UPLOAD = f"""
import sys, time
from tests.store import buckets

def chunks():
    for number in range(4 * {PART_BYTES >> 20}):
        yield bytes(1 << 20)
    print("under way", flush=True)
    time.sleep(60)
    yield b"never"

buckets.s3(sys.argv[1], prefix=sys.argv[2]).keep(sys.argv[3], chunks())
"""


@pytest.fixture
def bucket(s3_url: str) -> Iterator[LocationConfig]:
    """A location with one object."""
    made = buckets.place(s3_url)
    S3Location(made, buckets.access()).write("7/recordings/20260504/whole.wav", [b"whole"])
    yield made
    abort_uploads(door(made), replace(made, prefix=""), timedelta(days=-1))


def door(bucket: LocationConfig) -> BucketAccess:
    return _bucket_access(bucket, buckets.access())


def leave(bucket: LocationConfig, key: str = KEY) -> None:
    """A process uploads, and is killed in the middle."""
    command = [sys.executable, "-c", UPLOAD, bucket.endpoint, bucket.prefix, key]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"under way\n"
        child.kill()


def left(bucket: LocationConfig) -> list[str]:
    """The keys of its unfinished uploads."""
    return [
        key.removeprefix(f"{bucket.prefix}/") for key, _, _ in s3_multipart._iter_uploads(door(bucket), bucket.prefix)
    ]


def test_what_a_killed_process_left_is_aborted_when_it_is_old_enough(
    bucket: LocationConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave(bucket)
    assert left(bucket) == [KEY]
    s3 = S3Location(bucket, buckets.access())
    assert s3.delete_partial_uploads(0) == 0  # a day has not passed, whatever is asked for
    monkeypatch.setattr(s3_multipart, "MIN_AGE", timedelta(days=-1))
    assert s3.delete_partial_uploads(3600) == 0
    assert s3.delete_partial_uploads(-3600) == 1
    assert left(bucket) == []
    assert b"".join(s3.read("7/recordings/20260504/whole.wav")) == b"whole"
    assert s3.delete_partial_uploads(-3600) == 0


def test_uploads_of_others_stay(bucket: LocationConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of another prefix, and of keys that are not ours where there is no prefix."""
    monkeypatch.setattr(s3_multipart, "MIN_AGE", timedelta(days=-1))
    leave(bucket)
    beside = replace(bucket, prefix=f"{bucket.prefix[:-1]}")
    bare = replace(bucket, prefix="")  # to which the key begins with "tests/"
    for other in (beside, bare, replace(bucket, is_read_only=True)):
        assert S3Location(other, buckets.access()).delete_partial_uploads(-3600) == 0
    assert left(bucket) == [KEY]


def test_many_are_listed_page_by_page(bucket: LocationConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3):
        leave(bucket, f"7/recordings/20260504/{number}.wav")
    monkeypatch.setattr(s3_multipart, "_PAGE_SIZE", 1)
    assert sorted(left(bucket)) == [f"7/recordings/20260504/{number}.wav" for number in range(3)]


@pytest.mark.parametrize("way", [Way.REFUSE, Way.SILENT, Way.BUSY])
def test_a_service_that_fails_is_told(bucket: LocationConfig, way: Way) -> None:
    with proxy(bucket.endpoint) as between:
        between.way = way
        with pytest.raises(LocationUnreachable):
            S3Location(replace(bucket, endpoint=between.url), buckets.access(0.5)).delete_partial_uploads(0)


def test_without_keys_nothing_is_swept(bucket: LocationConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID", raising=False)
    nobody = replace(buckets.access(), access_key="", secret_key="")
    assert S3Location(bucket, nobody).delete_partial_uploads(0) == 0
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "of the environment")
    assert _bucket_access(bucket, nobody).access_key == "of the environment"


def test_a_bucket_is_asked_where_obstore_asks_it(bucket: LocationConfig) -> None:
    assert door(bucket).url == f"{bucket.endpoint}/calls"
    assert door(replace(bucket, endpoint="", region="eu-1")).url == "https://s3.eu-1.amazonaws.com/calls"
    hosted = replace(bucket, endpoint="https://obs.example.com", is_virtual_hosted=True)
    assert door(hosted).url == "https://calls.obs.example.com"


def test_the_signature_is_that_of_the_published_example(bucket: LocationConfig) -> None:
    """AWS, "Examples: Signature Calculations in Signature Version 4", Get Bucket Lifecycle."""
    example = replace(
        door(bucket),
        access_key="AKIAIOSFODNN7EXAMPLE",
        secret_key="wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    )
    now = datetime(2013, 5, 24, tzinfo=UTC)
    headers = build_signed_headers(example, "GET", "https://examplebucket.s3.amazonaws.com", {"lifecycle": ""}, now)
    expected = "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"
    assert headers["authorization"].endswith(f"Signature={expected}")
