"""One pass over the files or tables of Asterisk: the logs of queues and channels first, because CDRs are corrected by them;

then CDRs; then recordings.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from sqlalchemy.engine import Connection

from ccfs.db.tenant.calls import device_numbers, member_names
from ccfs.db.tenant.ingest.ingest_state import IngestRejection
from ccfs.ingest.asterisk_cel import ingest_channel_events, save_own_histories
from ccfs.ingest.asterisk_lines import AsteriskSource, LegParser, NumberedLeg, NumberedQueueLine, QueueLineParser
from ccfs.ingest.calls.agent_events import end_calls, save_events
from ccfs.ingest.calls.large_calls import leave_out_large_calls
from ccfs.ingest.calls.leg_source import ASTERISK_MERGER
from ccfs.ingest.calls.queue_visits import merge_visits
from ccfs.ingest.calls.rebuild import rebuild_for_visits, save_legs
from ccfs.ingest.check.recognition.file_kinds import FileKind
from ccfs.ingest.context import CallOwner, IngestRun
from ccfs.ingest.recordings.ingest_folder import ingest_folders
from ccfs.ingest.sources import get_folder, ingest_source
from ccfs.ingest.tenants.assignment import RecordAssigner
from ccfs.ingest.tenants.call_records import build_leg_record, build_queue_record
from ccfs.ingest.tenants.queue_lines import is_switch_line
from ccfs.ingest.tenants.recordings import TenantMatcher
from ccfs.ingest.tenants.routers import TenantRouter
from ccfs.ingest.wrong_files import require_kind
from ccfs.model.calls.cdr import DeviceType
from ccfs.switches.asterisk import queue_log
from ccfs.switches.asterisk.channels import AgentMatcher, parse_member
from ccfs.switches.asterisk.legs.cdr_legs import AsteriskLeg
from ccfs.switches.asterisk.legs.channel_history import ChannelHistory
from ccfs.switches.asterisk.queue_log import MemberNames, QueueLine
from ccfs.switches.asterisk.recordings import find_call_ids


def ingest(run: IngestRun, owner: CallOwner, source: AsteriskSource) -> None:
    """Run one pass. Raise OSError if a file cannot be opened, UnreadableLine if its columns cannot be detected."""
    assigner = None
    if source.router is not None:
        run = replace(run, has_many_apps=True)
        assigner = _build_assigner(run, owner, source, source.router)
        assigner.try_again()
    legs = LegParser(run, owner, source)
    agents = AgentMatcher(pattern=source.agent_pattern)
    if source.queue_log is not None:
        if isinstance(source.queue_log, Path):
            require_kind(run, owner, source.queue_log, FileKind.QUEUE_LOG)
        save_lines = partial(_save_lines, run, owner, agents, assigner)
        ingest_source(run, owner, source.queue_log, QueueLineParser(source, legs.find_zone), save_lines)
    if assigner is None:
        ingest_channel_events(run, owner, source, legs.find_zone)
    ingest_source(run, owner, source.cdr, legs, partial(_save_legs, run, owner, assigner), legs)
    if assigner is not None:
        ingest_channel_events(run, owner, source, legs.find_zone, assigner)  # the calls tell whose events they are
        assigner.list_unassigned()
    ingest_recordings(run, owner, source, legs)


def ingest_recordings(run: IngestRun, owner: CallOwner, source: AsteriskSource, legs: LegParser | None = None) -> None:
    """Ingest the recordings of calls that are stored or waiting for their tenant."""
    if not source.recordings:
        return
    matcher = TenantMatcher(source.router, _name_source(source)) if source.router else None
    find_zone = (legs or LegParser(run, owner, source)).find_zone
    ingest_folders(run, owner, source.recordings, find_call_ids, matcher, find_zone)


def ingest_channel_log(run: IngestRun, owner: CallOwner, source: AsteriskSource) -> None:
    """Ingest the channel events of calls that are stored or waiting for their tenant."""
    find_zone = LegParser(run, owner, source).find_zone
    if source.router is None:
        ingest_channel_events(run, owner, source, find_zone)
        return
    run = replace(run, has_many_apps=True)
    assigner = _build_assigner(run, owner, source, source.router)
    ingest_channel_events(run, owner, source, find_zone, assigner)
    assigner.list_unassigned()


def _build_assigner(run: IngestRun, owner: CallOwner, source: AsteriskSource, router: TenantRouter) -> RecordAssigner:
    agents = AgentMatcher(pattern=source.agent_pattern)

    def save_own_legs(connection: Connection, own: CallOwner, legs: Sequence[AsteriskLeg]) -> None:
        save_legs(connection, run, own, legs, ASTERISK_MERGER)

    def save_own_lines(connection: Connection, own: CallOwner, lines: Sequence[QueueLine]) -> None:
        _save_queue_lines(run, own, agents, connection, lines)

    return RecordAssigner(
        run=run,
        home=owner,
        router=router,
        source=_name_source(source),
        savers={
            AsteriskLeg: save_own_legs,
            QueueLine: save_own_lines,
            ChannelHistory: partial(save_own_histories, run),
        },
        agents=agents,
    )


def _name_source(source: AsteriskSource) -> str:
    return f"asterisk {get_folder(source.cdr)}"


def _save_legs(
    run: IngestRun,
    owner: CallOwner,
    assigner: RecordAssigner | None,
    connection: Connection,
    parsed: tuple[list[NumberedLeg], list[IngestRejection]],
) -> None:
    numbered, rejections = parsed
    if assigner is None:
        legs = leave_out_large_calls(connection, run, owner, numbered, ASTERISK_MERGER)
        save_legs(connection, run, owner, legs, ASTERISK_MERGER)
    else:
        assigner.assign(connection, [build_leg_record(line, leg) for line, leg in numbered])
    run.reject(connection, owner.app, rejections)


def _save_lines(
    run: IngestRun,
    owner: CallOwner,
    agents: AgentMatcher,
    assigner: RecordAssigner | None,
    connection: Connection,
    parsed: tuple[list[NumberedQueueLine], list[IngestRejection]],
) -> None:
    """Save lines of the queue log. Lines about the whole switch are saved for every account."""
    numbered, rejections = parsed
    if assigner is None:
        _save_queue_lines(run, owner, agents, connection, [item for _, item in numbered])
    else:
        assigner.assign(connection, [build_queue_record(*pair) for pair in numbered if not is_switch_line(pair[1])])
        starts = [item for _, item in numbered if queue_log.is_start(item)]
        for own in assigner.router.list_owners() if starts else ():
            _save_queue_lines(run, own, agents, connection, starts)
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
    rebuild_for_visits(connection, run, owner, merge_visits(connection, owner, visits))


def _find_member_names(
    connection: Connection, owner: CallOwner, lines: Sequence[QueueLine], agents: AgentMatcher
) -> MemberNames:
    """Map members to agents' numbers: those seen in CDRs, and those in the names of interfaces."""
    names = member_names.list_numbers(connection, owner.app, owner.account.account_id)
    members = {line.member: parse_member(line.member) for line in lines if line.member}
    numbers = {member: agents.find_number(name) for member, name in members.items() if member not in names}
    known = {member: names[name] for member, name in members.items() if name in names}
    return names | {member: number for member, number in numbers.items() if number} | known
