"""What happened on the demo's switch, as values: channels, CDR lines, queue events. No text of files, no chance here."""

from dataclasses import dataclass, field
from typing import Literal

Disposition = Literal["ANSWERED", "NO ANSWER", "BUSY"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SimulatedChannel:
    """One channel. Its number is given when the day is over: a switch numbers channels in the order they were made."""

    endpoint: str  # agent number, or the trunk's name
    created_at: int  # epoch second


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedRecording:
    """The audio of one talk."""

    name_prefix: str  # begin of the file's name: "q-600-02079460223"
    seconds: int
    seed: int  # of the conversation heard
    is_named: bool  # whether the CDR line names the file; else only its uniqueid ties it to the call


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedCdr:
    """One CDR line. Times in epoch seconds."""

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
    """One line of the queue log; a channel stands for its uniqueid."""

    timestamp: int  # epoch second
    call: SimulatedChannel | str
    queue: str
    member: str
    event: str
    arguments: tuple[SimulatedChannel | str | int, ...] = ("",)


@dataclass(kw_only=True)
class Journal:
    """All that happened, in the order in which it was told: not in that of time."""

    channels: list[SimulatedChannel] = field(default_factory=list)
    cdrs: list[SimulatedCdr] = field(default_factory=list)
    events: list[QueueEvent] = field(default_factory=list)

    def add_channel(self, endpoint: str, made: int) -> SimulatedChannel:
        self.channels.append(SimulatedChannel(endpoint=endpoint, created_at=made))
        return self.channels[-1]
