"""One pass over a source file and its rotated files.

Files are recognised by their content (recognition.py). The position in each file is stored in the database, in the
transaction that adds the rows of its lines.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from sqlalchemy.engine import Connection

from ccfs.db.tenant.ingest import ingest_state, resolved_rejections, rotated_files
from ccfs.db.tenant.ingest.ingest_state import IngestRejection, SourceCursor
from ccfs.db.tenant.ingest.rotated_files import RotatedFile
from ccfs.ingest.context import CallOwner, IngestRun
from ccfs.ingest.files.contents.compression import OpenedSource, is_compressed, open_if_present, open_source
from ccfs.ingest.files.contents.positions import is_continued, is_proof, move_cursor, read_head
from ccfs.ingest.files.contents.record_reader import LineFormat
from ccfs.ingest.files.cursors import create_cursor, get_cursor_name
from ccfs.ingest.files.line_reader import LineBatch, read_batches
from ccfs.ingest.files.rotation import candidates
from ccfs.ingest.files.rotation.folders_beside import build_suspect, find_own_folder, find_suspects
from ccfs.ingest.files.rotation.missing_files import is_searched, report_missing_files
from ccfs.ingest.files.rotation.recognition import QUIET_SECONDS, FileChanged, Recogniser, Recognition
from ccfs.ingest.files.scan import to_db_path
from ccfs.model.source_files import MISSING, OPEN, READ, SKIPPED

_RENAMING_SECONDS = 1.0  # in which logrotate renames the files of a log

T = TypeVar("T")


class MovedByOtherRun(FileChanged):
    """Another run has read more of the file since this one checked."""


class SourceReader:
    """One pass over a source and the files that were rotated from it."""

    def __init__(
        self,
        run: IngestRun,
        owner: CallOwner,
        path: Path,
        line_format: LineFormat | None,
        rotated: Sequence[Path] | None,
    ) -> None:
        self._run, self._owner, self._path, self._line_format, self._rotated = run, owner, path, line_format, rotated
        self._name = get_cursor_name(owner, path)
        self._format = ""  # as it is saved

    def ingest(self, parse: Callable[[LineBatch], T], save: Callable[[Connection, T], None]) -> None:
        """Read new lines. Raise FileChanged if the files change in the meantime, or another run reads them."""
        version = self._wait_for_source()
        if version and version in self._run.finished_files:
            return
        with self._run.database.read_transaction() as connection:
            cursor = ingest_state.find_cursor(connection, self._owner.app, self._name)
            known = rotated_files.list_by_source(connection, self._owner.app, self._name)
        self._format = cursor.format if cursor else ""
        with open_if_present(self._path) as live:
            self._report_absence(live, known)
            cursor, files = self._recognise(cursor, known, live)
            for file, path in files:
                self._read_rotated(file, path, parse, save)
            if live is not None:
                self._read_live(cursor, live, parse, save)
        if version and self._run.is_watching and is_compressed(self._path):
            self._run.finished_files.add(version)

    def _wait_for_source(self) -> tuple[object, ...]:
        """Return a value that changes with every write to the source; () if there is none. A single run waits for quiet."""
        try:
            if not self._run.is_watching:
                _wait_until_stable(self._path, self._run.settings.settle_seconds)
            status = self._path.stat()
        except FileNotFoundError:
            return ()
        return (self._name, status.st_size, status.st_mtime_ns, status.st_ino)

    def _report_absence(self, live: OpenedSource | None, known: Sequence[RotatedFile]) -> None:
        """Report once that the source is absent: "nocreate" leaves none, and a file system may be unmounted."""
        if live is not None:
            self._run.absent_files.discard(self._path)
        elif not known and not self._run.is_watching and not candidates.has_rotated_files(self._path):
            raise FileNotFoundError(f"file not found: {self._path}")
        elif self._path not in self._run.absent_files:
            self._run.absent_files.add(self._path)
            self._run.alert(
                f"{to_db_path(self._path)} does not exist at present", "source_absent", file=to_db_path(self._path)
            )

    def _recognise(
        self, old: SourceCursor | None, known: list[RotatedFile], live: OpenedSource | None
    ) -> tuple[SourceCursor, list[tuple[RotatedFile, Path]]]:
        """Save changes of the files. Return the cursor of the source, and the rotated files to read."""
        cursor = old or create_cursor(self._name, self._path)
        if old is not None and not self._must_search(old, known, live):
            return cursor, []
        result = self._search(cursor, known, live, skips=old is None and self._rotated is None)
        if _has_new_missing(result, known):
            time.sleep(_RENAMING_SECONDS)
            result = self._search(cursor, known, live, skips=False)
        for suspect in find_suspects(self._run, self._path, cursor, result):
            self._reject(suspect, "rotated_file_unknown")
        foreign = (file for file in result.foreign if candidates.has_source(file.path.parent, self._path))
        self._run.finished_files.update((self._name, file.path, file.version) for file in foreign)
        if result.cursor != old or result.files != known:
            self._save_recognition(old, known, result)
        with self._run.database.read_transaction() as connection:
            rows = rotated_files.list_by_source(connection, self._owner.app, self._name)
        report_missing_files(self._run, self._owner.app, self._path, rows)
        return result.cursor, result.list_files_to_read(rows)

    def _search(
        self, cursor: SourceCursor, known: list[RotatedFile], live: OpenedSource | None, *, skips: bool
    ) -> Recognition:
        """Search near the source first, and elsewhere if files are missing or the source does not show what is missing."""
        file = live.file if live else None
        remembered = {Path(row.path).parent for row in known if row.path and row.state != SKIPPED}
        for is_far in (False, True):
            found = [
                candidate
                for candidate in candidates.find_rotated_files(
                    self._path, self._rotated, remembered, is_far=is_far or skips
                )
                if (self._name, candidate.path, candidate.version) not in self._run.finished_files
            ]
            recognise = partial(Recogniser, cursor, known, file, self._run.now(), skips=skips)
            result = recognise().recognise(found)
            if result.foreign and (folder := find_own_folder(self._run, self._path, cursor, result)):
                result = recognise(own_folder=folder).recognise(found)
            if skips or not (self._is_weak(cursor, known) or any(row.state == MISSING for row in result.files)):
                break
        return result

    def _is_weak(self, cursor: SourceCursor, known: Sequence[RotatedFile]) -> bool:
        """Return whether the source cannot show a rotation: at most one line of it was read, which may be a header."""
        return not cursor.offset or (cursor.line < 2 and (self._rotated != [] or bool(known)))

    def _must_search(self, cursor: SourceCursor, known: Sequence[RotatedFile], live: OpenedSource | None) -> bool:
        """Return whether rotated files may be new or have changed."""
        if live is None or cursor.is_reread_requested or not is_continued(live.file, cursor.position):
            return True
        return self._is_weak(cursor, known) or any(
            row.state == OPEN or is_searched(row, self._run.now()) for row in known
        )

    def _save_recognition(self, old: SourceCursor | None, known: list[RotatedFile], result: Recognition) -> None:
        app = self._owner.app
        with self._run.app_transaction(app) as connection:
            if rotated_files.list_by_source(connection, app, self._name) != known:
                raise MovedByOtherRun
            if result.cursor != old and not rotated_files.move_cursor(
                connection, app, old, result.cursor, self._run.now()
            ):
                raise MovedByOtherRun
            kept = {row.row_id for row in result.files}
            rotated_files.delete(connection, app, (row.row_id for row in known if row.row_id not in kept))
            found = [build_suspect(self._path, row.path) for row in result.files if not row.row_id]
            resolved_rejections.delete(connection, app, found)
            old_rows = {row.row_id: row for row in known}
            rotated_files.save(connection, app, (row for row in result.files if old_rows.get(row.row_id) != row))

    def _read_rotated(
        self, row: RotatedFile, path: Path, parse: Callable[[LineBatch], T], save: Callable[[Connection, T], None]
    ) -> None:
        """Read a rotated file from the stored position, to its end unless somebody is still writing it."""
        app, now = self._owner.app, self._run.now()
        try:
            with open_source(path) as source:
                if not _is_still(row, source):
                    raise FileChanged
                is_packed = source.is_packed
                is_quiet = now.timestamp() - source.version[1] / 1e9 > QUIET_SECONDS
                is_final = not self._run.is_watching or is_quiet or (is_packed and not source.damage)
                batches = read_batches(
                    source.file, row.position, path, whole_tail=is_final, line_format=self._line_format
                )
                for batch in batches:
                    if self._run.is_stopped():
                        return
                    new = replace(row, position=batch.end)
                    self._save_batch(parse(batch), save, partial(self._move_rotated, row, new))
                    row = new
                    if self._leaves_rest(source, path, batch):
                        break
        except FileNotFoundError:
            raise FileChanged from None
        if source.damage and is_final:
            self._reject(IngestRejection(file=to_db_path(path), line=0, reason=source.damage))
        if is_quiet or (is_packed and not source.damage):
            with self._run.app_transaction(app) as connection:
                rotated_files.save(connection, app, [replace(row, state=READ, since=now)])

    def _read_live(
        self,
        cursor: SourceCursor,
        live: OpenedSource,
        parse: Callable[[LineBatch], T],
        save: Callable[[Connection, T], None],
    ) -> None:
        whole_tail = not self._run.is_watching
        for batch in read_batches(
            live.file, cursor.position, self._path, whole_tail=whole_tail, line_format=self._line_format
        ):
            if self._run.is_stopped() or self._run.has_enough_lines(cursor.line):
                return
            parsed = parse(batch)
            new = replace(move_cursor(cursor, batch.end), format=self._describe_format())
            self._save_batch(parsed, save, partial(self._move_cursor, cursor, new))
            cursor = new
            self._run.report_progress(self._path.name, batch.end.offset, batch.size)
            if self._leaves_rest(live, self._path, batch):
                break
        if live.damage:
            self._reject(IngestRejection(file=to_db_path(self._path), line=0, reason=live.damage))

    def _move_cursor(self, old: SourceCursor, new: SourceCursor, connection: Connection) -> bool:
        """Move the cursor, except if only an unfinished line was read."""
        return new == old or rotated_files.move_cursor(connection, self._owner.app, old, new, self._run.now())

    def _move_rotated(self, old: RotatedFile, new: RotatedFile, connection: Connection) -> bool:
        return rotated_files.move_position(connection, self._owner.app, old, new)

    def _save_batch(self, parsed: T, save: Callable[[Connection, T], None], move: Callable[[Connection], bool]) -> None:
        """Save a batch's rows and the position after it. The position goes first: its row serialises two runs."""
        app, text = self._owner.app, self._describe_format()
        with self._run.app_transaction(app) as connection:
            if not move(connection):
                raise MovedByOtherRun
            if text != self._format:
                rotated_files.set_format(connection, app, self._name, text)
            save(connection, parsed)
        self._format = text

    def _leaves_rest(self, source: OpenedSource, path: Path, batch: LineBatch) -> bool:
        """Return whether the rest of a compressed file is not worth reading. If so, report that."""
        batch.count.read += len(batch.lines)
        if not source.is_packed or not batch.count.is_useless():
            return False
        self._reject(IngestRejection(file=to_db_path(path), line=0, reason=batch.count.describe()))
        return True

    def _describe_format(self) -> str:
        return (self._line_format.describe() if self._line_format else "") or self._format

    def _reject(self, rejection: IngestRejection, action: str = "source_damaged") -> None:
        if (rejection.file, rejection.reason) in self._run.finished_files:
            return
        self._run.finished_files.add((rejection.file, rejection.reason))
        with self._run.app_transaction(self._owner.app) as connection:
            self._run.reject(connection, self._owner.app, [rejection])
        self._run.alert(f"{rejection.file}: {rejection.reason}", action, file=rejection.file)


def _has_new_missing(result: Recognition, known: Sequence[RotatedFile]) -> bool:
    missing = {row.row_id for row in known if row.state == MISSING}
    return any(row.state == MISSING and row.row_id not in missing for row in result.files)


def _wait_until_stable(path: Path, seconds: float) -> None:
    """Wait until the file has been unchanged for some seconds, for at most twice as long."""
    deadline = time.monotonic() + 2 * seconds
    while (left := path.stat().st_mtime + seconds - time.time()) > 0 and time.monotonic() < deadline:
        time.sleep(min(left, seconds))


def _is_still(row: RotatedFile, source: OpenedSource) -> bool:
    """Return whether an opened file is that of the row: logrotate may have renamed it in the meantime."""
    position = row.position
    if (row.size, row.modified_ns) == source.version:
        return True
    is_begun = read_head(source.file).startswith(position.head) and is_continued(source.file, position)
    return is_begun and is_proof(position)
