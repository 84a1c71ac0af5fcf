"""A CDR line as a Leg: who called whom through which device, and how it ended. Rules over one line; nothing is kept."""

from dataclasses import dataclass, field
from hashlib import blake2b
from operator import attrgetter

from ccfs.model.cdr import CallType, Device, LeaveReason
from ccfs.switches.asterisk import cdr, clock, recordings
from ccfs.switches.asterisk.cdr import Layout, Row
from ccfs.switches.asterisk.channels import People, caller_name, caller_number
from ccfs.switches.found import Leg, UnreadableLine

Q850 = {"ANSWERED": 16, "NO ANSWER": 19, "BUSY": 17, "CONGESTION": 34, "FAILED": 38, "UNKNOWN": 31}
_VACANT, _REJECTED = 1, 21  # Q.850 causes that say more than the disposition
_NOWHERE = frozenset({"", "s", "h", "i", "t", "~~s~~"})  # extensions of the dial plan that nobody dials
_IDENTITY = attrgetter(  # what makes a line the line it is
    *("uniqueid", "linkedid", "sequence", "src", "dst", "dcontext", "channel", "dstchannel", "lastapp", "lastdata"),
    *("start", "answer", "end", "duration", "billsec", "disposition"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How to read the lines of one file."""

    layout: Layout
    zone: str  # IANA name
    people: People = field(default_factory=People)


def leg(line: bytes, reading: Reading) -> Leg | None:
    """The leg that one physical line tells of; None for an empty line or a header. UnreadableLine with the reason."""
    row = cdr.row(line, reading.layout)
    return None if row is None else leg_of(row, reading.zone, reading.people)


def leg_of(row: Row, zone: str, people: People) -> Leg:
    begin, answer, end = clock.span(row, zone)
    rung, calling = people.on(row.dstchannel), _calling(row, people)
    queue = row.lastdata.replace("|", ",").partition(",")[0] if row.lastapp.lower() == "queue" else ""
    device, name = _device(row, rung, calling, queue)
    cause = _cause(row)
    return Leg(
        switch_call_id=row.linkedid or row.uniqueid or _made_up(row),
        switch_leg_id=row.uniqueid,
        line_key=line_key(row),
        caller_no=row.src or row.cnum or caller_number(row.clid),
        caller_name=caller_name(row.clid) or row.cnam,
        callee_no=row.dst if row.dst not in _NOWHERE else row.did or rung or row.dst,
        begin=begin,
        answer=answer,
        end=end,
        device_type=device,
        device_name=name,
        agent=name if device == Device.AGENT else "",
        queue=queue,
        call_type=_call_type(row, people, rung, calling),
        release_cause=cause,
        leave_reason=_leave_reason(row.disposition, device, cause, outbound=bool(calling and not rung)),
        order=(begin.timestamp(), _number(row.sequence), row.end, row.channel),
        recordings=recordings.named(row.recordingfile, row.userfield, row.lastapp, row.lastdata),
    )


def line_key(row: Row) -> str:
    """32 hex digits of what makes a line the line it is, whatever order its columns have and whatever zone they are in."""
    return blake2b("\x1f".join(_IDENTITY(row)).encode(), digest_size=16).hexdigest()


def _made_up(row: Row) -> str:
    return blake2b(f"{row.channel}\x1f{row.start}".encode(), digest_size=8).hexdigest()


def _calling(row: Row, people: People) -> str:
    """The extension that calls, else "". A Local channel is the dial plan calling on: its caller's number tells."""
    if row.channel.startswith("Local/"):
        return row.src if people.has(row.src) else ""
    return people.on(row.channel)


def _device(row: Row, rung: str, calling: str, queue: str) -> tuple[Device, str]:
    if rung:
        return Device.AGENT, rung
    if queue:
        return Device.QUEUE, queue
    return (Device.AGENT, calling) if calling else (Device.FLOW, row.dcontext)


def _call_type(row: Row, people: People, rung: str, calling: str) -> CallType:
    if not calling:
        return CallType.INBOUND
    stays = rung or (not row.dstchannel and (row.dst in _NOWHERE or row.dst[:1] == "*" or people.has(row.dst)))
    return CallType.INTERNAL if stays else CallType.OUTBOUND


def _cause(row: Row) -> int:
    text = row.hangupcause
    return int(text) if text.isascii() and text.isdecimal() and 0 < len(text) < 4 else Q850[row.disposition]


def _leave_reason(disposition: str, device: Device, cause: int, *, outbound: bool) -> LeaveReason:
    """Why the device was left as far as the line alone tells; a queue log tells more (`visits.told`)."""
    if disposition in ("ANSWERED", "UNKNOWN"):
        return LeaveReason.NORMAL
    if disposition == "NO ANSWER" and device == Device.AGENT:
        return LeaveReason.USER_NO_ANSWER if outbound else LeaveReason.AGENT_NO_ANSWER
    if disposition == "NO ANSWER":
        return LeaveReason.QUEUE_CANCELLED if device == Device.QUEUE else LeaveReason.USER_HUNG_UP
    if cause in (_VACANT, _REJECTED):
        return LeaveReason.VACANT_NUMBER if cause == _VACANT else LeaveReason.REJECTED
    return _FAILURES[disposition]


_FAILURES = {
    "BUSY": LeaveReason.CALLED_BUSY,
    "CONGESTION": LeaveReason.NO_RESOURCES,
    "FAILED": LeaveReason.INTERNAL_ERROR,
}


def _number(text: str) -> float:
    if not text:
        return 0.0
    try:
        return float(text)
    except ValueError:
        raise UnreadableLine("the sequence is not a number") from None
