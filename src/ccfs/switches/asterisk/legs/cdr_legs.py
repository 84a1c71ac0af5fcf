"""Build a leg from a CDR line: who called whom through which device, and how it ended."""

import re
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import blake2b
from operator import attrgetter

from ccfs.model.calls.cdr import CallType, DeviceType, LeaveReason
from ccfs.switches.asterisk import recordings
from ccfs.switches.asterisk.cdr_files import cdr, clock
from ccfs.switches.asterisk.cdr_files.cdr import AsteriskCdrRow, CdrLayout
from ccfs.switches.asterisk.channels import AgentMatcher, parse_caller_name, parse_caller_number
from ccfs.switches.records import Leg, UnreadableLine
from ccfs.switches.tenant_rules import CallFacts, collect_facts

Q850_BY_DISPOSITION = {"ANSWERED": 16, "NO ANSWER": 19, "BUSY": 17, "CONGESTION": 34, "FAILED": 38, "UNKNOWN": 31}
_Q850_UNALLOCATED, _Q850_REJECTED = 1, 21  # Q.850 causes that are more precise than the disposition
_SPECIAL_EXTENSIONS = frozenset({"", "s", "h", "i", "t", "~~s~~"})  # extensions that only the dial plan uses
_DIALLED_PHONE = re.compile(r"/(\d{1,20})(?!\d)", re.ASCII)  # in the arguments of Dial: PJSIP/1001&PJSIP/991001,30
# The fields that identify a line: those that every source has, whether Master.csv, cdr_custom or a table.
_get_identity = attrgetter("uniqueid", "channel", "dstchannel", "dst", "disposition")


@dataclass(frozen=True, slots=True, kw_only=True)
class AsteriskCdrFormat:
    """Columns, zone and agents of one file."""

    layout: CdrLayout
    zone: str  # IANA name
    agent_matcher: AgentMatcher = field(default_factory=AgentMatcher)


@dataclass(frozen=True, slots=True, kw_only=True)
class AsteriskLeg(Leg):
    """A leg, with what relates it to other lines of its call."""

    channel: str = ""
    dstchannel: str = ""
    app: str = ""  # last application, lower case
    context: str = ""  # dial-plan context
    calling_agent: str = ""  # agent whose phone `channel` is
    ringing_agent: str = ""  # agent whose phone `dstchannel` is
    has_talk: bool = False  # the line reports more than 0 seconds of talk
    conference: str = ""  # number or name of the conference that `channel` takes part in
    is_unlinked: bool = False  # the line has no linkedid, so that the call's id is only its channel's
    names_files: bool = False  # the line names a recording


def parse_leg(line: bytes, cdr_format: AsteriskCdrFormat) -> AsteriskLeg | None:
    """Return the leg of one physical line, or None for an empty line or a header. Raise UnreadableLine."""
    row = cdr.parse_row(line, cdr_format.layout)
    return None if row is None else build_leg(row, cdr_format.zone, cdr_format.agent_matcher)


def build_leg(row: AsteriskCdrRow, zone: str, agents: AgentMatcher) -> AsteriskLeg:
    """Return the leg of a row. Raise UnreadableLine."""
    begin, answer, end = _exclude_mailbox(row, *clock.parse_leg_times(row, zone))
    numbers = (row.src, row.cnum, row.dst, *_DIALLED_PHONE.findall(row.lastdata))
    ringing_agent, calling_agent = agents.find_agent(row.dstchannel, numbers), _find_calling_agent(row, agents, numbers)
    queue = row.lastdata.replace("|", ",").partition(",")[0] if row.lastapp.lower() == "queue" else ""
    device, name = _find_device(row, ringing_agent, calling_agent, queue)
    cause = _find_release_cause(row)
    files = recordings.list_named_files(row.recordingfile, row.userfield, row.lastapp, row.lastdata)
    return AsteriskLeg(
        switch_call_id=row.linkedid or row.uniqueid or _make_call_id(row),
        switch_leg_id=row.uniqueid,
        source_key=compute_source_key(row),
        caller_no=row.src or row.cnum or parse_caller_number(row.clid),
        caller_name=parse_caller_name(row.clid) or row.cnam,
        callee_no=row.dst if row.dst not in _SPECIAL_EXTENSIONS else row.did or row.dst,
        begin=begin,
        answer=answer,
        end=end,
        device_type=device,
        device_name=name,
        agent=name if device == DeviceType.AGENT else "",
        queue=queue,
        call_type=_find_call_type(row, agents, ringing_agent, calling_agent),
        release_cause=cause,
        leave_reason=_find_leave_reason(
            row, device, cause, is_answered=answer is not None, is_outbound=bool(calling_agent and not ringing_agent)
        ),
        order=(begin.timestamp(), _parse_sequence(row), _find_counter(row), row.end, row.channel),
        facts=_collect_call_facts(row, queue, is_inbound=not calling_agent),
        recordings=files,
        names_files=bool(files),
        optional_recordings=recordings.list_possible_files(row.lastapp, row.lastdata, row.clid, answer or begin),
        channel=row.channel,
        dstchannel=row.dstchannel,
        app=row.lastapp.lower(),
        context=row.dcontext,
        calling_agent=calling_agent,
        ringing_agent=ringing_agent,
        has_talk=answer is not None and answer < end and (not row.billsec or row.billsec.strip("0.") != ""),
        conference=_find_conference(row),
        is_unlinked=not row.linkedid,
    )


