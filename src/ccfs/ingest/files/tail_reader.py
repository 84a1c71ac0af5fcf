"""Read a switch's growing text file from the cursor of the last run, in batches, at constant memory.

After a rotation, the rest of the rotated file is read first. Compressed files are decompressed.
"""

import os
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, NamedTuple, TypeVar

from sqlalchemy.engine import Connection

from ccfs.db.tenant import ingest_state
from ccfs.db.tenant.ingest_state import IngestRejection, SourceCursor
from ccfs.ingest.context import CallOwner, IngestRun
from ccfs.ingest.files.compression import OpenedSource, is_compressed, open_source
from ccfs.ingest.files.damage import LineCount
from ccfs.ingest.files.record_reader import NOTHING, LineFormat, RecordReader, read_line
from ccfs.ingest.files.rotation import compute_fingerprint, find_rotated_files, is_same_file
from ccfs.ingest.files.scan import to_db_path
from ccfs.switches.records import UnreadableLine

BATCH_LINES = 2000  # lines
_NULS = re.compile(rb"\0+")

T = TypeVar("T")
ReportProblem = Callable[[Path, int, str], None]  # with the file, the line or 0, and the reason


class NumberedLine(NamedTuple):
    """A line of a file."""

    file: str  # absolute, as rows hold it
    number: int
    raw: bytes


@dataclass(frozen=True, slots=True)
class LineBatch:
    """Lines with their numbers, and the cursor after them."""

    lines: list[tuple[int, bytes]]
    cursor: SourceCursor
    size: int  # of the file when it was opened
    path: str  # absolute, as rows hold it
    count: LineCount  # of the file so far; its parser counts the lines that it cannot parse


def ingest_file(
    run: IngestRun,
    owner: CallOwner,
    path: Path,
    parse: Callable[[LineBatch], T],
    save: Callable[[Connection, T], None],
    line_format: LineFormat | None = None,
) -> None:
    """Parse the new lines of a file, and save each batch's rows and the cursor after them in one transaction.

    One file may be ingested for several accounts, each with a cursor of its own. The cursor is written first: its row
    makes two runs over the same file queue. Damage and rotated files that are not found are rejections.
    """
    if not run.is_watching:
        _wait_until_stable(path, run.settings.settle_seconds)
    name = get_cursor_name(owner, path)
    status = path.stat()
    version = (name, status.st_size, status.st_mtime_ns, status.st_ino)
    if version in run.finished_files:
        return
    with run.database.read_transaction() as connection:
        cursor = ingest_state.find_cursor(connection, owner.app, name) or _create_cursor(name, path)
    is_reread_pending = cursor.is_reread_requested
    problems: list[IngestRejection] = []

    def report(file: Path, line: int, reason: str) -> None:
        problems.append(IngestRejection(file=to_db_path(file), line=line, reason=reason))

    for batch in iter_batches(path, cursor, report, whole_tail=not run.is_watching, line_format=line_format):
        if run.is_stopped():
            return
        parsed = parse(batch)
        with run.app_transaction(owner.app) as connection:
            if batch.cursor != cursor:
                known = line_format.describe() if line_format else ""
                new = replace(batch.cursor, format=known or cursor.format)
                ingest_state.set_cursor(connection, owner.app, new, run.now())
            save(connection, parsed)
        cursor, is_reread_pending = replace(batch.cursor, format=cursor.format), False
        run.report_progress(path.name, batch.cursor.offset, batch.size)
    if is_reread_pending:  # the file had no line
        with run.app_transaction(owner.app) as connection:
            ingest_state.set_cursor(connection, owner.app, replace(cursor, first_line=""), run.now())
    _save_problems(run, owner, problems)
    if run.is_watching and is_compressed(path):
        run.finished_files.add(version)


def get_cursor_name(owner: CallOwner, path: Path) -> str:
    """Return the name of a file's cursor in an account."""
    return f"{owner.account.account_id}:{to_db_path(path)}"


def _save_problems(run: IngestRun, owner: CallOwner, problems: list[IngestRejection]) -> None:
    for problem in problems:
        run.warn(f"{problem.file}: {problem.reason}")
    if problems:
        with run.app_transaction(owner.app) as connection:
            run.reject(connection, owner.app, problems)


def parse_lines(batch: LineBatch, parse: Callable[[bytes], T | None]) -> tuple[list[T], list[IngestRejection]]:
    """Return the parsed lines without None, and the rejections of lines that raise UnreadableLine."""
    records, rejections = parse_numbered_lines(batch, parse)
    return [record for _, record in records], rejections


