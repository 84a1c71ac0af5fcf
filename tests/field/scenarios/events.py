"""Events of a call in time: who calls, who rings, answers, transfers and hangs up. Instants are milliseconds since 1970.

A `CallScript` is a call as its people experience it. The writers of each switch, and the truth, are computed from it.
"""

from dataclasses import dataclass, field
from enum import Enum
from typing import TypeAlias


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """A phone of the contact centre, or a number outside."""

    number: str
    name: str = ""
    is_agent: bool = False


class Target(Enum):
    """Kinds of destinations in a dial plan."""

    PHONE = "phone"
    OUTSIDE = "outside"
    QUEUE = "queue"
    GROUP = "group"
    MENU = "menu"
    VOICEMAIL = "voicemail"
    CONFERENCE = "conference"


class Stop(Enum):
    """Reasons for which a phone stops ringing without an answer."""

    NO_ANSWER = "no answer"
    BUSY = "busy"
    REJECTED = "rejected"
    CALLER_GAVE_UP = "caller gave up"
    ANSWERED_ELSEWHERE = "answered elsewhere"
    PICKED_UP = "picked up by a colleague"
    NOT_FOUND = "not found"
    NO_CIRCUIT = "no circuit"
    UNREGISTERED = "unregistered"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happens at an instant."""

    at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach(Event):
    """The dial plan leads the caller to a destination."""

    target: Target
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ring(Event):
    """A phone begins to ring."""

    phone: Party


@dataclass(frozen=True, slots=True, kw_only=True)
class StopRinging(Event):
    """A phone stops ringing."""

    phone: Party
    reason: Stop


@dataclass(frozen=True, slots=True, kw_only=True)
class Connect(Event):
    """A ringing phone answers: it talks to the caller."""

    phone: Party


@dataclass(frozen=True, slots=True, kw_only=True)
class PickUp(Event):
    """A colleague takes the call that rings at a phone."""

    phone: Party
    ringing: Party


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaveQueue(Event):
    """The caller leaves the queue unanswered, and the dial plan goes on."""

    is_timeout: bool  # else no agent is on duty


@dataclass(frozen=True, slots=True, kw_only=True)
class BlindTransfer(Event):
    """An agent sends the caller to another number and is out of the call."""

    agent: Party
    number: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Consult(Event):
    """An agent puts the caller on hold and calls a colleague, whose phone rings."""

    agent: Party
    colleague: Party
    by_feature_code: bool  # else on a second line of the agent's phone


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsultAnswer(Event):
    """The colleague answers the consultation."""

    agent: Party
    colleague: Party


@dataclass(frozen=True, slots=True, kw_only=True)
class HandOver(Event):
    """The agent connects the caller with the colleague and is out of the call."""

    agent: Party
    colleague: Party


@dataclass(frozen=True, slots=True, kw_only=True)
class Park(Event):
    """An agent parks the caller in a slot and is out of the call."""

    agent: Party
    slot: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Retrieve(Event):
    """A phone fetches the caller from a slot."""

    phone: Party
    slot: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Join(Event):
    """A phone dials into the caller's conference."""

    phone: Party


@dataclass(frozen=True, slots=True, kw_only=True)
class HangUp(Event):
    """Someone ends the call; the switch does, where `by_agent` is None."""

    by_agent: bool | None


AnyEvent: TypeAlias = (
    Reach
    | Ring
    | StopRinging
    | Connect
    | PickUp
    | LeaveQueue
    | BlindTransfer
    | Consult
    | ConsultAnswer
    | HandOver
    | Park
    | Retrieve
    | Join
    | HangUp
)


@dataclass(slots=True, kw_only=True)
class CallScript:
    """One call: its caller, the number that was dialled, and its events in the order of time."""

    scenario: str
    caller: Party
    dialled: str
    begin: int
    is_originated: bool = False  # a program calls the caller's phone first (click-to-call)
    is_local_originate: bool = False  # … through a Local channel of Asterisk
    is_recorded: bool = True  # from the first talk until the end
    events: list[AnyEvent] = field(default_factory=list)

    @property
    def end(self) -> int:
        """Instant of the last event."""
        return self.events[-1].at
