"""Answer envelopes: dicts to the bytes that CC-FS sends. No codes of its own, no I/O, no clock.

Fields stand in the manual's order: response, resultData, resultCode, resultDesc.
"""

import json
from typing import Any

from ccfs.model.errors import CcfsError
from ccfs.protocol.error_codes import SUCCESS, ResultCode, find_code, format_text

JSON_TYPE = "application/json;charset=UTF-8"
BINARY_TYPE = "Application/Octet-stream;charset=UTF-8"  # capitals as documented
PLAY_FAILURE_TYPE = "application/octet-stream;charset=UTF-8"  # D0823: playVoice fails with JSON under this type

_REASON_PHRASES = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    410: "Gone",
}


def _encode_json(value: dict[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _build_response(code: ResultCode, text: str, data: Any, mirror: bool) -> bytes:
    response = {"response": {"version": "2.0", "resultCode": code.code, "resultMsg": text}} if mirror else {}
    return _encode_json({**response, "resultData": data, "resultCode": code.code, "resultDesc": text})


def build_success(data: Any, *, mirror: bool, text: str = SUCCESS.en) -> bytes:
    """A success; `mirror` adds the deprecated `response` object."""
    return _build_response(SUCCESS, text, data, mirror)


def build_failure(error: CcfsError, *, mirror: bool, data: Any, language: str = "en") -> bytes:
    """A failure with the documented empty `data`: "" for downloads, None for playback."""
    return _build_response(find_code(error), format_text(error, language), data, mirror)


def build_http_error(status: int, path: str, now_ms: int) -> bytes:
    """The body of an answer that is not 200 (D0836): the shape of Spring Boot's default error."""
    text = _REASON_PHRASES.get(status, "Internal Server Error")
    return _encode_json(
        {"timestamp": now_ms, "status": status, "error": text, "message": "No message available", "path": path}
    )
