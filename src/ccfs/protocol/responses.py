"""JSON responses of CC-FS as bytes. Their fields are in the manual's order: response, resultData, resultCode, resultDesc."""

import json
from typing import Any

from ccfs.model.errors import CcfsError
from ccfs.protocol.error_codes import SUCCESS, ResultCode, find_code, format_text

JSON_TYPE = "application/json;charset=UTF-8"
BINARY_TYPE = "Application/Octet-stream;charset=UTF-8"  # capitals as documented
PLAY_FAILURE_TYPE = "application/octet-stream;charset=UTF-8"  # D0823: a failure of playVoice is JSON with this type

_REASON_PHRASES = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    410: "Gone",
    503: "Service Unavailable",
}


def _encode_json(value: dict[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _build_response(code: ResultCode, text: str, data: Any, legacy_response: bool) -> bytes:
    legacy = {"response": {"version": "2.0", "resultCode": code.code, "resultMsg": text}} if legacy_response else {}
    return _encode_json({**legacy, "resultData": data, "resultCode": code.code, "resultDesc": text})


def build_success(data: Any, *, legacy_response: bool, text: str = SUCCESS.en) -> bytes:
    """Return a success. `legacy_response` adds the deprecated `response` object."""
    return _build_response(SUCCESS, text, data, legacy_response)


def build_failure(error: CcfsError, *, legacy_response: bool, data: Any, language: str = "en") -> bytes:
    """Return a failure with the documented empty `data`: "" for downloads, None for playback."""
    return _build_response(find_code(error), format_text(error, language), data, legacy_response)


def build_http_error(status: int, path: str, now_ms: int) -> bytes:
    """Return the body of a response other than 200 (D0836), in the shape of Spring Boot's default error."""
    text = _REASON_PHRASES.get(status, "Internal Server Error")
    return _encode_json(
        {"timestamp": now_ms, "status": status, "error": text, "message": "No message available", "path": path}
    )
