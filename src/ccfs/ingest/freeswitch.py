"""One pass over the files of FreeSWITCH: CSV files that grow, or a folder of JSON and XML documents; then recordings."""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy.engine import Connection

from ccfs.db.tenant import ingest_state
from ccfs.db.tenant.ingest_state import IngestRejection
from ccfs.ingest.calls.leg_source import FREESWITCH_MERGER
from ccfs.ingest.calls.queue_visits import merge_visits
from ccfs.ingest.calls.rebuild import save_legs
from ccfs.ingest.context import CallOwner, IngestRun
from ccfs.ingest.files import scan, tail_reader
from ccfs.ingest.files.file_states import record_state, select_due_files
from ccfs.ingest.files.scan import ScannedFile, to_db_path
from ccfs.ingest.files.tail_reader import LineBatch
from ccfs.ingest.tenants import (
    UNASSIGNED,
    TenantRouter,
    describe_unassigned,
    ingest_recordings,
    request_rereads,
    route_legs,
)
from ccfs.logs import get_logger
from ccfs.model.source_files import INGESTED, REJECTED, REPORTED
from ccfs.switches import freeswitch
from ccfs.switches.freeswitch import ChannelLeg, FreeSwitchRecord, RepairNote
from ccfs.switches.records import QueueVisit, UnreadableLine

MAX_DOCUMENT_BYTES = 16 << 20  # bytes; a real one has some ten thousand
DOCUMENT_SUFFIXES = (".json", ".xml")
BATCH_DOCUMENTS = 500  # documents whose channels are joined, and whose rows are written in one transaction


class _SourceLine(NamedTuple):
    """File and line of a record."""

    file: str
    number: int
    raw: bytes = b""


_ParsedRecords = Sequence[tuple[_SourceLine, FreeSwitchRecord]]


@dataclass(frozen=True, slots=True, kw_only=True)
class FreeSwitchSource:
    """Paths of the switch's files, and what the operator overrules."""

    cdr: Path  # a CSV, JSON or XML file, or a folder of them
    recordings: Path | None
    columns: tuple[str, ...] = ()  # of a CSV template that FreeSWITCH does not ship
    zone: str | None = None  # of local stamps in CSV; None: the account's
    agent_pattern: re.Pattern[str] = field(default=freeswitch.DEFAULT_AGENT_PATTERN)
    router: TenantRouter | None = None  # of the tenant rules, where the switch has many tenants


def ingest(run: IngestRun, owner: CallOwner, source: FreeSwitchSource) -> None:
    """Run one pass. Raise OSError if a path of the source cannot be opened."""
    if source.router is not None:
        request_rereads(run, owner, source.router)
    files = scan.scan_folder(source.cdr, run.warn) if source.cdr.is_dir() else iter([scan.stat_file(source.cdr)])
    csv_files: list[Path] = []
    for batch in scan.iter_batches(files, BATCH_DOCUMENTS):
        if run.is_stopped():
            return
        documents = [file for file in batch if file.unusable_reason or file.path.suffix.lower() in DOCUMENT_SUFFIXES]
        csv_files += [file.path for file in batch if file not in documents]
        _ingest_documents(run, owner, source, documents)
    for path in csv_files:
        parse = partial(_parse_batch, owner, source)
        tail_reader.ingest_file(run, owner, path, parse, partial(_save_lines, run, owner, source.router))
    if source.recordings is not None:
        ingest_recordings(run, owner, source.router, source.recordings, freeswitch.find_channel_ids)


def _ingest_documents(run: IngestRun, owner: CallOwner, source: FreeSwitchSource, batch: list[ScannedFile]) -> None:
    """Ingest each document once. Those of one batch are joined, so that both legs of a call find each other."""
    with run.database.read_transaction() as connection:
        due = dict(select_due_files(connection, owner.app, batch))
    stable = [file for file in due if file.unusable_reason or scan.wait_until_stable(run, file)]
    parsed = [(file, records) for file in stable if (records := _read_document(run, file, owner, source)) is not None]
    if not parsed:
        return
    with run.app_transaction(owner.app) as connection:
        numbered = [
            (_SourceLine(to_db_path(file.path), line), record) for file, records in parsed for line, record in records
        ]
        unassigned = _save_records(run, owner, source.router, connection, numbered)
        for file, records in parsed:
            state = _find_state(records, is_unassigned=to_db_path(file.path) in unassigned)
            record_state(connection, run, owner.app, file, state)
            if due[file] == REPORTED and state != REPORTED:
                ingest_state.delete_rejections_of_file(connection, owner.app, to_db_path(file.path), UNASSIGNED)


