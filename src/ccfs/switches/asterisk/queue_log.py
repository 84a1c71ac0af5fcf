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

from ccfs.model.agent_operation import UNUSED, Operation
from ccfs.switches.asterisk.cdr import LONGEST, text_of
from ccfs.switches.asterisk.channels import endpoint, member
from ccfs.switches.found import AgentEvent, QueueVisit, UnreadableLine

Names = Mapping[str, str]  # member names of the queue log → agent numbers, where the two are not the same
NO_NAMES: Names = MappingProxyType({})

_GIVEN_UP = frozenset({"ABANDON", "EXITEMPTY", "EXITWITHKEY", "EXITWITHTIMEOUT", "WITHDRAW"})
_COMPLETED = frozenset({"COMPLETEAGENT", "COMPLETECALLER"})
_TRANSFERRED = frozenset({"TRANSFER", "BLINDTRANSFER", "ATTENDEDTRANSFER"})
_ANSWERED = _COMPLETED | _TRANSFERRED | {"AGENTDUMP", "SYSCOMPAT"}
ENDS = _GIVEN_UP | _ANSWERED  # events after which a caller is in the queue no more
_NOBODY = frozenset({"", "NONE", "REALTIME", "MANAGER"})
_NO_ANSWER, _BY_SELF, _AFTER_CALL = "2", "1", "0"  # causes of the interface's op_type list
_DIALLED = re.compile(r"[+*#0-9]{1,20}")


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueLine:
    """One line of a queue log."""

    at: datetime  # UTC
    leg_id: str  # the caller's channel, "" where no call is concerned
    queue: str  # "" where none is concerned
    member: str  # as written; "" for NONE
    event: str  # upper case
    arguments: tuple[str, ...]

    def argument(self, at: int) -> str:
        return self.arguments[at] if at < len(self.arguments) else ""


def read(line: bytes) -> QueueLine | None:
    """One line of the file; None if it is empty. UnreadableLine with the reason."""
    if len(line) > LONGEST:
        raise UnreadableLine(f"the line is longer than {LONGEST} bytes")
    if b"\0" in line:
        raise UnreadableLine("the line has a NUL byte")
    text = text_of(line).strip("\r\n \t\ufeff")
    if not text:
        return None
    fields = [part.strip() for part in text.split("|")]
    if len(fields) < 5 or not fields[4]:
        raise UnreadableLine(f"{len(fields)} fields instead of at least 5")
    at, leg_id, queue, who, event, *arguments = fields
    leg_id, queue, who = ("" if name in _NOBODY else name for name in (leg_id, queue, who))
    return QueueLine(
        at=_instant(at), leg_id=leg_id, queue=queue, member=who, event=event.upper(), arguments=tuple(arguments)
    )


def visit(line: QueueLine, names: Names = NO_NAMES) -> QueueVisit | None:
    """What the line tells of its call's way through the queue, to be joined by `merge`; None if nothing."""
    if not line.leg_id or not line.queue:
        return None
    if line.event == "ENTERQUEUE":
        return QueueVisit(switch_leg_id=line.leg_id, queue=line.queue, entered=line.at)
    agent = agent_of(line, names)
    if line.event == "CONNECT":
        rang = line.at - timedelta(seconds=_whole(line.argument(2)))
        return QueueVisit(
            switch_leg_id=line.leg_id, queue=line.queue, rang=rang, connected=line.at, agent=agent, outcome="CONNECT"
        )
    if line.event in ENDS:
        answered = agent if line.event in _ANSWERED else ""
        return QueueVisit(switch_leg_id=line.leg_id, queue=line.queue, left=line.at, agent=answered, outcome=line.event)
    return None


def merge(known: QueueVisit, new: QueueVisit) -> QueueVisit:
    """Both halves of one call's visits to one queue, in whatever order they come.

    A call that comes round to the same queue again has been in it since it first entered; what happened last counts.
    """
    late = max(known, new, key=_lateness)
    answered = max(known, new, key=lambda half: (half.agent != "", _lateness(half)))
    return QueueVisit(
        switch_leg_id=new.switch_leg_id,
        queue=new.queue,
        entered=_first(known.entered, new.entered),
        rang=_last(known.rang, new.rang),
        connected=_last(known.connected, new.connected),
        left=_last(known.left, new.left),
        agent=answered.agent,
        outcome=late.outcome,
    )


