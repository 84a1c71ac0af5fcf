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

from ccfs.model.agent_operation import AgentOperation, AgentSkillChange
from ccfs.model.cdr import Cdr
from ccfs.model.tenancy import Account, App, Vdn
from ccfs.store import agent_operations, call_counts, cdrs, rereading
from ccfs.store.intake import Refusal
from ccfs.switches import ccfs
from ccfs.switches.ccfs import IndexedRecording, Taken
from ccfs.switches.ccfs.lines import Source
from ccfs.switches.found import UnreadableLine
from ccfs.work.ingest import folder
from ccfs.work.ingest.context import Run
from ccfs.work.ingest.folder import Seen
from ccfs.work.ingest.indexed import Found, Tree, find_sounds, take_indexed, take_voice_files
from ccfs.work.ingest.recordings import list_missing

BATCH = 500  # rows in one transaction

Row: TypeAlias = tuple[int, Taken | UnreadableLine]  # number of its line, what it is


@dataclass(frozen=True, slots=True, kw_only=True)
class CcfsExport:
    """What an export is of, and where it lies."""

    app: App
    accounts: Mapping[str, Account]
    vdns: Mapping[int, Vdn]
    sources: Sequence[Path]  # folders, zips, CSV files
    recordings: Path | None
    done: set[Seen] = field(default_factory=set)  # files that a watch need not read again while they stay as they are


@dataclass(frozen=True, slots=True)
class _Rows:
    """A batch, sorted."""

    cdrs: list[Cdr] = field(default_factory=list)
    operations: list[AgentOperation] = field(default_factory=list)
    changes: list[AgentSkillChange] = field(default_factory=list)
    recordings: list[tuple[int, IndexedRecording]] = field(default_factory=list)  # with their lines
    refusals: list[Refusal] = field(default_factory=list)


class _Damaged(Exception):
    """A zip, or a member of one, cannot be read on; the text says why."""


def ingest(run: Run, export: CcfsExport) -> None:
    """One pass. Raises OSError if what is named cannot be opened."""
    tree = Tree.of(export.recordings) if export.recordings else None
    with run.database.reading() as connection:
        wanted = {path for path, _ in rereading.asked(connection, export.app)}
    for source in export.sources:
        for seen in folder.walk(source, run.warn) if source.is_dir() else [folder.look(source)]:
            if run.is_stopped():
                return
            if source == seen.path or seen.path.suffix.lower() in (".csv", ".zip"):
                _take_source(run, export, seen, tree, is_wanted=folder.name_of(seen.path) in wanted)
    if tree is not None:
        take_voice_files(run, export.app, export.vdns, tree)
        list_missing(run, export.app)


def _take_source(run: Run, export: CcfsExport, seen: Seen, tree: Tree | None, *, is_wanted: bool) -> None:
    source = folder.name_of(seen.path)
    if seen in export.done and not is_wanted:
        return
    if seen.oddity:
        _refuse(run, export, source, seen.oddity)
    elif not folder.settled(run, seen) or not _take_file(run, export, seen, source, tree):
        return
    if is_wanted:
        with run.database.writing() as connection:
            rereading.was_read(connection, export.app, source)


def _take_file(run: Run, export: CcfsExport, seen: Seen, source: str, tree: Tree | None) -> bool:
    """Whether it could be opened."""
    try:
        file = open(seen.path, "rb")  # noqa: SIM115  closed below; only this error is the file's
    except OSError as error:
        run.warn(f"{source} cannot be read: {error.strerror}")
        return False
    take = _take_zip if seen.path.suffix.lower() == ".zip" else _take_index
    with file:
        if take(run, export, file, source, tree) and run.watching:
            export.done.add(seen)
    return True


def _take_zip(run: Run, export: CcfsExport, file: BinaryIO, source: str, tree: Tree | None) -> bool:
    """Every index file in it. Members are read where they are: none becomes a file, whatever its name."""
    try:
        with _damages():
            archive = zipfile.ZipFile(file)
    except _Damaged as damage:
        _refuse(run, export, source, f"the zip is damaged: {damage}")
        return True
    with archive:
        members = [member for member in archive.infolist() if member.filename.lower().endswith(".csv")]
        whole = [_take_member(run, export, archive, member, source, tree) for member in members]
    return all(whole)


def _take_member(
    run: Run, export: CcfsExport, archive: zipfile.ZipFile, member: zipfile.ZipInfo, source: str, tree: Tree | None
) -> bool:
    name = f"{source}:{member.filename}"
    try:
        with _damages():
            file = archive.open(member)
    except _Damaged as damage:
        _refuse(run, export, name, f"the zip is damaged: {damage}")
        return True
    with file:
        return _take_index(run, export, file, name, tree)


