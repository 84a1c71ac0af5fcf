"""Tickets between nodes: good for one request, for a minute, by the keys that all nodes share."""

from datetime import UTC, datetime, timedelta

import pytest

from ccfs.model.blobs.peer_token import MAX_AGE, sign_peer_request, verify_peer_request

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
KEY, NEWER_KEY = b"a" * 32, b"b" * 32
REQUEST = ("GET", "/peer/0/7/rec/a.wav", "bytes=0-9")
TOKEN = sign_peer_request(KEY, *REQUEST, NOW)
SECOND = timedelta(seconds=1)


def test_a_ticket_is_good_for_its_request() -> None:
    assert verify_peer_request(TOKEN, [KEY], *REQUEST, NOW)
    assert verify_peer_request(
        sign_peer_request(KEY, "HEAD", "/peer/0/a", "", NOW), [KEY], "HEAD", "/peer/0/a", "", NOW
    )


def test_any_of_the_keys_is_good() -> None:
    assert verify_peer_request(TOKEN, [NEWER_KEY, KEY], *REQUEST, NOW)
    assert not verify_peer_request(TOKEN, [NEWER_KEY], *REQUEST, NOW)
    assert not verify_peer_request(TOKEN, [], *REQUEST, NOW)


@pytest.mark.parametrize(
    "asked",
    [
        ("HEAD", *REQUEST[1:]),
        ("GET", "/peer/1/7/rec/a.wav", "bytes=0-9"),
        ("GET", "/peer/0/7/rec/b.wav", "bytes=0-9"),
        ("GET", "/peer/0/7/rec/a.wav", "bytes=0-10"),
        ("GET", "/peer/0/7/rec/a.wav", ""),
        ("GET", "/peer/0/7/rec/a.wav\nbytes=0-9", ""),
    ],
)
def test_it_is_good_for_no_other(asked: tuple[str, str, str]) -> None:
    assert not verify_peer_request(TOKEN, [KEY], *asked, NOW)


@pytest.mark.parametrize("way", [-1, 1])
def test_it_is_good_for_a_minute_either_way(way: int) -> None:
    assert verify_peer_request(TOKEN, [KEY], *REQUEST, NOW + way * MAX_AGE)
    assert not verify_peer_request(TOKEN, [KEY], *REQUEST, NOW + way * (MAX_AGE + SECOND))


@pytest.mark.parametrize(
    "shown",
    ["", "ccfs-peer-1", "ccfs-peer-1  ", TOKEN[:-1], TOKEN + "0", TOKEN.replace("ccfs-peer-1", "ccfs-peer-2")]
    + [f"ccfs-peer-1 {moment} {'0' * 64}" for moment in ("-1", "１２", "9" * 5000, "nan")]
    + [TOKEN[:-1] + "é"],
)
def test_nonsense_is_not_good(shown: str) -> None:
    assert not verify_peer_request(shown, [KEY], *REQUEST, NOW)
