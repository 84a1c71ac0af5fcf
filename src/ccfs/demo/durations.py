"""How long the demo's people talk, and which talks are kept as audio: a few megabytes in all, however many calls."""

from dataclasses import dataclass
from random import Random

from ccfs.demo.events import SimulatedRecording

MAX_RECORDED_BYTES = 6_000_000  # of a day's recordings, at most
BYTES_PER_SECOND = 8000
_HEADER_BYTES = 128  # more than a WAV header has
_RECORDED_SECONDS = (11, 38)  # seconds
_UNRECORDED_SECONDS = (45, 300)
_RECORDED_SHARE, _FULL_SHARE_CALLS = 0.8, 40  # of the talks of a day of so many calls or fewer


@dataclass(frozen=True, slots=True, kw_only=True)
class Talk:
    """A talk to come."""

    seconds: int
    is_recorded: bool


class TalkGenerator:
    """Draws talks and labels their recordings."""

    def __init__(self, random: Random, calls: int) -> None:
        self._random = random
        self._recorded_share = _RECORDED_SHARE * min(1, _FULL_SHARE_CALLS / max(1, calls))
        self._bytes_left = MAX_RECORDED_BYTES
        self._balance = 0  # recordings that a CDR line names, less those that it does not

    def draw_talk(self) -> Talk:
        seconds = self._random.randint(*_RECORDED_SECONDS)
        size = seconds * BYTES_PER_SECOND + _HEADER_BYTES
        if self._random.random() >= self._recorded_share or size > self._bytes_left:
            return Talk(seconds=self._random.randint(*_UNRECORDED_SECONDS), is_recorded=False)
        self._bytes_left -= size
        return Talk(seconds=seconds, is_recorded=True)

    def build_recording(self, talk: Talk, kind: str, *, named: bool = False) -> SimulatedRecording | None:
        """What is kept of a talk; None if it is not recorded. A CDR line names half of the files, and this if `named`."""
        if not talk.is_recorded:
            return None
        named = named or self._balance <= 0
        self._balance += 1 if named else -1
        return SimulatedRecording(
            name_prefix=kind, seconds=talk.seconds, seed=self._random.getrandbits(32), is_named=named
        )
