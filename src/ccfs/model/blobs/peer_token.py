"""What a node shows to a peer of which it wants bytes: an HMAC over the request, good for a minute. Pure; time is given.

The key is derived from the node keys that all nodes share, so that what leaks of the one says nothing of the other.
"""

import hmac
from collections.abc import Iterable
from datetime import datetime, timedelta

MAX_AGE = timedelta(seconds=60)  # either way: how far the clocks of two nodes may be apart
_SCHEME = "ccfs-peer-1"


def sign_peer_request(key: bytes, method: str, path: str, range_: str, now: datetime) -> str:
    """The Authorization of a request. `path` names location and key; `range_` is the Range header, "" for none."""
    moment = str(int(now.timestamp() * 1000))
    return f"{_SCHEME} {moment} {_compute_mac(key, moment, method, path, range_)}"


def verify_peer_request(shown: str, keys: Iterable[bytes], method: str, path: str, range_: str, now: datetime) -> bool:
    """Whether the Authorization was made with one of the keys, for this very request, within LIFE of now."""
    scheme, _, rest = shown.partition(" ")
    moment, _, mac = rest.partition(" ")
    if scheme != _SCHEME or not (moment.isascii() and moment.isdigit() and len(moment) < 16 and mac.isascii()):
        return False
    if abs(now.timestamp() * 1000 - int(moment)) > MAX_AGE.total_seconds() * 1000:
        return False
    macs = [_compute_mac(key, moment, method, path, range_) for key in keys]
    return sum(hmac.compare_digest(one, mac) for one in macs) > 0  # all are compared, whichever fits


def _compute_mac(key: bytes, *parts: str) -> str:
    return hmac.digest(key, "\n".join((_SCHEME, *parts)).encode(), "sha256").hex()
