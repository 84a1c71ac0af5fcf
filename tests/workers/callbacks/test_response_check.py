"""Responses to callbacks: success or the reason why not, and the delay of Retry-After."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccfs.workers.callbacks.response_check import find_failure_reason, parse_retry_after

NOW = datetime(2026, 10, 21, 7, 28, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "body",
    [
        b'{"resultCode":"0","resultDesc":"success"}',
        b'{"resultCode":0}',
        b'\xef\xbb\xbf{"resultCode":"0"}',
        b'{"response":{"version":"2.0","resultCode":"0","resultMsg":"success"},"resultCode":"0"}',
        b'{"code":200}',
        b"ok",
        b"0",
        b"[]",
        b"null",
        b" ",
        b"\xff\xfe",
        b"[" * 60_000,
        b'{"resultCode":"1"' + b" " * 100,  # truncated at the limit: no JSON
        b'{"data":{"resultCode":"1"}}',
    ],
)
def test_a_2xx_response_whose_body_has_no_error_code_is_a_success(body: bytes) -> None:
    assert [find_failure_reason(status, body) for status in (200, 201, 202, 299)] == [""] * 4


@pytest.mark.parametrize(
    ("body", "failure"),
    [
        (b'{"resultCode":"1"}', "resultCode 1"),
        (b'{"resultCode":1}', "resultCode 1"),
        (b'{"resultCode":"0300012"}', "resultCode 0300012"),
        (b'{"resultCode":"00"}', "resultCode 00"),
        (b'{"resultCode":""}', "resultCode "),
        (b'{"resultCode":null}', "resultCode null"),
        (b'{"resultCode":false}', "resultCode false"),
        (b'{"resultCode":["0"]}', 'resultCode ["0"]'),
        (b'{"resultCode":"a\\nb"}', "resultCode 'a\\nb'"),
        (b'{"resultCode":"' + b"9" * 500 + b'"}', "resultCode " + "9" * 20),
        (b'{"response":{"resultCode":"1"}}', "resultCode 1"),
        (b'{"response":{"resultCode":"1"},"resultCode":"0"}', "resultCode 1"),
    ],
)
def test_another_result_code_of_a_response_is_the_failure_reason(body: bytes, failure: str) -> None:
    assert find_failure_reason(200, body) == failure


@pytest.mark.parametrize(
    ("status", "failure"),
    [
        (101, "status 101"),
        (204, "empty response"),
        (200, "empty response"),
        (301, "redirect"),
        (302, "redirect"),
        (304, "redirect"),
        (400, "status 400"),
        (410, "status 410"),
        (500, "status 500"),
        (599, "status 599"),
    ],
)
def test_responses_of_other_statuses_and_empty_responses_are_failures(status: int, failure: str) -> None:
    assert find_failure_reason(status, b"") == failure
    assert find_failure_reason(status, b'{"resultCode":"0"}') == (failure if failure != "empty response" else "")


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120),
        ("0", 0),
        ("Wed, 21 Oct 2026 07:30:00 GMT", 120),
        ("Wed, 21 Oct 2026 09:30:00 +0200", 120),
        ("Wednesday, 21-Oct-26 07:30:00 GMT", 120),
        ("Wed Oct 21 07:30:00 2026", 120),
        ("Wed, 21 Oct 2026 07:00:00 GMT", 0),
    ],
)
def test_retry_after_is_parsed_as_seconds_or_a_date(value: str, seconds: int) -> None:
    assert parse_retry_after(value, NOW) == timedelta(seconds=seconds)


@pytest.mark.parametrize("value", ["", "soon", "-1", "1.5", "１２", "Wed, 99 Oct 2026 07:30:00 GMT", "²"])
def test_an_invalid_retry_after_is_none(value: str) -> None:
    assert parse_retry_after(value, NOW) is None


def test_a_huge_retry_after_does_not_overflow() -> None:
    assert parse_retry_after("9" * 4000, NOW) == timedelta(seconds=999_999_999)


@given(st.text())
def test_any_retry_after_header_is_parsed_without_an_error(value: str) -> None:
    delay = parse_retry_after(value, NOW)
    assert delay is None or delay >= timedelta()


@given(st.integers(100, 599), st.binary())
def test_any_response_body_is_parsed_without_an_error(status: int, body: bytes) -> None:
    assert find_failure_reason(status, body).isprintable()
