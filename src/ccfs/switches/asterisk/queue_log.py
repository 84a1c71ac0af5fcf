"""Lines of queue_log: what they tell of callers in queues (QueueVisit) and of agents (AgentEvent). One line at a time.

    seconds|uniqueid of the caller's channel|queue|member|EVENT|argument|…

Arguments as app_queue writes them: CONNECT(hold|bridged channel's id|ring, seconds), COMPLETEAGENT and COMPLETECALLER
(hold|talk|position), RINGNOANSWER(milliseconds), TRANSFER and BLINDTRANSFER(extension|context|…), ATTENDEDTRANSFER(how|
what|hold|talk|position), PAUSE(reason), AGENTLOGIN(channel), AGENTCALLBACKLOGIN(extension@context). Older versions
leave out what stands last.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from types import MappingProxyType

from ccfs.model.calls.agent_operation import NOT_APPLICABLE, AgentOperationType
from ccfs.switches.asterisk.cdr import MAX_LINE_BYTES, decode_text
from ccfs.switches.asterisk.channels import parse_endpoint, parse_member
from ccfs.switches.records import AgentEvent, QueueVisit, UnreadableLine

MemberNames = Mapping[str, str]  # member names of the queue log → agent numbers, where the two are not the same
NO_MEMBER_NAMES: MemberNames = MappingProxyType({})

_ABANDON_EVENTS = frozenset({"ABANDON", "EXITEMPTY", "EXITWITHKEY", "EXITWITHTIMEOUT", "WITHDRAW"})
_COMPLETION_EVENTS = frozenset({"COMPLETEAGENT", "COMPLETECALLER"})
_TRANSFER_EVENTS = frozenset({"TRANSFER", "BLINDTRANSFER", "ATTENDEDTRANSFER"})
_ANSWERED_EVENTS = _COMPLETION_EVENTS | _TRANSFER_EVENTS | {"AGENTDUMP", "SYSCOMPAT"}
END_EVENTS = _ABANDON_EVENTS | _ANSWERED_EVENTS  # events after which a caller is in the queue no more
_EMPTY_VALUES = frozenset({"", "NONE", "REALTIME", "MANAGER"})
_CAUSE_NO_ANSWER, _CAUSE_BY_AGENT, _CAUSE_AFTER_CALL = "2", "1", "0"  # causes of the interface's op_type list
_DIALLED = re.compile(r"[+*#0-9]{1,20}")


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueLine:
    """One line of a queue log."""

    occurred_at: datetime  # UTC
    leg_id: str  # the caller's channel, "" where no call is concerned
    queue: str  # "" where none is concerned
    member: str  # as written; "" for NONE
    event: str  # upper case
    arguments: tuple[str, ...]

    def get_argument(self, at: int) -> str:
        return self.arguments[at] if at < len(self.arguments) else ""


def parse_line(line: bytes) -> QueueLine | None:
    """One line of the file; None if it is empty. UnreadableLine with the reason."""
    if len(line) > MAX_LINE_BYTES:
        raise UnreadableLine(f"the line is longer than {MAX_LINE_BYTES} bytes")
    if b"\0" in line:
        raise UnreadableLine("the line has a NUL byte")
    text = decode_text(line).strip("\r\n \t\ufeff")
    if not text:
        return None
    fields = [part.strip() for part in text.split("|")]
    if len(fields) < 5 or not fields[4]:
        raise UnreadableLine(f"{len(fields)} fields instead of at least 5")
    at, leg_id, queue, who, event, *arguments = fields
    leg_id, queue, who = ("" if name in _EMPTY_VALUES else name for name in (leg_id, queue, who))
    return QueueLine(
        occurred_at=_parse_instant(at),
        leg_id=leg_id,
        queue=queue,
        member=who,
        event=event.upper(),
        arguments=tuple(arguments),
    )


def extract_queue_visit(line: QueueLine, names: MemberNames = NO_MEMBER_NAMES) -> QueueVisit | None:
    """What the line tells of its call's way through the queue, to be joined by `merge`; None if nothing."""
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
    """Both halves of one call's visits to one queue, in whatever order they come.

    A call that comes round to the same queue again has been in it since it first entered; what happened last counts.
    """
    late = max(known, new, key=_recency_key)
    answered = max(known, new, key=lambda half: (half.agent != "", _recency_key(half)))
    return QueueVisit(
        switch_leg_id=new.switch_leg_id,
        queue=new.queue,
        entered_at=_earlier_of(known.entered_at, new.entered_at),
        rang_at=_later_of(known.rang_at, new.rang_at),
        connected_at=_later_of(known.connected_at, new.connected_at),
        left_at=_later_of(known.left_at, new.left_at),
        agent=answered.agent,
        outcome=late.outcome,
    )


