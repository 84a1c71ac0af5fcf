"""Read a switch's growing text file from the cursor of the last run, in batches, at constant memory.

After a rotation, the rest of the rotated file is read first, if it is in the same folder.
"""

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, TypeVar

from sqlalchemy.engine import Connection

from ccfs.db.tenant import ingest_state
from ccfs.db.tenant.ingest_state import IngestRejection, SourceCursor
from ccfs.ingest.context import CallOwner, IngestRun
from ccfs.ingest.files.rotation import compute_fingerprint, find_rotated_files, is_same_file
from ccfs.ingest.files.scan import to_db_path
from ccfs.switches.records import UnreadableLine

BATCH_LINES = 2000  # lines
MAX_LINE_BYTES = 1 << 17  # bytes of a line that are held in memory; parsers reject shorter ones already

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class LineBatch:
    """Lines with their numbers, and the cursor after them."""

    lines: list[tuple[int, bytes]]
    cursor: SourceCursor
    size: int  # of the file when it was opened
    path: str  # absolute, as rows hold it


def ingest_file(
    run: IngestRun, owner: CallOwner, path: Path, parse: Callable[[LineBatch], T], save: Callable[[Connection, T], None]
) -> None:
    """Parse the new lines of a file, and save each batch's rows and the cursor after them in one transaction.

    One file may be ingested for several accounts, each with a cursor of its own. The cursor is written first: its row
    makes two runs over the same file queue.
    """
    if not run.is_watching:
        _wait_until_stable(path, run.settings.settle_seconds)
    name = f"{owner.account.account_id}:{to_db_path(path)}"
    with run.database.read_transaction() as connection:
        cursor = ingest_state.find_cursor(connection, owner.app, name) or _create_cursor(name, path)
    is_reread_pending = cursor.is_reread_requested
    for batch in iter_batches(path, cursor, whole_tail=not run.is_watching):
        if run.is_stopped():
            return
        parsed = parse(batch)
        with run.app_transaction(owner.app) as connection:
            if batch.cursor != cursor:
                ingest_state.set_cursor(connection, owner.app, batch.cursor, run.now())
            save(connection, parsed)
        cursor, is_reread_pending = batch.cursor, False
        run.report_progress(path.name, batch.cursor.offset, batch.size)
    if is_reread_pending:  # the file had no line
        with run.app_transaction(owner.app) as connection:
            ingest_state.set_cursor(connection, owner.app, replace(cursor, first_line=""), run.now())


def parse_lines(batch: LineBatch, parse: Callable[[bytes], T | None]) -> tuple[list[T], list[IngestRejection]]:
    """Return the parsed lines without None, and the rejections of lines that raise UnreadableLine."""
    records: list[T] = []
    rejections: list[IngestRejection] = []
    for number, line in batch.lines:
        try:
            record = parse(line)
        except UnreadableLine as error:
            rejections.append(IngestRejection(file=batch.path, line=number, reason=str(error), raw=line))
        else:
            if record is not None:
                records.append(record)
    return records, rejections


def iter_batches(path: Path, cursor: SourceCursor, *, whole_tail: bool) -> Iterator[LineBatch]:
    """Yield the lines after the cursor.

    A last line without its newline is included only if `whole_tail`. It may still be written, so the cursor stays before
    it.
    """
    with open(path, "rb") as file:
        if cursor.is_reread_requested or not is_same_file(file, cursor):
            for rotated in find_rotated_files(path, cursor):
                with open(rotated, "rb") as old:
                    if not is_same_file(old, cursor):
                        cursor = replace(cursor, first_line="", offset=0, line=0)
                    for batch in _read_batches(old, cursor, rotated, whole_tail=True):
                        cursor = batch.cursor
                        yield batch
            cursor = replace(cursor, first_line="", offset=0, line=0)
        yield from _read_batches(file, cursor, path, whole_tail=whole_tail)


def sample_lines(path: Path, spots: int = 40, lines: int = 30) -> list[bytes]:
    """Return lines from the whole length of a file, its first ones included: enough to detect columns and zone."""
    sample: list[bytes] = []
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        for spot in range(spots):
            start = size * spot // spots
            if start and start < file.tell():
                continue  # the lines before reach here already
            file.seek(start)
            if start:
                _read_line(file)
            sample += [line for line in (_read_line(file)[0] for _ in range(lines)) if line]
    return sample


def _create_cursor(name: str, path: Path) -> SourceCursor:
    written = int(min(max(path.stat().st_mtime, 0), 4e9))  # a time stamp may be anything
    return SourceCursor(path=name, first_line="", offset=0, line=0, started_at=datetime.fromtimestamp(written, UTC))


def _read_batches(file: BinaryIO, cursor: SourceCursor, path: Path, *, whole_tail: bool) -> Iterator[LineBatch]:
    size, name = os.fstat(file.fileno()).st_size, to_db_path(path)
    file.seek(cursor.offset)
    offset, number, lines = cursor.offset, cursor.line, list[tuple[int, bytes]]()

    def build_batch() -> LineBatch:
        end = replace(cursor, first_line=compute_fingerprint(file, offset), offset=offset, line=number)
        return LineBatch(lines, end, size, name)

    while (line := _read_line(file))[0].endswith(b"\n"):
        offset, number = offset + line[1], number + 1
        lines.append((number, line[0]))
        if len(lines) == BATCH_LINES:
            yield build_batch()
            lines = []
    if line[0] and whole_tail:
        lines.append((number + 1, line[0]))
    if lines:
        yield build_batch()


def _wait_until_stable(path: Path, seconds: float) -> None:
    """Wait until the file has been unchanged for some seconds, for at most twice as long."""
    deadline = time.monotonic() + 2 * seconds
    while (left := path.stat().st_mtime + seconds - time.time()) > 0 and time.monotonic() < deadline:
        time.sleep(min(left, seconds))


def _read_line(file: BinaryIO) -> tuple[bytes, int]:
    """Return a line, cut to MAX_LINE_BYTES, and its full length in the file."""
    line = file.readline(MAX_LINE_BYTES)
    length = len(line)
    rest = line
    while rest and not rest.endswith(b"\n"):
        rest = file.readline(MAX_LINE_BYTES)
        length += len(rest)
    return (line if length == len(line) else line[: MAX_LINE_BYTES - 1] + b"\n"), length
