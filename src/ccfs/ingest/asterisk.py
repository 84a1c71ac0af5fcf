"""One pass over the files of Asterisk: the queue log first, because it reports more of the calls; then CDRs; then recordings."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import NamedTuple

from sqlalchemy.engine import Connection

from ccfs.db.tenant.calls import device_numbers
from ccfs.db.tenant.ingest_state import IngestRejection
from ccfs.ingest.calls.agent_events import save_events
from ccfs.ingest.calls.leg_source import ASTERISK_MERGER
from ccfs.ingest.calls.queue_visits import merge_visits
from ccfs.ingest.calls.rebuild import rebuild_for_visits, save_legs
from ccfs.ingest.context import CallOwner, IngestRun
from ccfs.ingest.files import tail_reader
from ccfs.ingest.files.scan import to_db_path
from ccfs.ingest.files.tail_reader import LineBatch
from ccfs.ingest.tenants import (
    TenantRouter,
    describe_unassigned,
    ingest_recordings,
    request_rereads,
    route_legs,
    route_member_lines,
    route_queue_lines,
)
from ccfs.model.calls.cdr import DeviceType
from ccfs.switches.asterisk import calls, cdr, queue_log, zone
from ccfs.switches.asterisk.calls import AsteriskCdrFormat
from ccfs.switches.asterisk.channels import AGENT_NUMBER_PATTERN, AgentMatcher
from ccfs.switches.asterisk.queue_log import QueueLine
from ccfs.switches.asterisk.recordings import find_call_ids
from ccfs.switches.records import Leg, UnreadableLine

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
    router: TenantRouter | None = None  # of the tenant rules, where the switch has many tenants


def ingest(run: IngestRun, owner: CallOwner, source: AsteriskSource) -> None:
    """Run one pass. Raise OSError if a file cannot be opened, UnreadableLine if its columns cannot be detected."""
    if source.router is not None:
        request_rereads(run, owner, source.router)
    if source.queue_log is not None:
        save_queue_lines = partial(_save_routed_queue_lines, run, owner, source.router, to_db_path(source.queue_log))
        tail_reader.ingest_file(run, owner, source.queue_log, _parse_queue_lines, save_queue_lines)
    tail_reader.ingest_file(
        run, owner, source.cdr, _LegParser(run, owner, source), partial(_save_legs, run, owner, source.router)
    )
    if source.recordings is not None:
        ingest_recordings(run, owner, source.router, source.recordings, find_call_ids)


class _ParsedLegs(NamedTuple):
    legs: list[tuple[Leg, bytes]]  # each with its line
    rejections: list[IngestRejection]
    batch: LineBatch


class _LegParser:
    """Parse batches of CDR lines. The first batch detects the format, so that an idle watch never does."""

    def __init__(self, run: IngestRun, owner: CallOwner, source: AsteriskSource) -> None:
        self._arguments = run, owner, source
        self._format: AsteriskCdrFormat | None = None

    def __call__(self, batch: LineBatch) -> _ParsedLegs:
        if not any(line.strip(_BLANK_BYTES) for _, line in batch.lines):
            return _ParsedLegs([], [], batch)
        cdr_format = self._format = self._format or _detect_format(*self._arguments, batch)
        return _ParsedLegs(*tail_reader.parse_lines(batch, lambda line: _parse_leg(line, cdr_format)), batch)


def _parse_leg(line: bytes, cdr_format: AsteriskCdrFormat) -> tuple[Leg, bytes] | None:
    leg = calls.parse_leg(line, cdr_format)
    return (leg, line) if leg else None


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
    owners = source.router.list_owners() if source.router else [owner]
    with run.database.read_transaction() as connection:
        known_agents = frozenset[str]().union(
            *(
                device_numbers.list_names(connection, one.app, one.account.account_id, DeviceType.AGENT)
                for one in owners
            )
        )
    matcher = AgentMatcher(pattern=source.agent_pattern, known_agents=known_agents)
    return AsteriskCdrFormat(layout=layout, zone=guess.zone, agent_matcher=matcher)


def _save_legs(
    run: IngestRun, owner: CallOwner, router: TenantRouter | None, connection: Connection, parsed: _ParsedLegs
) -> None:
    routed = route_legs(connection, owner, router, [leg for leg, _ in parsed.legs])
    for leg_owner, legs in routed.groups:
        save_legs(connection, run, leg_owner, legs, ASTERISK_MERGER)
    lines = {leg.source_key: line for leg, line in parsed.legs} if routed.unassigned else {}
    numbers = {line: number for number, line in reversed(parsed.batch.lines)} if routed.unassigned else {}
    unassigned = [
        IngestRejection(file=parsed.batch.path, line=numbers[line], reason=describe_unassigned(leg.facts), raw=line)
        for leg in routed.unassigned
        if (line := lines[leg.source_key])
    ]
    run.reject(connection, owner.app, [*parsed.rejections, *unassigned])


def _parse_queue_lines(batch: LineBatch) -> tuple[list[QueueLine], list[IngestRejection]]:
    return tail_reader.parse_lines(batch, queue_log.parse_line)


def _save_routed_queue_lines(
    run: IngestRun,
    owner: CallOwner,
    router: TenantRouter | None,
    file: str,
    connection: Connection,
    parsed: tuple[Sequence[QueueLine], list[IngestRejection]],
) -> None:
    """Save each line for the owner of its queue; one without a queue for each owner that knows its member."""
    lines, rejections = parsed
    if router is None:
        _save_queue_lines(run, owner, connection, parsed)
        return
    of_queues, unassigned = route_queue_lines(router, [line for line in lines if line.queue])
    for line_owner, own_lines in of_queues.items():
        _save_queue_lines(run, line_owner, connection, (own_lines, []))
    of_members, unknown = route_member_lines(connection, router, [line for line in lines if not line.queue])
    for line_owner, own_lines in of_members.items():
        _save_queue_lines(run, line_owner, connection, (own_lines, []))
    reasons = dict.fromkeys([*unassigned, *unknown])
    rejections = [*rejections, *(IngestRejection(file=file, line=0, reason=reason) for reason in reasons)]
    run.reject(connection, owner.app, rejections)


def _save_queue_lines(
    run: IngestRun, owner: CallOwner, connection: Connection, parsed: tuple[Sequence[QueueLine], list[IngestRejection]]
) -> None:
    lines, rejections = parsed
    events = [event for line in lines if (event := queue_log.extract_agent_event(line))]
    visits = [visit for line in lines if (visit := queue_log.extract_queue_visit(line))]
    # Agents get numbers now, so that the parser of CDRs knows them.
    agents = {(int(DeviceType.AGENT), event.agent) for event in events}
    device_numbers.assign_numbers(connection, owner.app, owner.account.account_id, agents)
    save_events(connection, run, owner, events)
    rebuild_for_visits(connection, owner, merge_visits(connection, owner, visits))
    run.reject(connection, owner.app, rejections)
