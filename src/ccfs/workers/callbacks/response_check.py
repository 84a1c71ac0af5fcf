"""What an answer to a callback means: pure reading of its status, headers and body. Nothing is sent or waited for here."""

import json
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

_SUCCESS_CODES = ("0", 0)


def find_failure_reason(status: int, body: bytes) -> str:
    """Why the answer is not a success, in a few words; empty: it is one.

    The manual asks for a "success answer" with a body, and leaves open what a success is. Here: any 2xx with a body that
    is not JSON with a `resultCode` other than 0, on the top or in the envelope that CC-FS itself answers with.
    """
    if 300 <= status < 400:
        return "redirect"
    if not 200 <= status < 300:
        return f"status {status}"
    return _describe_result_code(body) if body else "empty answer"


def parse_retry_after(value: str, now: datetime) -> timedelta | None:
    """How long the receiver asks to be left alone, from seconds or an HTTP date; None where it says nothing sensible."""
    if value.isascii() and value.isdigit():
        return timedelta(seconds=min(int(value[:9]), 999_999_999))
    try:
        asked = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    return max(asked.replace(tzinfo=asked.tzinfo or UTC) - now, timedelta())


def _describe_result_code(body: bytes) -> str:
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):  # not JSON, or nested to do harm
        return ""
    codes = [part["resultCode"] for part in (answer, _get_part(answer, "response")) if "resultCode" in _as_dict(part)]
    wrong = [code for code in codes if isinstance(code, bool) or code not in _SUCCESS_CODES]
    return f"resultCode {_shorten_code(wrong[0])}" if wrong else ""


def _get_part(answer: Any, name: str) -> Any:
    return _as_dict(answer).get(name)


def _as_dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _shorten_code(code: object) -> str:
    """The code as it can stand in a list for people."""
    text = code if isinstance(code, str) else json.dumps(code)
    return text[:20] if text.isprintable() else ascii(text)[:20]
