"""One pass over an export of CC-FS: its index files, loose or zipped, then the voice files of its tree."""

import os
import zipfile
from collections.abc import Iterator
from functools import partial
from typing import BinaryIO, TypeAlias
from zoneinfo import ZoneInfo

from ccfs.db.tenant.ingest import ingest_state
from ccfs.db.tenant.ingest.ingest_state import IngestRejection
from ccfs.ingest.ccfs.rows import save_rows, sort_rows
from ccfs.ingest.ccfs.source import CcfsSource
from ccfs.ingest.ccfs.tree import CcfsTree, find_files_of_recording, store_indexed_audio
from ccfs.ingest.ccfs.voice_files import ingest_voice_files
from ccfs.ingest.context import IngestRun
from ccfs.ingest.files import scan
from ccfs.ingest.files.contents.damage import DamagedFile, LineCount, UnreadRest, catch_damage
from ccfs.ingest.files.contents.limited_reader import UnpackedBytes, open_limited
from ccfs.ingest.files.scan import ScannedFile
from ccfs.ingest.recordings.expected import report_missing_recordings
from ccfs.ingest.recordings.restore import restore_lost_recordings
from ccfs.switches import ccfs
from ccfs.switches.ccfs import IndexRow
from ccfs.switches.ccfs.csv_lexer import SupportsReadline
from ccfs.switches.records import UnreadableLine

BATCH_ROWS = 500  # rows in one transaction
_ZIP_FACTOR = 4  # of the limit of all members to that of one member of the same size

_NumberedRow: TypeAlias = tuple[int, IndexRow | UnreadableLine]  # line number, row


def ingest(run: IngestRun, source: CcfsSource) -> None:
    """Run one pass. Raise OSError if a path of the source cannot be opened."""
    tree = CcfsTree.open_tree(source.recordings) if source.recordings else None
    with run.database.read_transaction() as connection:
        rereads = {path for path, _ in ingest_state.list_requested_rereads(connection, source.app)}
    for path in source.sources:
        for file in scan.scan_folder(path, run.warn) if path.is_dir() else [scan.stat_file(path)]:
            if run.is_stopped():
                return
            if path == file.path or file.path.suffix.lower() in (".csv", ".zip"):
                _ingest_source_file(run, source, file, tree, is_reread=scan.to_db_path(file.path) in rereads)
    if tree is not None:
        restore_lost_recordings(run, source.app, partial(find_files_of_recording, tree))
        ingest_voice_files(run, source.app, source.vdns, tree)
        report_missing_recordings(run, source.app)


def _ingest_source_file(
    run: IngestRun, source: CcfsSource, file: ScannedFile, tree: CcfsTree | None, *, is_reread: bool
) -> None:
    name = scan.to_db_path(file.path)
    if file in source.completed_files and not is_reread:
        return
    if file.unusable_reason:
        _reject_file(run, source, name, file.unusable_reason)
    elif not scan.wait_until_stable(run, file) or not _open_and_ingest(run, source, file, name, tree):
        return
    if is_reread:
        with run.database.write_transaction() as connection:
            ingest_state.clear_reread_request(connection, source.app, name)


def _open_and_ingest(run: IngestRun, source: CcfsSource, file: ScannedFile, name: str, tree: CcfsTree | None) -> bool:
    """Ingest a zip or an index file. Return whether it could be opened."""
    try:
        opened = open(file.path, "rb")  # noqa: SIM115  closed below; only errors of open itself are caught
    except OSError as error:
        run.warn(f"{name} cannot be read: {error.strerror}")
        return False
    ingest_opened = _ingest_zip if file.path.suffix.lower() == ".zip" else _ingest_index
    with opened:
        if ingest_opened(run, source, opened, name, tree) and run.is_watching:
            source.completed_files.add(file)
    return True


def _ingest_zip(run: IngestRun, source: CcfsSource, file: BinaryIO, name: str, tree: CcfsTree | None) -> bool:
    """Ingest every index file in a zip. Return whether all are complete.

    Members are read in place: none is extracted, whatever its name.
    """
    try:
        with catch_damage():
            archive = zipfile.ZipFile(file)
    except DamagedFile as damage:
        _reject_file(run, source, name, f"the zip is damaged: {damage}")
        return True
    unpacked, is_complete = UnpackedBytes(os.fstat(file.fileno()).st_size, _ZIP_FACTOR), True
    with archive:
        for member in archive.infolist():
            if member.filename.lower().endswith(".csv"):
                is_complete &= _ingest_member(run, source, archive, member, name, tree, unpacked)
            if unpacked.is_exceeded or run.is_stopped():
                break  # the bytes of one member may be those of many others
    return is_complete


def _ingest_member(
    run: IngestRun,
    source: CcfsSource,
    archive: zipfile.ZipFile,
    member: zipfile.ZipInfo,
    zip_name: str,
    tree: CcfsTree | None,
    unpacked: UnpackedBytes,
) -> bool:
    name = f"{zip_name}:{member.filename}"
    try:
        with catch_damage():
            file = archive.open(member)
    except DamagedFile as damage:
        _reject_file(run, source, name, f"the zip is damaged: {damage}")
        return True
    with file, open_limited(file, (UnpackedBytes(member.compress_size), unpacked)) as limited:
        return _ingest_index(run, source, limited, name, tree)


def _ingest_index(run: IngestRun, source: CcfsSource, file: SupportsReadline, name: str, tree: CcfsTree | None) -> bool:
    """Ingest an index file. Return whether it is complete: all recordings that it names have arrived."""

    def find_zone(account_id: str) -> ZoneInfo | None:
        account = source.accounts.get(account_id)
        return account.zoneinfo if account else None

    count, expected = LineCount(), 0
    try:
        for batch in _iter_batches(ccfs.parse_index(file, name=name, zone_of=find_zone)):
            rows = sort_rows(source, name, batch)
            audio = store_indexed_audio(run, source.app, [row for _, row in rows.recordings], tree)
            with run.app_transaction(source.app) as connection:
                save_rows(connection, run, source.app, name, rows, audio)
            expected += sum(recording.is_expected for recording in audio)
            count.read += len(batch)
            count.unreadable += sum(_is_unreadable(row) for _, row in batch)
            run.report_progress(name, count.read, 0)
            if count.is_useless():
                raise UnreadRest(count.describe())
            if run.has_enough_lines(count.read):
                break
    except UnreadRest as error:
        _reject_file(run, source, name, str(error))
    except DamagedFile as damage:
        _reject_file(run, source, name, f"the file is damaged: {damage}")
    return not expected


def _is_unreadable(row: IndexRow | UnreadableLine) -> bool:
    """Return whether a row is damaged. Rows of unknown accounts are not."""
    return isinstance(row, UnreadableLine) and not isinstance(row, ccfs.UnknownAccount)


def _iter_batches(rows: Iterator[_NumberedRow]) -> Iterator[list[_NumberedRow]]:
    """Yield the rows in lists. If the file ends in damage, yield the rows before the damage first."""
    batch: list[_NumberedRow] = []
    try:
        with catch_damage():
            for row in rows:
                batch.append(row)
                if len(batch) == BATCH_ROWS:
                    yield batch
                    batch = []
    except DamagedFile:
        if batch:
            yield batch
        raise
    if batch:
        yield batch


def _reject_file(run: IngestRun, source: CcfsSource, name: str, reason: str) -> None:
    with run.database.write_transaction() as connection:
        run.reject(connection, source.app, [IngestRejection(file=name, line=0, reason=reason)])
