"""A pass over what CC-FS left: its index files, loose or zipped, and the tree of files that they name."""

import zipfile
import zlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import BinaryIO
from zoneinfo import ZoneInfo

from sqlalchemy.engine import Connection

from ccfs.model.agent_operation import AgentOperation, AgentSkillChange
from ccfs.model.cdr import Cdr
from ccfs.model.tenancy import Account, App, Vdn
from ccfs.store import agent_operations, cdrs
from ccfs.store.intake import Refusal
from ccfs.switches import ccfs
from ccfs.switches.ccfs import IndexedRecording, Taken
from ccfs.switches.found import UnreadableLine
from ccfs.work.ingest import folder
from ccfs.work.ingest.context import Run
from ccfs.work.ingest.indexed import Tree, take_indexed, take_voice_files

BATCH = 500  # rows in one transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class CcfsExport:
    """What an export is of, and where it lies."""

    app: App
    accounts: Mapping[str, Account]
    vdns: Mapping[int, Vdn]
    sources: Sequence[Path]  # folders, zips, CSV files
    recordings: Path | None


def ingest(run: Run, export: CcfsExport) -> None:
    """One pass. Raises OSError if what is named cannot be opened."""
    tree = Tree.of(export.recordings) if export.recordings else None
    for source in export.sources:
        for path in _files(source):
            _take_file(run, export, path, tree)
    if tree is not None:
        take_voice_files(run, export.app, export.vdns, tree)


def _files(source: Path) -> Iterator[Path]:
    if not source.is_dir():
        if not source.exists():
            raise FileNotFoundError(f"there is no file or folder {source}")
        yield source
        return
    for one in folder.walk(source):
        if one.path.suffix.lower() in (".csv", ".zip") and not one.is_link:
            yield one.path


def _take_file(run: Run, export: CcfsExport, path: Path, tree: Tree | None) -> None:
    if path.suffix.lower() != ".zip":
        with open(path, "rb") as file:
            _take_index(run, export, file, folder.name_of(path), path.name, tree)
        return
    try:
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                if member.filename.lower().endswith(".csv"):
                    with _member(archive, member) as file:
                        _take_index(
                            run, export, file, f"{folder.name_of(path)}:{member.filename}", member.filename, tree
                        )
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        with run.database.writing() as connection:
            refusal = Refusal(file=folder.name_of(path), line=0, reason=f"the zip is damaged: {error}")
            run.refuse(connection, export.app, [refusal])


@contextmanager
def _member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Iterator[BinaryIO]:
    with archive.open(member) as file:
        yield file  # type: ignore[misc]  # ZipExtFile is a BinaryIO in all but name


def _take_index(run: Run, export: CcfsExport, file: BinaryIO, source: str, name: str, tree: Tree | None) -> None:
    def zone_of(account_id: str) -> ZoneInfo | None:
        account = export.accounts.get(account_id)
        return account.zoneinfo if account else None

    rows = ccfs.read(file, name=name, zone_of=zone_of)
    done = 0
    while batch := list(islice(rows, BATCH)):
        with run.database.writing() as connection:
            _take(connection, run, export, source, batch, tree)
        done += len(batch)
        run.progress(name, done, 0)


def _take(
    connection: Connection,
    run: Run,
    export: CcfsExport,
    source: str,
    batch: Sequence[tuple[int, Taken | UnreadableLine]],
    tree: Tree | None,
) -> None:
    refusals: list[Refusal] = []
    rows: dict[type, list[tuple[int, object]]] = defaultdict(list)
    for line, found in batch:
        reason = str(found) if isinstance(found, UnreadableLine) else _foreign(export, found)
        if reason:
            refusals.append(Refusal(file=source, line=line, reason=reason))
        elif isinstance(found, Taken):
            rows[type(found.row)].append((line, found.row))
    _take_cdrs(connection, run, export.app, [row for _, row in rows[Cdr] if isinstance(row, Cdr)])
    _take_operations(
        connection, run, export.app, [row for _, row in rows[AgentOperation] if isinstance(row, AgentOperation)]
    )
    changes = [row for _, row in rows[AgentSkillChange] if isinstance(row, AgentSkillChange)]
    run.tally.skill_changes += agent_operations.add_skill_changes(connection, export.app, changes)
    for line, row in rows[IndexedRecording]:
        assert isinstance(row, IndexedRecording)
        refusals += [
            Refusal(file=source, line=line, reason=reason)
            for reason in take_indexed(connection, run, export.app, row, tree)
        ]
    run.refuse(connection, export.app, refusals)


def _foreign(export: CcfsExport, found: Taken) -> str:
    """Why the row is not the app's; "" if it is. The developer may differ: an export of one server goes into another."""
    row = found.row
    vdn = str(row.vdn) if isinstance(row, AgentSkillChange) else row.vdn_id
    owner = export.vdns.get(int(vdn)) if vdn.isascii() and vdn.isdecimal() else None
    if owner is None or owner.account_id != row.account_id:
        return f"VDN {vdn} is not of account {row.account_id}"
    return ""


def _take_cdrs(connection: Connection, run: Run, app: App, rows: Sequence[Cdr]) -> None:
    kept = cdrs.of_calls(connection, app, {row.call_id for row in rows})
    known = {(one.cdr.account_id, one.cdr.line_key) for found in kept.values() for one in found}
    fresh = {(row.account_id, row.line_key): row for row in rows if (row.account_id, row.line_key) not in known}
    cdrs.add(connection, app, list(fresh.values()))
    run.tally.cdrs += len(fresh)
    run.tally.known += len(rows) - len(fresh)


def _take_operations(connection: Connection, run: Run, app: App, rows: Sequence[AgentOperation]) -> None:
    known = agent_operations.known(connection, app, [row.id for row in rows])
    fresh = {row.id: row for row in rows if row.id not in known}
    agent_operations.add(connection, app, list(fresh.values()))
    run.tally.agent_operations += len(fresh)
    run.tally.known += len(rows) - len(fresh)
