"""Recognise a source file and its rotated files by the bytes that were read of them, whatever their names are now."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from ccfs.db.tenant.ingest.ingest_state import SourceCursor
from ccfs.db.tenant.ingest.rotated_files import RotatedFile
from ccfs.ingest.files.contents.compression import open_source, read_first_bytes
from ccfs.ingest.files.contents.positions import (
    HEAD_BYTES,
    build_first_position,
    get_size,
    is_contained,
    is_continued,
    is_older_copy,
    is_proof,
    move_cursor,
    read_head,
)
from ccfs.ingest.files.rotation.candidates import FoundFile, get_order
from ccfs.ingest.files.rotation.gaps import find_gaps
from ccfs.ingest.files.scan import to_db_path
from ccfs.model.source_files import MISSING, OPEN, READ, SKIPPED, FilePosition, split_rotation_number


@dataclass(slots=True)
class Recognition:
    """The current state of a source and its rotated files."""

    cursor: SourceCursor  # at the start if another file has taken the source's place
    files: list[RotatedFile] = field(default_factory=list)  # all that are known, in the order in which they are read
    paths: dict[str, Path] = field(default_factory=dict)  # of the files on disk, by the path that rows hold
    foreign: list[FoundFile] = field(default_factory=list)  # files on disk that are not of this source

    def list_files_to_read(self, rows: Sequence[RotatedFile]) -> list[tuple[RotatedFile, Path]]:
        """Return the saved rows that are not read to their end, with their files."""
        return [(row, self.paths[row.path]) for row in rows if row.state == OPEN and row.path in self.paths]


QUIET_SECONDS = 60.0  # after the last write to a rotated file, until nobody is expected to write to it


class FileChanged(Exception):
    """A file was emptied or renamed during the pass. The pass must start again, because files are read in order."""


class Recogniser:
    """Compares the files on disk with what is known of a source."""

    def __init__(
        self,
        cursor: SourceCursor,
        known: Sequence[RotatedFile],
        live: BinaryIO | None,
        now: datetime,
        *,
        skips: bool,
        own_folder: Path | None = None,
    ) -> None:
        """`live`: the open source, None if there is none; `skips`: the source is new, and its rotated files are to be skipped;

        `own_folder`: a folder beside the source's whose files also belong to the source.
        """
        self._own_folders = {own_folder} if own_folder else set()
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
        self._matches: dict[int, FoundFile] = {}  # the file on disk of each known one, by index in _known
        self._unknown: dict[tuple[tuple[int, int], bytes], FoundFile] = {}  # by version and first bytes
        self._unreadable: list[FoundFile] = []
        self._result = Recognition(cursor=cursor)

    def recognise(self, found: Sequence[FoundFile]) -> Recognition:
        """Return the state of the source, given its rotated files on disk in order of time.

        Raise FileChanged if the source was emptied or a file was renamed in the meantime.
        """
        for file in sorted(found, key=lambda file: not file.is_near):  # elsewhere are copies
            if not self._find_unchanged(file):
                self._inspect(file)
        unreadable = {file.path for file in self._unreadable}
        self._result.paths = {to_db_path(file.path): file.path for file in found if file.path not in unreadable}
        if self._live is not None and self._is_lost == is_continued(self._live, self._cursor.position):
            raise FileChanged
        self._reset_cursor()
        new = [*self._accept_unknown(), *self._list_unreadable()]
        rows = [self._update_known(index) for index in range(len(self._known))]
        found_again = [(self._known[index], rows[index]) for index in self._matches]
        paths = [to_db_path(file.path) for file in found]
        gaps = [] if self._skips else find_gaps(self._cursor.path, found_again, paths, self._now)
        self._result.files = [*(row for row in rows if not self._is_resolved(row)), *new, *gaps]
        return self._result

    def _is_resolved(self, row: RotatedFile) -> bool:
        """Return whether a row is obsolete: its file is readable again, or all files are read again."""
        is_unnamed = not row.position.head and not row.is_reported
        is_found = row.state == READ or (
            row.state == MISSING and any(_is_same_path(row, path) for path in self._result.paths)
        )
        return (is_unnamed and is_found) or (self._is_reread and row.state == MISSING)

    def _find_unchanged(self, file: FoundFile) -> bool:
        """Find a known file with this size and time. It may have been renamed."""
        for index in self._by_version.get(file.version, ()):
            if index not in self._matches and _has_head(file, self._known[index].position):
                self._matches[index] = file
                return True
        return False

    def _inspect(self, file: FoundFile) -> None:
        """Identify a file by its content. It may have been renamed since the listing: its version is the opened file's."""
        try:
            head, version = read_first_bytes(file.path, HEAD_BYTES)
            file = replace(file, version=version)
            if not head:
                self._inspect_empty(file)
                return
            candidates = [index for index, row in enumerate(self._known) if _may_be(head, row.position)]
            is_live_like = self._live is not None and read_head(self._live)[: len(head)] == head
            if not candidates and not is_live_like:
                self._unknown[version, head] = file
                return
            with open_source(file.path) as source:
                self._compare(replace(file, version=source.version), source.file, candidates)
        except FileNotFoundError:
            raise FileChanged from None
        except OSError:
            if file.is_near:
                self._unreadable.append(file)

    def _inspect_empty(self, file: FoundFile) -> None:
        """Check whether a file without lines is damaged. A recently written one may be about to be compressed."""
        size, modified_ns = file.version
        if size and self._now.timestamp() - modified_ns / 1e9 > QUIET_SECONDS and file.is_near:
            with open_source(file.path) as source:
                if source.damage:
                    self._unreadable.append(file)

    def _compare(self, file: FoundFile, opened: BinaryIO, candidates: Sequence[int]) -> None:
        if self._live is not None and is_contained(opened, self._live):
            return  # the source itself, renamed since it was opened, or copied and not truncated yet
        head, size = read_head(opened), get_size(opened)
        rows = ((index, self._known[index]) for index in candidates)
        matching = (index for index, row in rows if self._may_skip(file, row) and _is_match(row, head, size, opened))
        for index in sorted(matching, key=self._get_rank, reverse=True):
            other = self._matches.get(index)
            if other is None:
                self._matches[index] = file
                return
            with open_source(other.path) as source:
                if is_contained(opened, source.file):
                    return  # a copy of a file that is known already
                if is_contained(source.file, opened):
                    self._matches[index] = file
                    return
        self._unknown[file.version, head] = file

    def _may_skip(self, file: FoundFile, row: RotatedFile) -> bool:
        """Return whether a row allows skipping a file. Rows of a neighbouring folder say nothing about its other files."""
        own = self._cursor.path.partition(":")[2].rpartition("/")[0]
        return row.state != SKIPPED or not file.is_near or row.path.startswith(f"{own}/")

    def _get_rank(self, index: int) -> tuple[bool, int, int]:
        """Return a sort key: files that were read further come first, and among equals the previous source."""
        row = self._known[index]
        return row.state != SKIPPED, row.position.offset, index

    def _reset_cursor(self) -> None:
        """Reset the cursor if another file has replaced the source. An absent source may come back."""
        if self._is_lost and self._live is None and len(self._known) - 1 not in self._matches:
            self._known.pop()
        elif self._is_lost or self._is_reread:
            self._result.cursor = move_cursor(self._cursor, FilePosition())

    def _update_known(self, index: int) -> RotatedFile:
        """Return the current state of a known file."""
        row, found = self._known[index], self._matches.get(index)
        if found is None:
            if row.state == MISSING and row.size and not row.position.head and row.path in self._result.paths:
                return replace(row, state=READ)  # it can be read now, and is known by its content
            if row.state != OPEN or row.path in {to_db_path(file.path) for file in self._unreadable}:
                return row
            return replace(row, state=READ if row.size == row.position.offset else MISSING, since=self._now)
        now = _describe(row, found)
        if row.state == SKIPPED or (row.state == READ and row.size == now.size and not self._is_reread):
            return now
        if row.state != OPEN:
            now = replace(now, state=OPEN, since=self._now)
        return replace(now, position=FilePosition(head=row.position.head)) if self._is_reread else now

    def _accept_unknown(self) -> Iterable[RotatedFile]:
        """Return the files rotated from this source since it was last read. Those of a new source are to be skipped."""
        matches = ((self._known[index], found) for index, found in self._matches.items())
        folders = {found.path.parent for row, found in matches if row.state != SKIPPED} | self._own_folders
        for (_, head), file in sorted(self._unknown.items(), key=lambda known: get_order(known[1])):
            if not (file.is_near or file.path.parent in folders or self._skips):
                self._result.foreign.append(file)
                continue
            row = self._create_row(file, SKIPPED if self._skips else OPEN)
            if not row.row_id:
                yield replace(row, position=build_first_position(head) if self._skips else FilePosition(head=head))

    def _list_unreadable(self) -> Iterable[RotatedFile]:
        """Return rows of files that cannot be read. They count as missing until they can."""
        for file in self._unreadable:
            if not (row := self._create_row(file, MISSING)).row_id:
                yield row

    def _create_row(self, file: FoundFile, state: str) -> RotatedFile:
        """Return a row for an unknown file: the row of a missing file with its name or version, otherwise a new one."""
        path = to_db_path(file.path)
        for index, row in enumerate(self._known):
            is_it = row.state == MISSING and not row.position.head
            if is_it and (_is_same_path(row, path) or (row.size, row.modified_ns) == file.version):
                if state == MISSING:
                    self._known[index] = _describe(row, file)
                else:
                    self._matches[index] = file
                return row
        return _describe(RotatedFile(source=self._cursor.path, path=path, state=state, since=self._now), file)


def _is_same_path(row: RotatedFile, path: str) -> bool:
    """Return whether a path is that of a row, or of the same file compressed."""
    number = split_rotation_number(path)
    return row.path == path or (number is not None and number == split_rotation_number(row.path))


def _may_be(head: bytes, position: FilePosition) -> bool:
    """Return whether a file with this beginning may be the one that was read up to the position."""
    length = min(len(head), len(position.head))
    return bool(position.head) and head[:length] == position.head[:length]


def _is_match(row: RotatedFile, head: bytes, size: int, opened: BinaryIO) -> bool:
    position = row.position
    if not position.offset:
        return head.startswith(position.head)
    if row.state == SKIPPED:
        return (is_proof(position) or position.offset == size) and is_continued(opened, position)
    return is_continued(opened, position) or is_older_copy(head, size, position)


def _has_head(file: FoundFile, position: FilePosition) -> bool:
    try:
        return bool(position.head) and read_first_bytes(file.path, len(position.head)) == (position.head, file.version)
    except OSError:
        return False


def _describe(row: RotatedFile, file: FoundFile) -> RotatedFile:
    size, modified_ns = file.version
    return replace(row, path=to_db_path(file.path), size=size, modified_ns=modified_ns)
