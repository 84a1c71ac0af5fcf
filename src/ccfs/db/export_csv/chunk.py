"""Whole lines of CSV on their way from the database to a file. No database and no file here."""

from collections.abc import Iterator
from dataclasses import dataclass

EOL = b"\r\n"  # RFC 4180's; OpenCSV, Excel and Python's csv all take it


@dataclass(frozen=True, slots=True)
class CsvChunk:
    """Rows and their lines in UTF-8, each ended by CR LF; a value that has a quote, comma, CR or LF is quoted."""

    row_count: int
    csv: bytes

    def split(self, rows: int, size: int) -> tuple["CsvChunk", "CsvChunk"]:
        """As many of the first rows as are within both limits, size in bytes; and what remains."""
        if self.row_count <= rows and len(self.csv) <= size:
            return self, CsvChunk(0, b"")
        taken = end = 0
        for line in iter_lines(self.csv):
            if taken == rows or end + len(line) > size:
                break
            taken += 1
            end += len(line)
        return CsvChunk(taken, self.csv[:end]), CsvChunk(self.row_count - taken, self.csv[end:])


def iter_lines(csv: bytes) -> Iterator[bytes]:
    """The lines of rows. A line end inside quotes is none: up to there, the number of quotes is odd."""
    begun = b""
    for piece in csv.split(EOL)[:-1]:
        begun += piece + EOL
        if begun.count(b'"') % 2 == 0:
            yield begun
            begun = b""
