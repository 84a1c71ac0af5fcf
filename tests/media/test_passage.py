"""Passages of recordings: exactly their samples, in every codec, and nothing of what is before or behind them."""

import io
from array import array

import pytest

from ccfs.media import passage, pcm
from ccfs.media.codec_table import UnknownAudio
from ccfs.media.pcm import DeadlineExceeded
from ccfs.media.probe import AudioInfo, probe_audio
from tests.media import audio_samples

FILES = {coding: audio_samples.encode_tone(coding, 2.5) for coding in audio_samples.CODINGS} | {
    "gsm": audio_samples.make_gsm_wav(2),
    "speex": audio_samples.read_speex(),
}
DEPENDENT_DECODERS = {
    "mp3",
    "mp3-in-wav",
    "opus",
    "vorbis",
    "g726",
    "g722",
    "ima",
}  # whose samples depend on those before a seek
START_MS, END_MS = 1201, 1603


def never_late() -> bool:
    return False


def probe(data: bytes) -> AudioInfo:
    return probe_audio(io.BytesIO(data), len(data), exactly=True)


def cut(data: bytes, start_ms: int, end_ms: int | None, span: tuple[int, int] | None = None) -> bytes:
    """Return the passage's WAV, or a range of it."""
    part = passage.cut_passage(probe(data), start_ms, end_ms)
    start, end = span or (0, part.size)
    return b"".join(passage.iter_passage(io.BytesIO(data), part, start, end, never_late))


def decode(data: bytes) -> bytes:
    """Return all samples, decoded from the beginning."""
    return b"".join(pcm.iter_samples(io.BytesIO(data), probe(data), 0, never_late))


def measure_difference(one: bytes, other: bytes) -> int:
    """Return the greatest difference of two samples at the same place."""
    return max(abs(left - right) for left, right in zip(array("h", one), array("h", other), strict=True))


@pytest.mark.parametrize("coding", FILES)
def test_a_passage_has_the_samples_of_its_time_and_no_others(coding: str) -> None:
    info = probe(FILES[coding])
    found, frame = cut(FILES[coding], START_MS, END_MS), pcm.frame_size(info)
    first, last = -(-START_MS * info.rate // 1000), END_MS * info.rate // 1000
    assert first * 1000 >= START_MS * info.rate
    assert last * 1000 <= END_MS * info.rate
    assert len(found) == 44 + (last - first) * frame
    expected = decode(FILES[coding])[first * frame : last * frame]
    tolerance = 3000 if coding in DEPENDENT_DECODERS else 0
    assert measure_difference(found[44:], expected) <= tolerance
    assert measure_difference(found[44:], expected) < measure_difference(found[44:], bytes(len(expected)))


def test_nothing_outside_of_a_passage_is_in_it() -> None:
    loud, silent = array("h", [20_000, 20_000, -20_000, -20_000] * 2000).tobytes(), bytes(16_000)
    for coding in ("pcm", "mp3", "flac", "opus"):
        data = audio_samples.encode_samples(coding, loud + silent + loud)
        found = cut(data, 1100, 1900)[44:]
        assert measure_difference(found, bytes(len(found))) <= (0 if coding in ("pcm", "flac") else 300), coding


@pytest.mark.parametrize("coding", ["pcm", "stereo", "gsm", "mp3", "mp3-in-wav", "flac"])
def test_ranges_of_a_passage_are_parts_of_it(coding: str) -> None:
    whole = cut(FILES[coding], START_MS, END_MS)
    for span in ((0, 10), (10, 50), (44, 45), (1001, 3000), (len(whole) - 7, len(whole)), (2000, len(whole) + 99)):
        found, expected = cut(FILES[coding], START_MS, END_MS, span), whole[slice(*span)]
        assert len(found) == len(expected)
        if coding in ("pcm", "stereo", "gsm", "flac"):
            assert found == expected


def test_a_passage_ends_with_the_recording_and_cannot_be_beyond_it() -> None:
    data = FILES["pcm"]
    assert cut(data, 2300, None) == cut(data, 2300, 99_000)
    assert cut(data, 0, None)[44:] == decode(data)
    for start_ms, end_ms in ((2500, None), (99_000, 100_000), (2000, 2000), (2000, 1000), (-1, 1000)):
        with pytest.raises(UnknownAudio):
            passage.cut_passage(probe(data), start_ms, end_ms)


def test_a_recording_that_ends_early_is_filled_with_silence() -> None:
    data = FILES["gsm"]
    part = passage.cut_passage(probe(data), 1000, 4000)
    found = b"".join(passage.iter_passage(io.BytesIO(data[:1000]), part, 0, part.size, never_late))
    assert len(found) == part.size
    assert not any(found[-1000:])


def test_cutting_ends_at_its_deadline() -> None:
    part = passage.cut_passage(probe(FILES["mp3-in-wav"]), 1000, 2000)
    with pytest.raises(DeadlineExceeded):
        list(passage.iter_passage(io.BytesIO(FILES["mp3-in-wav"]), part, 0, part.size, lambda: True))
