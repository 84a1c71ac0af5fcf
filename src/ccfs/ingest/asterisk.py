"""One pass over the files of Asterisk: the logs of queues and channels first, because they report more of the calls; then
CDRs; then recordings."""

from collections.abc import Sequence
from functools import partial

from sqlalchemy.engine import Connection

from ccfs.db.tenant.calls import device_numbers, member_names
from ccfs.db.tenant.ingest_state import IngestRejection
from ccfs.ingest.asterisk_cel import ingest_channel_events
from ccfs.ingest.asterisk_lines import AsteriskSource, LegParser, QueueLineParser
from ccfs.ingest.calls.agent_events import end_calls, save_events
from ccfs.ingest.calls.leg_source import ASTERISK_MERGER
from ccfs.ingest.calls.queue_visits import merge_visits
from ccfs.ingest.calls.rebuild import rebuild_for_visits, save_legs
from ccfs.ingest.context import CallOwner, IngestRun
from ccfs.ingest.files import tail_reader
from ccfs.ingest.recordings.ingest_folder import ingest_folder
from ccfs.model.calls.cdr import DeviceType
from ccfs.switches.asterisk import queue_log
from ccfs.switches.asterisk.calls import AsteriskLeg
from ccfs.switches.asterisk.channels import AgentMatcher, parse_member
from ccfs.switches.asterisk.queue_log import MemberNames, QueueLine
from ccfs.switches.asterisk.recordings import find_call_ids


def ingest(run: IngestRun, owner: CallOwner, source: AsteriskSource) -> None:
    """Run one pass. Raise OSError if a file cannot be opened, UnreadableLine if its columns cannot be detected."""
    legs = LegParser(run, owner, source)
    if source.queue_log is not None:
        save_queue_lines = partial(_save_queue_lines, run, owner, AgentMatcher(pattern=source.agent_pattern))
        queue_lines = QueueLineParser(source, legs.find_zone)
        tail_reader.ingest_file(run, owner, source.queue_log, queue_lines, save_queue_lines)
    ingest_channel_events(run, owner, source, legs.find_zone)
    tail_reader.ingest_file(run, owner, source.cdr, legs, partial(_save_legs, run, owner), legs)
    if source.recordings is not None:
        ingest_folder(run, owner, source.recordings, find_call_ids, legs.find_zone)


def _save_legs(
    run: IngestRun, owner: CallOwner, connection: Connection, parsed: tuple[list[AsteriskLeg], list[IngestRejection]]
) -> None:
    legs, rejections = parsed
    save_legs(connection, run, owner, legs, ASTERISK_MERGER)
    run.reject(connection, owner.app, rejections)


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
    rebuild_for_visits(connection, run, owner, merge_visits(connection, owner, visits))
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