def operation(line: QueueLine, names: Names = NO_NAMES) -> AgentEvent | None:
    """What an agent did, in the interface's op_type numbers; None if the line tells of no agent's doing.

    Asterisk writes PAUSEALL and a PAUSE for each queue, and ADDMEMBER for each queue: lines that say the same of an
    agent in the same second have the same `line_key`, so that they count once, even if they are read in two runs.
    """
    agent, told = agent_of(line, names), _told(line)
    if not agent or told is None:
        return None
    op_type, cause, lasts = told
    moving = op_type in (Operation.SIGN_OUT, Operation.SIGN_IN, Operation.IDLE, Operation.BUSY) and lasts
    return AgentEvent(
        line_key=_key(line, agent, op_type, cause, None if moving else line),
        agent=agent,
        at=line.at,
        op_type=op_type,
        op_object=_target(line) if op_type == Operation.TRANSFER_OUT else UNUSED,
        op_cause=cause,
        queue=line.queue,
        switch_leg_id="" if moving else line.leg_id,
        lasts=lasts,
        phone_no=_phone(line),
    )


def agent_of(line: QueueLine, names: Names = NO_NAMES) -> str:
    """The agent whom a line is about, as a number where that can be told, else "" or the member's name."""
    return names.get(line.member) or member(line.member)


_EVENTS: dict[str, tuple[Operation, str, bool]] = {  # event → op_type, cause, whether it lasts
    **dict.fromkeys(("AGENTLOGIN", "AGENTCALLBACKLOGIN", "ADDMEMBER"), (Operation.SIGN_IN, UNUSED, True)),
    **dict.fromkeys(("AGENTLOGOFF", "AGENTCALLBACKLOGOFF", "REMOVEMEMBER"), (Operation.SIGN_OUT, UNUSED, True)),
    **dict.fromkeys(("PAUSE", "PAUSEALL"), (Operation.BUSY, _BY_SELF, True)),
    **dict.fromkeys(("UNPAUSE", "UNPAUSEALL"), (Operation.IDLE, UNUSED, True)),
    "CONNECT": (Operation.TALKING, UNUSED, True),
    **dict.fromkeys(_COMPLETED, (Operation.AFTER_CALL, _AFTER_CALL, True)),
    "RINGNOANSWER": (Operation.BUSY, _NO_ANSWER, False),
    # A transfer ends the talk, and no COMPLETE… follows it: it must last, or the agent would talk on for ever.
    **dict.fromkeys(_TRANSFERRED, (Operation.TRANSFER_OUT, UNUSED, True)),
}


def _told(line: QueueLine) -> tuple[Operation, str, bool] | None:
    if line.event in ("PAUSE", "PAUSEALL") and line.argument(0).lower() == "auto-pause":
        return Operation.BUSY, _NO_ANSWER, True
    return _EVENTS.get(line.event)


def _target(line: QueueLine) -> str:
    """Whom a call was transferred to: the extension dialled, or the far end of an attended transfer's second channel."""
    extension = line.argument(0)
    if line.event == "ATTENDEDTRANSFER":
        extension = endpoint(line.argument(2)) if extension == "LINK" else ""
    return extension if _DIALLED.fullmatch(extension) else UNUSED


def _phone(line: QueueLine) -> str:
    if line.event in ("AGENTCALLBACKLOGIN", "AGENTCALLBACKLOGOFF"):
        return line.argument(0).partition("@")[0]
    return endpoint(line.argument(0)) if line.event in ("AGENTLOGIN", "AGENTLOGOFF") else ""


def _key(line: QueueLine, agent: str, op_type: int, cause: str, whole: QueueLine | None) -> str:
    texts = [agent, str(op_type), cause, str(int(line.at.timestamp()))]
    if whole is not None:
        texts += [whole.at.isoformat(), whole.leg_id, whole.queue, whole.event, *whole.arguments]
    return blake2b("\x1f".join(texts).encode(), digest_size=16).hexdigest()


def _instant(text: str) -> datetime:
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


def _whole(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 7 else 0


_NEVER = datetime.min.replace(tzinfo=UTC)


def _lateness(half: QueueVisit) -> tuple[datetime, str, str]:
    """Sorts what is known by when its last word was said; words of the same instant in some fixed order."""
    return max(half.left or _NEVER, half.connected or _NEVER), half.outcome, half.agent


def _first(one: datetime | None, other: datetime | None) -> datetime | None:
    return min(one, other) if one and other else one or other


def _last(one: datetime | None, other: datetime | None) -> datetime | None:
    return max(one, other) if one and other else one or other
