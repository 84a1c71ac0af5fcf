"""Recognise a source file and the files that were rotated from it, by what was read of them, whatever they are called now."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from ccfs.db.tenant.ingest_state import SourceCursor
from ccfs.db.tenant.rotated_files import RotatedFile
from ccfs.ingest.files.compression import open_source, read_first_bytes
from ccfs.ingest.files.positions import (
    HEAD_BYTES,
    get_size,
    is_contained,
    is_continued,
    is_older_copy,
    move_cursor,
    read_head,
    read_position,
)
from ccfs.ingest.files.rotation import FoundFile
from ccfs.ingest.files.rotation_gaps import find_gaps
from ccfs.ingest.files.scan import to_db_path
from ccfs.model.source_files import MISSING, OPEN, READ, SKIPPED, FilePosition


@dataclass(slots=True)
class Recognition:
    """The present state of a source and its rotated files."""

    cursor: SourceCursor  # at the start if another file has taken the source's place
    files: list[RotatedFile] = field(default_factory=list)  # all that are known, in the order in which they are read
    paths: dict[str, Path] = field(default_factory=dict)  # of the files on disk, by the path that rows hold
    foreign: list[FoundFile] = field(default_factory=list)  # files on disk that are not of this source


@dataclass(frozen=True, slots=True)
class _Match:
    """A file on disk that is a known one."""

    found: FoundFile
    size: int  # decompressed


class Recogniser:
    """Compares the files on disk with what is known of a source."""

    def __init__(
        self, cursor: SourceCursor, known: Sequence[RotatedFile], live: BinaryIO | None, now: datetime, *, skips: bool
    ) -> None:
        """`live`: the open source, None if there is none; `skips`: the source is new, and its rotated files are not wanted."""
        self._cursor, self._known, self._live, self._now, self._skips = cursor, list(known), live, now, skips
        self._is_reread = cursor.is_reread_requested
        self._is_lost = bool(cursor.offset) and (live is None or not is_continued(live, cursor.position))
        if self._is_lost:
            self._known.append(
                RotatedFile(source=cursor.path, path="", position=cursor.position, state=MISSING, since=now)
            )
        self._by_version: dict[tuple[int, int], list[int]] = defaultdict(list)  # indexes in _known
        for index, row in enumerate(self._known):
            self._by_version[row.size, row.modified_ns].append(index)
        self._matches: dict[int, _Match] = {}  # by index in _known
        self._unknown: list[FoundFile] = []
        self._unreadable: list[FoundFile] = []
        self._result = Recognition(cursor=cursor)

    def recognise(self, found: Sequence[FoundFile]) -> Recognition:
        """Return the state of the source, given its rotated files on disk in order of time."""
        for file in found:
            self._result.paths[to_db_path(file.path)] = file.path
            if not self._find_unchanged(file):
                self._inspect(file)
        self._reset_cursor()
        new = [row for row in (*self._accept_unknown(), *self._list_unreadable()) if not row.row_id]
        rows = [self._update_known(index) for index in range(len(self._known))]
        rows = [row for row in rows if not (self._is_reread and row.state == MISSING)]
        gaps = [] if self._skips else find_gaps(self._known, rows, new, self._now)
        self._result.files = [*rows, *new, *gaps]
        return self._result

    def _find_unchanged(self, file: FoundFile) -> bool:
        """Find a known file of this size and time, which may have been renamed."""
        path = to_db_path(file.path)
        for index in self._by_version.get(file.version, ()):
            row = self._known[index]
            if row.state in (READ, SKIPPED) and (row.path == path or _has_head(file.path, row.position)):
                self._matches.setdefault(index, _Match(file, file.size))
                return True
        return False

    def _inspect(self, file: FoundFile) -> None:
        """Find what a file is by its content."""
        try:
            head = read_first_bytes(file.path, HEAD_BYTES)
            candidates = [index for index, row in enumerate(self._known) if _may_be(head, row.position)]
            is_live_like = self._live is not None and read_head(self._live)[: len(head)] == head
            if not candidates and not is_live_like:
                self._unknown.append(file)
                return
            with open_source(file.path) as source:
                self._compare(file, head, source.file, candidates)
        except FileNotFoundError:
            return  # renamed meanwhile
        except OSError:
            if file.is_near:
                self._unreadable.append(file)

    def _compare(self, file: FoundFile, head: bytes, opened: BinaryIO, candidates: Sequence[int]) -> None:
        if self._live is not None and not self._is_lost and is_contained(opened, self._live):
            return  # a copy of the source: copytruncate has not truncated it yet
        size = get_size(opened)
        continued = [index for index in candidates if _is_match(self._known[index], head, size, opened)]
        if not continued:
            self._unknown.append(file)
            return
        index = max(continued, key=lambda index: self._known[index].position.offset)
        other = self._matches.get(index)
        if other is None or other.size < size:
            self._matches[index] = _Match(file, size)

    def _reset_cursor(self) -> None:
        """Set the cursor to the start if another file has taken the source's place. A source that is absent may come back."""
        if self._is_lost and self._live is None and len(self._known) - 1 not in self._matches:
            self._known.pop()
        elif self._is_lost or self._is_reread:
            self._result.cursor = move_cursor(self._cursor, FilePosition())

    def _update_known(self, index: int) -> RotatedFile:
        """Return a known file as it is now."""
        row, match = self._known[index], self._matches.get(index)
        if match is None:
            is_there = row.path in {to_db_path(file.path) for file in self._unreadable}
            is_read = row.state != OPEN or row.size == row.position.offset
            return row if is_read or is_there else replace(row, state=MISSING, since=self._now)
        now = _describe(row, match.found)
        if row.state == SKIPPED or (row.state == READ and row.size == now.size and not self._is_reread):
            return now
        if row.state != OPEN:
            now = replace(now, state=OPEN, since=self._now)
        return replace(now, position=FilePosition()) if self._is_reread else now

    def _accept_unknown(self) -> Iterable[RotatedFile]:
        """Return the files that were rotated from this source since it was read last; of a new source, to be skipped."""
        matches = ((self._known[index], match.found) for index, match in self._matches.items())
        folders = {found.path.parent for row, found in matches if row.state != SKIPPED}
        for file in self._unknown:
            if not (file.is_near or file.path.parent in folders or self._skips):
                self._result.foreign.append(file)
                continue
            row = self._create_row(file, OPEN)
            if self._skips:
                row = replace(row, state=SKIPPED, position=_read_first_position(file.path))
            yield row

    def _list_unreadable(self) -> Iterable[RotatedFile]:
        """Return rows of files that cannot be read: they are missing until they can be."""
        for file in self._unreadable:
            yield self._create_row(file, MISSING)

    def _create_row(self, file: FoundFile, state: str) -> RotatedFile:
        """Return a row for an unknown file: that of a missing one of its name or version, else a new one."""
        path = to_db_path(file.path)
        for index, row in enumerate(self._known):
            is_it = row.state == MISSING and not row.position.offset and row.row_id
            if is_it and (row.path == path or (row.size, row.modified_ns) == file.version):
                if state != MISSING:
                    self._matches[index] = _Match(file, file.size)
                return row
        return _describe(RotatedFile(source=self._cursor.path, path=path, state=state, since=self._now), file)


def _may_be(head: bytes, position: FilePosition) -> bool:
    """Return whether a file of this beginning may be the one that was read up to the position."""
    length = min(len(head), len(position.head))
    return position.offset > 0 and head[:length] == position.head[:length]


def _is_match(row: RotatedFile, head: bytes, size: int, opened: BinaryIO) -> bool:
    position = row.position
    if row.state == SKIPPED:
        is_proven = position.offset == HEAD_BYTES or position.line > 1 or position.offset == size
        return is_proven and is_continued(opened, position)
    return is_continued(opened, position) or is_older_copy(head, size, position)


def _has_head(path: Path, position: FilePosition) -> bool:
    try:
        return read_first_bytes(path, len(position.head)) == position.head
    except OSError:
        return False


def _describe(row: RotatedFile, file: FoundFile) -> RotatedFile:
    return replace(row, path=to_db_path(file.path), size=file.size, modified_ns=file.modified_ns)


def _read_first_position(path: Path) -> FilePosition:
    """Return the position after the first bytes of a file, which identify it."""
    with open_source(path) as source:
        offset = min(get_size(source.file), HEAD_BYTES)
        return read_position(source.file, offset, read_head(source.file).count(b"\n"))
