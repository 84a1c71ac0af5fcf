"""Reading a switch's growing text file from where the last run stopped, in batches, at constant memory.

What was read is known by its beginning and its end, so that a file that was renamed, emptied or filled anew is told from
one that has grown. What the old file still holds after a rotation is read first, where it lies beside the new one.
"""

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path
from typing import BinaryIO, TypeVar

from sqlalchemy.engine import Connection

from ccfs.db.tenant import ingest_state
from ccfs.db.tenant.ingest_state import IngestRejection, SourceCursor
from ccfs.ingest import folder
from ccfs.ingest.context import CallOwner, IngestRun
from ccfs.model.source_files import is_rotated
from ccfs.switches.records import UnreadableLine

BATCH_LINES = 2000  # lines
MAX_LINE_BYTES = 1 << 17  # bytes of a line that are kept in memory; parsers refuse shorter ones already
_FINGERPRINT_BYTES = 1024  # bytes at either end of what was read that it is known by

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class LineBatch:
    """Lines with their numbers, and the cursor behind them."""

    lines: list[tuple[int, bytes]]
    cursor: SourceCursor
    size: int  # of the file when it was opened
    path: str  # absolute, as rows have it


def ingest_file(
    run: IngestRun, owner: CallOwner, path: Path, parse: Callable[[LineBatch], T], keep: Callable[[Connection, T], None]
) -> None:
    """Parse what is new in the file, and keep each batch's rows and the cursor behind them in one transaction.

    One file may be taken in for several accounts, each with a cursor of its own. The cursor is written first: its row
    makes two runs over the same file queue.
    """
    if not run.is_watching:
        _wait_until_stable(path, run.settings.settle_seconds)
    source = f"{owner.account.account_id}:{folder.to_db_path(path)}"
    with run.database.read_transaction() as connection:
        known = ingest_state.find_cursor(connection, owner.app, source) or _create_cursor(source, path)
    is_asked_again = known.is_reread_requested
    for batch in iter_batches(path, known, whole_tail=not run.is_watching):
        if run.is_stopped():
            return
        parsed = parse(batch)
        with run.app_transaction(owner.app) as connection:
            if batch.cursor != known:
                ingest_state.set_cursor(connection, owner.app, batch.cursor, run.now())
            keep(connection, parsed)
        known, is_asked_again = batch.cursor, False
        run.report_progress(path.name, batch.cursor.offset, batch.size)
    if is_asked_again:  # there was not a line in it
        with run.app_transaction(owner.app) as connection:
            ingest_state.set_cursor(connection, owner.app, replace(known, first_line=""), run.now())


def parse_lines(batch: LineBatch, read: Callable[[bytes], T | None]) -> tuple[list[T], list[IngestRejection]]:
    """What `read` makes of each line, None left out; and the lines that it cannot read."""
    found: list[T] = []
    refusals: list[IngestRejection] = []
    for number, line in batch.lines:
        try:
            one = read(line)
        except UnreadableLine as error:
            refusals.append(IngestRejection(file=batch.path, line=number, reason=str(error), raw=line))
        else:
            if one is not None:
                found.append(one)
    return found, refusals


def iter_batches(path: Path, known: SourceCursor, *, whole_tail: bool) -> Iterator[LineBatch]:
    """The lines after the cursor. A last line without its newline comes only if `whole_tail`: it may still be written,
    so the cursor stays before it."""
    with open(path, "rb") as file:
        if known.is_reread_requested or not _is_same_file(file, known):
            for rotated in _find_rotated_files(path, known):
                with open(rotated, "rb") as old:
                    if not _is_same_file(old, known):
                        known = replace(known, first_line="", offset=0, line=0)
                    for batch in _read_batches(old, known, rotated, whole_tail=True):
                        known = batch.cursor
                        yield batch
            known = replace(known, first_line="", offset=0, line=0)
        yield from _read_batches(file, known, path, whole_tail=whole_tail)


