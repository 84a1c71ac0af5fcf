"""Results of the parsers, the same for all switches."""

from dataclasses import dataclass, field
from datetime import datetime

from ccfs.model.calls.cdr import CallType, DeviceType, LeaveReason
from ccfs.switches.tenant_rules import CallFacts


class UnreadableLine(ValueError):
    """A line or a file that cannot be parsed. The text is the reason that an operator sees."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """One CDR line of a switch: one device's part in a call. Instants in UTC."""

    switch_call_id: str  # the same for all legs of a call
    switch_leg_id: str  # the channel's own id; recordings and queue events may name it
    source_key: str  # 32 hex digits: digest of the fields that identify the line
    caller_no: str = ""
    caller_name: str = ""
    callee_no: str = ""
    begin: datetime
    answer: datetime | None = None  # None: not answered
    end: datetime
    device_type: int = DeviceType.FLOW
    device_name: str = ""  # agent number, queue name, or flow (dial-plan context)
    agent: str = ""  # agent number, else empty
    queue: str = ""  # queue that the call came through, else empty
    first_queue: str = ""  # an earlier queue in which the caller waited on this leg, where there was one
    queue_leg_id: str = ""  # channel that waited in the queue, where it is not this leg's
    rung_agent: str = ""  # agent whose phone the queue rang, where `queue_leg_id` is set
    is_waiting: bool = False  # other legs report ringing and talk
    call_type: int = CallType.INBOUND
    release_cause: int = 0  # Q.850
    leave_reason: int = LeaveReason.NORMAL
    order: tuple[float | str, ...] = ()  # sorts the legs of one call
    recordings: tuple[str, ...] = ()  # file names or paths that the line itself names
    part_of: str = ""  # switch_leg_id of the leg whose line reports this one beside it; "" for a line's own leg
    optional_recordings: tuple[str, ...] = ()  # those that may exist: they are matched, and never missing
    facts: CallFacts = field(default=(), compare=False)  # what tenant rules match
    domain: str = field(default="", compare=False)  # that the switch names as the call's tenant, in lower case


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueVisit:
    """One call's visit to one queue, as far as the lines read so far report it. Instants in UTC."""

    switch_leg_id: str  # id of the caller's channel
    queue: str
    entered_at: datetime | None = None
    rang_at: datetime | None = None  # when the phone of the agent who answered began to ring
    connected_at: datetime | None = None
    left_at: datetime | None = None
    agent: str = ""  # the agent who answered
    outcome: str = ""  # the queue log's last event: COMPLETEAGENT, ABANDON, EXITWITHTIMEOUT, …


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentEvent:
    """One agent operation of a queue log. Instant in UTC."""

    source_key: str  # as Leg.source_key
    agent: str
    occurred_at: datetime
    op_type: int
    op_object: str = "-1"
    op_cause: str = "-1"
    queue: str = ""
    switch_leg_id: str = ""  # channel of the call, else empty
    written_key: str = ""  # the source_key under the member's name as written, where the agent's number was known
    is_state: bool = True  # a state that lasts until the agent's next one; False: a moment
    phone_no: str = ""
    reason: str = ""  # of a pause, as the switch names it


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneGuess:
    """The time zone of a CDR file's local times, as detected."""

    zone: str  # IANA name
    report: str = ""  # warning for the operator: a mismatch, or that the zone was assumed; else empty
    basis: str = field(default="epoch")  # "epoch", "given", "known", "assumed" or "not needed"
