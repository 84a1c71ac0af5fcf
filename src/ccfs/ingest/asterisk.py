"""One pass over the files of Asterisk: the queue log first, because it reports more of the calls; then CDRs; then recordings."""

from collections.abc import Sequence
from functools import partial

from sqlalchemy.engine import Connection

from ccfs.db.tenant.calls import device_numbers, member_names
from ccfs.db.tenant.ingest_state import IngestRejection
from ccfs.ingest.asterisk_lines import AsteriskSource, LegParser, NumberedLeg, QueueLineParser
from ccfs.ingest.calls.agent_events import end_calls, save_events
from ccfs.ingest.calls.leg_source import ASTERISK_MERGER
from ccfs.ingest.calls.queue_visits import merge_visits
from ccfs.ingest.calls.rebuild import rebuild_for_visits, save_legs
from ccfs.ingest.context import CallOwner, IngestRun
from ccfs.ingest.files import tail_reader
from ccfs.ingest.files.scan import to_db_path
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
from ccfs.switches.asterisk import queue_log
from ccfs.switches.asterisk.channels import AgentMatcher, parse_member
from ccfs.switches.asterisk.queue_log import MemberNames, QueueLine
from ccfs.switches.asterisk.recordings import find_call_ids


def ingest(run: IngestRun, owner: CallOwner, source: AsteriskSource) -> None:
    """Run one pass. Raise OSError if a file cannot be opened, UnreadableLine if its columns cannot be detected."""
    if source.router is not None:
        request_rereads(run, owner, source.router)
    legs = LegParser(run, owner, source)
    if source.queue_log is not None:
        save_queue_lines = partial(_save_routed_queue_lines, run, owner, source)
        queue_lines = QueueLineParser(source, legs.find_zone)
        tail_reader.ingest_file(run, owner, source.queue_log, queue_lines, save_queue_lines)
    tail_reader.ingest_file(run, owner, source.cdr, legs, partial(_save_legs, run, owner, source.router), legs)
    if source.recordings is not None:
        ingest_recordings(run, owner, source.router, source.recordings, find_call_ids)


def _save_legs(
    run: IngestRun,
    owner: CallOwner,
    router: TenantRouter | None,
    connection: Connection,
    parsed: tuple[list[NumberedLeg], list[IngestRejection]],
) -> None:
    numbered, rejections = parsed
    routed = route_legs(connection, owner, router, [leg for _, leg in numbered])
    for leg_owner, legs in routed.groups:
        save_legs(connection, run, leg_owner, legs, ASTERISK_MERGER)
    unassigned = {leg.source_key for leg in routed.unassigned}
    rejections += [
        IngestRejection(file=line.file, line=line.number, reason=describe_unassigned(leg.facts), raw=line.raw)
        for line, leg in numbered
        if leg.source_key in unassigned
    ]
    run.reject(connection, owner.app, rejections)


def _save_routed_queue_lines(
    run: IngestRun,
    owner: CallOwner,
    source: AsteriskSource,
    connection: Connection,
    parsed: tuple[Sequence[QueueLine], list[IngestRejection]],
) -> None:
    """Save each line for the owner of its queue; one without a queue for each owner that knows its member."""
    lines, rejections = parsed
    agents = AgentMatcher(pattern=source.agent_pattern)
    if source.router is None:
        _save_queue_lines(run, owner, agents, connection, lines)
    else:
        assert source.queue_log is not None
        of_queues = route_queue_lines(source.router, [line for line in lines if line.queue])
        for line_owner, own_lines in of_queues.groups.items():
            _save_queue_lines(run, line_owner, agents, connection, own_lines)
        of_members = route_member_lines(connection, source.router, [line for line in lines if not line.queue])
        for line_owner, own_lines in of_members.groups.items():
            _save_queue_lines(run, line_owner, agents, connection, own_lines)
        file, reasons = to_db_path(source.queue_log), dict.fromkeys([*of_queues.reasons, *of_members.reasons])
        rejections += [IngestRejection(file=file, line=0, reason=reason) for reason in reasons]
    run.reject(connection, owner.app, rejections)


def _save_queue_lines(
    run: IngestRun,
    owner: CallOwner,
    agents: AgentMatcher,
    connection: Connection,
    lines: Sequence[QueueLine],
) -> None:
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


def _find_member_names(
    connection: Connection, owner: CallOwner, lines: Sequence[QueueLine], agents: AgentMatcher
) -> MemberNames:
    """Return the agents' numbers by member: what CDRs have shown, and the number in an interface's name."""
    names = member_names.list_numbers(connection, owner.app, owner.account.account_id)
    members = {line.member: parse_member(line.member) for line in lines if line.member}
    numbers = {member: agents.find_number(name) for member, name in members.items() if member not in names}
    known = {member: names[name] for member, name in members.items() if name in names}
    return names | {member: number for member, number in numbers.items() if number} | known