def extract_agent_event(line: QueueLine, names: MemberNames = NO_MEMBER_NAMES) -> AgentEvent | None:
    """What an agent did, in the interface's op_type numbers; None if the line tells of no agent's doing.

    Asterisk writes PAUSEALL and a PAUSE for each queue, and ADDMEMBER for each queue: lines that say the same of an
    agent in the same second have the same `line_key`, so that they count once, even if they are read in two runs.
    """
    agent, told = find_agent(line, names), _find_operation(line)
    if not agent or told is None:
        return None
    op_type, cause, lasts = told
    moving = (
        op_type
        in (AgentOperationType.SIGN_OUT, AgentOperationType.SIGN_IN, AgentOperationType.IDLE, AgentOperationType.BUSY)
        and lasts
    )
    return AgentEvent(
        source_key=_compute_source_key(line, agent, op_type, cause, None if moving else line),
        agent=agent,
        occurred_at=line.occurred_at,
        op_type=op_type,
        op_object=_find_transfer_target(line) if op_type == AgentOperationType.TRANSFER_OUT else NOT_APPLICABLE,
        op_cause=cause,
        queue=line.queue,
        switch_leg_id="" if moving else line.leg_id,
        is_state=lasts,
        phone_no=_find_phone(line),
    )


def find_agent(line: QueueLine, names: MemberNames = NO_MEMBER_NAMES) -> str:
    """The agent whom a line is about, as a number where that can be told, else "" or the member's name."""
    return names.get(line.member) or parse_member(line.member)


_OPERATION_BY_EVENT: dict[str, tuple[AgentOperationType, str, bool]] = {  # event → op_type, cause, whether it lasts
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
    # A transfer ends the talk, and no COMPLETE… follows it: it must last, or the agent would talk on for ever.
    **dict.fromkeys(_TRANSFER_EVENTS, (AgentOperationType.TRANSFER_OUT, NOT_APPLICABLE, True)),
}


def _find_operation(line: QueueLine) -> tuple[AgentOperationType, str, bool] | None:
    if line.event in ("PAUSE", "PAUSEALL") and line.get_argument(0).lower() == "auto-pause":
        return AgentOperationType.BUSY, _CAUSE_NO_ANSWER, True
    return _OPERATION_BY_EVENT.get(line.event)


def _find_transfer_target(line: QueueLine) -> str:
    """Whom a call was transferred to: the extension dialled, or the far end of an attended transfer's second channel."""
    extension = line.get_argument(0)
    if line.event == "ATTENDEDTRANSFER":
        extension = parse_endpoint(line.get_argument(2)) if extension == "LINK" else ""
    return extension if _DIALLED.fullmatch(extension) else NOT_APPLICABLE


def _find_phone(line: QueueLine) -> str:
    if line.event in ("AGENTCALLBACKLOGIN", "AGENTCALLBACKLOGOFF"):
        return line.get_argument(0).partition("@")[0]
    return parse_endpoint(line.get_argument(0)) if line.event in ("AGENTLOGIN", "AGENTLOGOFF") else ""


def _compute_source_key(line: QueueLine, agent: str, op_type: int, cause: str, whole: QueueLine | None) -> str:
    texts = [agent, str(op_type), cause, str(int(line.occurred_at.timestamp()))]
    if whole is not None:
        texts += [whole.occurred_at.isoformat(), whole.leg_id, whole.queue, whole.event, *whole.arguments]
    return blake2b("\x1f".join(texts).encode(), digest_size=16).hexdigest()


def _parse_instant(text: str) -> datetime:
    try:
        if re.fullmatch(r"[0-9]{9,11}(\.[0-9]{1,9})?", text):
            whole, _, part = text.partition(".")
            return datetime.fromtimestamp(int(whole), UTC) + timedelta(microseconds=int(part[:6].ljust(6, "0")))
        at = datetime.fromisoformat(text)
        if at.tzinfo is not None:
            return at.astimezone(UTC)
    except (ValueError, OverflowError):
        raise UnreadableLine("the time is not a time") from None
    raise UnreadableLine("the time names no zone")


def _parse_whole_seconds(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 7 else 0


_NEVER = datetime.min.replace(tzinfo=UTC)


def _recency_key(half: QueueVisit) -> tuple[datetime, str, str]:
    """Sorts what is known by when its last word was said; words of the same instant in some fixed order."""
    return max(half.left_at or _NEVER, half.connected_at or _NEVER), half.outcome, half.agent


def _earlier_of(one: datetime | None, other: datetime | None) -> datetime | None:
    return min(one, other) if one and other else one or other


def _later_of(one: datetime | None, other: datetime | None) -> datetime | None:
    return max(one, other) if one and other else one or other
