"""Silence and talk-over of a call as its page shows them: marks on the timeline, shares, and what is not known yet."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy.engine import Connection

from ccfs.console.calls.timeline import MIN_BAR_WIDTH, TimeAxis
from ccfs.db.tenant import speech_activity
from ccfs.db.tenant.speech_activity import SpeechActivity, SpeechState
from ccfs.model.calls.call import Direction
from ccfs.model.calls.timeline import CallTimeline
from ccfs.model.identity.tenancy import App
from ccfs.model.recordings.conversations import Conversation, FoundSpeech, analyse_call
from ccfs.model.recordings.speech import Span, SpeechShares, add_shares
from ccfs.model.recordings.tracks import PlacedRecording

MAX_MARKS: Final = 200  # of each kind, the longest ones
MAX_SKIPS: Final = 5000  # silences of a recording that the player can skip


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechMark:
    """A silence or a talk-over with its place on the call's axis."""

    kind: str  # "silence" or "overlap"
    begin_ms: int
    end_ms: int
    track: int
    x: str  # per cent of the axis' length
    width: str

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return (self.end_ms - self.begin_ms) / 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechView:
    """The speech of a call."""

    marks: list[SpeechMark] = field(default_factory=list)
    shares: SpeechShares | None = None  # None: nothing is known
    longest_silence: float = 0.0  # seconds
    skips: Mapping[str, str] = field(default_factory=dict)  # silences on the axis as JSON, by index name
    pending: int = 0  # recordings that wait for their analysis
    problems: list[str] = field(default_factory=list)  # why others cannot be analysed


def load_speech(
    connection: Connection,
    app: App,
    placed: Sequence[PlacedRecording],
    timeline: CallTimeline | None,
    axis: TimeAxis,
    direction: Direction | None,
) -> SpeechView:
    """Return the speech of a call's recordings, of the bytes that they have now."""
    names = [one.recording.file_name for one in placed]
    activities = {row.recording: row for row in speech_activity.list_by_names(connection, app, names)} if names else {}
    return build_speech_view(placed, activities, timeline, axis, direction)


def build_speech_view(
    placed: Sequence[PlacedRecording],
    activities: Mapping[str, SpeechActivity],
    timeline: CallTimeline | None,
    axis: TimeAxis,
    direction: Direction | None,
) -> SpeechView:
    """Return the speech of a call. Marks and shares follow the call's segments as they are now."""
    speech, pending, problems = {}, 0, []
    for one in placed:
        activity = activities.get(one.recording.file_name)
        if activity is not None and activity.is_of(one.recording):
            found = FoundSpeech(milliseconds=activity.milliseconds, lanes=activity.lanes)
            speech[one.recording.file_name] = found
        elif activity is not None and activity.state in (SpeechState.SKIPPED, SpeechState.FAILED):
            problems.append(activity.error)
        else:
            pending += 1
    conversations = analyse_call(placed, speech, timeline, axis.begin, direction)
    marks = [mark for kind in ("silence", "overlap") for mark in _list_marks(kind, conversations, axis)]
    return SpeechView(
        marks=sorted(marks, key=lambda mark: (mark.begin_ms, mark.end_ms)),
        shares=add_shares(one.analysis.shares for one in conversations) if conversations else None,
        longest_silence=max((one.analysis.longest_silence_ms for one in conversations), default=0) / 1000,
        skips={
            part.recording.file_name: json.dumps(one.silences[:MAX_SKIPS], separators=(",", ":"))
            for one in conversations
            for part in one.parts
        },
        pending=pending,
        problems=problems,
    )


def _list_marks(kind: str, conversations: Sequence[Conversation], axis: TimeAxis) -> Iterator[SpeechMark]:
    spans = [
        (span, one.parts[0].track)
        for one in conversations
        for span in (one.silences if kind == "silence" else one.overlaps)
    ]
    for span, track in sorted(spans, key=lambda item: item[0][0] - item[0][1])[:MAX_MARKS]:
        yield _build_mark(kind, span, track, axis)


def _build_mark(kind: str, span: Span, track: int, axis: TimeAxis) -> SpeechMark:
    begin, end = (min(max(instant / axis.milliseconds * 100, 0.0), 100.0) for instant in span)
    x = min(begin, 100.0 - MIN_BAR_WIDTH)
    return SpeechMark(
        kind=kind,
        begin_ms=max(span[0], 0),
        end_ms=max(span[1], 0),
        track=track,
        x=f"{x:.3f}%",
        width=f"{min(max(end - begin, MIN_BAR_WIDTH), 100.0 - x):.3f}%",
    )
