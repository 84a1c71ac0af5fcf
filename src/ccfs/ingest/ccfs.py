"""A pass over what CC-FS left: its index files, loose or zipped, and the tree of files that they name."""

import errno
import lzma
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, TypeAlias
from zoneinfo import ZoneInfo

from sqlalchemy.engine import Connection

from ccfs.db.tenant import agent_operations, call_statistics, cdrs, ingest_state
from ccfs.db.tenant.ingest_state import IngestRejection
from ccfs.ingest import folder
from ccfs.ingest.ccfs_tree import (
    CcfsTree,
    IndexedAudio,
    ingest_voice_files,
    save_indexed_recording,
    store_indexed_audio,
)
from ccfs.ingest.context import IngestRun
from ccfs.ingest.folder import ScannedFile
from ccfs.ingest.recordings import report_missing_recordings
from ccfs.model.calls.agent_operation import AgentOperation, AgentSkillChange
from ccfs.model.calls.cdr import Cdr
from ccfs.model.identity.tenancy import Account, App, Vdn
from ccfs.switches import ccfs
from ccfs.switches.ccfs import IndexedRecording, IndexRow
from ccfs.switches.ccfs.csv_lexer import SupportsReadline
from ccfs.switches.records import UnreadableLine

BATCH_ROWS = 500  # rows in one transaction

NumberedRow: TypeAlias = tuple[int, IndexRow | UnreadableLine]  # number of its line, what it is


@dataclass(frozen=True, slots=True, kw_only=True)
class CcfsSource:
    """What an export is of, and where it lies."""

    app: App
    accounts: Mapping[str, Account]
    vdns: Mapping[int, Vdn]
    sources: Sequence[Path]  # folders, zips, CSV files
    recordings: Path | None
    completed_files: set[ScannedFile] = field(
        default_factory=set
    )  # files that a watch need not read again while they stay as they are


@dataclass(frozen=True, slots=True)
class _SortedRows:
    """A batch, sorted."""

    cdrs: list[Cdr] = field(default_factory=list)
    operations: list[AgentOperation] = field(default_factory=list)
    skill_changes: list[AgentSkillChange] = field(default_factory=list)
    recordings: list[tuple[int, IndexedRecording]] = field(default_factory=list)  # with their lines
    rejections: list[IngestRejection] = field(default_factory=list)


class _DamagedFile(Exception):
    """A zip, or a member of one, cannot be read on; the text says why."""


def ingest(run: IngestRun, export: CcfsSource) -> None:
    """One pass. Raises OSError if what is named cannot be opened."""
    tree = CcfsTree.open_tree(export.recordings) if export.recordings else None
    with run.database.read_transaction() as connection:
        wanted = {path for path, _ in ingest_state.list_requested_rereads(connection, export.app)}
    for source in export.sources:
        for seen in folder.scan_folder(source, run.warn) if source.is_dir() else [folder.stat_file(source)]:
            if run.is_stopped():
                return
            if source == seen.path or seen.path.suffix.lower() in (".csv", ".zip"):
                _ingest_source(run, export, seen, tree, is_wanted=folder.to_db_path(seen.path) in wanted)
    if tree is not None:
        ingest_voice_files(run, export.app, export.vdns, tree)
        report_missing_recordings(run, export.app)


def _ingest_source(
    run: IngestRun, export: CcfsSource, seen: ScannedFile, tree: CcfsTree | None, *, is_wanted: bool
) -> None:
    source = folder.to_db_path(seen.path)
    if seen in export.completed_files and not is_wanted:
        return
    if seen.unusable_reason:
        _reject(run, export, source, seen.unusable_reason)
    elif not folder.wait_until_stable(run, seen) or not _ingest_file(run, export, seen, source, tree):
        return
    if is_wanted:
        with run.database.write_transaction() as connection:
            ingest_state.clear_reread_request(connection, export.app, source)


def _ingest_file(run: IngestRun, export: CcfsSource, seen: ScannedFile, source: str, tree: CcfsTree | None) -> bool:
    """Whether it could be opened."""
    try:
        file = open(seen.path, "rb")  # noqa: SIM115  closed below; only this error is the file's
    except OSError as error:
        run.warn(f"{source} cannot be read: {error.strerror}")
        return False
    take = _ingest_zip if seen.path.suffix.lower() == ".zip" else _ingest_index
    with file:
        if take(run, export, file, source, tree) and run.is_watching:
            export.completed_files.add(seen)
    return True


def _ingest_zip(run: IngestRun, export: CcfsSource, file: BinaryIO, source: str, tree: CcfsTree | None) -> bool:
    """Every index file in it. Members are read where they are: none becomes a file, whatever its name."""
    try:
        with _catch_damage():
            archive = zipfile.ZipFile(file)
    except _DamagedFile as damage:
        _reject(run, export, source, f"the zip is damaged: {damage}")
        return True
    with archive:
        members = [member for member in archive.infolist() if member.filename.lower().endswith(".csv")]
        whole = [_ingest_member(run, export, archive, member, source, tree) for member in members]
    return all(whole)


def _ingest_member(
    run: IngestRun,
    export: CcfsSource,
    archive: zipfile.ZipFile,
    member: zipfile.ZipInfo,
    source: str,
    tree: CcfsTree | None,
) -> bool:
    name = f"{source}:{member.filename}"
    try:
        with _catch_damage():
            file = archive.open(member)
    except _DamagedFile as damage:
        _reject(run, export, name, f"the zip is damaged: {damage}")
        return True
    with file:
        return _ingest_index(run, export, file, name, tree)


