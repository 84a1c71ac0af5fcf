"""One-time codes: the test vectors of RFC 6238, appendix B, and the time for which a code is valid."""

import base64
from datetime import UTC, datetime

import pytest

from ccfs.model.identity.totp import build_uri, compute_code, encode_secret, match_step

SECRET = base64.b32encode(b"12345678901234567890").decode()


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(59, "287082"), (1111111109, "081804"), (1111111111, "050471"), (1234567890, "005924"), (20000000000, "353130")],
)
def test_codes_are_those_of_the_rfc(seconds: int, expected: str) -> None:
    assert compute_code(SECRET, seconds // 30) == expected


@pytest.mark.parametrize(("seconds", "is_valid"), [(-61, False), (-30, True), (0, True), (30, True), (61, False)])
def test_a_code_is_valid_half_a_minute_around_its_time(seconds: int, is_valid: bool) -> None:
    now = datetime.fromtimestamp(1111111110 + seconds, UTC)
    assert (match_step(SECRET, "050471", now, 0) is not None) is is_valid


def test_a_code_is_valid_once() -> None:
    now = datetime.fromtimestamp(1111111111, UTC)
    step = match_step(SECRET, "050 471", now, 0)
    assert step == 37037037
    assert match_step(SECRET, "050471", now, step) is None


@pytest.mark.parametrize("code", ["", "0", "x" * 6, "0504711", "٠٥٠٤٧١", "050471\n"])
def test_another_text_is_no_valid_code(code: str) -> None:
    assert match_step(SECRET, code, datetime.fromtimestamp(1111111111, UTC), 0) is None


def test_the_uri_for_authenticators_contains_the_secret() -> None:
    assert (
        build_uri(encode_secret(b"12345678901234567890"), "a@b")
        == f"otpauth://totp/ccfs:a%40b?secret={SECRET}&issuer=ccfs"
    )
