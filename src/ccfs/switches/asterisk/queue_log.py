"""Lines of queue_log: visits of callers to queues (QueueVisit) and events of agents (AgentEvent).

    seconds|uniqueid of the caller's channel|queue|member|EVENT|argument|…

Arguments as app_queue writes them: CONNECT(hold|bridged channel's id|ring, seconds), COMPLETEAGENT and COMPLETECALLER
(hold|talk|position), RINGNOANSWER(milliseconds), TRANSFER and BLINDTRANSFER(extension|context|…), ATTENDEDTRANSFER(how|
what|hold|talk|position), PAUSE(reason), AGENTLOGIN(channel), AGENTCALLBACKLOGIN(extension@context). Older versions
omit the last ones.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from types import MappingProxyType

from ccfs.model.calls.agent_operation import NOT_APPLICABLE, SHIFT_STATES, AgentOperationType
from ccfs.switches.asterisk.cdr_files.cdr import MAX_LINE_BYTES, decode_text
from ccfs.switches.asterisk.channels import parse_endpoint, parse_member
from ccfs.switches.records import AgentEvent, QueueVisit, UnreadableLine

MemberNames = Mapping[str, str]  # member names of the queue log → agent numbers, where the two are not the same
NO_MEMBER_NAMES: MemberNames = MappingProxyType({})

_ABANDON_EVENTS = frozenset({"ABANDON", "EXITEMPTY", "EXITWITHKEY", "EXITWITHTIMEOUT", "WITHDRAW"})
_COMPLETION_EVENTS = frozenset({"COMPLETEAGENT", "COMPLETECALLER"})
_TRANSFER_EVENTS = frozenset({"TRANSFER", "BLINDTRANSFER", "ATTENDEDTRANSFER"})
_ANSWERED_EVENTS = _COMPLETION_EVENTS | _TRANSFER_EVENTS | {"AGENTDUMP", "SYSCOMPAT"}
END_EVENTS = _ABANDON_EVENTS | _ANSWERED_EVENTS  # events after which a caller is no longer in the queue
EVENTS = END_EVENTS | {  # by which a queue log is recognised
    *("ENTERQUEUE", "CONNECT", "RINGNOANSWER", "DID", "ADDMEMBER", "REMOVEMEMBER", "AGENTLOGIN", "AGENTLOGOFF"),
    *("PAUSE", "UNPAUSE", "PAUSEALL", "UNPAUSEALL", "QUEUESTART", "CONFIGRELOAD"),
}
_EMPTY_VALUES = frozenset({"", "NONE", "REALTIME", "MANAGER"})
_CAUSE_NO_ANSWER, _CAUSE_BY_AGENT, _CAUSE_AFTER_CALL = "2", "1", "0"  # causes of the interface's op_type list
_DIALLED = re.compile(r"[+*#0-9]{1,20}")


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueLine:
    """One line of a queue log."""

    occurred_at: datetime  # UTC
    leg_id: str  # the caller's channel, "" without a call
    queue: str  # "" without a queue
    member: str  # as written; "" for NONE
    event: str  # upper case
    arguments: tuple[str, ...]

    def get_argument(self, index: int) -> str:
        return self.arguments[index] if index < len(self.arguments) else ""


def parse_line(line: bytes, encoding: str = "") -> QueueLine | None:
    """Return one line of the file, or None if it is empty. Raise UnreadableLine."""
    if len(line) > MAX_LINE_BYTES:
        raise UnreadableLine(f"the line is longer than {MAX_LINE_BYTES} bytes")
    if b"\0" in line:
        raise UnreadableLine("the line has a NUL byte")
    text = decode_text(line, encoding).strip("\r\n \t\ufeff")
    if not text:
        return None
    fields = [part.strip() for part in text.split("|")]
    if len(fields) < 5 or not fields[4]:
        raise UnreadableLine(f"{len(fields)} fields instead of at least 5")
    return build_line(_parse_instant(fields[0]), *fields[1:])


def build_line(occurred_at: datetime, leg_id: str, queue: str, member: str, event: str, *arguments: str) -> QueueLine:
    """Return a line with these fields in Asterisk's form, with NONE for absent ones."""
    leg_id, queue, member = ("" if value in _EMPTY_VALUES else value for value in (leg_id, queue, member))
    return QueueLine(
        occurred_at=occurred_at,
        leg_id=leg_id,
        queue=queue,
        member=member,
        event=event.upper(),
        arguments=arguments,
    )