@contextmanager
def _catch_damage() -> Iterator[None]:
    """Whatever the zip module says of bytes that are no zip, are encrypted or end early."""
    try:
        yield
    except OSError as error:
        if error.errno not in (None, errno.EINVAL):  # the second: an offset that lies before the file
            raise
        raise _DamagedFile(str(error)) from None
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error) as error:
        raise _DamagedFile(str(error)) from None
    except (EOFError, NotImplementedError, RuntimeError, ValueError, OverflowError) as error:
        raise _DamagedFile(str(error) or type(error).__name__) from None


def _reject(run: IngestRun, export: CcfsSource, source: str, reason: str) -> None:
    with run.database.write_transaction() as connection:
        run.reject(connection, export.app, [IngestRejection(file=source, line=0, reason=reason)])


def _ingest_index(
    run: IngestRun, export: CcfsSource, file: SupportsReadline, source: str, tree: CcfsTree | None
) -> bool:
    """Take in an index file; whether that was all: no recording that it names is awaited."""

    def zone_of(account_id: str) -> ZoneInfo | None:
        account = export.accounts.get(account_id)
        return account.zoneinfo if account else None

    done, awaited = 0, 0
    try:
        for batch in _iter_batches(ccfs.parse_index(file, name=source, zone_of=zone_of)):
            rows = _sort_rows(export, source, batch)
            found = store_indexed_audio(run, export.app, [row for _, row in rows.recordings], tree)
            with run.app_transaction(export.app) as connection:
                _save_rows(connection, run, export.app, source, rows, found)
            done, awaited = done + len(batch), awaited + sum(one.is_expected for one in found)
            run.report_progress(source, done, 0)
    except _DamagedFile as damage:
        _reject(run, export, source, f"the file is damaged: {damage}")
    return not awaited


def _iter_batches(rows: Iterator[NumberedRow]) -> Iterator[list[NumberedRow]]:
    """The rows in lists; if the file ends in damage, those before it come first."""
    batch: list[NumberedRow] = []
    try:
        with _catch_damage():
            for row in rows:
                batch.append(row)
                if len(batch) == BATCH_ROWS:
                    yield batch
                    batch = []
    except _DamagedFile:
        if batch:
            yield batch
        raise
    if batch:
        yield batch


def _sort_rows(export: CcfsSource, source: str, batch: Sequence[NumberedRow]) -> _SortedRows:
    """What is to be kept of a batch, each kind by itself, and what is refused."""
    rows = _SortedRows()
    for line, found in batch:
        reason = str(found) if isinstance(found, UnreadableLine) else _find_ownership_error(export, found)
        if reason or isinstance(found, UnreadableLine):
            rows.rejections.append(IngestRejection(file=source, line=line, reason=reason))
            continue
        match found.row:
            case Cdr() as row:
                rows.cdrs.append(row)
            case AgentOperation() as row:
                rows.operations.append(row)
            case AgentSkillChange() as row:
                rows.skill_changes.append(row)
            case IndexedRecording() as row:
                rows.recordings.append((line, row))
    return rows


def _save_rows(
    connection: Connection, run: IngestRun, app: App, source: str, rows: _SortedRows, sounds: Sequence[IndexedAudio]
) -> None:
    _save_cdrs(connection, run, app, rows.cdrs)
    _save_operations(connection, run, app, rows.operations)
    run.result.skill_changes += agent_operations.add_skill_changes(connection, app, rows.skill_changes)
    refusals = list(rows.rejections)
    for (line, _), found in zip(rows.recordings, sounds, strict=True):
        if reason := save_indexed_recording(connection, run, app, found):
            refusals.append(IngestRejection(file=source, line=line, reason=reason))
    run.reject(connection, app, refusals)


def _find_ownership_error(export: CcfsSource, found: IndexRow) -> str:
    """Why the row is not the app's; "" if it is. The developer may differ: an export of one server goes into another."""
    row = found.row
    vdn = str(row.vdn) if isinstance(row, AgentSkillChange) else row.vdn_id
    owner = export.vdns.get(int(vdn)) if vdn.isascii() and vdn.isdecimal() else None
    if owner is None or owner.account_id != row.account_id:
        return f"VDN {vdn} is not of account {row.account_id}"
    return ""


def _save_cdrs(connection: Connection, run: IngestRun, app: App, rows: Sequence[Cdr]) -> None:
    kept = cdrs.find_by_call_ids(connection, app, {row.call_id for row in rows}, [row.begin for row in rows])
    known = {(one.account_id, one.source_key) for found in kept.values() for one in found}
    fresh = {(row.account_id, row.source_key): row for row in rows if (row.account_id, row.source_key) not in known}
    cdrs.add(connection, app, list(fresh.values()))
    if fresh:
        call_statistics.mark_dirty(connection, app, [one for found in kept.values() for one in found])
    run.result.cdrs += len(fresh)
    run.result.duplicates += len(rows) - len(fresh)


def _save_operations(connection: Connection, run: IngestRun, app: App, rows: Sequence[AgentOperation]) -> None:
    known = agent_operations.find_existing_ids(connection, app, {row.id: row.begin for row in rows})
    fresh = {row.id: row for row in rows if row.id not in known}
    agent_operations.add(connection, app, list(fresh.values()))
    run.result.agent_operations += len(fresh)
    run.result.duplicates += len(rows) - len(fresh)
