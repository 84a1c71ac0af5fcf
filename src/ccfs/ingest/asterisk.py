"""One pass over the files of Asterisk: the queue log first, because it reports more of the calls; then CDRs; then recordings."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from sqlalchemy.engine import Connection

from ccfs.db.tenant.calls import device_numbers, member_names
from ccfs.db.tenant.ingest_state import IngestRejection
from ccfs.ingest.calls.agent_events import end_calls, save_events
from ccfs.ingest.calls.leg_source import ASTERISK_MERGER
from ccfs.ingest.calls.queue_visits import merge_visits
from ccfs.ingest.calls.rebuild import rebuild_for_visits, save_legs
from ccfs.ingest.context import CallOwner, IngestRun
from ccfs.ingest.files import tail_reader
from ccfs.ingest.files.scan import to_db_path
from ccfs.ingest.files.tail_reader import LineBatch
from ccfs.ingest.recordings.ingest_folder import ingest_folder
from ccfs.model.calls.cdr import DeviceType
from ccfs.switches.asterisk import calls, cdr, queue_log, zone
from ccfs.switches.asterisk.calls import AsteriskCdrFormat, AsteriskLeg
from ccfs.switches.asterisk.channels import AGENT_NUMBER_PATTERN, AgentMatcher, parse_member
from ccfs.switches.asterisk.queue_log import MemberNames, QueueLine
from ccfs.switches.asterisk.recordings import find_call_ids
from ccfs.switches.records import UnreadableLine

_BLANK_BYTES = b"\xef\xbb\xbf \t\r\n"  # with the byte order mark


@dataclass(frozen=True, slots=True, kw_only=True)
class AsteriskSource:
    """Paths of the switch's files, and what the operator overrules."""

    cdr: Path
    recordings: Path | None
    queue_log: Path | None = None
    columns: str | None = None  # "clid,src,…" where the order is neither cdr-csv's nor cdr_custom's
    zone: str | None = None  # IANA name; None: detected by the uniqueids
    agent_pattern: re.Pattern[str] = field(default=re.compile(AGENT_NUMBER_PATTERN, re.ASCII))  # of agents' numbers


def ingest(run: IngestRun, owner: CallOwner, source: AsteriskSource) -> None:
    """Run one pass. Raise OSError if a file cannot be opened, UnreadableLine if its columns cannot be detected."""
    if source.queue_log is not None:
        save_queue_lines = partial(_save_queue_lines, run, owner, AgentMatcher(pattern=source.agent_pattern))
        tail_reader.ingest_file(run, owner, source.queue_log, _parse_queue_lines, save_queue_lines)
    tail_reader.ingest_file(run, owner, source.cdr, _LegParser(run, owner, source), partial(_save_legs, run, owner))
    if source.recordings is not None:
        ingest_folder(run, owner, source.recordings, find_call_ids)


class _LegParser:
    """Parse batches of CDR lines. The first batch detects the format, so that an idle watch never does."""

    def __init__(self, run: IngestRun, owner: CallOwner, source: AsteriskSource) -> None:
        self._arguments = run, owner, source
        self._format: AsteriskCdrFormat | None = None

    def __call__(self, batch: LineBatch) -> tuple[list[AsteriskLeg], list[IngestRejection]]:
        if not any(line.strip(_BLANK_BYTES) for _, line in batch.lines):
            return [], []
        cdr_format = self._format = self._format or _detect_format(*self._arguments, batch)
        return tail_reader.parse_lines(batch, lambda line: calls.parse_leg(line, cdr_format))


def _detect_format(run: IngestRun, owner: CallOwner, source: AsteriskSource, batch: LineBatch) -> AsteriskCdrFormat:
    """Detect the format of the CDR file. Warn the operator of its zone."""
    # The lines of the batch, too: after a rotation, the new file may be empty.
    sample = tail_reader.sample_lines(source.cdr) + [line for _, line in batch.lines[:50]]
    layout = cdr.detect_layout(sample, source.columns)
    rows = []
    for line in sample:
        try:
            row = cdr.parse_row(line, layout)
        except UnreadableLine:
            continue
        if row is not None:
            rows.append(row)
    guess = zone.detect_zone(zone.collect_samples(rows), owner.account.zone, source.zone)
    run.warn(f"{to_db_path(source.cdr)}: {guess.report}" if guess.report else "")
    with run.database.read_transaction() as connection:
        known_agents = device_numbers.list_names(connection, owner.app, owner.account.account_id, DeviceType.AGENT)
    matcher = AgentMatcher(pattern=source.agent_pattern, known_agents=known_agents)
    return AsteriskCdrFormat(layout=layout, zone=guess.zone, agent_matcher=matcher)


def _save_legs(
    run: IngestRun, owner: CallOwner, connection: Connection, parsed: tuple[list[AsteriskLeg], list[IngestRejection]]
) -> None:
    legs, rejections = parsed
    save_legs(connection, run, owner, legs, ASTERISK_MERGER)
    run.reject(connection, owner.app, rejections)


def _parse_queue_lines(batch: LineBatch) -> tuple[list[QueueLine], list[IngestRejection]]:
    return tail_reader.parse_lines(batch, queue_log.parse_line)


def _save_queue_lines(
    run: IngestRun,
    owner: CallOwner,
    agents: AgentMatcher,
    connection: Connection,
    parsed: tuple[Sequence[QueueLine], list[IngestRejection]],
) -> None:
    lines, rejections = parsed
    names = _find_member_names(connection, owner, lines, agents)
    events = [event for line in lines if (event := queue_log.extract_agent_event(line, names))]
    visits = [visit for line in lines if (visit := queue_log.extract_queue_visit(line, names))]
    # Agents get numbers now, so that the parser of CDRs knows them.
    devices = {(int(DeviceType.AGENT), event.agent) for event in events}
    device_numbers.assign_numbers(connection, owner.app, owner.account.account_id, devices)
    save_events(connection, run, owner, events)
    for line in filter(queue_log.is_start, lines):
        end_calls(connection, owner, line.occurred_at)
    rebuild_for_visits(connection, owner, merge_visits(connection, owner, visits))
    run.reject(connection, owner.app, rejections)


def _find_member_names(
    connection: Connection, owner: CallOwner, lines: Sequence[QueueLine], agents: AgentMatcher
) -> MemberNames:
    """Return the agents' numbers by member: what CDRs have shown, and the number in an interface's name."""
    names = member_names.list_numbers(connection, owner.app, owner.account.account_id)
    members = {line.member: parse_member(line.member) for line in lines if line.member}
    numbers = {member: agents.find_number(name) for member, name in members.items() if member not in names}
    known = {member: names[name] for member, name in members.items() if name in names}
    return names | {member: number for member, number in numbers.items() if number} | known
