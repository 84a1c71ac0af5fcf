"""Steps of a switch: each appends to a log, or writes, grows, converts, moves or replaces a file."""

from dataclasses import dataclass
from enum import Enum, auto

LOGS = ("asterisk/log/Master.csv", "asterisk/log/queue_log", "freeswitch/cdr/Master.csv")  # below the switch's folder
CDR_LOG, QUEUE_LOG, FREESWITCH_LOG = LOGS


class FileAction(Enum):
    """How a file is written."""

    BEGIN = auto()  # created and kept open
    MORE = auto()  # written to while it is open
    END = auto()  # its first bytes are written again, and it is closed
    APPEND = auto()  # opened, written to and closed, as by a program that copies it in pieces
    PUT = auto()  # written under a hidden name and renamed
    MOVE = auto()
    DELETE = auto()


@dataclass(frozen=True, slots=True)
class LineStep:
    """A line that is appended to a log."""

    log: str
    text: str


@dataclass(frozen=True, slots=True)
class FileStep:
    """One step of the life of a file, whose path is relative to the switch's folder."""

    path: str
    action: FileAction
    data: bytes = b""  # written; of END: in place of the first bytes
    modified: float = 0.0  # modification time afterwards; 0: the time of writing
    target: str = ""  # of MOVE


@dataclass(frozen=True, slots=True)
class Event:
    """A step, and when the switch does it, in seconds of its week."""

    at: float
    step: LineStep | FileStep
