"""URLs of our own that need no signature of the caller: making and reading them. No clock, no I/O; keys are arguments.

getRecordFileUrlFromObs answers them where the store of the bytes cannot presign. One names an app, one recording of it by
its index name, and the second when it ends; an HMAC over the three vouches for them, and for nothing else.
"""

import hmac
import re
from collections.abc import Sequence
from urllib.parse import quote, unquote

from ccfs.wire.operations import BASE

FOLDER = f"{BASE}obs/"
_PATH = re.compile(re.escape(FOLDER) + r"([1-9][0-9]{0,18})(/.+)", re.DOTALL)
_QUERY = re.compile(r"Expires=([0-9]{1,12})&Signature=([0-9a-f]{64})")
# What S3 says of a presigned URL that has ended; here of any URL that is not, or no longer, good, so that none tells more.
REFUSAL = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>'
)
REFUSAL_TYPE = "application/xml"


def make(app: int, file_name: str, expires: int, key: bytes) -> str:
    """Path and query of a URL; `expires` is in seconds of the epoch, `file_name` the index name, which begins with "/"."""
    query = f"Expires={expires}&Signature={_signature(app, file_name, expires, key)}"
    return f"{FOLDER}{app}{quote(file_name)}?{query}"


def read(path: str, query: str, keys: Sequence[bytes], now: float) -> tuple[int, str] | None:
    """App and index name that a URL, as received, is good for at `now`; None if it has ended, or was not made with a key
    of these, to the letter."""
    named, vouched = _PATH.fullmatch(path), _QUERY.fullmatch(query)
    if named is None or vouched is None:
        return None
    app, file_name, expires = int(named[1]), unquote(named[2]), int(vouched[1])
    good = [hmac.compare_digest(_signature(app, file_name, expires, key), vouched[2]) for key in keys]
    return (app, file_name) if any(good) and now < expires else None


def _signature(app: int, file_name: str, expires: int, key: bytes) -> str:
    return hmac.digest(key, f"{app}\n{file_name}\n{expires}".encode("utf-8", "surrogatepass"), "sha256").hex()
