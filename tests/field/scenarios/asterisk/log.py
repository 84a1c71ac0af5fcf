"""Channels, CDR lines and queue events of a simulated Asterisk, before they are numbered and written."""

from dataclasses import dataclass, field

from tests.field.scenarios.events import CallScript
from tests.field.scenarios.truth import CallTruth


@dataclass(frozen=True, slots=True, kw_only=True)
class AsteriskManner:
    """How a switch is set up: what differs between the files of plain Asterisk and those of FreePBX."""

    technology: str = "PJSIP"
    has_local_members: bool = False  # the queue rings Local/1001@from-queue/n
    answers_before_queue: bool = True  # Answer() or a greeting before Queue()
    hides_caller: bool = False  # outbound calls have the main number as src
    is_old: bool = False  # Asterisk 11: one line for each part of the caller's way
    logs_cancelled_rings: bool = True  # RINGCANCELED, since Asterisk 16
    has_circuit_cause: bool = False  # cdr.conf: congestion = yes


@dataclass(eq=False, slots=True, kw_only=True)
class Channel:
    """One channel. It is numbered when all calls are known: a switch numbers channels in the order of creation."""

    technology: str
    endpoint: str
    created: int
    half: int = 0  # of a Local channel: 1 or 2
    other_half: "Channel | None" = None
    ended: int = 0
    number: int = 0  # in the uniqueid
    name_number: int = 0


@dataclass(eq=False, slots=True, kw_only=True)
class CdrLine:
    """One CDR line. Instants in milliseconds."""

    channel: Channel
    dst_channel: Channel | None = None
    src: str
    src_name: str = ""
    dst: str
    context: str
    app: str
    data: str
    start: int
    answer: int | None = None
    end: int = 0
    disposition: str = ""
    linked: Channel  # whose uniqueid is the linkedid
    did: str = ""
    recording: str = ""  # how its file's name begins; "" if the line names none
    number: int = 0  # sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueLogLine:
    """One line of the queue log. A channel is written as its uniqueid."""

    at: int
    channel: Channel
    queue: str
    member: str  # number of the phone, "" for NONE
    event: str
    arguments: tuple[Channel | str | int, ...] = ()


@dataclass(slots=True, kw_only=True)
class WrittenCall:
    """A call, its truth and its channels, the caller's first."""

    script: CallScript
    truth: CallTruth
    channels: list[Channel]
    recording: str = ""  # how the name of its file begins; "" if it was not recorded


@dataclass(slots=True)
class SwitchLog:
    """All that a switch has logged."""

    calls: list[WrittenCall] = field(default_factory=list)
    channels: list[Channel] = field(default_factory=list)
    lines: list[CdrLine] = field(default_factory=list)
    queue_lines: list[QueueLogLine] = field(default_factory=list)

    def assign_numbers(self) -> None:
        """Number channels and lines in the order of time."""
        self.channels.sort(key=lambda channel: (channel.created, channel.half))
        names = 0
        for number, channel in enumerate(self.channels):
            channel.number = number
            if channel.half == 2 and channel.other_half:
                channel.name_number = channel.other_half.name_number
            else:
                channel.name_number = names
                names += 1
        self.lines.sort(key=lambda line: (line.start, line.channel.number))
        for number, line in enumerate(self.lines):
            line.number = number
        self.lines.sort(key=lambda line: (line.channel.ended, line.number))
        self.queue_lines.sort(key=lambda line: line.at)
