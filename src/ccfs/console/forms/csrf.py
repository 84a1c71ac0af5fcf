"""CSRF tokens of forms. Pure.

Each page has the session's token under another mask, so that the length of a compressed page does not reveal it (BREACH).
"""

import hashlib
import secrets
from typing import Final

_BYTES: Final = 32


def build_token(session_token: str) -> str:
    """Return a form's token for a session, under a new mask; "" without a session."""
    if not session_token:
        return ""
    mask = secrets.token_bytes(_BYTES)
    return (mask + _apply(mask, _derive(session_token))).hex()


def is_token_of(session_token: str, sent: str) -> bool:
    """Return whether a form's token is one of the session's."""
    if not session_token or len(sent) != 4 * _BYTES:
        return False
    try:
        data = bytes.fromhex(sent)
    except ValueError:
        return False
    if len(data) != 2 * _BYTES:
        return False
    return secrets.compare_digest(_apply(data[:_BYTES], data[_BYTES:]), _derive(session_token))


def _derive(session_token: str) -> bytes:
    """Return the token below the masks; the session's token cannot be derived from it."""
    return hashlib.sha256(f"form {session_token}".encode()).digest()


def _apply(mask: bytes, data: bytes) -> bytes:
    return bytes(left ^ right for left, right in zip(mask, data, strict=True))
