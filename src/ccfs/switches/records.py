"""What a parser found, in words that no switch owns. Frozen values only; no parsing here."""

from dataclasses import dataclass, field
from datetime import datetime

from ccfs.model.calls.cdr import CallType, DeviceType, LeaveReason


class UnreadableLine(ValueError):
    """A line or a file that cannot be read; the text is the reason that an operator sees."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """One CDR line of a switch: one device that a call passed. Instants in UTC."""

    switch_call_id: str  # the same for all legs of a call
    switch_leg_id: str  # the channel's own id; recordings and queue events may name it
    source_key: str  # 32 hex digits: digest of the fields that make the line what it is
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
    call_type: int = CallType.INBOUND
    release_cause: int = 0  # Q.850
    leave_reason: int = LeaveReason.NORMAL
    order: tuple[float | str, ...] = ()  # sorts the legs of one call
    recordings: tuple[str, ...] = ()  # file names or paths that the line itself names


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueVisit:
    """What a queue log tells of one call's way through one queue, as far as it is known by now. Instants in UTC."""

    switch_leg_id: str  # id of the caller's channel
    queue: str
    entered_at: datetime | None = None
    rang_at: datetime | None = None  # the agent who answered began to ring
    connected_at: datetime | None = None
    left_at: datetime | None = None
    agent: str = ""  # who answered
    outcome: str = ""  # the queue log's last word: COMPLETEAGENT, ABANDON, EXITWITHTIMEOUT, …


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentEvent:
    """One agent operation that a queue log tells of. Instant in UTC."""

    source_key: str  # as Leg.line_key
    agent: str
    occurred_at: datetime
    op_type: int
    op_object: str = "-1"
    op_cause: str = "-1"
    queue: str = ""
    switch_leg_id: str = ""  # call concerned, else empty
    is_state: bool = True  # a state that goes on until the agent's next one; False: of the moment
    phone_no: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneGuess:
    """The time zone that a CDR file's local times were found to be in."""

    zone: str  # IANA name
    report: str = ""  # what an operator must know: a mismatch, or that it was assumed; empty if all is well
    basis: str = field(default="epoch")  # "epoch", "given" or "assumed"
