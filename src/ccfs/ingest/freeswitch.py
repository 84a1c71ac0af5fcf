"""One pass over FreeSWITCH: growing CSV files, a folder of JSON and XML documents, or a table; then recordings."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

from sqlalchemy.engine import Connection

from ccfs.db.tenant.ingest import resolved_rejections
from ccfs.db.tenant.ingest.ingest_state import IngestRejection
from ccfs.ingest.calls.large_calls import leave_out_large_calls
from ccfs.ingest.calls.leg_source import FREESWITCH_MERGER
from ccfs.ingest.calls.queue_visits import merge_visits
from ccfs.ingest.calls.rebuild import save_legs
from ccfs.ingest.check.recognition.file_kinds import FileKind
from ccfs.ingest.context import CallOwner, IngestRun
from ccfs.ingest.files import scan, tail_reader
from ccfs.ingest.files.cursors import is_known_source
from ccfs.ingest.files.file_states import record_state, select_due_files
from ccfs.ingest.files.line_reader import LineBatch
from ccfs.ingest.files.open_files import find_unclosed
from ccfs.ingest.files.scan import ScannedFile, to_db_path
from ccfs.ingest.files.source_groups import group_by_source
from ccfs.ingest.files.tail_reader import NumberedLine
from ccfs.ingest.recordings.ingest_folder import ingest_folders
from ccfs.ingest.sources import LineSource, get_folder
from ccfs.ingest.tables.channels import parse_channel_line
from ccfs.ingest.tables.source import TableSource
from ccfs.ingest.tables.table_pass import ingest_table
from ccfs.ingest.tenants.account_calls import learn_domains, load_account_router, may_be_foreign
from ccfs.ingest.tenants.account_router import AccountRouter, list_names
from ccfs.ingest.tenants.assignment import RecordAssigner
from ccfs.ingest.tenants.call_records import CallRecord, build_leg_record
from ccfs.ingest.tenants.recordings import TenantMatcher
from ccfs.ingest.tenants.routers import CallRouter, TenantRouter
from ccfs.ingest.wrong_files import require_kind
from ccfs.logs import get_logger
from ccfs.model.source_files import INGESTED, REJECTED
from ccfs.switches import freeswitch
from ccfs.switches.freeswitch import ChannelLeg, FreeSwitchRecord, RepairNote
from ccfs.switches.freeswitch.variables import ChannelVariables
from ccfs.switches.records import QueueVisit, UnreadableLine

MAX_DOCUMENT_BYTES = 16 << 20  # bytes; a real one has some ten thousand
DOCUMENT_SUFFIXES = (".json", ".xml")
BATCH_DOCUMENTS = 500  # documents whose channels are joined, and whose rows are written in one transaction


_ParsedRecords = Sequence[tuple[NumberedLine, FreeSwitchRecord]]


@dataclass(frozen=True, slots=True, kw_only=True)
class FreeSwitchSource:
    """Paths of the switch's files, and the operator's overrides."""

    cdr: LineSource  # a CSV, JSON or XML file, a folder of them, or a table
    recordings: Sequence[Path] = ()  # folders
    columns: tuple[str, ...] = ()  # of a CSV template that FreeSWITCH does not ship
    zone: str | None = None  # of local stamps in CSV; None: the account's
    agent_pattern: re.Pattern[str] = field(default=freeswitch.DEFAULT_AGENT_PATTERN)
    router: TenantRouter | None = None  # of the tenant rules, where the switch has many tenants


def ingest(run: IngestRun, owner: CallOwner, source: FreeSwitchSource) -> None:
    """Run one pass. Raise OSError if the source cannot be opened, UnreadableLine if another program wrote the file."""
    if source.router is not None:
        run = replace(run, has_many_apps=True)
    assigner = _build_assigner(run, owner, source)
    assigner.try_again()
    if isinstance(source.cdr, TableSource):
        parse = partial(_parse_rows, run, owner, source, assigner)
        ingest_table(run, owner, source.cdr, parse, partial(_save_records, run, owner, assigner))
    else:
        _ingest_files(run, owner, source, assigner, source.cdr)
    if run.is_stopped():
        return
    assigner.list_unassigned()
    ingest_recordings(run, owner, source, assigner)


def _ingest_files(
    run: IngestRun, owner: CallOwner, source: FreeSwitchSource, assigner: RecordAssigner, root: Path
) -> None:
    parse, save = partial(_parse_batch, run, owner, source, assigner), partial(_save_records, run, owner, assigner)
    if root.is_dir():
        csv_files = _ingest_folder(run, owner, source, assigner, root)
        for path, rotated in group_by_source(csv_files, partial(is_known_source, run, owner)).items():
            try:
                require_kind(run, owner, path, FileKind.FREESWITCH_CDR, ",".join(source.columns) or None)
            except UnreadableLine as error:
                run.warn(str(error))
            else:
                tail_reader.ingest_file(run, owner, path, parse, save, rotated=rotated)
    elif root.suffix.lower() in DOCUMENT_SUFFIXES:
        _ingest_documents(run, owner, source, assigner, [scan.stat_file(root)])
    else:
        require_kind(run, owner, root, FileKind.FREESWITCH_CDR, ",".join(source.columns) or None)
        tail_reader.ingest_file(run, owner, root, parse, save)


def _ingest_folder(
    run: IngestRun, owner: CallOwner, source: FreeSwitchSource, assigner: RecordAssigner, root: Path
) -> list[Path]:
    """Ingest the documents of the folder. Return its CSV files."""
    csv_files: list[Path] = []
    for number, batch in enumerate(scan.iter_batches(scan.scan_folder(root, run.warn), BATCH_DOCUMENTS)):
        if run.is_stopped():
            return []
        if run.has_enough_lines(number * BATCH_DOCUMENTS):
            break
        csv_files += [file.path for file in batch if not _is_document(file)]
        _ingest_documents(run, owner, source, assigner, [file for file in batch if _is_document(file)])
    return csv_files


def ingest_recordings(
    run: IngestRun, owner: CallOwner, source: FreeSwitchSource, assigner: RecordAssigner | None = None
) -> None:
    """Ingest the recordings of calls that are stored or waiting for their tenant."""
    if not source.recordings:
        return
    assigner = assigner or _build_assigner(run, owner, source)
    matcher = TenantMatcher(assigner.router, assigner.source) if source.router or assigner.has_unassigned() else None
    ingest_folders(run, owner, source.recordings, freeswitch.find_channel_ids, matcher)


def _scan_files(run: IngestRun, source: FreeSwitchSource) -> Iterator[ScannedFile]:
    """Yield the files of the source; none if it is a table."""
    if isinstance(source.cdr, TableSource):
        return iter(())
    return scan.scan_folder(source.cdr, run.warn) if source.cdr.is_dir() else iter([scan.stat_file(source.cdr)])


def _is_document(file: ScannedFile) -> bool:
    return bool(file.unusable_reason) or file.path.suffix.lower() in DOCUMENT_SUFFIXES


def _build_assigner(run: IngestRun, owner: CallOwner, source: FreeSwitchSource) -> RecordAssigner:
    """Return the assigner that finds the calls' owners by the tenant rules or, without any, by the account's domains."""

    def save_own_legs(connection: Connection, own: CallOwner, items: Sequence[ChannelLeg | QueueVisit]) -> None:
        merge_visits(connection, own, [item for item in items if isinstance(item, QueueVisit)])
        save_legs(connection, run, own, [item for item in items if isinstance(item, ChannelLeg)], FREESWITCH_MERGER)

    cdr = source.cdr
    name = f"freeswitch {to_db_path(cdr) if isinstance(cdr, Path) and cdr.is_dir() else get_folder(cdr)}"
    router: CallRouter | None = source.router
    if router is None:
        router = account_router = load_account_router(run, owner, name)
        if not account_router.domains:
            learn_domains(run, account_router, _find_domains(run, owner, source, account_router))
    return RecordAssigner(run=run, home=owner, router=router, source=name, savers={ChannelLeg: save_own_legs})


def _find_domains(run: IngestRun, owner: CallOwner, source: FreeSwitchSource, router: AccountRouter) -> set[str]:
    """Return the domains in new documents, up to one that is named after the account."""
    domains: set[str] = set()
    for batch in scan.iter_batches(filter(_is_document, _scan_files(run, source)), BATCH_DOCUMENTS):
        with run.database.read_transaction() as connection:
            due = [file for file, _ in select_due_files(connection, owner.app, batch)]
        for file in due:
            records = _read_document(run, file, owner, source) or []
            found = _list_names([record for _, record in records])
            domains |= found
            if run.is_stopped() or any(map(router.is_domain_of_account, found)):
                return domains
    return domains


def _ingest_documents(
    run: IngestRun, owner: CallOwner, source: FreeSwitchSource, assigner: RecordAssigner, batch: list[ScannedFile]
) -> None:
    """Ingest each document once. Documents of one batch are joined, so that both legs of a call are found together."""
    with run.database.read_transaction() as connection:
        due = [file for file, _ in select_due_files(connection, owner.app, batch)]
    open_files = find_unclosed(file for file in due if not file.unusable_reason)
    closed = [file for file in due if file.path not in open_files]
    stable = [file for file in closed if file.unusable_reason or scan.wait_until_stable(run, file)]
    parsed = [(file, records) for file in stable if (records := _read_document(run, file, owner, source)) is not None]
    if not parsed:
        return
    _learn_domains(run, assigner, [record for _, records in parsed for _, record in records])
    with run.app_transaction(owner.app) as connection:
        resolved_rejections.delete_of_files(connection, owner.app, [to_db_path(file.path) for file, _ in parsed])
        _save_records(
            run,
            owner,
            assigner,
            connection,
            [
                (NumberedLine(to_db_path(file.path), line, b""), record)
                for file, records in parsed
                for line, record in records
            ],
        )
        for file, records in parsed:
            is_bad = any(isinstance(record, UnreadableLine) for _, record in records)
            record_state(connection, run, owner.app, file, REJECTED if is_bad else INGESTED)


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


def _learn_domains(run: IngestRun, assigner: RecordAssigner, records: Sequence[FreeSwitchRecord]) -> None:
    if isinstance(assigner.router, AccountRouter):
        learn_domains(run, assigner.router, _list_names(records))


def _list_names(records: Iterable[FreeSwitchRecord]) -> set[str]:
    legs = [record for record in records if isinstance(record, ChannelLeg)]
    return {name for leg in legs for name in list_names(leg.facts, leg.domain)}


def _parse_batch(
    run: IngestRun, owner: CallOwner, source: FreeSwitchSource, assigner: RecordAssigner, batch: LineBatch
) -> _ParsedRecords:
    first = batch.lines[0][0]
    data = b"".join(line for _, line in batch.lines)
    numbered = _parse_data(data, owner, source)
    batch.count.unreadable += sum(isinstance(record, UnreadableLine) for _, record in numbered)
    _learn_domains(run, assigner, [record for _, record in numbered])
    return [(NumberedLine(batch.path, first + line - 1, batch.lines[line - 1][1]), record) for line, record in numbered]


def _parse_rows(
    run: IngestRun, owner: CallOwner, source: FreeSwitchSource, assigner: RecordAssigner, batch: LineBatch
) -> _ParsedRecords:
    """Parse rows of a table, and join channels of the same call among them."""
    variables = [(index, _parse_row(line)) for index, (_, line) in enumerate(batch.lines)]
    zone = ZoneInfo(source.zone or owner.account.zone)
    records = freeswitch.parse_channels(variables, zone=zone, agents=source.agent_pattern)
    _learn_domains(run, assigner, [record for _, record in records])
    return [(NumberedLine(batch.path, *batch.lines[index]), record) for index, record in records]


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


def _save_records(
    run: IngestRun, owner: CallOwner, assigner: RecordAssigner, connection: Connection, records: _ParsedRecords
) -> None:
    """Save the records, each for its owner."""
    _log_repairs(records)
    visits: dict[str, list[QueueVisit]] = defaultdict(list)
    for _, record in records:
        if isinstance(record, QueueVisit):
            visits[record.switch_leg_id].append(record)
    legs = [(line, record) for line, record in records if isinstance(record, ChannelLeg)]
    if may_be_foreign(connection, assigner, [leg for _, leg in legs]):
        assigner.assign(connection, [_build_record(line, leg, visits) for line, leg in legs])
    else:
        merge_visits(connection, owner, [visit for some in visits.values() for visit in some])
        kept = leave_out_large_calls(connection, run, owner, legs, FREESWITCH_MERGER)
        save_legs(connection, run, owner, kept, FREESWITCH_MERGER)
    rejections = [
        IngestRejection(file=line.file, line=line.number, reason=str(record), raw=line.raw)
        for line, record in records
        if isinstance(record, UnreadableLine)
    ]
    run.reject(connection, owner.app, rejections)


def _build_record(line: NumberedLine, leg: ChannelLeg, visits: Mapping[str, Sequence[QueueVisit]]) -> CallRecord:
    """Return the record of a leg, with its queue visits and those of its call."""
    leg_ids = dict.fromkeys((leg.switch_leg_id, leg.switch_call_id))
    return build_leg_record(line, leg, *(visit for leg_id in leg_ids for visit in visits.get(leg_id, ())))
