"""Decides from status, headers and body whether the response to a callback is a success."""

import json
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

_SUCCESS_CODES = ("0", 0)


def find_failure_reason(status: int, body: bytes) -> str:
    """Return briefly why the response does not count as success; "" if it does.

    The manual requires a "success answer" with a body, but does not define success. ccfs accepts any 2xx response with
    a body, unless the body is JSON with a `resultCode` other than 0, at the top level or in the envelope that CC-FS
    itself uses for responses.
    """
    if 300 <= status < 400:
        return "redirect"
    if not 200 <= status < 300:
        return f"status {status}"
    return _describe_result_code(body) if body else "empty response"


def parse_retry_after(value: str, now: datetime) -> timedelta | None:
    """Return the delay from a Retry-After header (seconds or an HTTP date); None if it is neither."""
    if value.isascii() and value.isdigit():
        return timedelta(seconds=min(int(value[:9]), 999_999_999))
    try:
        date = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    return max(date.replace(tzinfo=date.tzinfo or UTC) - now, timedelta())


def _describe_result_code(body: bytes) -> str:
    try:
        response = json.loads(body)
    except (ValueError, RecursionError):  # not JSON, or nested too deep
        return ""
    codes = [
        part["resultCode"] for part in (response, _get_part(response, "response")) if "resultCode" in _as_dict(part)
    ]
    errors = [code for code in codes if isinstance(code, bool) or code not in _SUCCESS_CODES]
    return f"resultCode {_shorten_code(errors[0])}" if errors else ""


def _get_part(answer: Any, name: str) -> Any:
    return _as_dict(answer).get(name)


def _as_dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _shorten_code(code: object) -> str:
    """Return the code in a short, printable form for lists."""
    text = code if isinstance(code, str) else json.dumps(code)
    return text[:20] if text.isprintable() else ascii(text)[:20]
