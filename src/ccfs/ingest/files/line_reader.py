"""Read the lines of a file from a position, in batches, at constant memory."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from ccfs.ingest.files.damage import LineCount
from ccfs.ingest.files.positions import get_size, is_continued, read_position
from ccfs.ingest.files.record_reader import MAX_LINE_BYTES, NOTHING, LineFormat, RecordReader
from ccfs.ingest.files.scan import to_db_path
from ccfs.model.source_files import FilePosition

BATCH_LINES = 2000  # lines
_CHECKED_BYTES = 256  # of the last line


@dataclass(frozen=True, slots=True)
class LineBatch:
    """Lines with their numbers, and the position after them."""

    lines: list[tuple[int, bytes]]
    end: FilePosition
    size: int  # of the file when it was opened
    path: str  # absolute, as rows hold it
    count: LineCount = field(
        default_factory=LineCount
    )  # of the file so far; parsers count the lines that they cannot parse


def read_batches(
    file: BinaryIO, start: FilePosition, path: Path, *, whole_tail: bool, line_format: LineFormat | None = None
) -> Iterator[LineBatch]:
    """Yield the lines after a position.

    A last line without its newline is included only if `whole_tail`. It may still be written, so the position stays before
    it. End early if the file is emptied meanwhile: its lines are in a rotated file now.
    """
    size, name = get_size(file), to_db_path(path)
    file.seek(start.offset)
    count = LineCount()
    offset, number, lines, last = start.offset, start.line, list[tuple[int, bytes]](), b""

    def build_batch() -> list[LineBatch]:
        batch = LineBatch(lines, read_position(file, offset, number), size, name, count)
        return [batch] if is_continued(file, start) and _ends_with(file, offset, last) else []

    reader = RecordReader(file, line_format)
    while (record := reader.read()).has_end:
        if record.is_partial and not whole_tail:
            record = NOTHING  # the rest of it is still to be written
            break
        lines.append((number + 1, record.data))
        offset, number, last = offset + record.length, number + record.lines, _get_end(record.data)
        if len(lines) == BATCH_LINES:
            yield from (batches := build_batch())
            lines = []
            if not batches:
                return
    if record.data and whole_tail:
        lines.append((number + 1, record.data))
    if lines:
        yield from build_batch()


def _ends_with(file: BinaryIO, offset: int, line: bytes) -> bool:
    """Return whether the line that was read last still ends at the offset. A changed line (cut, without NULs) proves nothing."""
    end = line[-_CHECKED_BYTES:]
    is_changed = b"\0" in line or len(line) >= MAX_LINE_BYTES
    return is_changed or os.pread(file.fileno(), len(end), offset - len(end)) == end


def _get_end(record: bytes) -> bytes:
    """Return what a record ends with in the file. One empty line may be many, with other line ends."""
    return record if record.strip(b"\r\n") else b"\n"
