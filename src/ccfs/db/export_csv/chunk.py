"""Chunks of CSV lines between database and file."""

from collections.abc import Iterator
from dataclasses import dataclass

EOL = b"\r\n"  # of RFC 4180; OpenCSV, Excel and Python's csv read it


@dataclass(frozen=True, slots=True)
class CsvChunk:
    """Lines of rows in UTF-8, each ended by CR LF; a value that contains a quote, comma, CR or LF is quoted."""

    row_count: int
    csv: bytes

    def split(self, rows: int, size: int) -> tuple["CsvChunk", "CsvChunk"]:
        """Return as many of the first rows as fit both limits, size in bytes; and the rest."""
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
    """Yield the lines of rows. A CR LF inside quotes ends no line: the number of quotes before it is odd."""
    line = b""
    for piece in csv.split(EOL)[:-1]:
        line += piece + EOL
        if line.count(b'"') % 2 == 0:
            yield line
            line = b""