@contextmanager
def _damages() -> Iterator[None]:
    """Whatever the zip module says of bytes that are no zip, are encrypted or end early."""
    try:
        yield
    except OSError as error:
        if error.errno not in (None, errno.EINVAL):  # the second: an offset that lies before the file
            raise
        raise _Damaged(str(error)) from None
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error) as error:
        raise _Damaged(str(error)) from None
    except (EOFError, NotImplementedError, RuntimeError, ValueError, OverflowError) as error:
        raise _Damaged(str(error) or type(error).__name__) from None


def _refuse(run: Run, export: CcfsExport, source: str, reason: str) -> None:
    with run.database.writing() as connection:
        run.refuse(connection, export.app, [Refusal(file=source, line=0, reason=reason)])


def _take_index(run: Run, export: CcfsExport, file: Source, source: str, tree: Tree | None) -> bool:
    """Take in an index file; whether that was all: no recording that it names is awaited."""

    def zone_of(account_id: str) -> ZoneInfo | None:
        account = export.accounts.get(account_id)
        return account.zoneinfo if account else None

    done, awaited = 0, 0
    try:
        for batch in _batches(ccfs.read(file, name=source, zone_of=zone_of)):
            rows = _sorted_out(export, source, batch)
            found = find_sounds(run, export.app, [row for _, row in rows.recordings], tree)
            with run.taking_in(export.app) as connection:
                _keep(connection, run, export.app, source, rows, found)
            done, awaited = done + len(batch), awaited + sum(one.is_awaited for one in found)
            run.progress(source, done, 0)
    except _Damaged as damage:
        _refuse(run, export, source, f"the file is damaged: {damage}")
    return not awaited


def _batches(rows: Iterator[Row]) -> Iterator[list[Row]]:
    """The rows in lists; if the file ends in damage, those before it come first."""
    batch: list[Row] = []
    try:
        with _damages():
            for row in rows:
                batch.append(row)
                if len(batch) == BATCH:
                    yield batch
                    batch = []
    except _Damaged:
        if batch:
            yield batch
        raise
    if batch:
        yield batch


def _sorted_out(export: CcfsExport, source: str, batch: Sequence[Row]) -> _Rows:
    """What is to be kept of a batch, each kind by itself, and what is refused."""
    rows = _Rows()
    for line, found in batch:
        reason = str(found) if isinstance(found, UnreadableLine) else _foreign(export, found)
        if reason or isinstance(found, UnreadableLine):
            rows.refusals.append(Refusal(file=source, line=line, reason=reason))
            continue
        match found.row:
            case Cdr() as row:
                rows.cdrs.append(row)
            case AgentOperation() as row:
                rows.operations.append(row)
            case AgentSkillChange() as row:
                rows.changes.append(row)
            case IndexedRecording() as row:
                rows.recordings.append((line, row))
    return rows


def _keep(connection: Connection, run: Run, app: App, source: str, rows: _Rows, sounds: Sequence[Found]) -> None:
    _take_cdrs(connection, run, app, rows.cdrs)
    _take_operations(connection, run, app, rows.operations)
    run.tally.skill_changes += agent_operations.add_skill_changes(connection, app, rows.changes)
    refusals = list(rows.refusals)
    for (line, _), found in zip(rows.recordings, sounds, strict=True):
        if reason := take_indexed(connection, run, app, found):
            refusals.append(Refusal(file=source, line=line, reason=reason))
    run.refuse(connection, app, refusals)


def _foreign(export: CcfsExport, found: Taken) -> str:
    """Why the row is not the app's; "" if it is. The developer may differ: an export of one server goes into another."""
    row = found.row
    vdn = str(row.vdn) if isinstance(row, AgentSkillChange) else row.vdn_id
    owner = export.vdns.get(int(vdn)) if vdn.isascii() and vdn.isdecimal() else None
    if owner is None or owner.account_id != row.account_id:
        return f"VDN {vdn} is not of account {row.account_id}"
    return ""


def _take_cdrs(connection: Connection, run: Run, app: App, rows: Sequence[Cdr]) -> None:
    kept = cdrs.of_calls(connection, app, {row.call_id for row in rows}, [row.begin for row in rows])
    known = {(one.account_id, one.line_key) for found in kept.values() for one in found}
    fresh = {(row.account_id, row.line_key): row for row in rows if (row.account_id, row.line_key) not in known}
    cdrs.add(connection, app, list(fresh.values()))
    if fresh:
        call_counts.changed(connection, app, [one for found in kept.values() for one in found])
    run.tally.cdrs += len(fresh)
    run.tally.known += len(rows) - len(fresh)


def _take_operations(connection: Connection, run: Run, app: App, rows: Sequence[AgentOperation]) -> None:
    known = agent_operations.known(connection, app, {row.id: row.begin for row in rows})
    fresh = {row.id: row for row in rows if row.id not in known}
    agent_operations.add(connection, app, list(fresh.values()))
    run.tally.agent_operations += len(fresh)
    run.tally.known += len(rows) - len(fresh)