def _find_state(records: Sequence[tuple[int, FreeSwitchRecord]], *, is_unassigned: bool) -> str:
    """Return the state of a document. One with a call that no tenant rule matches is read again by every run."""
    if is_unassigned:
        return REPORTED
    return REJECTED if any(isinstance(record, UnreadableLine) for _, record in records) else INGESTED


def _read_document(
    run: IngestRun, file: ScannedFile, owner: CallOwner, source: FreeSwitchSource
) -> list[tuple[int, FreeSwitchRecord]] | None:
    """Return the records of a document, or None if another run must read it."""
    if file.unusable_reason:
        return [(0, UnreadableLine(file.unusable_reason))]
    if file.size > MAX_DOCUMENT_BYTES:
        return [(0, UnreadableLine(f"larger than {MAX_DOCUMENT_BYTES >> 20} MB"))]
    try:
        data = file.path.read_bytes()
    except OSError as error:
        run.warn(f"{to_db_path(file.path)} cannot be read: {error.strerror}")
        return None
    return _parse_data(data, owner, source)


def _parse_batch(owner: CallOwner, source: FreeSwitchSource, batch: LineBatch) -> _ParsedRecords:
    data = b"".join(line for _, line in batch.lines)
    records = _parse_data(data, owner, source)
    batch.count.unreadable += sum(isinstance(record, UnreadableLine) for _, record in records)
    return [(_SourceLine(batch.path, *batch.lines[line - 1]), record) for line, record in records]


def _parse_data(data: bytes, owner: CallOwner, source: FreeSwitchSource) -> list[tuple[int, FreeSwitchRecord]]:
    zone = ZoneInfo(source.zone or owner.account.zone)
    return freeswitch.parse_cdr_data(data, zone=zone, agents=source.agent_pattern, columns=source.columns)


def _log_repairs(records: _ParsedRecords) -> None:
    for line, record in records:
        if isinstance(record, RepairNote):
            get_logger().warning("cdr document repaired", action="cdr_repaired", file=line.file, repair=record.text)


def _save_lines(
    run: IngestRun, owner: CallOwner, router: TenantRouter | None, connection: Connection, records: _ParsedRecords
) -> None:
    _save_records(run, owner, router, connection, records)


def _save_records(
    run: IngestRun, owner: CallOwner, router: TenantRouter | None, connection: Connection, records: _ParsedRecords
) -> set[str]:
    """Save the records of each owner. Return the files with calls that no tenant rule matches."""
    _log_repairs(records)
    visits: dict[str, list[QueueVisit]] = defaultdict(list)
    for _, record in records:
        if isinstance(record, QueueVisit):
            visits[record.switch_leg_id].append(record)
    legs = [record for _, record in records if isinstance(record, ChannelLeg)]
    routed = route_legs(connection, owner, router, legs)
    for leg_owner, own_legs in routed.groups:
        leg_ids = dict.fromkeys(name for leg in own_legs for name in (leg.switch_leg_id, leg.switch_call_id))
        own_visits = [visit for leg_id in leg_ids for visit in visits.get(leg_id, ())]
        merge_visits(connection, leg_owner, own_visits)
        save_legs(connection, run, leg_owner, own_legs, FREESWITCH_MERGER)
    unassigned = {leg.source_key for leg in routed.unassigned}
    rejections = [
        IngestRejection(file=line.file, line=line.number, reason=reason, raw=line.raw)
        for line, record in records
        if (reason := _find_reason(record, unassigned))
    ]
    run.reject(connection, owner.app, rejections)
    return {line.file for line, record in records if isinstance(record, ChannelLeg) and record.source_key in unassigned}


def _find_reason(record: FreeSwitchRecord, unassigned: set[str]) -> str:
    """Return why a record was not ingested, "" if it was."""
    if isinstance(record, ChannelLeg) and record.source_key in unassigned:
        return describe_unassigned(record.facts)
    return str(record) if isinstance(record, UnreadableLine) else ""
