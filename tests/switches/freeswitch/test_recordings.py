"""Files that a channel was recorded to, and ids of channels in the names of files."""

import time

import pytest

from ccfs.switches.freeswitch import find_channel_ids
from tests.switches.freeswitch.channels import make_json, make_variables
from tests.switches.freeswitch.read_samples import parse_channels


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("http://192.0.2.9:8282/upload?path=2019/06/11/13", ()),
        ("http://(file=a.wav,name=x)192.0.2.9/upload/13", ()),
        ("https://example.com/a.wav", ()),
        ("http_cache://http://example.com/a.wav", ()),
        ("{append=true}shout://source:pw@example.com/a.mp3", ()),
        ("[x=y]S3://bucket/a.wav", ()),
        ("rtmp://example.com/live/a", ()),
        ("av://rtmp://example.com/live/a", ()),
        ("file:///r/a.wav", ("/r/a.wav",)),
        ("av:///r/a.mp4", ("/r/a.mp4",)),
        ("{append=true}/r/a.wav", ("/r/a.wav",)),
        ("/r/http/a.wav", ("/r/http/a.wav",)),
    ],
)
def test_no_file_is_expected_where_the_channel_was_recorded_to_a_url(value: str, expected: tuple[str, ...]) -> None:
    [leg] = parse_channels(make_json(make_variables(record_file_path=value)))
    assert leg.recordings == expected


def test_a_url_in_record_path_expects_no_file() -> None:
    [leg] = parse_channels(make_json(make_variables(record_path="https://example.com/in", record_name="a.wav")))
    assert leg.recordings == ()


@pytest.mark.parametrize("piece", ["a", "0-", "abcdef01-", "/", "-", "g0"])
def test_the_time_of_the_search_for_ids_grows_with_the_length(piece: str) -> None:
    def measure(size: int) -> float:
        started = time.process_time()
        find_channel_ids(piece * (size // len(piece)))
        return time.process_time() - started

    measure(10_000)
    short, long = min(measure(20_000) for _ in range(3)), min(measure(160_000) for _ in range(3))
    assert long < max(short, 0.005) * 40


@pytest.mark.parametrize("piece", [";", "|:", "ARRAY::", "a;b;1001|:"])
def test_the_time_to_read_originated_legs_is_limited(piece: str) -> None:
    text = piece * (400_000 // len(piece))
    started = time.process_time()
    parse_channels(make_json(make_variables(originated_legs=text, bridge_uuid="b")))
    assert time.process_time() - started < 1
