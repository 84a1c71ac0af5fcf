"""Recordings of a call on its time axis: where each begins, and which are heard one after the other. Pure.

A track is a list of recordings that do not overlap; the player plays one track. Recordings that overlap are on different
tracks, except for the two files of one conversation, the caller's and the agent's, which are heard together.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from ccfs.model.recordings.recording import Recording

MAX_OVERLAP: Final = timedelta(seconds=1)  # of recordings that follow each other: index rows may have whole seconds
_SIDE_NAME = re.compile(r"(.{1,250})[-_.](in|out|rx|tx|read|write|caller|agent)(?:\.[0-9A-Za-z]{1,5}){0,2}", re.DOTALL)
_CALLER_SIDES: Final = ("in", "rx", "read", "caller")  # what the switch received from the channel that it recorded


class VoiceLane(StrEnum):
    """The voices in a file."""

    BOTH = "both"
    CALLER = "caller"
    AGENT = "agent"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedRecording:
    """A recording with its place."""

    recording: Recording
    offset_ms: int  # from the axis' begin
    length_ms: int  # of the audio where it is known, else by the row
    track: int
    lane: VoiceLane

    @property
    def end_ms(self) -> int:
        """Where it ends on the axis."""
        return self.offset_ms + self.length_ms


def place_recordings(
    recordings: Sequence[Recording], axis_begin: datetime, lengths: Mapping[str, int]
) -> list[PlacedRecording]:
    """Return the recordings in their places. `lengths` has the milliseconds of decoded audio by index name."""
    ends: list[datetime] = []  # of each track
    lanes, partners = _find_lanes(recordings), dict[str, int]()
    placed = []
    for recording in sorted(recordings, key=lambda recording: (recording.call_begin, recording.file_name)):
        length = lengths.get(recording.file_name) or _row_length_ms(recording)
        stem, lane = lanes.get(recording.file_name, ("", VoiceLane.BOTH))
        track = partners.get(stem) if stem else None
        if track is None:
            track = _find_track(ends, recording)
        if stem:
            partners[stem] = track
        end = max(recording.call_end, recording.call_begin + timedelta(milliseconds=length))
        if track == len(ends):
            ends.append(end)
        ends[track] = max(ends[track], end)
        offset = round((recording.call_begin - axis_begin).total_seconds() * 1000)
        placed.append(PlacedRecording(recording=recording, offset_ms=offset, length_ms=length, track=track, lane=lane))
    return placed


def _row_length_ms(recording: Recording) -> int:
    return max(round((recording.call_end - recording.call_begin).total_seconds() * 1000), 0)


def _find_track(ends: Sequence[datetime], recording: Recording) -> int:
    free = (number for number, end in enumerate(ends) if end - MAX_OVERLAP <= recording.call_begin)
    return next(free, len(ends))


def _find_lanes(recordings: Sequence[Recording]) -> dict[str, tuple[str, VoiceLane]]:
    """Return the common name and the lane of each file that has a partner: `call-in.wav` and `call-out.wav`."""
    sides: dict[str, dict[VoiceLane, Recording]] = {}
    for recording in recordings:
        if match := _SIDE_NAME.fullmatch(recording.source_name or recording.file_name):
            lane = VoiceLane.CALLER if match[2] in _CALLER_SIDES else VoiceLane.AGENT
            sides.setdefault(match[1], {}).setdefault(lane, recording)
    return {
        recording.file_name: (stem, lane)
        for stem, pair in sides.items()
        if len(pair) == 2 and _overlap(*pair.values())
        for lane, recording in pair.items()
    }


def _overlap(one: Recording, other: Recording) -> bool:
    return abs(one.call_begin - other.call_begin) <= MAX_OVERLAP
