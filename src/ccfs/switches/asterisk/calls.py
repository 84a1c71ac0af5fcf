"""Build a leg from a CDR line: who called whom through which device, and how it ended."""

from dataclasses import dataclass, field
from hashlib import blake2b
from operator import attrgetter

from ccfs.model.calls.cdr import CallType, DeviceType, LeaveReason
from ccfs.switches.asterisk import cdr, clock, recordings
from ccfs.switches.asterisk.cdr import AsteriskCdrRow, CdrLayout
from ccfs.switches.asterisk.channels import AgentMatcher, parse_caller_name, parse_caller_number
from ccfs.switches.records import Leg, UnreadableLine
from ccfs.switches.tenant_rules import CallFacts, collect_facts

Q850_BY_DISPOSITION = {"ANSWERED": 16, "NO ANSWER": 19, "BUSY": 17, "CONGESTION": 34, "FAILED": 38, "UNKNOWN": 31}
_Q850_UNALLOCATED, _Q850_REJECTED = 1, 21  # Q.850 causes that are more precise than the disposition
_SPECIAL_EXTENSIONS = frozenset({"", "s", "h", "i", "t", "~~s~~"})  # extensions that only the dial plan uses
_get_identity = attrgetter(  # the fields that identify a line
    *("uniqueid", "linkedid", "sequence", "src", "dst", "dcontext", "channel", "dstchannel", "lastapp", "lastdata"),
    *("start", "answer", "end", "duration", "billsec", "disposition"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AsteriskCdrFormat:
    """Columns, zone and agents of one file."""

    layout: CdrLayout
    zone: str  # IANA name
    agent_matcher: AgentMatcher = field(default_factory=AgentMatcher)


def parse_leg(line: bytes, cdr_format: AsteriskCdrFormat) -> Leg | None:
    """Return the leg of one physical line, or None for an empty line or a header. Raise UnreadableLine."""
    row = cdr.parse_row(line, cdr_format.layout)
    return None if row is None else build_leg(row, cdr_format.zone, cdr_format.agent_matcher)


def build_leg(row: AsteriskCdrRow, zone: str, agents: AgentMatcher) -> Leg:
    """Return the leg of a row. Raise UnreadableLine."""
    begin, answer, end = clock.parse_leg_times(row, zone)
    ringing_agent, calling_agent = agents.find_agent(row.dstchannel), _find_calling_agent(row, agents)
    queue = row.lastdata.replace("|", ",").partition(",")[0] if row.lastapp.lower() == "queue" else ""
    device, name = _find_device(row, ringing_agent, calling_agent, queue)
    cause = _find_release_cause(row)
    return Leg(
        switch_call_id=row.linkedid or row.uniqueid or _make_call_id(row),
        switch_leg_id=row.uniqueid,
        source_key=compute_source_key(row),
        caller_no=row.src or row.cnum or parse_caller_number(row.clid),
        caller_name=parse_caller_name(row.clid) or row.cnam,
        callee_no=row.dst if row.dst not in _SPECIAL_EXTENSIONS else row.did or ringing_agent or row.dst,
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
            row.disposition, device, cause, outbound=bool(calling_agent and not ringing_agent)
        ),
        order=(begin.timestamp(), _parse_sequence(row.sequence), row.end, row.channel),
        facts=_collect_call_facts(row, queue, is_inbound=not calling_agent),
        recordings=recordings.list_named_files(row.recordingfile, row.userfield, row.lastapp, row.lastdata),
    )


def _collect_call_facts(row: AsteriskCdrRow, queue: str, *, is_inbound: bool) -> CallFacts:
    """Return what tenant rules match. A number that an extension dialled is no DID of its tenant's."""
    numbers = [("did", row.did), ("did", row.dst)] if is_inbound else []
    return collect_facts([("context", row.dcontext), ("accountcode", row.accountcode), *numbers, ("queue", queue)])


def compute_source_key(row: AsteriskCdrRow) -> str:
    """Return 32 hex digits of the fields that identify a line, whatever its column order and zone."""
    return blake2b("\x1f".join(_get_identity(row)).encode(), digest_size=16).hexdigest()


def _make_call_id(row: AsteriskCdrRow) -> str:
    return blake2b(f"{row.channel}\x1f{row.start}".encode(), digest_size=8).hexdigest()


def _find_calling_agent(row: AsteriskCdrRow, agents: AgentMatcher) -> str:
    """Return the extension that calls, else "". A Local channel is the dial plan's own: the caller's number decides."""
    if row.channel.startswith("Local/"):
        return row.src if agents.is_agent(row.src) else ""
    return agents.find_agent(row.channel)


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


def _find_leave_reason(disposition: str, device: DeviceType, cause: int, *, outbound: bool) -> LeaveReason:
    """Return why the call left the device, by the line alone; a queue log is more precise (`queue_merge.apply_visit`)."""
    if disposition in ("ANSWERED", "UNKNOWN"):
        return LeaveReason.NORMAL
    if disposition == "NO ANSWER" and device == DeviceType.AGENT:
        return LeaveReason.USER_NO_ANSWER if outbound else LeaveReason.AGENT_NO_ANSWER
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


def _parse_sequence(text: str) -> float:
    if not text:
        return 0.0
    try:
        return float(text)
    except ValueError:
        raise UnreadableLine("the sequence is not a number") from None