def sample_lines(path: Path, spots: int = 40, lines: int = 30) -> list[bytes]:
    """Lines from the whole length of a file, its first ones among them: enough to tell columns and zone by."""
    found: list[bytes] = []
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        for spot in range(spots):
            start = size * spot // spots
            if start and start < file.tell():
                continue  # the lines before reach here already
            file.seek(start)
            if start:
                _read_line(file)
            found += [raw for raw in (_read_line(file)[0] for _ in range(lines)) if raw]
    return found


def _create_cursor(source: str, path: Path) -> SourceCursor:
    written = int(min(max(path.stat().st_mtime, 0), 4e9))  # a time stamp may be anything
    return SourceCursor(path=source, first_line="", offset=0, line=0, started_at=datetime.fromtimestamp(written, UTC))


def _read_batches(file: BinaryIO, known: SourceCursor, path: Path, *, whole_tail: bool) -> Iterator[LineBatch]:
    size, name = os.fstat(file.fileno()).st_size, folder.to_db_path(path)
    file.seek(known.offset)
    offset, number, lines = known.offset, known.line, list[tuple[int, bytes]]()

    def batch() -> LineBatch:
        return LineBatch(
            lines, replace(known, first_line=_fingerprint(file, offset), offset=offset, line=number), size, name
        )

    while (line := _read_line(file))[0].endswith(b"\n"):
        offset, number = offset + line[1], number + 1
        lines.append((number, line[0]))
        if len(lines) == BATCH_LINES:
            yield batch()
            lines = []
    if line[0] and whole_tail:
        lines.append((number + 1, line[0]))
    if lines:
        yield batch()


def _is_same_file(file: BinaryIO, known: SourceCursor) -> bool:
    """Whether the file is the one that was read up to the cursor, as far as that can be told."""
    return known.offset <= os.fstat(file.fileno()).st_size and _fingerprint(file, known.offset) in (
        known.first_line,
        _EMPTY_FINGERPRINT,
    )


def _find_rotated_files(path: Path, known: SourceCursor) -> list[Path]:
    """The file that was read up to the cursor, under its new name (Master.csv.1, Master.csv-20240115), and those that were
    rotated after it, in order of time; nothing if it is not there. If somebody wants them again: all that were ever read,
    which are those that are not older than the file was when it was first read."""
    names = [one for one in path.parent.iterdir() if is_rotated(one.name, path.name) and one.is_file()]
    files = sorted(names, key=lambda one: (one.stat().st_mtime_ns, one.name))
    if known.is_reread_requested:
        since = known.started_at.timestamp() if known.started_at else 0.0
        return [one for one in files if one.stat().st_mtime >= since]
    for place, one in enumerate(files):
        with open(one, "rb") as file:
            if _is_same_file(file, known):
                return files[place:]
    return []


def _fingerprint(file: BinaryIO, offset: int) -> str:
    """What the first bytes of a file up to an offset are known by: a digest of the first and the last of them."""
    length = min(offset, _FINGERPRINT_BYTES)
    ends = os.pread(file.fileno(), length, 0), os.pread(file.fileno(), length, offset - length)
    return blake2b(b"".join(ends), digest_size=16).hexdigest()


_EMPTY_FINGERPRINT = blake2b(b"", digest_size=16).hexdigest()  # what no byte is known by


def _wait_until_stable(path: Path, seconds: float) -> None:
    """Wait until the file has been unchanged for some seconds, for at most as long again."""
    until = time.monotonic() + 2 * seconds
    while (rest := path.stat().st_mtime + seconds - time.time()) > 0 and time.monotonic() < until:
        time.sleep(min(rest, seconds))


def _read_line(file: BinaryIO) -> tuple[bytes, int]:
    """A line, cut to LONGEST, and its full length in the file."""
    raw = file.readline(MAX_LINE_BYTES)
    length = len(raw)
    rest = raw
    while rest and not rest.endswith(b"\n"):
        rest = file.readline(MAX_LINE_BYTES)
        length += len(rest)
    return (raw if length == len(raw) else raw[: MAX_LINE_BYTES - 1] + b"\n"), length
