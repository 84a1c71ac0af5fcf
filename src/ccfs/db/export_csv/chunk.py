"""Chunks of CSV lines on their way from the database to a file."""

from collections.abc import Iterator
from dataclasses import dataclass

EOL = b"\r\n"  # of RFC 4180; OpenCSV, Excel and Python's csv read it


@dataclass(frozen=True, slots=True)
class CsvChunk:
    """Rows as UTF-8 lines that end in CR LF. A value that contains a quote, comma, CR or LF is quoted."""

    row_count: int
    csv: bytes

    def split(self, rows: int, size: int) -> tuple["CsvChunk", "CsvChunk"]:
        """Return as many of the first rows as fit within both limits (size is in bytes), and the rest."""
        if self.row_count <= rows and len(self.csv) <= size:
            return self, CsvChunk(0, b"")
        count = end = 0
        for line in iter_lines(self.csv):
            if count == rows or end + len(line) > size:
                break
            count += 1
            end += len(line)
        return CsvChunk(count, self.csv[:end]), CsvChunk(self.row_count - count, self.csv[end:])


def iter_lines(csv: bytes) -> Iterator[bytes]:
    """Yield the lines. A CR LF inside quotes does not end a line: the number of quotes before it is odd."""
    line = b""
    for piece in csv.split(EOL)[:-1]:
        line += piece + EOL
        if line.count(b'"') % 2 == 0:
            yield line
            line = b""
