"""HTTP byte ranges and conditions (RFC 9110, sections 13 and 14)."""

import re

_SINGLE_RANGE = re.compile(r"bytes\s*=\s*(\d{0,19})\s*-\s*(\d{0,19})\s*\Z", re.ASCII | re.IGNORECASE)


class RangeNotSatisfiable(ValueError):
    """The range is outside the bytes; the response is 416."""


def parse_range(header: str | None, size: int) -> tuple[int, int] | None:
    """Return the bytes [start, end) that a Range header requests; None means all of them.

    Anything but a single byte range (several ranges, another unit, a syntax error) is ignored, as RFC 9110 allows.
    """
    match = _SINGLE_RANGE.match(header.strip()) if header else None
    if match is None or match[1] == match[2] == "":
        return None
    if match[1] == "":
        last = int(match[2])
        if last == 0 or size == 0:
            raise RangeNotSatisfiable
        return max(size - last, 0), size
    start = int(match[1])
    if match[2] and int(match[2]) < start:
        return None
    if start >= size:
        raise RangeNotSatisfiable
    return start, min(int(match[2]) + 1, size) if match[2] else size


def if_range_matches(if_range: str | None, etag: str) -> bool:
    """Return whether the Range header applies: there is no If-Range, or it has this entity tag. Dates never match."""
    return if_range is None or if_range.strip() == etag


def is_not_modified(if_none_match: str | None, etag: str) -> bool:
    """Return whether the client already has the current content (If-None-Match, weak comparison)."""
    if if_none_match is None:
        return False
    tags = {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}
    return "*" in tags or etag in tags
