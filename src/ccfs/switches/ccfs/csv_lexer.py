"""Split an index file into lines, and lines into the cells of records (RFC 4180).

A damaged line becomes an UnreadableLine, and reading continues with the next one.
"""

import csv
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from io import BufferedReader
from typing import Protocol, TypeAlias

from ccfs.switches.records import UnreadableLine

MAX_LINE_BYTES = 64 * 1024  # bytes; the widest row of the interface has under 4,000
MAX_RECORD_LINES = 20  # that one quoted record may span
_FREE_ATTEMPTS, _LINES_PER_ATTEMPT = 100, 50  # lines that begin a longer record and do not: so many, and one in fifty
_CHUNK_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class EmptyLines:
    """Many empty lines. A run of them is longer than any record."""

    count: int


DecodedLine: TypeAlias = str | UnreadableLine | EmptyLines


class SupportsReadline(Protocol):
    """An open binary file: a file on disk, a member of a zip, or BytesIO."""

    def readline(self, size: int = -1, /) -> bytes: ...


class LineReader:
    """The decoded lines of a file, with look-ahead of a few lines."""

    def __init__(self, file: SupportsReadline) -> None:
        self._lines = _decode_lines(file)
        self._ahead: deque[DecodedLine] = deque()
        self.lines_read = 0  # number of the last line that was skipped or read
        self.failed_attempts = 0  # lines that seemed to begin a record of several lines

    def peek(self, ahead: int) -> DecodedLine | None:
        """Return the line that follows `ahead` other lines, or None if the file ends before it."""
        while len(self._ahead) <= ahead and (line := next(self._lines, None)) is not None:
            self._ahead.append(line)
        return self._ahead[ahead] if ahead < len(self._ahead) else None

    def skip(self, count: int = 1) -> None:
        """Skip lines that were peeked."""
        for _ in range(count):
            line = self._ahead.popleft()
            self.lines_read += line.count if isinstance(line, EmptyLines) else 1


def iter_records(lines: LineReader, width: int) -> Iterator[tuple[int, list[str] | UnreadableLine]]:
    """Yield records of `width` cells, each with the number of its first line. Skip blank lines."""
    while (line := lines.peek(0)) is not None:
        number = lines.lines_read + 1
        if line == "" or isinstance(line, EmptyLines):
            lines.skip()
            continue
        record, line_count = _read_record(lines, line, width)
        lines.skip(line_count)
        yield number, record


def split_cells(text: str) -> list[str]:
    """Return the cells of a record. Raise UnreadableLine if its quotes are malformed."""
    try:
        return next(csv.reader([text], strict=True))
    except (csv.Error, StopIteration) as error:
        raise UnreadableLine(f"quotes are not in order: {error}") from None


def _read_record(lines: LineReader, line: str | UnreadableLine, width: int) -> tuple[list[str] | UnreadableLine, int]:
    """Return the record that begins with a line, and the number of its lines."""
    if isinstance(line, UnreadableLine):
        return line, 1
    try:
        cells = split_cells(line)
    except UnreadableLine as error:
        return _read_multiline_record(lines, line, width) or (error, 1)
    if len(cells) != width:
        return UnreadableLine(f"has {len(cells)} cells, not {width}"), 1
    return cells, 1


def _read_multiline_record(lines: LineReader, text: str, width: int) -> tuple[list[str], int] | None:
    """Return a record whose quoted cell continues in the next lines; None if none of the right width begins here.

    A line that is a complete record ends the search. Otherwise, a single stray quote would consume good lines up to the
    next one. After many failed searches, the file is assumed to be damaged everywhere.
    """
    if lines.failed_attempts > _FREE_ATTEMPTS + lines.lines_read // _LINES_PER_ATTEMPT:
        return None
    joined = [text + "\n"]
    for ahead in range(1, MAX_RECORD_LINES):
        line = lines.peek(ahead)
        if not isinstance(line, str) or _count_cells(line) == width:
            return None
        joined.append(line + "\n")
        try:
            cells = next(csv.reader(joined, strict=True))
        except (csv.Error, StopIteration):
            continue
        return (cells, ahead + 1) if len(cells) == width else None
    lines.failed_attempts += 1
    return None


def _count_cells(text: str) -> int:
    """Return the number of cells of a line, 0 if its quotes are malformed."""
    try:
        return len(split_cells(text))
    except UnreadableLine:
        return 0


def _decode_lines(file: SupportsReadline) -> Iterator[DecodedLine]:
    is_first, empty_lines = True, 0
    while raw := file.readline(MAX_LINE_BYTES):
        if len(raw) == MAX_LINE_BYTES and not raw.endswith(b"\n"):
            _skip_to_line_end(file)
            yield UnreadableLine(f"is longer than {MAX_LINE_BYTES} bytes")
        else:
            yield _decode_line(raw.removeprefix(b"\xef\xbb\xbf") if is_first else raw)
        is_first = False
        empty_lines = empty_lines + 1 if raw in (b"\n", b"\r\n") else 0
        if empty_lines > MAX_RECORD_LINES and (skipped := _skip_empty_lines(file)):
            yield EmptyLines(skipped)


def _skip_empty_lines(file: SupportsReadline) -> int:
    """Skip empty lines without decoding them, if the file allows looking ahead. Return their number."""
    count = 0
    while isinstance(file, BufferedReader) and (ahead := file.peek(_CHUNK_BYTES)):
        end = ahead.rfind(b"\n", 0, len(ahead) - len(ahead.lstrip(b"\r\n"))) + 1
        count += file.read(end).count(b"\n")
        if end < len(ahead):
            break
    return count


def _skip_to_line_end(file: SupportsReadline) -> None:
    while (chunk := file.readline(MAX_LINE_BYTES)) and not chunk.endswith(b"\n"):
        pass


def _decode_line(raw: bytes) -> DecodedLine:
    """Decode UTF-8, else GB18030, line by line: in both, the bytes of line ends, commas and quotes have no other meaning."""
    for encoding in ("utf-8", "gb18030"):
        try:
            return raw.decode(encoding).rstrip("\r\n")
        except UnicodeDecodeError:
            continue
    return UnreadableLine("is neither UTF-8 nor GB18030")
