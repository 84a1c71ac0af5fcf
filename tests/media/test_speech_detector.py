"""Finding speech in recordings: phrases at known times, noise, tones, channels that are one, files that cannot be read."""

import io
from collections.abc import Sequence

import pytest

from ccfs.media.codec_table import UnknownAudio
from ccfs.media.probe import probe_audio
from ccfs.media.speech_detector import detect_speech
from ccfs.model.recordings.conversations import FoundSpeech
from ccfs.model.recordings.speech import Span
from tests.workers.speech.spoken_calls import RATE, build_lane, build_tone, build_wav, load_phrase

TOLERANCE_MS = 250
TURNS = [(1.0, "agent-en-01"), (8.0, "customer-en-02")]


def detect(wav: bytes) -> FoundSpeech:
    """Return the speech of a WAV."""
    source = io.BytesIO(wav)
    return detect_speech(source, probe_audio(source, len(wav)), lambda: False)


def get_spans(turns: list[tuple[float, str]]) -> list[Span]:
    """Return when the phrases sound."""
    return [(round(at * 1000), round((at + len(load_phrase(name)) / RATE) * 1000)) for at, name in turns]


def is_covered(found: Sequence[Span], expected: Sequence[Span]) -> bool:
    """Return whether speech was found in each phrase from end to end, and nowhere else."""
    return all(
        any(abs(begin - first) < TOLERANCE_MS for begin, _ in found)
        and any(abs(end - last) < TOLERANCE_MS for _, end in found)
        for first, last in expected
    ) and all(
        any(begin > first - TOLERANCE_MS and end < last + TOLERANCE_MS for first, last in expected)
        for begin, end in found
    )


@pytest.mark.parametrize("is_noisy", [False, True])
def test_speech_is_found_where_it_is_and_noise_is_silence(is_noisy: bool) -> None:
    found = detect(build_wav(build_lane(TURNS, 14, is_noisy=is_noisy)))
    assert found.milliseconds == 14_000
    assert len(found.lanes) == 1
    assert is_covered(found.lanes[0], get_spans(TURNS)), found.lanes


def test_the_channels_of_a_stereo_file_are_two_lanes_unless_they_are_the_same() -> None:
    caller, agent = build_lane(TURNS[1:], 14), build_lane(TURNS[:1], 14)
    lanes = detect(build_wav(caller, agent)).lanes
    assert [is_covered(lane, get_spans(turns)) for lane, turns in zip(lanes, (TURNS[1:], TURNS[:1]), strict=True)] == [
        True,
        True,
    ]
    assert len(detect(build_wav(agent, agent)).lanes) == 1


def test_a_ringing_tone_is_no_speech() -> None:
    assert detect(build_wav(build_tone(12))).lanes == [[]]


def test_a_file_without_audio_cannot_be_analysed() -> None:
    with pytest.raises(UnknownAudio):
        detect(build_wav(b""))
