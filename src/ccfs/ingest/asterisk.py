"""A pass over what Asterisk left: queue log first, for it tells more of the calls; then CDRs; then recordings."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from sqlalchemy.engine import Connection

from ccfs.db.tenant import device_numbers
from ccfs.db.tenant.ingest_state import IngestRejection
from ccfs.ingest import agent_events, folder, tail_reader
from ccfs.ingest.calls import rebuild_for_visits, save_legs
from ccfs.ingest.context import CallOwner, IngestRun
from ccfs.ingest.leg_source import ASTERISK_MERGER
from ccfs.ingest.recordings import ingest_folder
from ccfs.ingest.tail_reader import LineBatch
from ccfs.model.calls.cdr import DeviceType
from ccfs.switches.asterisk import calls, cdr, queue_log, zone
from ccfs.switches.asterisk.calls import AsteriskCdrFormat
from ccfs.switches.asterisk.channels import AGENT_NUMBER_PATTERN, AgentMatcher
from ccfs.switches.asterisk.queue_log import QueueLine
from ccfs.switches.asterisk.recordings import find_call_ids
from ccfs.switches.records import Leg, UnreadableLine

_BLANK_BYTES = b"\xef\xbb\xbf \t\r\n"  # a byte order mark, too


@dataclass(frozen=True, slots=True, kw_only=True)
class AsteriskSource:
    """Where the switch left what, and what its operator knows better than the files tell."""

    cdr: Path
    recordings: Path | None
    queue_log: Path | None = None
    columns: str | None = None  # "clid,src,…" where the order is neither cdr-csv's nor cdr_custom's
    zone: str | None = None  # IANA name; None: found by the uniqueids
    agent_pattern: re.Pattern[str] = field(
        default=re.compile(AGENT_NUMBER_PATTERN, re.ASCII)
    )  # what an agent's number looks like


def ingest(run: IngestRun, owner: CallOwner, switch: AsteriskSource) -> None:
    """One pass. Raises OSError if a file named cannot be opened; UnreadableLine if its columns cannot be told."""
    if switch.queue_log is not None:
        tail_reader.ingest_file(
            run, owner, switch.queue_log, _parse_queue_lines, partial(_save_queue_lines, run, owner)
        )
    tail_reader.ingest_file(run, owner, switch.cdr, _LegParser(run, owner, switch), partial(_save_legs, run, owner))
    if switch.recordings is not None:
        ingest_folder(run, owner, switch.recordings, find_call_ids)


class _LegParser:
    """Parses batches of CDR lines. How to read them is found when the first batch comes: seldom, in a watch."""

    def __init__(self, run: IngestRun, owner: CallOwner, switch: AsteriskSource) -> None:
        self._parts = run, owner, switch
        self._format: AsteriskCdrFormat | None = None

    def __call__(self, batch: LineBatch) -> tuple[list[Leg], list[IngestRejection]]:
        if not any(line.strip(_BLANK_BYTES) for _, line in batch.lines):
            return [], []
        reading = self._format = self._format or _detect_format(*self._parts, batch)
        return tail_reader.parse_lines(batch, lambda line: calls.parse_leg(line, reading))


def _detect_format(run: IngestRun, owner: CallOwner, switch: AsteriskSource, batch: LineBatch) -> AsteriskCdrFormat:
    """How to read the CDR file. Reports what the operator should know of its zone."""
    sample = tail_reader.sample_lines(switch.cdr) + [
        line for _, line in batch.lines[:50]
    ]  # a new file may be empty after a rotation
    layout = cdr.detect_layout(sample, switch.columns)
    rows = []
    for line in sample:
        try:
            row = cdr.parse_row(line, layout)
        except UnreadableLine:
            continue
        if row is not None:
            rows.append(row)
    found = zone.detect_zone(zone.collect_samples(rows), owner.account.zone, switch.zone)
    run.warn(f"{folder.to_db_path(switch.cdr)}: {found.report}" if found.report else "")
    with run.database.read_transaction() as connection:
        known = device_numbers.list_names(connection, owner.app, owner.account.account_id, DeviceType.AGENT)
    return AsteriskCdrFormat(
        layout=layout, zone=found.zone, agent_matcher=AgentMatcher(pattern=switch.agent_pattern, known_agents=known)
    )


def _save_legs(
    run: IngestRun, owner: CallOwner, connection: Connection, parsed: tuple[list[Leg], list[IngestRejection]]
) -> None:
    legs, refusals = parsed
    save_legs(connection, run, owner, legs, ASTERISK_MERGER)
    run.reject(connection, owner.app, refusals)


def _parse_queue_lines(batch: LineBatch) -> tuple[list[QueueLine], list[IngestRejection]]:
    return tail_reader.parse_lines(batch, queue_log.parse_line)


def _save_queue_lines(
    run: IngestRun, owner: CallOwner, connection: Connection, parsed: tuple[Sequence[QueueLine], list[IngestRejection]]
) -> None:
    found, refusals = parsed
    events = [event for line in found if (event := queue_log.extract_agent_event(line))]
    visits = [visit for line in found if (visit := queue_log.extract_queue_visit(line))]
    names = {(int(DeviceType.AGENT), event.agent) for event in events}
    device_numbers.assign_numbers(
        connection, owner.app, owner.account.account_id, names
    )  # who is an agent, for CDRs to come
    agent_events.save_events(connection, run, owner, events)
    rebuild_for_visits(connection, owner, agent_events.merge_visits(connection, owner, visits))
    run.reject(connection, owner.app, refusals)