def _collect_call_facts(row: AsteriskCdrRow, queue: str, *, is_inbound: bool) -> CallFacts:
    """Return the facts that tenant rules match. A number that an extension dialled is not a DID of its tenant."""
    numbers = [("did", row.did), ("did", row.dst)] if is_inbound else []
    return collect_facts([("context", row.dcontext), ("accountcode", row.accountcode), *numbers, ("queue", queue)])


def compute_source_key(row: AsteriskCdrRow) -> str:
    """Return 32 hex digits of the fields that identify a line, whatever its source, column order and zone."""
    start = row.start[:19].replace("T", " ")  # cdr_custom may add a fraction and an offset
    identity = [*_get_identity(row), start, _cut_fraction(row.duration), _cut_fraction(row.billsec)]
    return blake2b("\x1f".join(identity).encode(), digest_size=16).hexdigest()


def _cut_fraction(seconds: str) -> str:
    whole = seconds.partition(".")[0]
    return whole if whole != "0" else ""


def _find_conference(row: AsteriskCdrRow) -> str:
    is_conference = row.lastapp.lower() in ("confbridge", "meetme")
    return row.lastdata.replace("|", ",").partition(",")[0].strip() if is_conference else ""


def _make_call_id(row: AsteriskCdrRow) -> str:
    return blake2b(f"{row.channel}\x1f{row.start}".encode(), digest_size=8).hexdigest()


def _find_calling_agent(row: AsteriskCdrRow, agents: AgentMatcher, numbers: Collection[str]) -> str:
    """Return the calling extension, otherwise "".

    The second half of a Local channel belongs to the dial plan, so the caller's number decides. The first half is the
    phone that an application connected before it dialled.
    """
    if row.channel.startswith("Local/") and not row.channel.endswith((";1", ",1")):
        return row.src if agents.is_agent(row.src) else ""
    return agents.find_agent(row.channel, numbers)


def _find_device(row: AsteriskCdrRow, ringing_agent: str, calling_agent: str, queue: str) -> tuple[DeviceType, str]:
    if ringing_agent:
        return DeviceType.AGENT, ringing_agent
    if queue:
        return DeviceType.QUEUE, queue
    return (DeviceType.AGENT, calling_agent) if calling_agent else (DeviceType.FLOW, row.dcontext)


def _find_call_type(row: AsteriskCdrRow, agents: AgentMatcher, ringing_agent: str, calling_agent: str) -> CallType:
    if not calling_agent:
        return CallType.INBOUND
    is_internal = ringing_agent or (
        not row.dstchannel and (row.dst in _SPECIAL_EXTENSIONS or row.dst[:1] == "*" or agents.is_agent(row.dst))
    )
    return CallType.INTERNAL if is_internal else CallType.OUTBOUND


def _find_release_cause(row: AsteriskCdrRow) -> int:
    text = row.hangupcause
    return (
        int(text) if text.isascii() and text.isdecimal() and 0 < len(text) < 4 else Q850_BY_DISPOSITION[row.disposition]
    )


def _exclude_mailbox(
    row: AsteriskCdrRow, begin: datetime, answer: datetime | None, end: datetime
) -> tuple[datetime, datetime | None, datetime]:
    """Return a line's times. If a mailbox answered for a phone, return those of an unanswered phone.

    Up to version 11, Asterisk writes both into one line.
    """
    if row.lastapp.lower() == "voicemail" and row.dstchannel and answer is not None:
        return begin, None, answer
    return begin, answer, end


def _find_leave_reason(
    row: AsteriskCdrRow, device: DeviceType, cause: int, *, is_answered: bool, is_outbound: bool
) -> LeaveReason:
    """Return why the call left the device, by this line alone. A queue log is more precise (`queue_merge.apply_visit`)."""
    disposition = row.disposition if is_answered or row.disposition != "ANSWERED" else "NO ANSWER"
    if disposition in ("ANSWERED", "UNKNOWN"):  # a line that ends in the queue, without a phone: the caller gave up
        return LeaveReason.QUEUE_CANCELLED if device == DeviceType.QUEUE and not row.dstchannel else LeaveReason.NORMAL
    if disposition == "NO ANSWER" and device == DeviceType.AGENT:
        return LeaveReason.USER_NO_ANSWER if is_outbound else LeaveReason.AGENT_NO_ANSWER
    if disposition == "NO ANSWER":
        return LeaveReason.QUEUE_CANCELLED if device == DeviceType.QUEUE else LeaveReason.USER_HUNG_UP
    if cause in (_Q850_UNALLOCATED, _Q850_REJECTED):
        return LeaveReason.VACANT_NUMBER if cause == _Q850_UNALLOCATED else LeaveReason.REJECTED
    return _FAILURE_REASONS[disposition]


_FAILURE_REASONS = {
    "BUSY": LeaveReason.CALLED_BUSY,
    "CONGESTION": LeaveReason.NO_RESOURCES,
    "FAILED": LeaveReason.INTERNAL_ERROR,
}


def _parse_sequence(row: AsteriskCdrRow) -> float:
    """Return the sequence, 0 if there is none."""
    try:
        return float(row.sequence or 0)
    except ValueError:
        raise UnreadableLine("the sequence is not a number") from None


def _find_counter(row: AsteriskCdrRow) -> float:
    """Return the counter in the channel id, which sorts lines of the same second without a sequence."""
    creation = clock.parse_creation(row.uniqueid)
    return float(creation[1]) if creation else float(row.channel.startswith("Local/"))
