"""Call ids: the callId (at most 25 characters) of each switch call id.

There are four forms. Their callIds never coincide, so two ids share a callId only if their hashes collide:

====================  ==============================================  =========================  ==========
form                  switch call id                                  callId                     reversible
====================  ==============================================  =========================  ==========
counted               ``{epoch}.{n}``, e.g. ``1700000000.123``        ``1700000000-123``         yes
UUID                  8-4-4-4-12 hex digits, any case                 25 base-36 digits          yes, lower case
plain                 at most 25 plain characters, no other form      the same                   yes
hashed                anything else                                   ``x`` + 24 base-36 digits  no
====================  ==============================================  =========================  ==========

An id from a switch that looks like the callId of another form (such as ``1700000000-123``) is hashed, so that it cannot
take the callId of another id. Call ids written by CC-FS itself already are callIds and need no conversion.
"""

import re
from datetime import UTC, datetime
from hashlib import sha256
from uuid import UUID

MAX_CALL_ID_LENGTH = 25  # the interface's callId is a String(1-25)

_FIRST_SECOND, _LAST_SECOND = 1_000_000_000, 4_000_000_000  # 2001 to 2096

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_COUNTED = re.compile(r"[0-9]+\.[0-9]+")
_COUNTED_IMAGE = re.compile(r"[0-9]+-[0-9]+")
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_UUID_IMAGE = re.compile(r"[0-9a-f][0-9a-z]{24}")
_HASHED_IMAGE = re.compile(r"x[0-9a-z]{24}")
_PLAIN = re.compile(r"[!-~]+")  # printable ASCII without the blank
_UNSAFE_CHARACTERS = frozenset("/\\'\"`,")  # need escapes in paths, CSV and log lines


def to_call_id(switch_id: str) -> str:
    """Return the callId for a switch's call id. It has 1 to 25 characters and depends only on the id."""
    if _COUNTED.fullmatch(switch_id) and len(switch_id) <= MAX_CALL_ID_LENGTH:
        return switch_id.replace(".", "-")
    if _UUID.fullmatch(switch_id):
        return _encode_base36(UUID(switch_id).int, MAX_CALL_ID_LENGTH)
    return switch_id if _is_plain(switch_id) else _hash_id(switch_id)


def started_at(call_id: str) -> datetime | None:
    """Return the begin time contained in a counted callId; None for other forms or an implausible time."""
    is_counted = len(call_id) <= MAX_CALL_ID_LENGTH and _COUNTED_IMAGE.fullmatch(call_id)
    seconds = int(call_id.partition("-")[0]) if is_counted else 0
    return datetime.fromtimestamp(seconds, UTC) if _FIRST_SECOND <= seconds < _LAST_SECOND else None


def _is_plain(text: str) -> bool:
    """Whether an id is its own callId: short, plain, and neither an id nor an image of another form."""
    return (
        len(text) <= MAX_CALL_ID_LENGTH
        and _PLAIN.fullmatch(text) is not None
        and _UNSAFE_CHARACTERS.isdisjoint(text)
        and not any(form.fullmatch(text) for form in (_COUNTED, _COUNTED_IMAGE, _HASHED_IMAGE))
        and not _is_uuid_image(text)
    )


def _is_uuid_image(text: str) -> bool:
    return _UUID_IMAGE.fullmatch(text) is not None and int(text, 36) < 1 << 128


def _hash_id(text: str) -> str:
    digest = sha256(text.encode("utf-8", "surrogatepass")).digest()
    return "x" + _encode_base36(int.from_bytes(digest) % 36**24, MAX_CALL_ID_LENGTH - 1)


def _encode_base36(number: int, width: int) -> str:
    digits = []
    for _ in range(width):
        number, digit = divmod(number, 36)
        digits.append(_DIGITS[digit])
    return "".join(reversed(digits))