def extract_queue_visit(line: QueueLine, names: MemberNames = NO_MEMBER_NAMES) -> QueueVisit | None:
    """Return what the line reports about its call's visit, for `combine_visits`; None if it reports nothing."""
    if not line.leg_id or not line.queue:
        return None
    if line.event == "ENTERQUEUE":
        return QueueVisit(switch_leg_id=line.leg_id, queue=line.queue, entered_at=line.occurred_at)
    agent = find_agent(line, names)
    if line.event == "CONNECT":
        rang = line.occurred_at - timedelta(seconds=_parse_whole_seconds(line.get_argument(2)))
        return QueueVisit(
            switch_leg_id=line.leg_id,
            queue=line.queue,
            rang_at=rang,
            connected_at=line.occurred_at,
            agent=agent,
            outcome="CONNECT",
        )
    if line.event in END_EVENTS:
        answered = agent if line.event in _ANSWERED_EVENTS else ""
        return QueueVisit(
            switch_leg_id=line.leg_id, queue=line.queue, left_at=line.occurred_at, agent=answered, outcome=line.event
        )
    return None


def combine_visits(known: QueueVisit, new: QueueVisit) -> QueueVisit:
    """Combine two halves of a call's visits to one queue, in any order.

    A call that returns to a queue counts as being in it since it first entered, and the last event decides the outcome.
    """
    latest = max(known, new, key=_recency_key)
    answered = max(known, new, key=lambda half: (half.agent != "", _recency_key(half)))
    return QueueVisit(
        switch_leg_id=new.switch_leg_id,
        queue=new.queue,
        entered_at=_earlier_of(known.entered_at, new.entered_at),
        rang_at=_later_of(known.rang_at, new.rang_at),
        connected_at=_later_of(known.connected_at, new.connected_at),
        left_at=_later_of(known.left_at, new.left_at),
        agent=answered.agent,
        outcome=latest.outcome,
    )


def extract_agent_event(line: QueueLine, names: MemberNames = NO_MEMBER_NAMES) -> AgentEvent | None:
    """Return an agent's operation with the interface's op_type, or None if the line reports none.

    Asterisk writes PAUSEALL and a PAUSE for each queue, and ADDMEMBER for each queue. Lines that report one operation of
    an agent in one second have one `source_key`, so that they count once, even if they are read in two runs.
    """
    agent, operation = find_agent(line, names), _find_operation(line)
    if not agent or operation is None:
        return None
    op_type, cause, is_state = operation
    is_shift_state = is_state and op_type in SHIFT_STATES  # of the agent's shift, not of a call
    source_key, written_key = (
        _compute_source_key(line, name, op_type, cause, per_line=not is_shift_state)
        for name in (agent, find_agent(line))
    )
    return AgentEvent(
        source_key=source_key,
        written_key=written_key,
        agent=agent,
        occurred_at=line.occurred_at,
        op_type=op_type,
        op_object=_find_transfer_target(line) if op_type == AgentOperationType.TRANSFER_OUT else NOT_APPLICABLE,
        op_cause=cause,
        queue=line.queue,
        switch_leg_id="" if is_shift_state else line.leg_id,
        is_state=is_state,
        phone_no=_find_phone(line),
        reason=line.get_argument(0) if line.event in ("PAUSE", "PAUSEALL") else "",
    )


def is_start(line: QueueLine) -> bool:
    """Return whether the switch has started, which ends all earlier calls."""
    return line.event == "QUEUESTART"


def find_agent(line: QueueLine, names: MemberNames = NO_MEMBER_NAMES) -> str:
    """Return the agent of a line: the number if it is known, otherwise the member's name, or ""."""
    return names.get(line.member) or parse_member(line.member)


