"""One pass over FreeSWITCH: CSV files that grow, a folder of JSON and XML documents, or a table; then recordings."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy.engine import Connection

from ccfs.db.tenant.ingest_state import IngestRejection
from ccfs.ingest.calls.leg_source import FREESWITCH_MERGER
from ccfs.ingest.calls.queue_visits import merge_visits
from ccfs.ingest.calls.rebuild import save_legs
from ccfs.ingest.context import CallOwner, IngestRun
from ccfs.ingest.files import scan, tail_reader
from ccfs.ingest.files.file_states import record_state, select_due_files
from ccfs.ingest.files.scan import ScannedFile, to_db_path
from ccfs.ingest.files.tail_reader import LineBatch
from ccfs.ingest.recordings.ingest_folder import ingest_folder
from ccfs.ingest.sources import LineSource
from ccfs.ingest.tables.channels import parse_channel_line
from ccfs.ingest.tables.source import TableSource
from ccfs.ingest.tables.table_pass import ingest_table
from ccfs.logs import get_logger
from ccfs.model.source_files import INGESTED, REJECTED
from ccfs.switches import freeswitch
from ccfs.switches.freeswitch import ChannelLeg, FreeSwitchRecord, RepairNote
from ccfs.switches.freeswitch.variables import ChannelVariables
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

    cdr: LineSource  # a CSV, JSON or XML file, a folder of them, or a table
    recordings: Path | None
    columns: tuple[str, ...] = ()  # of a CSV template that FreeSWITCH does not ship
    zone: str | None = None  # of local stamps in CSV; None: the account's
    agent_pattern: re.Pattern[str] = field(default=freeswitch.DEFAULT_AGENT_PATTERN)


def ingest(run: IngestRun, owner: CallOwner, source: FreeSwitchSource) -> None:
    """Run one pass. Raise OSError if a path or table of the source cannot be opened."""
    if isinstance(source.cdr, TableSource):
        ingest_table(run, owner, source.cdr, partial(_parse_rows, owner, source), partial(_save_records, run, owner))
    else:
        _ingest_files(run, owner, source, source.cdr)
    if source.recordings is not None:
        ingest_folder(run, owner, source.recordings, freeswitch.find_channel_ids)


def _ingest_files(run: IngestRun, owner: CallOwner, source: FreeSwitchSource, root: Path) -> None:
    files = scan.scan_folder(root, run.warn) if root.is_dir() else iter([scan.stat_file(root)])
    csv_files: list[Path] = []
    for batch in scan.iter_batches(files, BATCH_DOCUMENTS):
        if run.is_stopped():
            return
        documents = [file for file in batch if file.unusable_reason or file.path.suffix.lower() in DOCUMENT_SUFFIXES]
        csv_files += [file.path for file in batch if file not in documents]
        _ingest_documents(run, owner, source, documents)
    for path in csv_files:
        parse = partial(_parse_batch, owner, source)
        tail_reader.ingest_file(run, owner, path, parse, partial(_save_records, run, owner))


def _ingest_documents(run: IngestRun, owner: CallOwner, source: FreeSwitchSource, batch: list[ScannedFile]) -> None:
    """Ingest each document once. Those of one batch are joined, so that both legs of a call find each other."""
    with run.database.read_transaction() as connection:
        due = [file for file, _ in select_due_files(connection, owner.app, batch)]
    stable = [file for file in due if file.unusable_reason or scan.wait_until_stable(run, file)]
    parsed = [(file, records) for file in stable if (records := _read_document(run, file, owner, source)) is not None]
    if not parsed:
        return
    with run.app_transaction(owner.app) as connection:
        for file, records in parsed:
            is_rejected = any(isinstance(record, UnreadableLine) for _, record in records)
            record_state(connection, run, owner.app, file, REJECTED if is_rejected else INGESTED)
        numbered = [
            (_SourceLine(to_db_path(file.path), line), record) for file, records in parsed for line, record in records
        ]
        _save_records(run, owner, connection, numbered)


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
    first = batch.lines[0][0]
    data = b"".join(line for _, line in batch.lines)
    return [
        (_SourceLine(batch.path, first + line - 1, batch.lines[line - 1][1]), record)
        for line, record in _parse_data(data, owner, source)
    ]


def _parse_rows(owner: CallOwner, source: FreeSwitchSource, batch: LineBatch) -> _ParsedRecords:
    """Parse rows of a table, and join the channels of a call that are among them."""
    variables = [(index, _parse_row(line)) for index, (_, line) in enumerate(batch.lines)]
    zone = ZoneInfo(source.zone or owner.account.zone)
    records = freeswitch.parse_channels(variables, zone=zone, agents=source.agent_pattern)
    return [(_SourceLine(batch.path, *batch.lines[index]), record) for index, record in records]


def _parse_row(line: bytes) -> ChannelVariables | UnreadableLine:
    try:
        return parse_channel_line(line)
    except UnreadableLine as error:
        return error


def _parse_data(data: bytes, owner: CallOwner, source: FreeSwitchSource) -> list[tuple[int, FreeSwitchRecord]]:
    zone = ZoneInfo(source.zone or owner.account.zone)
    return freeswitch.parse_cdr_data(data, zone=zone, agents=source.agent_pattern, columns=source.columns)


def _log_repairs(records: _ParsedRecords) -> None:
    for line, record in records:
        if isinstance(record, RepairNote):
            get_logger().warning("cdr document repaired", action="cdr_repaired", file=line.file, repair=record.text)


def _save_records(run: IngestRun, owner: CallOwner, connection: Connection, records: _ParsedRecords) -> None:
    _log_repairs(records)
    merge_visits(connection, owner, [record for _, record in records if isinstance(record, QueueVisit)])
    legs = [record for _, record in records if isinstance(record, ChannelLeg)]
    save_legs(connection, run, owner, legs, FREESWITCH_MERGER)
    rejections = [
        IngestRejection(file=line.file, line=line.number, reason=str(record), raw=line.raw)
        for line, record in records
        if isinstance(record, UnreadableLine)
    ]
    run.reject(connection, owner.app, rejections)