def parse_numbered_lines(
    batch: LineBatch, parse: Callable[[bytes], T | None]
) -> tuple[list[tuple[NumberedLine, T]], list[IngestRejection]]:
    """Return as parse_lines does, each record with its line.

    A disk that crashed leaves blocks of NUL bytes: what is before and after such a block are lines of their own.
    """
    records: list[tuple[NumberedLine, T]] = []
    rejections: list[IngestRejection] = []
    for number, line in batch.lines:
        pieces = [line] if b"\0" not in line else [piece for piece in _NULS.split(line) if piece.strip()]
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


def iter_batches(
    path: Path,
    cursor: SourceCursor,
    report: ReportProblem,
    *,
    whole_tail: bool,
    line_format: LineFormat | None = None,
) -> Iterator[LineBatch]:
    """Yield the lines after the cursor. Report damaged files, and a rotated file that is not found.

    The rest of a compressed file is left out if most lines cannot be parsed: a small file may decompress to a large one.

    A last line without its newline is included only if `whole_tail`. It may still be written, so the cursor stays before
    it.
    """
    with open_source(path) as source:
        if cursor.is_reread_requested or not is_same_file(source.file, cursor):
            rotated = find_rotated_files(path, cursor)
            if not rotated and not cursor.is_reread_requested:
                report(path, cursor.line, LOST_ROTATION.format(line=cursor.line))
            for file in rotated:
                with open_source(file) as old:
                    if not is_same_file(old.file, cursor):
                        cursor = replace(cursor, first_line="", offset=0, line=0)
                    for batch in _read_worthwhile(old, cursor, file, report, whole_tail=True, line_format=line_format):
                        cursor = batch.cursor
                        yield batch
            cursor = replace(cursor, first_line="", offset=0, line=0)
        yield from _read_worthwhile(source, cursor, path, report, whole_tail=whole_tail, line_format=line_format)


LOST_ROTATION = (
    "the file was rotated or rewritten after line {line}, and the rotated file is not found: lines that were written to it"
    " later are missing. Ingest it with its own path if it is elsewhere"
)


def sample_lines(path: Path, spots: int = 40, lines: int = 30) -> list[bytes]:
    """Return lines from the whole length of a file, its first ones included: enough to detect columns and zone."""
    sample: list[bytes] = []
    with open_source(path) as source:
        file = source.file
        size = os.fstat(file.fileno()).st_size
        for spot in range(spots):
            start = size * spot // spots
            if start and start < file.tell():
                continue  # the lines before reach here already
            file.seek(start)
            if start:
                read_line(file)
            sample += [line for line in (read_line(file).data for _ in range(lines)) if line]
    return sample


def _create_cursor(name: str, path: Path) -> SourceCursor:
    written = int(min(max(path.stat().st_mtime, 0), 4e9))  # a time stamp may be anything
    return SourceCursor(path=name, first_line="", offset=0, line=0, started_at=datetime.fromtimestamp(written, UTC))


def _read_worthwhile(
    source: OpenedSource,
    cursor: SourceCursor,
    path: Path,
    report: ReportProblem,
    *,
    whole_tail: bool,
    line_format: LineFormat | None,
) -> Iterator[LineBatch]:
    """Yield the batches of a file. Report its damage, and where the rest of it is left out."""
    for batch in _read_batches(source.file, cursor, path, whole_tail=whole_tail, line_format=line_format):
        batch.count.read += len(batch.lines)
        yield batch
        if source.is_unpacked and batch.count.is_useless():
            report(path, 0, batch.count.describe())
            return
    if source.damage:
        report(path, 0, source.damage)


def _read_batches(
    file: BinaryIO, cursor: SourceCursor, path: Path, *, whole_tail: bool, line_format: LineFormat | None
) -> Iterator[LineBatch]:
    size, name = os.fstat(file.fileno()).st_size, to_db_path(path)
    file.seek(cursor.offset)
    offset, number, lines = cursor.offset, cursor.line, list[tuple[int, bytes]]()
    count = LineCount()

    def build_batch() -> LineBatch:
        end = replace(cursor, first_line=compute_fingerprint(file, offset), offset=offset, line=number)
        return LineBatch(lines, end, size, name, count)

    reader = RecordReader(file, line_format)
    while (record := reader.read()).has_end:
        if record.is_partial and not whole_tail:
            record = NOTHING  # the rest is still to be written
            break
        lines.append((number + 1, record.data))
        offset, number = offset + record.length, number + record.lines
        if len(lines) == BATCH_LINES:
            yield build_batch()
            lines = []
    if record.data and whole_tail:
        lines.append((number + 1, record.data))
    if lines:
        yield build_batch()


def _wait_until_stable(path: Path, seconds: float) -> None:
    """Wait until the file has been unchanged for some seconds, for at most twice as long."""
    deadline = time.monotonic() + 2 * seconds
    while (left := path.stat().st_mtime + seconds - time.time()) > 0 and time.monotonic() < deadline:
        time.sleep(min(left, seconds))
