"""Read the lines of a file from a position, in batches, at constant memory."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from ccfs.ingest.files.positions import get_size, is_continued, read_position
from ccfs.ingest.files.scan import to_db_path
from ccfs.model.source_files import FilePosition

BATCH_LINES = 2000  # lines
MAX_LINE_BYTES = 1 << 17  # bytes of a line that are held in memory; parsers reject shorter ones already
MAX_JOINED_LINES = 20  # physical lines of one record, whose fields may have line ends
_CHECKED_BYTES = 256  # of the last line
NUL_BLOCK = re.compile(rb"\0+")


class LineFormat(Protocol):
    """The format of the lines of a file, as far as it is known."""

    def is_open(self, line: bytes) -> bool:
        """Return whether the line ends within a field, so that the record goes on in the next line."""

    def is_record(self, line: bytes) -> bool:
        """Return whether the line is a whole record."""

    def describe(self) -> str:
        """Return the format, to be stored with the cursor; "" if nothing is known."""


@dataclass(frozen=True, slots=True)
class LineBatch:
    """Lines with their numbers, and the position after them."""

    lines: list[tuple[int, bytes]]
    end: FilePosition
    size: int  # of the file when it was opened
    path: str  # absolute, as rows hold it


def read_batches(
    file: BinaryIO, start: FilePosition, path: Path, *, whole_tail: bool, line_format: LineFormat | None = None
) -> Iterator[LineBatch]:
    """Yield the lines after a position.

    A last line without its newline is included only if `whole_tail`. It may still be written, so the position stays before
    it. End early if the file is emptied meanwhile: its lines are in a rotated file now.
    """
    size, name = get_size(file), to_db_path(path)
    file.seek(start.offset)
    offset, number, lines, last = start.offset, start.line, list[tuple[int, bytes]](), b""

    def build_batch() -> list[LineBatch]:
        batch = LineBatch(lines, read_position(file, offset, number), size, name)
        return [batch] if is_continued(file, start) and _ends_with(file, offset, last) else []

    while (line := read_line(file))[0].endswith(b"\n"):
        record, length, count = _join_lines(file, line, offset, line_format)
        if not count and not whole_tail:
            line = (b"", 0)  # the rest of the record is still to be written
            break
        lines.append((number + 1, record))
        offset, number, last = offset + length, number + max(count, 1), record
        if len(lines) == BATCH_LINES:
            yield from (batches := build_batch())
            lines = []
            if not batches:
                return
    if line[0] and whole_tail:
        lines.append((number + 1, line[0]))
    if lines:
        yield from build_batch()


def read_line(file: BinaryIO) -> tuple[bytes, int]:
    """Return a line, cut to MAX_LINE_BYTES, and its full length in the file. A block of NUL bytes becomes one."""
    line = file.readline(MAX_LINE_BYTES)
    length = len(line)
    if line.endswith(b"\n") and b"\0\0" not in line:
        return line, length
    line, is_cut, rest = NUL_BLOCK.sub(b"\0", line), False, line
    while rest and not rest.endswith(b"\n"):
        rest = file.readline(MAX_LINE_BYTES)
        length += len(rest)
        line = NUL_BLOCK.sub(b"\0", line + rest)
        is_cut = is_cut or len(line) > MAX_LINE_BYTES
        line = line[:MAX_LINE_BYTES]
    return (line[: MAX_LINE_BYTES - 1] + b"\n" if is_cut else line), length


def _ends_with(file: BinaryIO, offset: int, line: bytes) -> bool:
    """Return whether the line that was read last still ends at the offset. A changed line (cut, without NULs) proves nothing."""
    end = line[-_CHECKED_BYTES:]
    is_changed = b"\0" in line or len(line) >= MAX_LINE_BYTES
    return is_changed or os.pread(file.fileno(), len(end), offset - len(end)) == end


def _join_lines(
    file: BinaryIO, line: tuple[bytes, int], offset: int, line_format: LineFormat | None
) -> tuple[bytes, int, int]:
    """Return a record, its length, and how many physical lines it has; 0 if the file ends before the record does.

    A line whose quote is open for another reason is a record by itself: a line that is whole follows it.
    """
    record, length = line
    if line_format is None or not line_format.is_open(record):
        return record, length, 1
    for count in range(2, MAX_JOINED_LINES + 1):
        more, more_length = read_line(file)
        if not more:
            file.seek(offset + line[1])
            return *line, 0
        record, length = record + more, length + more_length
        if line_format.is_record(more) or len(record) > MAX_LINE_BYTES:
            break
        if line_format.is_record(record):
            return record, length, count
    file.seek(offset + line[1])
    return *line, 1
