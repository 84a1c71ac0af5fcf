"""HTTP byte ranges and conditions (RFC 9110, sections 13 and 14)."""

import re

# After each run of blanks, one character decides: the pattern must never try two ways of dividing them.
_SINGLE_RANGE = re.compile(
    r"bytes[ \t]*=[ \t]*(?:(\d{1,19})[ \t]*-[ \t]*(\d{1,19})?|-[ \t]*(\d{1,19}))\Z", re.ASCII | re.IGNORECASE
)
_MAX_RANGE_LENGTH = 256  # characters; two numbers of 19 digits and some blanks
_MAX_TAGS_LENGTH = 4096  # characters of If-None-Match; ETags of ccfs have some 70


class RangeNotSatisfiable(ValueError):
    """The range is outside the bytes; the response is 416."""


def parse_range(header: str | None, size: int) -> tuple[int, int] | None:
    """Return the bytes [start, end) that a Range header requests; None means all of them.

    Anything but a single byte range (several ranges, another unit, a syntax error) is ignored, as RFC 9110 allows, and so
    is a header of more than 256 characters.
    """
    match = _SINGLE_RANGE.match(header.strip()) if header and len(header) <= _MAX_RANGE_LENGTH else None
    if match is None:
        return None
    if match[3]:
        last = int(match[3])
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
    """Return whether the client already has the current content (If-None-Match, weak comparison).

    It counts as not having it where the header has more than 4096 characters.
    """
    if if_none_match is None or len(if_none_match) > _MAX_TAGS_LENGTH:
        return False
    tags = {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}
    return "*" in tags or etag in tags
