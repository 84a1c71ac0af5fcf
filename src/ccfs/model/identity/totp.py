"""One-time codes by time (RFC 6238 with HMAC-SHA1, 6 digits, 30 seconds: what every authenticator app speaks). Pure."""

import base64
import hmac
from datetime import datetime
from urllib.parse import quote

STEP_SECONDS = 30  # seconds
CODE_DIGITS = 6
SECRET_BYTES = 20


def encode_secret(random: bytes) -> str:
    """The secret that an authenticator is told, base-32, of 20 random bytes."""
    return base64.b32encode(random).decode()


def build_uri(secret: str, name: str) -> str:
    """The otpauth address that authenticators read."""
    return f"otpauth://totp/ccfs:{quote(name)}?secret={secret}&issuer=ccfs"


def compute_code(secret: str, step: int) -> str:
    """The code of the step-th half minute since 1970."""
    digest = hmac.digest(base64.b32decode(secret), step.to_bytes(8), "sha1")
    start = digest[-1] & 0xF
    number = int.from_bytes(digest[start : start + 4]) & 0x7FFFFFFF
    return f"{number % 10**CODE_DIGITS:0{CODE_DIGITS}}"


def match_step(secret: str, given: str, now: datetime, last: int) -> int | None:
    """The step whose code was given: now, one before or one after, and later than `last`; None if there is none.

    Who keeps the step as the next `last` makes each code good once only.
    """
    given = given.replace(" ", "")
    if not (given.isascii() and given.isdecimal()):
        return None
    current = int(now.timestamp()) // STEP_SECONDS
    fits = [
        step for step in (current - 1, current, current + 1) if hmac.compare_digest(compute_code(secret, step), given)
    ]
    return next((step for step in fits if step > last), None)