_OPERATION_BY_EVENT: dict[
    str, tuple[AgentOperationType, str, bool]
] = {  # event → op_type, cause, whether it is a state
    **dict.fromkeys(
        ("AGENTLOGIN", "AGENTCALLBACKLOGIN", "ADDMEMBER"), (AgentOperationType.SIGN_IN, NOT_APPLICABLE, True)
    ),
    **dict.fromkeys(
        ("AGENTLOGOFF", "AGENTCALLBACKLOGOFF", "REMOVEMEMBER"), (AgentOperationType.SIGN_OUT, NOT_APPLICABLE, True)
    ),
    **dict.fromkeys(("PAUSE", "PAUSEALL"), (AgentOperationType.BUSY, _CAUSE_BY_AGENT, True)),
    **dict.fromkeys(("UNPAUSE", "UNPAUSEALL"), (AgentOperationType.IDLE, NOT_APPLICABLE, True)),
    "CONNECT": (AgentOperationType.TALKING, NOT_APPLICABLE, True),
    **dict.fromkeys(_COMPLETION_EVENTS, (AgentOperationType.AFTER_CALL, _CAUSE_AFTER_CALL, True)),
    "RINGNOANSWER": (AgentOperationType.BUSY, _CAUSE_NO_ANSWER, False),
    # A transfer ends the talk, and no COMPLETE… follows: were it no state, the talk would never end.
    **dict.fromkeys(_TRANSFER_EVENTS, (AgentOperationType.TRANSFER_OUT, NOT_APPLICABLE, True)),
}


def _find_operation(line: QueueLine) -> tuple[AgentOperationType, str, bool] | None:
    if line.event in ("PAUSE", "PAUSEALL") and line.get_argument(0).lower() == "auto-pause":
        return AgentOperationType.BUSY, _CAUSE_NO_ANSWER, True
    return _OPERATION_BY_EVENT.get(line.event)


def _find_transfer_target(line: QueueLine) -> str:
    """Return the target of a transfer: the extension dialled, or the far end of an attended transfer's second channel."""
    extension = line.get_argument(0)
    if line.event == "ATTENDEDTRANSFER":
        extension = parse_endpoint(line.get_argument(2)) if extension == "LINK" else ""
    return extension if _DIALLED.fullmatch(extension) else NOT_APPLICABLE


def _find_phone(line: QueueLine) -> str:
    if line.event in ("AGENTCALLBACKLOGIN", "AGENTCALLBACKLOGOFF"):
        return line.get_argument(0).partition("@")[0]
    return parse_endpoint(line.get_argument(0)) if line.event in ("AGENTLOGIN", "AGENTLOGOFF") else ""


def _compute_source_key(line: QueueLine, agent: str, op_type: int, cause: str, *, per_line: bool) -> str:
    texts = [agent, str(op_type), cause, str(int(line.occurred_at.timestamp()))]
    if per_line:
        texts += [line.occurred_at.isoformat(), line.leg_id, line.queue, line.event, *line.arguments]
    return blake2b("\x1f".join(texts).encode(), digest_size=16).hexdigest()


def compute_line_key(line: QueueLine) -> str:
    """Return 32 hex digits that identify a line by its whole content."""
    texts = [line.occurred_at.isoformat(), line.leg_id, line.queue, line.member, line.event, *line.arguments]
    return blake2b("\x1f".join(texts).encode(), digest_size=16).hexdigest()


def _parse_instant(text: str) -> datetime:
    try:
        if re.fullmatch(r"[0-9]{9,11}(\.[0-9]{1,9})?", text):
            whole, _, part = text.partition(".")
            return datetime.fromtimestamp(int(whole), UTC) + timedelta(microseconds=int(part[:6].ljust(6, "0")))
        instant = datetime.fromisoformat(text)
        if instant.tzinfo is not None:
            return instant.astimezone(UTC)
    except (ValueError, OverflowError):
        raise UnreadableLine("the time is not a time") from None
    raise UnreadableLine("the time has no zone")


def _parse_whole_seconds(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 7 else 0


_NEVER = datetime.min.replace(tzinfo=UTC)


def _recency_key(half: QueueVisit) -> tuple[datetime, str, str]:
    """Return a key that sorts visits by their last event. Visits with equal times have a fixed order."""
    return max(half.left_at or _NEVER, half.connected_at or _NEVER), half.outcome, half.agent


def _earlier_of(known: datetime | None, new: datetime | None) -> datetime | None:
    return min(known, new) if known and new else known or new


def _later_of(known: datetime | None, new: datetime | None) -> datetime | None:
    return max(known, new) if known and new else known or new
