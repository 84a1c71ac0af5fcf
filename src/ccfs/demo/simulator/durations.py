"""Durations of talks, and which talks are recorded: a few megabytes in total, regardless of the number of calls."""

from dataclasses import dataclass
from random import Random

from ccfs.demo.simulator.events import SimulatedRecording

MAX_RECORDED_BYTES = 6_000_000  # per day
BYTES_PER_SECOND = 8000
_HEADER_BYTES = 128  # upper bound of a WAV header
_RECORDED_SECONDS = (11, 38)
_UNRECORDED_SECONDS = (45, 300)
_RECORDED_SHARE, _FULL_SHARE_CALLS = 0.8, 40  # share of recorded talks on a day with at most so many calls


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedTalk:
    """The duration of a talk and whether it is recorded."""

    seconds: int
    is_recorded: bool


class TalkGenerator:
    """Draws random talks and builds their recordings."""

    def __init__(self, random: Random, calls: int) -> None:
        self._random = random
        self._recorded_share = _RECORDED_SHARE * min(1, _FULL_SHARE_CALLS / max(1, calls))
        self._bytes_left = MAX_RECORDED_BYTES
        self._balance = 0  # recordings that a CDR names minus those that none names

    def draw_talk(self) -> SimulatedTalk:
        seconds = self._random.randint(*_RECORDED_SECONDS)
        size = seconds * BYTES_PER_SECOND + _HEADER_BYTES
        if self._random.random() >= self._recorded_share or size > self._bytes_left:
            return SimulatedTalk(seconds=self._random.randint(*_UNRECORDED_SECONDS), is_recorded=False)
        self._bytes_left -= size
        return SimulatedTalk(seconds=seconds, is_recorded=True)

    def build_recording(
        self, talk: SimulatedTalk, name_prefix: str, *, named: bool = False
    ) -> SimulatedRecording | None:
        """Return the recording of a talk, None if it is not recorded.

        CDRs name half of the recordings, and this one if `named`.
        """
        if not talk.is_recorded:
            return None
        named = named or self._balance <= 0
        self._balance += 1 if named else -1
        return SimulatedRecording(
            name_prefix=name_prefix, seconds=talk.seconds, seed=self._random.getrandbits(32), is_named=named
        )
