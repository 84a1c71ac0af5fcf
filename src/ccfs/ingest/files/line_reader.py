"""Read the lines of a file from a position, in batches, at constant memory."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from ccfs.ingest.files.contents.damage import LineCount
from ccfs.ingest.files.contents.positions import get_size, is_continued, read_position
from ccfs.ingest.files.contents.record_reader import MAX_LINE_BYTES, NOTHING, LineFormat, RecordReader
from ccfs.ingest.files.rotation.recognition import FileChanged
from ccfs.ingest.files.scan import to_db_path
from ccfs.model.source_files import FilePosition

BATCH_LINES = 2000  # lines
_CHECKED_BYTES = 256  # of the end of a line


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

    A last line without its newline is included only if `whole_tail`. It may still be incomplete, so the position stays
    before it. Raise FileChanged if the file is emptied in the meantime: its lines are in a rotated file then. Because
    new lines may have been written since, every line of a batch is compared with the file again.
    """
    size, name = get_size(file), to_db_path(path)
    file.seek(start.offset)
    count = LineCount()
    offset, number, lines, ends = start.offset, start.line, list[tuple[int, bytes]](), list[tuple[int, bytes]]()

    def build_batch() -> LineBatch:
        batch = LineBatch(lines, read_position(file, offset, number), size, name, count)
        if not (is_continued(file, start) and all(_is_at(file, end, line) for end, line in ends)):
            raise FileChanged
        return batch

    reader = RecordReader(file, line_format)
    while (record := reader.read()).has_end:
        if record.is_partial and not whole_tail:
            record = NOTHING  # the rest of it is still to be written
            break
        lines.append((number + 1, record.data))
        offset, number = offset + record.length, number + record.lines
        ends.append((offset, _get_end(record.data)))
        if len(lines) == BATCH_LINES:
            yield build_batch()
            lines, ends = [], []
    if record.data and whole_tail:
        lines.append((number + 1, record.data))
        ends.append((offset + record.length, _get_end(record.data)))
    if lines:
        yield build_batch()


def _is_at(file: BinaryIO, offset: int, end: bytes) -> bool:
    """Return whether a line that was read still ends at the offset. A modified line (cut, without NULs) proves nothing."""
    return os.pread(file.fileno(), len(end), offset - len(end)) == end


def _get_end(record: bytes) -> bytes:
    """Return the last bytes of a record as they are in the file. An empty line may stand for many, with other line ends."""
    if b"\0" in record or len(record) >= MAX_LINE_BYTES:
        return b""
    return record[-_CHECKED_BYTES:] if record.strip(b"\r\n") else b"\n"
