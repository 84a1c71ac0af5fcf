"""Rows of index files: check that they belong to the app, and save new ones."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy.engine import Connection

from ccfs.db.tenant.calls import agent_operations, cdrs
from ccfs.db.tenant.calls.statistics import call_statistics
from ccfs.db.tenant.ingest.ingest_state import IngestRejection
from ccfs.ingest.ccfs.source import CcfsSource
from ccfs.ingest.ccfs.tree import IndexedAudio, save_indexed_recording
from ccfs.ingest.context import IngestRun
from ccfs.model.calls.agent_operation import AgentOperation, AgentSkillChange
from ccfs.model.calls.cdr import Cdr
from ccfs.model.identity.tenancy import App
from ccfs.switches.ccfs import IndexedRecording, IndexRow
from ccfs.switches.records import UnreadableLine


@dataclass(frozen=True, slots=True)
class SortedRows:
    """The rows of a batch by kind."""

    cdrs: list[Cdr] = field(default_factory=list)
    operations: list[AgentOperation] = field(default_factory=list)
    skill_changes: list[AgentSkillChange] = field(default_factory=list)
    recordings: list[tuple[int, IndexedRecording]] = field(default_factory=list)  # with their line numbers
    rejections: list[IngestRejection] = field(default_factory=list)


def sort_rows(source: CcfsSource, name: str, batch: Sequence[tuple[int, IndexRow | UnreadableLine]]) -> SortedRows:
    """Sort the rows of the file `name`. Reject rows that are unreadable or belong to another app."""
    rows = SortedRows()
    for line, parsed in batch:
        reason = str(parsed) if isinstance(parsed, UnreadableLine) else _find_ownership_error(source, parsed)
        if reason or isinstance(parsed, UnreadableLine):
            rows.rejections.append(IngestRejection(file=name, line=line, reason=reason))
            continue
        match parsed.row:
            case Cdr() as row:
                rows.cdrs.append(row)
            case AgentOperation() as row:
                rows.operations.append(row)
            case AgentSkillChange() as row:
                rows.skill_changes.append(row)
            case IndexedRecording() as row:
                rows.recordings.append((line, row))
    return rows


def save_rows(
    connection: Connection, run: IngestRun, app: App, name: str, rows: SortedRows, audio: Sequence[IndexedAudio]
) -> None:
    """Save new rows of the file `name`; `audio` contains the audio of `rows.recordings`, in order."""
    _save_cdrs(connection, run, app, rows.cdrs)
    _save_operations(connection, run, app, rows.operations)
    run.result.skill_changes += agent_operations.add_skill_changes(connection, app, rows.skill_changes)
    rejections = list(rows.rejections)
    for (line, _), indexed in zip(rows.recordings, audio, strict=True):
        if reason := save_indexed_recording(connection, run, app, indexed):
            rejections.append(IngestRejection(file=name, line=line, reason=reason))
    run.reject(connection, app, rejections)


def _find_ownership_error(source: CcfsSource, parsed: IndexRow) -> str:
    """Return why the row does not belong to the app, or "" if it does.

    The developer may be another app, because an export of one server can be ingested into another.
    """
    row = parsed.row
    vdn_id = str(row.vdn) if isinstance(row, AgentSkillChange) else row.vdn_id
    vdn = source.vdns.get(int(vdn_id)) if vdn_id.isascii() and vdn_id.isdecimal() else None
    if vdn is None or vdn.account_id != row.account_id:
        return f"VDN {vdn_id} is not of account {row.account_id}"
    return ""


def _save_cdrs(connection: Connection, run: IngestRun, app: App, rows: Sequence[Cdr]) -> None:
    calls = cdrs.find_by_call_ids(connection, app, {row.call_id for row in rows}, [row.begin for row in rows])
    saved = [row for call in calls.values() for row in call]
    known = {(row.account_id, row.source_key) for row in saved}
    fresh = {(row.account_id, row.source_key): row for row in rows if (row.account_id, row.source_key) not in known}
    cdrs.add(connection, app, list(fresh.values()))
    if fresh:
        call_statistics.mark_dirty(connection, app, saved)
        cdrs.refresh_call_times(connection, app, [row for row in fresh.values() if row.call_id in calls])
    run.result.cdrs += len(fresh)
    run.result.duplicates += len(rows) - len(fresh)


def _save_operations(connection: Connection, run: IngestRun, app: App, rows: Sequence[AgentOperation]) -> None:
    known = agent_operations.find_existing_ids(connection, app, {row.id: row.begin for row in rows})
    fresh = {row.id: row for row in rows if row.id not in known}
    agent_operations.add(connection, app, list(fresh.values()))
    run.result.agent_operations += len(fresh)
    run.result.duplicates += len(rows) - len(fresh)
