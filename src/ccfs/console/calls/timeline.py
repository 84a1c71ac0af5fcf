"""The timeline of a call as the page shows it: segments with their places on the axis in per cent. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from ccfs.model.calls.timeline import CallTimeline, Participant, Segment, SegmentKind
from ccfs.model.recordings.recording import Recording

MIN_BAR_WIDTH = 0.4  # per cent: a second of an hour stays visible
MAX_STRIP_ROWS = 12  # participants above the waveform; the table has all


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeAxis:
    """The time from a call's begin to its end; its recordings may begin earlier or end later."""

    begin: datetime
    end: datetime

    @property
    def milliseconds(self) -> int:
        """The axis' length, at least a second."""
        return max(self.offset_ms(self.end), 1000)

    def offset_ms(self, instant: datetime) -> int:
        """Return the milliseconds from the axis' begin."""
        return round((instant - self.begin).total_seconds() * 1000)


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineEntry:
    """A segment with its place."""

    number: int  # from 1, for its address
    segment: Segment
    offset_ms: int
    x: str  # per cent of the axis' length
    width: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineView:
    """The entries, in order of time, and those of each participant."""

    axis: TimeAxis
    entries: list[TimelineEntry]
    rows: list[tuple[Participant, list[TimelineEntry]]]


def build_axis(timeline: CallTimeline | None, recordings: Sequence[Recording]) -> TimeAxis:
    """Return the axis of a call and its recordings, of which there is at least one."""
    spans = [(recording.call_begin, recording.call_end) for recording in recordings]
    spans += [(timeline.begin, timeline.end)] if timeline else []
    return TimeAxis(begin=min(begin for begin, _ in spans), end=max(end for _, end in spans))


def build_timeline_view(timeline: CallTimeline | None, axis: TimeAxis) -> TimelineView:
    """Return the segments in their places on the axis."""
    segments = timeline.segments if timeline else ()
    entries = [_build_entry(number, segment, axis) for number, segment in enumerate(segments, 1)]
    rows = [
        (
            participant,
            [entry for entry in entries if entry.segment.participant == participant and _is_drawn(entry, axis)],
        )
        for participant in (timeline.participants[:MAX_STRIP_ROWS] if timeline else ())
    ]
    return TimelineView(axis=axis, entries=entries, rows=[row for row in rows if row[1]])


def _is_drawn(entry: TimelineEntry, axis: TimeAxis) -> bool:
    is_outside = entry.segment.kind is SegmentKind.AFTER_CALL and entry.segment.begin >= axis.end
    return not is_outside


def _build_entry(number: int, segment: Segment, axis: TimeAxis) -> TimelineEntry:
    total, begin = axis.milliseconds, axis.offset_ms(segment.begin)
    x = min(max(begin / total * 100, 0.0), 100.0 - MIN_BAR_WIDTH)
    width = max((axis.offset_ms(segment.end) - begin) / total * 100, MIN_BAR_WIDTH)
    return TimelineEntry(
        number=number,
        segment=segment,
        offset_ms=min(max(begin, 0), total),
        x=f"{x:.3f}%",
        width=f"{min(width, 100.0 - x):.3f}%",
    )
