"""Compare files with positions: check by its bytes whether a file is the one that was read up to a position.

This distinguishes a file that was renamed, compressed, emptied or rewritten from one that has grown, on any file
system.
"""

import os
from dataclasses import replace
from hashlib import blake2b
from typing import BinaryIO

from ccfs.db.tenant.ingest.ingest_state import SourceCursor
from ccfs.model.source_files import FilePosition

HEAD_BYTES = 2048  # bytes of either end of what was read that identify it


def move_cursor(cursor: SourceCursor, position: FilePosition) -> SourceCursor:
    """Return a cursor at another position."""
    at = position
    return replace(cursor, first_line=at.digest, offset=at.offset, line=at.line, head=at.head)


def read_position(file: BinaryIO, offset: int, line: int) -> FilePosition:
    """Return the position of an open file at an offset, after this number of lines."""
    if offset == 0:
        return FilePosition()
    head, tail = _read_ends(file, offset)
    return FilePosition(offset, line, _digest(head, tail), head)


def build_first_position(head: bytes) -> FilePosition:
    """Return the position after the first bytes of a file."""
    return FilePosition(len(head), head.count(b"\n"), _digest(head, head), head) if head else FilePosition()


def read_head(file: BinaryIO) -> bytes:
    """Return the first bytes of a file."""
    return os.pread(file.fileno(), HEAD_BYTES, 0)


def get_size(file: BinaryIO) -> int:
    """Return the size of an open file in bytes."""
    return os.fstat(file.fileno()).st_size


def is_continued(file: BinaryIO, position: FilePosition) -> bool:
    """Return whether a file begins with the bytes that were read up to the position."""
    if position.offset > get_size(file):
        return False
    return position.offset == 0 or read_position(file, position.offset, 0).digest == position.digest


def is_proof(position: FilePosition) -> bool:
    """Return whether enough of a file is known to recognise it: more than one line, which might be a header."""
    lines = position.line if position.offset else position.head.count(b"\n")
    return lines > 1 or len(position.head) == HEAD_BYTES


def is_contained(file: BinaryIO, other: BinaryIO) -> bool:
    """Return whether a whole file is the beginning of another one, by its first and last bytes."""
    size = get_size(file)
    return size <= get_size(other) and read_position(file, size, 0).digest == read_position(other, size, 0).digest


def is_older_copy(head: bytes, size: int, position: FilePosition) -> bool:
    """Return whether a file of this beginning and size is a copy from before the last lines were written."""
    return size < position.offset and has_same_head(head, position)


def has_same_head(head: bytes, position: FilePosition) -> bool:
    """Return whether two beginnings are equal up to the end of the shorter one, which is longer than a header."""
    length = min(len(head), len(position.head))
    return head[:length] == position.head[:length] and (length == HEAD_BYTES or head.count(b"\n", 0, length) > 1)


def _digest(head: bytes, tail: bytes) -> str:
    return blake2b(head + tail, digest_size=16).hexdigest()


def _read_ends(file: BinaryIO, offset: int) -> tuple[bytes, bytes]:
    length = min(offset, HEAD_BYTES)
    return os.pread(file.fileno(), length, 0), os.pread(file.fileno(), length, offset - length)
