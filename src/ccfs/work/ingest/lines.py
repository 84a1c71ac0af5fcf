"""Reading a switch's growing text file from where the last run stopped, in batches, at constant memory."""

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path
from typing import BinaryIO

from ccfs.store.intake import Cursor

BATCH = 2000  # lines
LONGEST = 1 << 17  # bytes of a line that are kept in memory; parsers refuse shorter ones already


@dataclass(frozen=True, slots=True)
class Batch:
    """Lines with their numbers, and the cursor behind them."""

    lines: list[tuple[int, bytes]]
    cursor: Cursor
    size: int  # of the file when it was opened
    path: str  # absolute


def batches(path: Path, known: Cursor | None, *, whole_tail: bool) -> Iterator[Batch]:
    """The lines after the cursor. A last line without its newline comes only if `whole_tail`: it may still be written.

    A file whose first line is another one, or that is shorter than the cursor, was rotated: it is read from its start.
    """
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        first = _first_line(file)
        if known is None or known.first_line != first or known.offset > size:
            known = Cursor(path="", first_line=first, offset=0, line=0)
        file.seek(known.offset)
        offset, number, lines = known.offset, known.line, list[tuple[int, bytes]]()
        while True:
            raw, length = _line(file)
            if not raw.endswith(b"\n") and not (raw and whole_tail):
                break
            offset, number = offset + length, number + 1
            lines.append((number, raw))
            if len(lines) == BATCH:
                yield Batch(lines, replace(known, offset=offset, line=number), size, str(path.absolute()))
                lines = []
        if lines:
            yield Batch(lines, replace(known, offset=offset, line=number), size, str(path.absolute()))


def sample(path: Path, spots: int = 40, lines: int = 30) -> list[bytes]:
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
                _line(file)
            found += [raw for raw in (_line(file)[0] for _ in range(lines)) if raw.endswith(b"\n") or raw]
    return found


def wait_settled(path: Path, seconds: float) -> None:
    """Wait until the file has been unchanged for some seconds, for at most as long again."""
    until = time.monotonic() + 2 * seconds
    while (rest := path.stat().st_mtime + seconds - time.time()) > 0 and time.monotonic() < until:
        time.sleep(min(rest, seconds))


def _first_line(file: BinaryIO) -> str:
    raw = file.readline(LONGEST)
    file.seek(0)
    return blake2b(raw, digest_size=16).hexdigest() if raw.endswith(b"\n") else ""


def _line(file: BinaryIO) -> tuple[bytes, int]:
    """A line, cut to LONGEST, and its full length in the file."""
    raw = file.readline(LONGEST)
    length = len(raw)
    rest = raw
    while rest and not rest.endswith(b"\n"):
        rest = file.readline(LONGEST)
        length += len(rest)
    return (raw if length == len(raw) else raw[: LONGEST - 1] + b"\n"), length
