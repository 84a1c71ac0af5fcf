"""Authentication of requests between nodes, with an HMAC over the request that is valid for a minute.

The key is derived from the node keys, which all nodes share. If it leaks, it reveals nothing about the node keys.
"""

import hmac
from collections.abc import Iterable
from datetime import datetime, timedelta

MAX_AGE = timedelta(seconds=60)  # either way: how far the clocks of two nodes may differ
_SCHEME = "ccfs-peer-1"


def sign_peer_request(key: bytes, method: str, path: str, range_: str, now: datetime) -> str:
    """Return the Authorization header of a request.

    `path` contains the location and the key; `range_` is the Range header, or "".
    """
    timestamp = str(int(now.timestamp() * 1000))
    return f"{_SCHEME} {timestamp} {_compute_mac(key, timestamp, method, path, range_)}"


def verify_peer_request(
    authorization: str, keys: Iterable[bytes], method: str, path: str, range_: str, now: datetime
) -> bool:
    """Return whether the header was signed with one of the keys, for exactly this request, within MAX_AGE of now."""
    scheme, _, rest = authorization.partition(" ")
    timestamp, _, mac = rest.partition(" ")
    is_number = timestamp.isascii() and timestamp.isdigit() and len(timestamp) < 16
    if scheme != _SCHEME or not (is_number and mac.isascii()):
        return False
    if abs(now.timestamp() * 1000 - int(timestamp)) > MAX_AGE.total_seconds() * 1000:
        return False
    macs = [_compute_mac(key, timestamp, method, path, range_) for key in keys]
    return sum(hmac.compare_digest(expected, mac) for expected in macs) > 0  # compares all: constant time


def _compute_mac(key: bytes, *parts: str) -> str:
    return hmac.digest(key, "\n".join((_SCHEME, *parts)).encode(), "sha256").hex()
