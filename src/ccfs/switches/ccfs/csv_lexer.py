"""Lines of an index file: bytes to text, and text to the cells of a record (RFC 4180). Nothing here knows a column.

A bad line costs itself only: it comes out as an UnreadableLine, and reading goes on with the next one.
"""

import csv
from collections import deque
from collections.abc import Iterator
from typing import Protocol, TypeAlias

from ccfs.switches.records import UnreadableLine

MAX_LINE_BYTES = 64 * 1024  # bytes; the widest row of the interface has under 4,000
MAX_RECORD_LINES = 20  # that one quoted record may span

DecodedLine: TypeAlias = str | UnreadableLine


class SupportsReadline(Protocol):
    """An open binary file: a file on disk, a member of a zip, or BytesIO."""

    def readline(self, size: int = -1, /) -> bytes: ...


class LineReader:
    """The lines of a file, decoded, with a look ahead of a few lines."""

    def __init__(self, file: SupportsReadline) -> None:
        self._lines = _decode_lines(file)
        self._ahead: deque[DecodedLine] = deque()
        self.lines_read = 0  # lines so far: the number of the line taken last

    def peek(self, ahead: int) -> DecodedLine | None:
        """The line that comes after `ahead` others, None where the file has ended before."""
        while len(self._ahead) <= ahead and (line := next(self._lines, None)) is not None:
            self._ahead.append(line)
        return self._ahead[ahead] if ahead < len(self._ahead) else None

    def skip(self, count: int = 1) -> None:
        """Goes past lines that were peeked at."""
        for _ in range(count):
            self._ahead.popleft()
        self.lines_read += count


def iter_records(lines: LineReader, width: int) -> Iterator[tuple[int, list[str] | UnreadableLine]]:
    """Records of `width` cells, each with the number of its first line; blank lines are passed over."""
    while (line := lines.peek(0)) is not None:
        number = lines.lines_read + 1
        if line == "":
            lines.skip()
            continue
        found, used = _read_record(lines, line, width)
        lines.skip(used)
        yield number, found


def split_cells(text: str) -> list[str]:
    """The cells of a record; UnreadableLine if its quotes are not in order."""
    try:
        return next(csv.reader([text], strict=True))
    except (csv.Error, StopIteration) as why:
        raise UnreadableLine(f"quotes are not in order: {why}") from None


def _read_record(lines: LineReader, line: DecodedLine, width: int) -> tuple[list[str] | UnreadableLine, int]:
    """The record that begins with a line, and how many lines it takes up."""
    if isinstance(line, UnreadableLine):
        return line, 1
    try:
        found = split_cells(line)
    except UnreadableLine as why:
        return _read_multiline_record(lines, line, width) or (why, 1)
    if len(found) != width:
        return UnreadableLine(f"has {len(found)} cells, not {width}"), 1
    return found, 1


def _read_multiline_record(lines: LineReader, text: str, width: int) -> tuple[list[str], int] | None:
    """A record whose quoted cell goes on in the next lines; None if no such record of the right width is there.

    A line that is a record of its own ends the search: else one stray quote would swallow good lines up to the next.
    """
    joined = [text + "\n"]
    for ahead in range(1, MAX_RECORD_LINES):
        line = lines.peek(ahead)
        if not isinstance(line, str) or _count_cells(line) == width:
            return None
        joined.append(line + "\n")
        try:
            found = next(csv.reader(joined, strict=True))
        except (csv.Error, StopIteration):
            continue
        return (found, ahead + 1) if len(found) == width else None
    return None


def _count_cells(text: str) -> int:
    """The number of cells of a line, 0 if its quotes are not in order."""
    try:
        return len(split_cells(text))
    except UnreadableLine:
        return 0


def _decode_lines(file: SupportsReadline) -> Iterator[DecodedLine]:
    first = True
    while raw := file.readline(MAX_LINE_BYTES):
        if len(raw) == MAX_LINE_BYTES and not raw.endswith(b"\n"):
            _skip_to_line_end(file)
            yield UnreadableLine(f"is longer than {MAX_LINE_BYTES} bytes")
        else:
            yield _decode_line(raw.removeprefix(b"\xef\xbb\xbf") if first else raw)
        first = False


def _skip_to_line_end(file: SupportsReadline) -> None:
    while (more := file.readline(MAX_LINE_BYTES)) and not more.endswith(b"\n"):
        pass


def _decode_line(raw: bytes) -> DecodedLine:
    """UTF-8, else GB18030, each line for itself: either keeps line ends, commas and quotes to themselves."""
    for encoding in ("utf-8", "gb18030"):
        try:
            return raw.decode(encoding).rstrip("\r\n")
        except UnicodeDecodeError:
            continue
    return UnreadableLine("is neither UTF-8 nor GB18030")
