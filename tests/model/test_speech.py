"""Speech of recordings: spans, silence, talk-over and shares, of stereo files and of pairs, without waiting and hold."""

from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccfs.model.calls.call import Direction
from ccfs.model.calls.cdr import DeviceType
from ccfs.model.calls.timeline import CallTimeline, Participant, Segment, SegmentKind
from ccfs.model.recordings.conversations import FoundSpeech, analyse_call
from ccfs.model.recordings.speech import (
    FRAME_MS,
    Span,
    SpeechShares,
    add_shares,
    analyse_conversation,
    decode_lanes,
    encode_lanes,
    find_spans,
    intersect_spans,
    merge_spans,
    subtract_spans,
    sum_spans,
)
from ccfs.model.recordings.tracks import place_recordings
from tests.model.test_tracks import BEGIN, make_recording

SPANS = st.lists(st.tuples(st.integers(0, 300), st.integers(0, 300))).map(merge_spans)
AGENT = Participant(device=DeviceType.AGENT, name="512")


def to_set(spans: list[Span]) -> set[int]:
    """Return the milliseconds in spans."""
    return {at for begin, end in spans for at in range(begin, end)}


@given(SPANS, SPANS)
def test_spans_are_sets(one: list[Span], other: list[Span]) -> None:
    assert to_set(intersect_spans(one, other)) == to_set(one) & to_set(other)
    assert to_set(subtract_spans(one, other)) == to_set(one) - to_set(other)
    assert sum_spans(merge_spans([*one, *other])) == len(to_set(one) | to_set(other))


@given(st.lists(st.lists(st.booleans(), max_size=400), max_size=2))
def test_stored_spans_are_the_found_ones(lanes: list[list[bool]]) -> None:
    spans = [find_spans(lane) for lane in lanes]
    assert decode_lanes(encode_lanes(spans)) == spans
    for lane in spans:
        assert all(end + 9 * FRAME_MS < begin for (_, end), (begin, _) in pairwise(lane))


def test_the_stored_spans_of_an_hour_are_small() -> None:
    hour = [
        (second * 1000 // FRAME_MS * FRAME_MS, (second * 1000 + 2000) // FRAME_MS * FRAME_MS)
        for second in range(0, 3600, 4)
    ]
    assert len(encode_lanes([hour, hour])) < 5000


def test_silence_lasts_two_seconds_and_talk_over_half_a_second() -> None:
    caller, agent = [(0, 4000), (6000, 9000)], [(3000, 4000), (8600, 9000), (9500, 10_000)]
    analysis = analyse_conversation([caller, agent], 20_000, 1)
    assert analysis.silences == ((4000, 6000), (10_000, 20_000))
    assert analysis.overlaps == ((3000, 4000),)
    assert analysis.longest_silence_ms == 10_000
    shares = analysis.shares
    assert (shares.silence, shares.overlap, shares.caller, shares.agent) == (0.6, 0.05, 0.35, 0.095)
    assert shares.talk_ratio == pytest.approx(1900 / 8900)


def test_one_lane_has_silence_but_no_talk_over() -> None:
    shares = analyse_conversation([[(0, 5000)]], 10_000, 1).shares
    assert (shares.silence, shares.overlap, shares.talk_ratio) == (0.5, None, None)
    assert (SpeechShares().silence, add_shares([shares, shares]).measured_ms) == (None, 20_000)


def test_waiting_and_hold_are_neither_speech_nor_silence() -> None:
    """Music on hold that sounds like speech counts for nobody."""
    timeline = CallTimeline(
        begin=BEGIN,
        end=BEGIN + timedelta(seconds=40),
        segments=tuple(
            Segment(
                kind=kind, participant=AGENT, begin=BEGIN + timedelta(seconds=begin), end=BEGIN + timedelta(seconds=end)
            )
            for kind, begin, end in (
                (SegmentKind.RING, 0, 10),
                (SegmentKind.TALK, 10, 20),
                (SegmentKind.HOLD, 20, 30),
                (SegmentKind.TALK, 30, 40),
            )
        ),
    )
    placed = place_recordings([make_recording(1, 5, 40)], BEGIN, {})
    speech = {placed[0].recording.file_name: FoundSpeech(milliseconds=35_000, lanes=[[(5000, 15_000)], [(0, 30_000)]])}
    (conversation,) = analyse_call(placed, speech, timeline, BEGIN, Direction.INBOUND)
    shares = conversation.analysis.shares
    assert (shares.measured_ms, shares.agent_ms, shares.caller_ms) == (20_000, 15_000, 10_000)
    assert conversation.silences == [(35_000, 40_000)]
    assert conversation.overlaps == [(10_000, 20_000)]


def test_two_files_of_a_conversation_count_together_once_both_are_known() -> None:
    pair = [make_recording(1, 3, 13, "c-in.wav"), make_recording(2, 3, 13, "c-out.wav")]
    placed = place_recordings(pair, BEGIN, {})
    caller, agent = (recording.file_name for recording in pair)
    speech = {caller: FoundSpeech(milliseconds=10_000, lanes=[[(0, 4000)]])}
    assert analyse_call(placed, speech, None, BEGIN, None) == []
    speech[agent] = FoundSpeech(milliseconds=10_000, lanes=[[(2000, 5000)]])
    (conversation,) = analyse_call(placed, speech, None, BEGIN, None)
    shares = conversation.analysis.shares
    assert (shares.caller_ms, shares.agent_ms, shares.overlap_ms, shares.silence_ms) == (4000, 3000, 2000, 5000)
    assert (conversation.overlaps, conversation.silences) == ([(5000, 7000)], [(8000, 13_000)])


@pytest.mark.parametrize(("direction", "agent_ms"), [(Direction.INBOUND, 1000), (Direction.OUTBOUND, 4000)])
def test_the_side_that_began_the_call_is_on_the_left(direction: Direction, agent_ms: int) -> None:
    placed = place_recordings([make_recording(1, 0, 10)], BEGIN, {})
    speech = {placed[0].recording.file_name: FoundSpeech(milliseconds=10_000, lanes=[[(0, 4000)], [(5000, 6000)]])}
    (conversation,) = analyse_call(placed, speech, None, BEGIN, direction)
    assert conversation.analysis.shares.agent_ms == agent_ms
