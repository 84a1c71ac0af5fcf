"""The zip of a selection: its recordings, stored, then what this file makes: index.csv, missing.csv, the directory.

Everything follows from the list, which does not change; so the same bytes are made again for each range. Pure: the list is
read in order and never held whole.
"""

import hashlib
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain, islice
from typing import Final
from zoneinfo import ZoneInfo

from ccfs.model.selection import Taken
from ccfs.model.spreadsheet import BOM, lines
from ccfs.model.stored_zip import Member, listed, local_header
from ccfs.model.zip_directory import end, entry

LAYOUT: Final = 1  # to be raised when the same list would give other bytes: then older selections cannot be fetched
INDEX, MISSING = "index.csv", "missing.csv"
AT_ONCE: Final = 200  # lines made at a time
_WHO: Final = ("call_id", "begin", "end", "utc_offset", "caller", "callee", "agent", "queue")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sum:
    """What the zip must know of a list before its bytes come."""

    size: int
    crc32: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """All that is kept of a zip beside its list."""

    size: int
    tag: str  # names its bytes
    index: Sum
    missing: Sum


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """A list that was read through."""

    taken: Callable[[], Iterable[Taken]]  # all of it in order of number, as often as it is asked for
    zone: ZoneInfo
    made_at: datetime
    files_end: int  # where the last recording ends, and the lists begin


def head(one: Taken, zone: ZoneInfo) -> bytes:
    """What lies before a recording in the zip."""
    return local_header(one.member(zone))


def made(of: Contents) -> Made:
    """The zip's size and tag: the end of it holds every name, hash, size and offset of the whole, and is hashed."""
    sums = {"index": _summed(_index(of)), "missing": _summed(_missing(of))}
    digest, size = hashlib.sha256(), of.files_end
    for piece in _tail(of, **sums):
        digest.update(piece)
        size += len(piece)
    return Made(size=size, tag=f"{LAYOUT}-{digest.hexdigest()[:32]}", **sums)


def tail(of: Contents, whole: Made) -> Iterator[bytes]:
    """The zip from `files_end` on."""
    return _tail(of, whole.index, whole.missing)


def is_known(whole: Made) -> bool:
    """Whether this release would make the very bytes that were promised."""
    return whole.tag.startswith(f"{LAYOUT}-")


def cut(pieces: Iterable[bytes], at: int, start: int, end: int) -> Iterator[bytes]:
    """What of the pieces, the first of which begins at `at`, lies in [start, end)."""
    for piece in pieces:
        if at >= end:
            return
        if at + len(piece) > start:
            yield piece[max(start - at, 0) : end - at]
        at += len(piece)


def _tail(of: Contents, index: Sum, missing: Sum) -> Iterator[bytes]:
    entries, at = [], of.files_end
    for name, told, pieces in ((INDEX, index, _index(of)), (MISSING, missing, _missing(of))):
        member = Member(name=name, size=told.size, crc32=told.crc32, modified=of.made_at.astimezone(of.zone))
        before = local_header(member)
        entries.append(entry(listed(member, at)))
        yield before
        yield from pieces
        at += len(before) + told.size
    count = size = 0
    for one in chain((entry(listed(one.member(of.zone), one.at)) for one in _present(of)), entries):
        count, size = count + 1, size + len(one)
        yield one
    yield end(count, size, at + size)


def _index(of: Contents) -> Iterator[bytes]:
    """index.csv: a line for each recording that is in the zip."""
    return _list((*_WHO, "file", "sha256"), ((*_who(one, of.zone), one.name, one.sha256) for one in _present(of)))


def _missing(of: Contents) -> Iterator[bytes]:
    """missing.csv: a line for each recording that is not."""
    left_out = (one for one in of.taken() if one.missing)
    return _list(
        (*_WHO, "recording", "why"), ((*_who(one, of.zone), one.file_name, str(one.missing)) for one in left_out)
    )


def _summed(pieces: Iterable[bytes]) -> Sum:
    size = crc = 0
    for piece in pieces:
        size, crc = size + len(piece), zlib.crc32(piece, crc)
    return Sum(size=size, crc32=crc)


def _present(of: Contents) -> Iterator[Taken]:
    return (one for one in of.taken() if not one.missing)


def _list(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[bytes]:
    yield BOM + lines([head])
    rest = iter(rows)
    while some := list(islice(rest, AT_ONCE)):
        yield lines(some)


def _who(one: Taken, zone: ZoneInfo) -> tuple[str, ...]:
    begin, end = one.begin.astimezone(zone), one.end.astimezone(zone)
    offset = f"{begin:%z}"
    told = (f"{begin:%Y-%m-%d %H:%M:%S}", f"{end:%Y-%m-%d %H:%M:%S}", f"UTC{offset[:3]}:{offset[3:5]}")
    return (one.call_id, *told, one.caller_no, one.callee_no, one.agent_id, one.queue)
