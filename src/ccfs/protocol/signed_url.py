"""Signed URLs of ccfs, which need no Authorization header: building and verifying them.

getRecordFileUrlFromObs returns them where the blob's location cannot presign. A URL names an app, one of its recordings by
index name, and the second at which it expires. An HMAC covers the three.
"""

import hmac
import re
from collections.abc import Sequence
from urllib.parse import quote, unquote

from ccfs.protocol.operations import BASE_PATH

PATH_PREFIX = f"{BASE_PATH}obs/"
_PATH_PATTERN = re.compile(re.escape(PATH_PREFIX) + r"([1-9][0-9]{0,18})(/.+)", re.DOTALL)
MAX_LIFETIME_SECONDS = (
    605_700  # a week, as settings allow, and the tolerance of clocks: later ones were made by a clock ahead
)
_QUERY_PATTERN = re.compile(r"Expires=([0-9]{1,12})&Signature=([0-9a-f]{64})")
# S3's response to an expired presigned URL. ccfs sends it for every invalid URL, so that clients cannot distinguish the causes.
ACCESS_DENIED_BODY = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>'
)
SLOW_DOWN_BODY = (  # S3's response to a client that sends more than it may
    b'<?xml version="1.0" encoding="UTF-8"?>\n'
    b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"
)
ACCESS_DENIED_TYPE = "application/xml"


def build_signed_url(app: int, file_name: str, expires: int, key: bytes) -> str:
    """Return path and query of a URL. `expires` is in epoch seconds; `file_name` is the index name, which begins with "/"."""
    query = f"Expires={expires}&Signature={_compute_signature(app, file_name, expires, key)}"
    return f"{PATH_PREFIX}{app}{quote(file_name)}?{query}"


def verify_signed_url(path: str, query: str, keys: Sequence[bytes], now: float) -> tuple[int, str] | None:
    """Return app and index name of a URL as received; None if it has expired at `now` or none of the keys signed it.

    `path` is percent-encoded as sent. It must be spelled as `build_signed_url` spelled it, to the letter.
    """
    path_match, query_match = _PATH_PATTERN.fullmatch(path), _QUERY_PATTERN.fullmatch(query)
    if path_match is None or query_match is None:
        return None
    app, file_name, expires = int(path_match[1]), unquote(path_match[2]), int(query_match[1])
    if quote(file_name) != path_match[2]:
        return None
    matches = [hmac.compare_digest(_compute_signature(app, file_name, expires, key), query_match[2]) for key in keys]
    return (app, file_name) if any(matches) and now < expires <= now + MAX_LIFETIME_SECONDS else None


def _compute_signature(app: int, file_name: str, expires: int, key: bytes) -> str:
    return hmac.digest(key, f"{app}\n{file_name}\n{expires}".encode("utf-8", "surrogatepass"), "sha256").hex()
