"""Recordings of a call in their places: tracks without overlap, and the two files of one conversation."""

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccfs.model.recordings.recording import Recording
from ccfs.model.recordings.tracks import VoiceLane, place_recordings
from tests.db import sample_rows

BASE = sample_rows.make_recording(1)
BEGIN = BASE.call_begin


def make_recording(number: int, begin: int, end: int, name: str = "") -> Recording:
    """Return a recording from one second to another of the call."""
    times = {"call_begin": BEGIN + timedelta(seconds=begin), "call_end": BEGIN + timedelta(seconds=end)}
    return replace(BASE, file_name=f"/0/1/record/a/b/20260504/1/{number}.wav", source_name=name, **times)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("recordings", "places"),
    [
        ([(0, 10, "a.wav"), (12, 20, "b.wav")], [(0, 0, "both"), (0, 12, "both")]),
        ([(12, 20, ""), (0, 12, "")], [(0, 0, "both"), (0, 12, "both")]),
        ([(0, 10, "a.wav"), (5, 20, "b.wav")], [(0, 0, "both"), (1, 5, "both")]),
        ([(3, 10, "c-in.wav"), (3, 10, "c-out.wav")], [(0, 3, "caller"), (0, 3, "agent")]),
        ([(3, 10, "c_tx.wav"), (3, 10, "c_rx.wav")], [(0, 3, "agent"), (0, 3, "caller")]),
        ([(3, 10, "c-in.wav"), (30, 40, "c-out.wav")], [(0, 3, "both"), (0, 30, "both")]),
        ([(3, 10, "c-in.wav"), (3, 10, "d-out.wav")], [(0, 3, "both"), (1, 3, "both")]),
        ([(3, 10, "check-in.wav")], [(0, 3, "both")]),
        ([], []),
    ],
)
def test_recordings_have_a_track_an_offset_and_a_lane(
    recordings: list[tuple[int, int, str]], places: list[tuple[int, int, str]]
) -> None:
    rows = [make_recording(number, *recording) for number, recording in enumerate(recordings)]
    placed = place_recordings(rows, BEGIN, {})
    assert [(one.track, one.offset_ms // 1000, one.lane) for one in placed] == places


def test_the_length_of_decoded_audio_precedes_that_of_the_row() -> None:
    [placed] = place_recordings([make_recording(1, 0, 10)], BEGIN, {make_recording(1, 0, 10).file_name: 4480})
    assert (placed.length_ms, placed.end_ms, placed.lane) == (4480, 4480, VoiceLane.BOTH)


@given(st.lists(st.tuples(st.integers(0, 100), st.integers(0, 100)), max_size=8))
def test_recordings_of_a_track_do_not_overlap(spans: list[tuple[int, int]]) -> None:
    placed = place_recordings(
        [make_recording(number, begin, begin + length) for number, (begin, length) in enumerate(spans)], BEGIN, {}
    )
    assert sorted(one.offset_ms for one in placed) == sorted(begin * 1000 for begin, _ in spans)
    for track in {one.track for one in placed}:
        own = [one for one in placed if one.track == track]
        assert all(later.offset_ms >= earlier.end_ms - 1000 for earlier, later in pairwise(own))
