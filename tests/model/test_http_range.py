"""Byte ranges and conditions of RFC 9110; a header that is not one byte range is ignored."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccfs.model.formats.http_range import RangeNotSatisfiable, if_range_matches, is_not_modified, parse_range
from tests.growth import measure_seconds

ETAG = '"b233b70f105fc9dc"'


@pytest.mark.parametrize(
    ("header", "span"),
    [
        ("bytes=0-499", (0, 500)),  # the RFC's own examples, of 10,000 bytes
        ("bytes=500-999", (500, 1000)),
        ("bytes=-500", (9500, 10000)),
        ("bytes=9500-", (9500, 10000)),
        ("bytes=0-0", (0, 1)),
        ("bytes=-1", (9999, 10000)),
        ("bytes=0-", (0, 10000)),  # what players send first
        ("bytes=9999-", (9999, 10000)),
        ("bytes=0-99999", (0, 10000)),
        ("bytes=-99999", (0, 10000)),
        ("  Bytes = 5 - 6 ", (5, 7)),
        ("bytes=\t-\t6", (9994, 10000)),
        ("bytes=" + " " * 200 + "5-6", (5, 7)),
    ],
)
def test_a_byte_range_is_parsed(header: str, span: tuple[int, int]) -> None:
    assert parse_range(header, 10000) == span


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "bytes",
        "bytes=",
        "bytes=-",
        "bytes=9-5",
        "bytes=0-0,-1",
        "bytes=a-b",
        "bytes=0x1-0x2",
        "bytes=1-2-3",
        "bytes=--5",
        "bytes=+1-2",
        "items=0-5",
        "bytes=0-5 garbage",
        "bytes=٠-٥",
        "bytes=0-" + "9" * 5000,
        "bytes=" + " " * 300 + "5-6",
        "bytes= 5 5 - 6",
        "bytes=5-6 7",
    ],
)
def test_a_header_that_is_not_one_byte_range_is_ignored(header: str | None) -> None:
    assert parse_range(header, 10000) is None


@pytest.mark.parametrize(
    ("header", "size"), [("bytes=10000-", 10000), ("bytes=-0", 10000), ("bytes=0-", 0), ("bytes=-5", 0)]
)
def test_a_range_outside_the_bytes_cannot_be_satisfied(header: str, size: int) -> None:
    with pytest.raises(RangeNotSatisfiable):
        parse_range(header, size)


@given(st.integers(0, 2**40), st.integers(0, 2**40) | st.none(), st.integers(1, 2**40))
def test_a_satisfied_range_is_within_the_bytes(start: int, last: int | None, size: int) -> None:
    header = f"bytes={start}-{'' if last is None else last}"
    try:
        span = parse_range(header, size)
    except RangeNotSatisfiable:
        assert start >= size
        return
    if span is None:
        assert last is not None
        assert last < start
    else:
        assert span == (start, size if last is None else min(last + 1, size))
        assert span[0] < span[1]


@given(st.text(max_size=40), st.integers(0, 2**40))
def test_a_random_header_gives_a_range_within_the_bytes_or_none(header: str, size: int) -> None:
    try:
        span = parse_range(header, size)
    except RangeNotSatisfiable:
        return
    assert span is None or 0 <= span[0] < span[1] <= size


@pytest.mark.parametrize(
    ("if_range", "is_valid"),
    [
        (None, True),
        (ETAG, True),
        (f" {ETAG} ", True),
        (f"W/{ETAG}", False),  # a weak tag does not promise the same bytes
        ('"another"', False),
        ("Wed, 21 Oct 2015 07:28:00 GMT", False),
    ],
)
def test_a_range_applies_to_the_same_entity_tag_only(if_range: str | None, is_valid: bool) -> None:
    assert if_range_matches(if_range, ETAG) is is_valid


@pytest.mark.parametrize(
    ("if_none_match", "is_unchanged"),
    [
        (None, False),
        (ETAG, True),
        (f"W/{ETAG}", True),
        (f'"another", {ETAG}', True),
        ("*", True),
        ('"another"', False),
        ("", False),
    ],
)
def test_a_known_entity_tag_is_not_modified(if_none_match: str | None, is_unchanged: bool) -> None:
    assert is_not_modified(if_none_match, ETAG) is is_unchanged


@pytest.mark.parametrize(
    "header",
    ["bytes=" + " " * 390_000 + "1", "bytes=" + "0" * 390_000, "bytes=0-" + "\t" * 390_000 + "x", " " * 390_000],
    ids=["blanks", "digits", "tabs", "nothing"],
)
def test_a_header_as_long_as_the_server_accepts_takes_no_time(header: str) -> None:
    """Requests are parsed on the event loop: 64,000 blanks once took 3.4 seconds."""
    assert parse_range(header, 10_000) is None
    assert measure_seconds(lambda text: parse_range(text, 10_000), header) < 0.002


def test_a_long_list_of_tags_is_not_compared() -> None:
    tags = "W/" + ETAG + ", " * 200_000
    assert not is_not_modified(tags, ETAG)
    assert measure_seconds(lambda text: is_not_modified(text, ETAG), tags) < 0.002
