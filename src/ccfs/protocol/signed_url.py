"""URLs of our own that need no signature of the caller: making and reading them. No clock, no I/O; keys are arguments.

getRecordFileUrlFromObs answers them where the store of the bytes cannot presign. One names an app, one recording of it by
its index name, and the second when it ends; an HMAC over the three vouches for them, and for nothing else.
"""

import hmac
import re
from collections.abc import Sequence
from urllib.parse import quote, unquote

from ccfs.protocol.operations import BASE_PATH

PATH_PREFIX = f"{BASE_PATH}obs/"
_PATH_PATTERN = re.compile(re.escape(PATH_PREFIX) + r"([1-9][0-9]{0,18})(/.+)", re.DOTALL)
_QUERY_PATTERN = re.compile(r"Expires=([0-9]{1,12})&Signature=([0-9a-f]{64})")
# What S3 says of a presigned URL that has ended; here of any URL that is not, or no longer, good, so that none tells more.
ACCESS_DENIED_BODY = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>'
)
ACCESS_DENIED_TYPE = "application/xml"


def build_signed_url(app: int, file_name: str, expires: int, key: bytes) -> str:
    """Path and query of a URL; `expires` is in seconds of the epoch, `file_name` the index name, which begins with "/"."""
    query = f"Expires={expires}&Signature={_compute_signature(app, file_name, expires, key)}"
    return f"{PATH_PREFIX}{app}{quote(file_name)}?{query}"


def verify_signed_url(path: str, query: str, keys: Sequence[bytes], now: float) -> tuple[int, str] | None:
    """App and index name that a URL, as received, is good for at `now`; None if it has ended, or was not made with a key
    of these, to the letter."""
    named, vouched = _PATH_PATTERN.fullmatch(path), _QUERY_PATTERN.fullmatch(query)
    if named is None or vouched is None:
        return None
    app, file_name, expires = int(named[1]), unquote(named[2]), int(vouched[1])
    good = [hmac.compare_digest(_compute_signature(app, file_name, expires, key), vouched[2]) for key in keys]
    return (app, file_name) if any(good) and now < expires else None


def _compute_signature(app: int, file_name: str, expires: int, key: bytes) -> str:
    return hmac.digest(key, f"{app}\n{file_name}\n{expires}".encode("utf-8", "surrogatepass"), "sha256").hex()
