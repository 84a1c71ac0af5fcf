"""Ingest new lines of a switch's growing text file and of its rotated files."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

from sqlalchemy.engine import Connection

from ccfs.db.tenant.ingest.ingest_state import IngestRejection
from ccfs.ingest.context import CallOwner, IngestRun
from ccfs.ingest.files.contents.compression import open_if_present
from ccfs.ingest.files.contents.positions import get_size
from ccfs.ingest.files.contents.record_reader import NUL_BLOCK, LineFormat, read_line
from ccfs.ingest.files.line_reader import LineBatch
from ccfs.ingest.files.rotation.recognition import FileChanged
from ccfs.ingest.files.source_reader import SourceReader
from ccfs.switches.records import UnreadableLine

_MAX_RESTARTS = 1000  # of a pass over a file, each after the file was emptied, or another run has read on

T = TypeVar("T")


class NumberedLine(NamedTuple):
    """A line of a file."""

    file: str  # absolute, as rows hold it
    number: int
    raw: bytes


def ingest_file(
    run: IngestRun,
    owner: CallOwner,
    path: Path,
    parse: Callable[[LineBatch], T],
    save: Callable[[Connection, T], None],
    line_format: LineFormat | None = None,
    *,
    rotated: Sequence[Path] | None = None,
) -> None:
    """Parse the new lines of a file. Save each batch's rows and the position after them in a single transaction.

    A file may be ingested for several accounts, each with its own cursor. Damage and missing rotated files are reported
    as rejections. `rotated`: the rotated files near it, if they are known, which are then read from the first pass on.
    Raise FileNotFoundError if a single run finds neither the file nor a rotated one.
    """
    reader = SourceReader(run, owner, path, line_format, rotated)
    for _ in range(_MAX_RESTARTS):
        try:
            reader.ingest(parse, save)
        except FileChanged:
            continue
        return


def parse_lines(
    batch: LineBatch, parse: Callable[[bytes], T | None]
) -> tuple[list[tuple[NumberedLine, T]], list[IngestRejection]]:
    """Return the parsed lines without None, each with its line, and the rejections of lines that raise UnreadableLine.

    A disk that crashed leaves blocks of NUL bytes. The text before and after such a block counts as separate lines.
    """
    records: list[tuple[NumberedLine, T]] = []
    rejections: list[IngestRejection] = []
    for number, line in batch.lines:
        pieces = [line] if b"\0" not in line else [piece for piece in NUL_BLOCK.split(line) if piece.strip()]
        for piece in pieces:
            try:
                record = parse(piece)
            except UnreadableLine as error:
                reason = str(error) if piece is line else "the line has a NUL byte"
                rejections.append(IngestRejection(file=batch.path, line=number, reason=reason, raw=line))
                batch.count.unreadable += 1
            else:
                if record is not None:
                    records.append((NumberedLine(batch.path, number, piece), record))
    return records, rejections


def sample_lines(path: Path, spots: int = 40, lines: int = 30) -> list[bytes]:
    """Return lines from all parts of a file, the first ones included: enough to detect columns and zone.

    Return none if there is no such file: after a rotation, the switch may create it with its next line.
    """
    sample: list[bytes] = []
    with open_if_present(path) as source:
        if source is None:
            return []
        file = source.file
        size = get_size(file)
        for spot in range(spots):
            start = size * spot // spots
            if start and start < file.tell():
                continue  # the lines before reach here already
            file.seek(max(start - 1, 0))
            if start:
                read_line(file)  # the rest of a line, or the end of the one before
            sample += [line for line in (read_line(file).data for _ in range(lines)) if line]
    return sample
