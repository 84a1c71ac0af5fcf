"""How long the demo's people talk, and which talks are kept as audio: a few megabytes in all, however many calls."""

from dataclasses import dataclass
from random import Random

from ccfs.demo.journal import Recording

BYTES = 6_000_000  # of a day's recordings, at most
BYTES_A_SECOND = 8000
_HEADER = 128  # more than a WAV header has
_RECORDED = (11, 38)  # seconds
_UNRECORDED = (45, 300)
_SHARE, _CALLS = 0.8, 40  # of the talks of a day of so many calls or fewer


@dataclass(frozen=True, slots=True, kw_only=True)
class Talk:
    """A talk to come."""

    seconds: int
    recorded: bool


class Tape:
    """Draws talks and labels their recordings."""

    def __init__(self, random: Random, calls: int) -> None:
        self._random = random
        self._share = _SHARE * min(1, _CALLS / max(1, calls))
        self._left = BYTES
        self._balance = 0  # recordings that a CDR line names, less those that it does not

    def talk(self) -> Talk:
        seconds = self._random.randint(*_RECORDED)
        size = seconds * BYTES_A_SECOND + _HEADER
        if self._random.random() >= self._share or size > self._left:
            return Talk(seconds=self._random.randint(*_UNRECORDED), recorded=False)
        self._left -= size
        return Talk(seconds=seconds, recorded=True)

    def recording(self, talk: Talk, kind: str, *, named: bool = False) -> Recording | None:
        """What is kept of a talk; None if it is not recorded. A CDR line names half of the files, and this if `named`."""
        if not talk.recorded:
            return None
        named = named or self._balance <= 0
        self._balance += 1 if named else -1
        return Recording(kind=kind, seconds=talk.seconds, seed=self._random.getrandbits(32), named=named)
