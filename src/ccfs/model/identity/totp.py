"""Time-based one-time codes: RFC 6238 with HMAC-SHA1, 6 digits and 30 seconds, which all authenticator apps support."""

import base64
import hmac
from datetime import datetime
from urllib.parse import quote

STEP_SECONDS = 30
CODE_DIGITS = 6
SECRET_BYTES = 20
MAX_STEPS_AHEAD = 30  # of the last used step: a later one was used when the clock was ahead


def encode_secret(random: bytes) -> str:
    """Return the secret (20 random bytes) in base 32, as expected by authenticator apps."""
    return base64.b32encode(random).decode()


def build_uri(secret: str, name: str) -> str:
    """Return the otpauth URI for authenticator apps."""
    return f"otpauth://totp/ccfs:{quote(name)}?secret={secret}&issuer=ccfs"


def compute_code(secret: str, step: int) -> str:
    """Return the code for a step, counted in half minutes since 1970."""
    digest = hmac.digest(base64.b32decode(secret), step.to_bytes(8), "sha1")
    start = digest[-1] & 0xF
    number = int.from_bytes(digest[start : start + 4]) & 0x7FFFFFFF
    return f"{number % 10**CODE_DIGITS:0{CODE_DIGITS}}"


def match_step(secret: str, code: str, now: datetime, last: int) -> int | None:
    """Return the step to which a code belongs; None if the code is not valid.

    The step must be the current one, the one before or the one after, and later than `last` unless the clock was ahead then. Callers store it as the
    next `last`, so that each code is valid only once.
    """
    code = code.replace(" ", "")
    if not (code.isascii() and code.isdecimal()):
        return None
    current = int(now.timestamp()) // STEP_SECONDS
    matching = [
        step for step in (current - 1, current, current + 1) if hmac.compare_digest(compute_code(secret, step), code)
    ]
    is_last_ahead = last > current + MAX_STEPS_AHEAD
    return next((step for step in matching if step > last or is_last_ahead), None)
