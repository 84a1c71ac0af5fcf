"""Events on the simulated switch as values: channels, CDRs, queue events."""

from dataclasses import dataclass, field
from typing import Literal

Disposition = Literal["ANSWERED", "NO ANSWER", "BUSY"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SimulatedChannel:
    """One channel. It is numbered at the end of the day: a switch numbers channels in the order of creation."""

    endpoint: str  # agent number or name of the trunk
    created_at: int  # epoch second


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedRecording:
    """The audio of one talk."""

    name_prefix: str  # of the file's name: "q-600-02079460223"
    seconds: int
    seed: int  # of the conversation
    is_named: bool  # whether the CDR names the file; else only its uniqueid links it to the call


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedCdr:
    """One CDR. Times are in epoch seconds."""

    channel: SimulatedChannel
    dst_channel: SimulatedChannel | None = None
    src: str
    name: str  # caller's name
    dst: str
    context: str
    app: str
    data: str
    start: int
    answer: int | None = None
    end: int
    disposition: Disposition
    recording: SimulatedRecording | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueEvent:
    """One line of the queue log. A channel is written as its uniqueid."""

    timestamp: int  # epoch second
    call: SimulatedChannel | str
    queue: str
    member: str
    event: str
    arguments: tuple[SimulatedChannel | str | int, ...] = ("",)


@dataclass(kw_only=True)
class Journal:
    """All events of a day, not in the order of time."""

    channels: list[SimulatedChannel] = field(default_factory=list)
    cdrs: list[SimulatedCdr] = field(default_factory=list)
    events: list[QueueEvent] = field(default_factory=list)

    def add_channel(self, endpoint: str, created_at: int) -> SimulatedChannel:
        self.channels.append(SimulatedChannel(endpoint=endpoint, created_at=created_at))
        return self.channels[-1]
