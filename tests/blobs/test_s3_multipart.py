"""Multipart uploads that killed processes left: our old ones are aborted, young ones and those of others stay."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ccfs.blobs import s3_multipart
from ccfs.blobs.s3 import PART_BYTES, S3Location, _get_bucket_access
from ccfs.blobs.s3_multipart import BucketAccess, abort_uploads, build_signed_headers
from ccfs.model.blobs.errors import LocationUnreachable
from ccfs.model.blobs.location_config import LocationConfig
from tests.blobs import s3_locations
from tests.proxies import ProxyMode, run_proxy

KEY = "7/recordings/20260504/0123456789abcdef.wav"
MIN_AGE = timedelta(seconds=1)
UPLOAD_PROGRAM = f"""
import sys, time
from tests.blobs import s3_locations

def chunks():
    for number in range(4 * {PART_BYTES >> 20}):
        yield bytes(1 << 20)
    print("in progress", flush=True)
    time.sleep(60)
    yield b"never"

s3_locations.open_s3(sys.argv[1], prefix=sys.argv[2]).write(sys.argv[3], chunks())
"""


@pytest.fixture
def bucket_config(s3_url: str) -> Iterator[LocationConfig]:
    """A location with one object."""
    config = s3_locations.make_location_config(s3_url)
    S3Location(config, s3_locations.make_s3_config()).write("7/recordings/20260504/whole.wav", [b"whole"])
    yield config
    abort_uploads(make_bucket_access(config), replace(config, prefix=""), timedelta(days=-1))


def make_bucket_access(bucket: LocationConfig) -> BucketAccess:
    return _get_bucket_access(bucket, s3_locations.make_s3_config())


def leave_unfinished_upload(bucket: LocationConfig, key: str = KEY) -> None:
    """Start an upload in a process, and kill it halfway."""
    command = [sys.executable, "-c", UPLOAD_PROGRAM, bucket.endpoint, bucket.prefix, key]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"in progress\n"
        child.kill()


def list_unfinished_keys(bucket: LocationConfig) -> list[str]:
    """Return the keys of the location's unfinished uploads."""
    return [
        key.removeprefix(f"{bucket.prefix}/")
        for key, _, _ in s3_multipart._iter_uploads(make_bucket_access(bucket), bucket.prefix)
    ]


def test_an_unfinished_upload_is_aborted_once_it_is_old_enough(
    bucket_config: LocationConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave_unfinished_upload(bucket_config)
    assert list_unfinished_keys(bucket_config) == [KEY]
    s3 = S3Location(bucket_config, s3_locations.make_s3_config())
    assert s3.delete_partial_uploads(0) == 0  # it is younger than a day, whatever the argument
    monkeypatch.setattr(s3_multipart, "MIN_AGE", timedelta(days=-1))
    assert s3.delete_partial_uploads(3600) == 0
    assert s3.delete_partial_uploads(-3600) == 1
    assert list_unfinished_keys(bucket_config) == []
    assert b"".join(s3.read("7/recordings/20260504/whole.wav")) == b"whole"
    assert s3.delete_partial_uploads(-3600) == 0


def test_uploads_of_others_stay(bucket_config: LocationConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Others are another prefix, and foreign keys in a location without a prefix."""
    monkeypatch.setattr(s3_multipart, "MIN_AGE", timedelta(days=-1))
    leave_unfinished_upload(bucket_config)
    neighbour = replace(bucket_config, prefix=f"{bucket_config.prefix[:-1]}")
    bare = replace(bucket_config, prefix="")  # which sees the key as beginning with "tests/"
    for config in (neighbour, bare, replace(bucket_config, is_read_only=True)):
        assert S3Location(config, s3_locations.make_s3_config()).delete_partial_uploads(-3600) == 0
    assert list_unfinished_keys(bucket_config) == [KEY]


def test_many_unfinished_uploads_are_listed_page_by_page(
    bucket_config: LocationConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        leave_unfinished_upload(bucket_config, f"7/recordings/20260504/{number}.wav")
    monkeypatch.setattr(s3_multipart, "_PAGE_SIZE", 1)
    assert sorted(list_unfinished_keys(bucket_config)) == [f"7/recordings/20260504/{number}.wav" for number in range(3)]


@pytest.mark.parametrize("mode", [ProxyMode.REFUSE, ProxyMode.SILENT, ProxyMode.BUSY])
def test_an_error_of_the_service_is_raised(bucket_config: LocationConfig, mode: ProxyMode) -> None:
    with run_proxy(bucket_config.endpoint) as proxy:
        proxy.mode = mode
        with pytest.raises(LocationUnreachable):
            S3Location(
                replace(bucket_config, endpoint=proxy.url), s3_locations.make_s3_config(0.5)
            ).delete_partial_uploads(0)


def test_without_credentials_nothing_is_aborted(bucket_config: LocationConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID", raising=False)
    anonymous = replace(s3_locations.make_s3_config(), access_key="", secret_key="")
    assert S3Location(bucket_config, anonymous).delete_partial_uploads(0) == 0
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "of the environment")
    assert _get_bucket_access(bucket_config, anonymous).access_key == "of the environment"


def test_our_requests_use_the_same_url_as_obstore(bucket_config: LocationConfig) -> None:
    assert make_bucket_access(bucket_config).url == f"{bucket_config.endpoint}/calls"
    assert (
        make_bucket_access(replace(bucket_config, endpoint="", region="eu-1")).url
        == "https://s3.eu-1.amazonaws.com/calls"
    )
    hosted = replace(bucket_config, endpoint="https://obs.example.com", is_virtual_hosted=True)
    assert make_bucket_access(hosted).url == "https://calls.obs.example.com"


def test_the_signature_is_that_of_the_published_example(bucket_config: LocationConfig) -> None:
    """AWS, "Examples: Signature Calculations in Signature Version 4", Get Bucket Lifecycle."""
    example = replace(
        make_bucket_access(bucket_config),
        access_key="AKIAIOSFODNN7EXAMPLE",
        secret_key="wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    )
    now = datetime(2013, 5, 24, tzinfo=UTC)
    headers = build_signed_headers(example, "GET", "https://examplebucket.s3.amazonaws.com", {"lifecycle": ""}, now)
    expected = "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"
    assert headers["authorization"].endswith(f"Signature={expected}")
