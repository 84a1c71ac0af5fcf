"""Whole lines of CSV on their way from the database to a file. No database and no file here."""

from collections.abc import Iterator
from dataclasses import dataclass

EOL = b"\r\n"  # RFC 4180's; OpenCSV, Excel and Python's csv all take it


@dataclass(frozen=True, slots=True)
class Chunk:
    """Rows and their lines in UTF-8, each ended by CR LF; a value that has a quote, comma, CR or LF is quoted."""

    rows: int
    csv: bytes

    def cut(self, rows: int, size: int) -> tuple["Chunk", "Chunk"]:
        """As many of the first rows as are within both limits, size in bytes; and what remains."""
        if self.rows <= rows and len(self.csv) <= size:
            return self, Chunk(0, b"")
        taken = end = 0
        for line in lines(self.csv):
            if taken == rows or end + len(line) > size:
                break
            taken += 1
            end += len(line)
        return Chunk(taken, self.csv[:end]), Chunk(self.rows - taken, self.csv[end:])


def lines(csv: bytes) -> Iterator[bytes]:
    """The lines of rows. A line end inside quotes is none: up to there, the number of quotes is odd."""
    begun = b""
    for piece in csv.split(EOL)[:-1]:
        begun += piece + EOL
        if begun.count(b'"') % 2 == 0:
            yield begun
            begun = b""
