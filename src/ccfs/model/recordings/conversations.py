"""The conversations of a call, one for each recording or pair of files, with their silence and talk-over. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from ccfs.model.calls.call import Direction
from ccfs.model.calls.time_spans import TimeSpan
from ccfs.model.calls.time_spans import merge_spans as merge_times
from ccfs.model.calls.timeline import CallTimeline, SegmentKind
from ccfs.model.recordings.speech import (
    ConversationAnalysis,
    Span,
    analyse_conversation,
    get_agent_lane,
    subtract_spans,
)
from ccfs.model.recordings.tracks import PlacedRecording, VoiceLane

MAX_PAIR_OFFSET_MS: Final = 1000  # between the begins of the two files of a conversation


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundSpeech:
    """The speech that was found in a recording."""

    milliseconds: int
    lanes: Sequence[Sequence[Span]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """A recording, or the files of both sides. The spans of `analysis` begin at `offset_ms` on the call's axis."""

    parts: tuple[PlacedRecording, ...]
    offset_ms: int
    analysis: ConversationAnalysis

    @property
    def silences(self) -> list[Span]:
        """The silences on the call's axis."""
        return [(self.offset_ms + begin, self.offset_ms + end) for begin, end in self.analysis.silences]

    @property
    def overlaps(self) -> list[Span]:
        """The talk-over on the call's axis."""
        return [(self.offset_ms + begin, self.offset_ms + end) for begin, end in self.analysis.overlaps]


def analyse_call(
    placed: Sequence[PlacedRecording],
    speech: Mapping[str, FoundSpeech],
    timeline: CallTimeline | None,
    axis_begin: datetime,
    direction: Direction | None,
) -> list[Conversation]:
    """Return the conversations whose speech is known, by begin. `speech` is by index name.

    The two files of a conversation count once both are known.
    """
    talks = list_talks(timeline, axis_begin)
    found = []
    for parts in group_pairs(placed):
        known = [speech.get(part.recording.file_name) for part in parts]
        if all(known):
            found.append(_analyse(parts, [one for one in known if one], talks, direction))
    return found


def group_pairs(placed: Sequence[PlacedRecording]) -> list[tuple[PlacedRecording, ...]]:
    """Return the recordings, the caller's and the agent's file of one conversation together."""
    groups = []
    agents = [one for one in placed if one.lane is VoiceLane.AGENT]
    for one in placed:
        if one.lane is VoiceLane.CALLER:
            partner = next((other for other in agents if _is_pair(one, other)), None)
            if partner is not None:
                agents.remove(partner)
            groups.append((one, partner) if partner else (one,))
        elif one.lane is VoiceLane.BOTH:
            groups.append((one,))
    groups += [(one,) for one in agents]
    return sorted(groups, key=lambda parts: parts[0].offset_ms)


def list_talks(timeline: CallTimeline | None, axis_begin: datetime) -> list[Span]:
    """Return when somebody talks by the call's segments; [] where nothing says it. The rest is waiting, ringing and hold."""
    segments = timeline.segments if timeline else ()
    talks = merge_times(
        TimeSpan(begin=segment.begin, end=segment.end) for segment in segments if segment.kind is SegmentKind.TALK
    )
    return [(_to_ms(span.begin, axis_begin), _to_ms(span.end, axis_begin)) for span in talks]


def _is_pair(one: PlacedRecording, other: PlacedRecording) -> bool:
    return one.track == other.track and abs(one.offset_ms - other.offset_ms) <= MAX_PAIR_OFFSET_MS


def _analyse(
    parts: tuple[PlacedRecording, ...], known: Sequence[FoundSpeech], talks: Sequence[Span], direction: Direction | None
) -> Conversation:
    begin = min(part.offset_ms for part in parts)
    length = max(part.offset_ms - begin + one.milliseconds for part, one in zip(parts, known, strict=True))
    excluded = subtract_spans([(0, length)], list(_shift(talks, -begin))) if talks else []
    if len(parts) == 1:
        lanes, agent_lane = known[0].lanes, get_agent_lane(direction)
    else:
        shifted = zip(parts, known, strict=True)
        lanes, agent_lane = [list(_shift(one.lanes[0], part.offset_ms - begin)) for part, one in shifted], 1
    return Conversation(
        parts=parts, offset_ms=begin, analysis=analyse_conversation(lanes, length, agent_lane, excluded)
    )


def _shift(spans: Iterable[Span], milliseconds: int) -> Iterable[Span]:
    return ((begin + milliseconds, end + milliseconds) for begin, end in spans)


def _to_ms(instant: datetime, axis_begin: datetime) -> int:
    return round((instant - axis_begin).total_seconds() * 1000)
