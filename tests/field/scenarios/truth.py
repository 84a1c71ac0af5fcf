"""The truth of a call, computed from its events alone. Instants are milliseconds since 1970."""

from collections import defaultdict
from dataclasses import dataclass, field

from ccfs.model.calls.cdr import CallType
from tests.field.scenarios.events import (
    AnyEvent,
    BlindTransfer,
    CallScript,
    Connect,
    HandOver,
    HangUp,
    Join,
    LeaveQueue,
    Park,
    PickUp,
    Reach,
    Retrieve,
    Ring,
    Stop,
    StopRinging,
    Target,
)

Span = tuple[int, int]
_MAX_EXTENSION_DIGITS = 6


@dataclass(slots=True, kw_only=True)
class CallTruth:
    """What happened in a call."""

    scenario: str
    caller: str
    callees: set[str]  # the number that was dialled, and what the dial plan reached before any transfer
    call_type: CallType
    begin: int
    end: int = 0
    queues: set[str] = field(default_factory=set)
    agents: set[str] = field(default_factory=set)  # all agents whom a row may name
    rang: set[str] = field(default_factory=set)  # agents whose phone rang in vain at least once
    talks: dict[str, list[Span]] = field(default_factory=lambda: defaultdict(list))  # by agent, with the other party
    has_talk: bool = False  # anybody talked, an agent or not
    wait_begin: int = 0  # entered the queue, else called
    wait_end: int | None = None  # somebody answered, or the caller gave up
    unanswered_reason: Stop | None = None  # why the last phone did not answer
    is_abandoned: bool = False  # the caller hung up in a queue
    left_queue_by_timeout: bool | None = None  # None: not unanswered by itself
    transferring: set[str] = field(default_factory=set)  # agents who passed the caller on
    by_agent: bool | None = None  # who hung up; None: the switch
    recording: Span | None = None
    has_short_number: bool = False  # of somebody outside, such as 10086: it looks like an extension


def find_truth(script: CallScript) -> CallTruth:
    """Return the truth of a call."""
    return _TruthBuilder(script).build()


def _find_call_type(script: CallScript) -> CallType:
    if not script.caller.is_agent:
        return CallType.INBOUND
    first = next(event for event in script.events if isinstance(event, Reach))
    return CallType.OUTBOUND if first.target is Target.OUTSIDE else CallType.INTERNAL


class _TruthBuilder:
    def __init__(self, script: CallScript) -> None:
        self._script = script
        self._talking: dict[str, int] = {}  # agent → since when
        self._talk_begin: int | None = None
        self._is_in_queue = False
        self.truth = CallTruth(
            scenario=script.scenario,
            caller=script.caller.number,
            callees={script.dialled},
            call_type=_find_call_type(script),
            begin=script.begin,
            wait_begin=script.begin,
        )
        is_outbound = self.truth.call_type is CallType.OUTBOUND
        outside = [script.dialled] if is_outbound else [] if script.caller.is_agent else [script.caller.number]
        outside += [
            event.phone.number for event in script.events if isinstance(event, Ring) and not event.phone.is_agent
        ]
        self.truth.has_short_number = any(len(number) <= _MAX_EXTENSION_DIGITS for number in outside)
        if script.caller.is_agent:
            self.truth.agents.add(script.caller.number)

    def build(self) -> CallTruth:
        for event in self._script.events:
            self._apply(event)
        truth = self.truth
        truth.has_talk = self._talk_begin is not None
        if self._script.is_recorded and self._talk_begin is not None and self._talk_begin < truth.end:
            truth.recording = self._talk_begin, truth.end
        return truth

    def _apply(self, event: AnyEvent) -> None:
        match event:
            case Reach():
                self._reach(event)
            case StopRinging():
                self._note(event.phone.number, is_agent=event.phone.is_agent)
                if event.phone.is_agent:
                    self.truth.rang.add(event.phone.number)
                if event.reason is not Stop.ANSWERED_ELSEWHERE:
                    self.truth.unanswered_reason = event.reason
            case Connect() | Retrieve() | Join():
                self._connect(event.at, event.phone.number, is_agent=event.phone.is_agent)
            case PickUp():
                self._note(event.ringing.number, is_agent=True)
                self.truth.rang.add(event.ringing.number)
                self._connect(event.at, event.phone.number, is_agent=True)
            case LeaveQueue():
                self._is_in_queue, self.truth.left_queue_by_timeout = False, event.is_timeout
            case BlindTransfer() | Park():
                self._leave(event.at, event.agent.number)
                self.truth.transferring.add(event.agent.number)
            case HandOver():
                self._leave(event.at, event.agent.number)
                self.truth.transferring.add(event.agent.number)
                self._connect(event.at, event.colleague.number, is_agent=True)
            case HangUp():
                self._hang_up(event)
            case _:
                pass

    def _reach(self, event: Reach) -> None:
        truth = self.truth
        if not truth.transferring:
            truth.callees.add(event.name)
        if event.target is Target.QUEUE:
            if not truth.queues:
                truth.wait_begin, truth.wait_end = event.at, None
            truth.queues.add(event.name)
            self._is_in_queue = True
        elif event.target in (Target.VOICEMAIL, Target.MENU) and truth.wait_end is None:
            truth.wait_end = event.at

    def _note(self, number: str, *, is_agent: bool) -> None:
        if is_agent:
            self.truth.agents.add(number)

    def _connect(self, at: int, number: str, *, is_agent: bool) -> None:
        truth = self.truth
        self._note(number, is_agent=is_agent)
        if number == truth.caller:  # a program called the caller's own phone
            return
        self._is_in_queue = False
        truth.unanswered_reason, truth.left_queue_by_timeout = None, None
        if truth.wait_end is None:
            truth.wait_end = at
        if self._talk_begin is None:
            self._talk_begin = at
        talker = truth.caller if truth.call_type is CallType.OUTBOUND else number if is_agent else ""
        if talker:
            self._talking[talker] = at

    def _leave(self, at: int, agent: str) -> None:
        self.truth.talks[agent].append((self._talking.pop(agent), at))

    def _hang_up(self, event: HangUp) -> None:
        truth = self.truth
        truth.end, truth.by_agent = event.at, event.by_agent
        truth.is_abandoned = self._is_in_queue and event.by_agent is False
        if truth.wait_end is None:
            truth.wait_end = event.at
        for agent in list(self._talking):
            self._leave(event.at, agent)
