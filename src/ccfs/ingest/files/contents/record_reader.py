"""Read records from a text file of a switch: lines, or several lines if a field contains a line end. The work is bounded.

Long lines are cut, and blocks of NUL bytes and runs of empty lines each become one.
"""

import os
import re
from typing import BinaryIO, NamedTuple, Protocol

MAX_LINE_BYTES = 1 << 17  # bytes of a line that are held in memory; parsers reject shorter ones already
MAX_JOINED_LINES = 20  # physical lines of one record, whose fields may have line ends
_FREE_ATTEMPTS, _LINES_PER_ATTEMPT = 100, 50  # lines that may look open and are not: so many, and one in fifty
_FIRST_CHUNK_BYTES, _MAX_CHUNK_BYTES = 16, 1 << 16  # bytes read at once where empty lines are skipped
NUL_BLOCK = re.compile(rb"\0+")


class LineFormat(Protocol):
    """The format of the lines of a file, as far as it is known."""

    def is_open(self, line: bytes) -> bool:
        """Return whether the line ends within a field, so that the record continues in the next line."""

    def is_record(self, line: bytes) -> bool:
        """Return whether the line is a complete record."""

    def describe(self) -> str:
        """Return the format to store with the cursor; "" if it is unknown."""


class Record(NamedTuple):
    """A record, or a part of one at the end of the file."""

    data: bytes
    length: int  # bytes in the file
    lines: int = 1  # in the file
    is_partial: bool = False  # whether the file ends within a field of it, after its first line

    @property
    def has_end(self) -> bool:
        """Whether the line end has been written."""
        return self.data.endswith(b"\n")


NOTHING = Record(b"", 0, 0)


class RecordReader:
    """Reads records of an open file, starting at its position."""

    def __init__(self, file: BinaryIO, line_format: LineFormat | None = None) -> None:
        self._file, self._format = file, line_format
        self._lines_read = self._failed_attempts = 0

    def read(self) -> Record:
        """Return the next record; NOTHING at the end of the file."""
        record = read_line(self._file)
        self._lines_read += record.lines
        if record.data in (b"\n", b"\r\n"):
            return _skip_empty_lines(self._file, record)
        if not record.has_end or not self._may_be_open(record.data):
            return record
        return self._join_lines(record)

    def _may_be_open(self, line: bytes) -> bool:
        """Return whether the record may continue in the next line.

        In a damaged file, every line may look as if it did. Trying each of them would take a hundred times as long.
        """
        if self._failed_attempts > _FREE_ATTEMPTS + self._lines_read // _LINES_PER_ATTEMPT:
            return False
        return self._format is not None and self._format.is_open(line)

    def _join_lines(self, first: Record) -> Record:
        """Return the record that begins with a line.

        If a quote is open by mistake, the line is a record by itself. A complete line after it shows this.
        """
        assert self._format is not None
        is_open, is_record = self._format.is_open, self._format.is_record

        def is_whole(line: bytes) -> bool:
            return not is_open(line) and is_record(line)

        after_first = self._file.tell()
        data, length = first.data, first.length
        for count in range(2, MAX_JOINED_LINES + 1):
            more = read_line(self._file)
            if not more.data:
                self._file.seek(after_first)
                return first._replace(is_partial=True)
            data, length = data + more.data, length + more.length
            if is_whole(more.data) or len(data) > MAX_LINE_BYTES:
                break
            if is_whole(data):
                self._lines_read += count - 1
                return Record(data, length, count)
        self._file.seek(after_first)
        self._failed_attempts += 1
        return first


def read_line(file: BinaryIO) -> Record:
    """Return a line, cut to MAX_LINE_BYTES. A block of NUL bytes becomes one."""
    line = file.readline(MAX_LINE_BYTES)
    length = len(line)
    if line.endswith(b"\n") and b"\0\0" not in line:
        return Record(line, length)
    line, is_cut, rest = NUL_BLOCK.sub(b"\0", line), False, line
    while rest and not rest.endswith(b"\n"):
        rest = file.readline(MAX_LINE_BYTES)
        length += len(rest)
        line = NUL_BLOCK.sub(b"\0", line + rest)
        is_cut = is_cut or len(line) > MAX_LINE_BYTES
        line = line[:MAX_LINE_BYTES]
    if not line:
        return NOTHING
    return Record(line[: MAX_LINE_BYTES - 1] + b"\n" if is_cut else line, length)


def _skip_empty_lines(file: BinaryIO, first: Record) -> Record:
    """Return an empty line and all empty lines that follow it as one."""
    length, lines, size = first.length, first.lines, _FIRST_CHUNK_BYTES
    while chunk := file.read(size):
        end = chunk.rfind(b"\n", 0, len(chunk) - len(chunk.lstrip(b"\r\n"))) + 1
        length, lines = length + end, lines + chunk.count(b"\n", 0, end)
        if end < len(chunk):
            file.seek(end - len(chunk), os.SEEK_CUR)
            break
        size = min(2 * size, _MAX_CHUNK_BYTES)
    return Record(first.data, length, lines)
