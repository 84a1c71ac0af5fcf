"""A pass over what FreeSWITCH left: CSV files that grow, or a folder of JSON and XML documents; then recordings."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy.engine import Connection

from ccfs.db.tenant.ingest_state import IngestRejection
from ccfs.ingest import folder, tail_reader
from ccfs.ingest.agent_events import merge_visits
from ccfs.ingest.calls import save_legs
from ccfs.ingest.context import CallOwner, IngestRun
from ccfs.ingest.folder import INGESTED, REJECTED, ScannedFile
from ccfs.ingest.leg_source import FREESWITCH_MERGER
from ccfs.ingest.recordings import ingest_folder
from ccfs.ingest.tail_reader import LineBatch
from ccfs.switches import freeswitch
from ccfs.switches.freeswitch import ChannelLeg, FreeSwitchRecord
from ccfs.switches.records import QueueVisit, UnreadableLine

MAX_DOCUMENT_BYTES = 16 << 20  # bytes; a real one has some ten thousand
DOCUMENT_SUFFIXES = (".json", ".xml")
BATCH_DOCUMENTS = 500  # documents that meet, and whose rows are in one transaction


class _SourceLine(NamedTuple):
    """Where something stands."""

    file: str
    number: int
    raw: bytes = b""


ParsedRows = Sequence[tuple[_SourceLine, FreeSwitchRecord]]


@dataclass(frozen=True, slots=True, kw_only=True)
class FreeSwitchSource:
    """Where the switch left what, and what its operator knows better than the files tell."""

    cdr: Path  # a CSV, JSON or XML file, or a folder of them
    recordings: Path | None
    columns: tuple[str, ...] = ()  # of a CSV template that is none of the usual ones
    zone: str | None = None  # of local stamps in CSV; None: the account's
    agent_pattern: re.Pattern[str] = field(default=freeswitch.DEFAULT_AGENT_PATTERN)


def ingest(run: IngestRun, owner: CallOwner, switch: FreeSwitchSource) -> None:
    """One pass. Raises OSError if what is named cannot be opened."""
    files = folder.scan_folder(switch.cdr, run.warn) if switch.cdr.is_dir() else iter([folder.stat_file(switch.cdr)])
    growing = []
    for batch in folder.iter_batches(files, BATCH_DOCUMENTS):
        if run.is_stopped():
            return
        odd = [one for one in batch if one.unusable_reason or one.path.suffix.lower() in DOCUMENT_SUFFIXES]
        growing += [one.path for one in batch if one not in odd]
        _ingest_documents(run, owner, switch, odd)
    for path in growing:
        tail_reader.ingest_file(run, owner, path, partial(_parse_batch, owner, switch), partial(_save_rows, run, owner))
    if switch.recordings is not None:
        ingest_folder(run, owner, switch.recordings, freeswitch.find_channel_ids)


def _ingest_documents(run: IngestRun, owner: CallOwner, switch: FreeSwitchSource, batch: list[ScannedFile]) -> None:
    """Each document once; those of one batch meet, so that both legs of a call find each other."""
    with run.database.read_transaction() as connection:
        due = [one for one, _ in folder.select_new_files(connection, owner.app, batch)]
    whole = [seen for one in due if (seen := one if one.unusable_reason else folder.wait_until_stable(run, one))]
    found = [(one, rows) for one in whole if (rows := _read_document(run, one, owner, switch)) is not None]
    if not found:
        return
    with run.app_transaction(owner.app) as connection:
        for one, rows in found:
            is_refused = any(isinstance(what, UnreadableLine) for _, what in rows)
            folder.record_state(connection, run, owner.app, one, REJECTED if is_refused else INGESTED)
        rows_of_all = [
            (_SourceLine(folder.to_db_path(one.path), line), what) for one, rows in found for line, what in rows
        ]
        _save_rows(run, owner, connection, rows_of_all)


def _read_document(
    run: IngestRun, one: ScannedFile, owner: CallOwner, switch: FreeSwitchSource
) -> list[tuple[int, FreeSwitchRecord]] | None:
    """What is in it, or why nothing can be; None if that must wait for another run."""
    if one.unusable_reason:
        return [(0, UnreadableLine(one.unusable_reason))]
    if one.size > MAX_DOCUMENT_BYTES:
        return [(0, UnreadableLine(f"larger than {MAX_DOCUMENT_BYTES >> 20} MB"))]
    try:
        data = one.path.read_bytes()
    except OSError as error:
        run.warn(f"{folder.to_db_path(one.path)} cannot be read: {error.strerror}")
        return None
    return _parse_data(data, owner, switch)


def _parse_batch(owner: CallOwner, switch: FreeSwitchSource, batch: LineBatch) -> ParsedRows:
    first = batch.lines[0][0]
    data = b"".join(line for _, line in batch.lines)
    return [
        (_SourceLine(batch.path, first + line - 1, batch.lines[line - 1][1]), what)
        for line, what in _parse_data(data, owner, switch)
    ]


def _parse_data(data: bytes, owner: CallOwner, switch: FreeSwitchSource) -> list[tuple[int, FreeSwitchRecord]]:
    zone = ZoneInfo(switch.zone or owner.account.zone)
    return freeswitch.parse_cdr_data(data, zone=zone, agents=switch.agent_pattern, columns=switch.columns)


def _save_rows(run: IngestRun, owner: CallOwner, connection: Connection, rows: ParsedRows) -> None:
    merge_visits(connection, owner, [what for _, what in rows if isinstance(what, QueueVisit)])
    save_legs(connection, run, owner, [what for _, what in rows if isinstance(what, ChannelLeg)], FREESWITCH_MERGER)
    refusals = [
        IngestRejection(file=line.file, line=line.number, reason=str(what), raw=line.raw)
        for line, what in rows
        if isinstance(what, UnreadableLine)
    ]
    run.reject(connection, owner.app, refusals)
