"""Recordings of every kind that a switch writes: detected, stored without loss, measured."""

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import av
import numpy as np
import pytest
from av.audio.stream import AudioStream
from hypothesis import given, settings
from hypothesis import strategies as st

from ccfs.media import convert
from ccfs.media.codec_table import (
    A_LAW,
    LINEAR,
    AudioKind,
    UnknownAudio,
)
from ccfs.media.convert import convert_audio
from ccfs.media.detect import HEAD_BYTES, detect_kind
from ccfs.media.probe import measure_duration
from ccfs.model.recordings import wav
from ccfs.model.recordings.wav import build_header, read_format

# 113 frames of speech, made with sox from the demo's agent-en-02.wav.
SPEECH_GSM = (Path(__file__).parent / "audio" / "order-number.gsm").read_bytes()
# Its samples as sox 14.4.2 (libgsm) and ffmpeg 5.1 both decode them.
SPEECH_PCM_SHA256 = "d24e163cee8333bfc81e9c32b1d0bc09bd10f16074482230ad66fd8100ce8371"

WAV = build_header(tag=wav.A_LAW, rate=8000, channels=1, bits=8, data_size=8000) + b"\xd5" * 8000


@dataclass(frozen=True, kw_only=True)
class Encoder:
    """Parameters of a compressed file, in FFmpeg's names."""

    file: str
    codec: str
    rate: int
    samples: Literal["s16", "s16p", "fltp"]
    layout: str = "mono"


G722_ENCODER = Encoder(file="g722", codec="g722", rate=16000, samples="s16")
MP3_ENCODER = Encoder(file="mp3", codec="libmp3lame", rate=16000, samples="s16p")
OPUS_ENCODER = Encoder(file="ogg", codec="libopus", rate=48000, samples="s16")
VORBIS_ENCODER = Encoder(file="ogg", codec="vorbis", rate=16000, samples="fltp", layout="stereo")


def make_tone(rate: int, seconds: float) -> np.ndarray:
    """Return 440 Hz in 16-bit samples."""
    return (8000 * np.sin(2 * np.pi * 440 * np.arange(round(rate * seconds)) / rate)).astype(np.int16)


def encode_tone(encoder: Encoder, seconds: float) -> bytes:
    """Return the tone in a compressed file."""
    file = io.BytesIO()
    with av.open(file, "w", format=encoder.file) as container:
        stream = container.add_stream(encoder.codec, rate=encoder.rate, options={"strict": "experimental"})
        assert isinstance(stream, AudioStream)
        stream.layout = encoder.layout
        frame = av.AudioFrame.from_ndarray(make_tone(encoder.rate, seconds)[None, :], format="s16", layout="mono")
        frame.sample_rate, frame.pts = encoder.rate, 0
        resampler = av.AudioResampler(encoder.samples, encoder.layout, encoder.rate, stream.frame_size)
        for resampled in [*resampler.resample(frame), *resampler.resample(None), None]:
            container.mux(stream.encode(resampled))
    return file.getvalue()


def convert_recording(name: str, recording: bytes) -> tuple[str, bytes]:
    """Return extension and bytes of the stored recording."""
    target = io.BytesIO()
    extension = convert_audio(io.BytesIO(recording), detect_kind(name, recording[:HEAD_BYTES]), target)
    return extension, target.getvalue()


def measure_seconds(name: str, recording: bytes) -> float:
    return measure_duration(io.BytesIO(recording), detect_kind(name, recording[:HEAD_BYTES]))


def read_payload(recording: bytes) -> bytes:
    fmt = read_format(recording, len(recording))
    return recording[fmt.data_offset : fmt.data_offset + fmt.data_size]


@given(st.sampled_from(["alaw", "ulaw", "sln", "sln16", "sln192"]), st.binary(min_size=1, max_size=400))
def test_samples_behind_a_wav_header_are_unchanged(extension: str, samples: bytes) -> None:
    kind = detect_kind(f"q.{extension}", b"\xd5")
    target = io.BytesIO()
    assert convert_audio(io.BytesIO(samples), kind, target) == ".wav"
    wrapped = target.getvalue()
    assert read_payload(wrapped) == samples
    assert int.from_bytes(wrapped[4:8], "little") + 8 == len(wrapped)
    assert len(wrapped) % 2 == 0
    assert read_format(wrapped, len(wrapped)).duration == measure_duration(io.BytesIO(samples), kind)


@pytest.mark.parametrize(
    ("name", "tag", "bits", "rate"),
    [("q.alaw", wav.A_LAW, 8, 8000), ("q.pcm", wav.MU_LAW, 8, 8000), ("q.sln16", wav.PCM, 16, 16000)],
)
def test_the_header_of_a_wrapped_file_has_its_format(name: str, tag: int, bits: int, rate: int) -> None:
    fmt = read_format(convert_recording(name, b"\xd5" * 320)[1], 1000)
    assert (fmt.tag, fmt.bits, fmt.rate, fmt.channels) == (tag, bits, rate, 1)


def test_files_of_more_than_one_chunk_are_copied_completely() -> None:
    samples = bytes(range(256)) * 2000
    assert read_payload(convert_recording("q.sln", samples)[1]) == samples
    assert measure_seconds("q.sln", samples) == 32.0


def test_a_wav_is_stored_unchanged() -> None:
    assert convert_recording("1054597.V3", WAV) == (".wav", WAV)
    assert measure_seconds("1054597.V3", WAV) == 1.0


@pytest.mark.parametrize("encoder", [MP3_ENCODER, VORBIS_ENCODER, OPUS_ENCODER], ids=["mp3", "vorbis", "opus"])
def test_mp3_and_ogg_are_stored_unchanged(encoder: Encoder) -> None:
    recording = encode_tone(encoder, 2)
    assert convert_recording(f"q.{encoder.file}", recording) == (f".{encoder.file}", recording)
    assert measure_seconds(f"q.{encoder.file}", recording) == pytest.approx(2, abs=0.15)


@pytest.mark.parametrize("encoder", [VORBIS_ENCODER, OPUS_ENCODER], ids=["vorbis", "opus"])
def test_the_duration_of_an_ogg_of_a_single_page_is_right(encoder: Encoder) -> None:
    assert measure_seconds("q.ogg", encode_tone(encoder, 0.3)) == pytest.approx(0.3, abs=0.1)


def test_an_mp3_with_a_tag_in_another_encoding_is_accepted() -> None:
    tag = (
        b"ID3\3\0\0\0\0\0\x12" + b"TIT2" + b"\0\0\0\x08\0\0" + b"\0\xc4\xe3\xba\xc3 \xb2\xbb"
    )  # GBK, said to be Latin-1
    recording = tag + b"TAG" + b"\xc4\xe3" * 10 + encode_tone(MP3_ENCODER, 1)
    assert convert_recording("q.mp3", recording) == (".mp3", recording)


def test_gsm_is_decoded_to_the_samples_of_other_decoders() -> None:
    extension, converted = convert_recording("q.gsm", SPEECH_GSM)
    fmt = read_format(converted, len(converted))
    assert (extension, fmt.tag, fmt.rate, fmt.bits, fmt.channels) == (".wav", wav.PCM, 8000, 16, 1)
    assert hashlib.sha256(read_payload(converted)).hexdigest() == SPEECH_PCM_SHA256
    assert fmt.duration == measure_seconds("q.gsm", SPEECH_GSM) == 2.26


@pytest.mark.parametrize("tail", [1, 32])
def test_gsm_truncated_within_a_frame_keeps_all_whole_frames(tail: int) -> None:
    cut = SPEECH_GSM[: 100 * 33 + tail]
    assert convert_recording("q.gsm", cut) == convert_recording("q.gsm", SPEECH_GSM[: 100 * 33])
    assert measure_seconds("q.gsm", cut) == 2.0


def test_g722_is_decoded_to_the_tone_that_was_recorded() -> None:
    recording = encode_tone(G722_ENCODER, 2)
    extension, converted = convert_recording("q.g722", recording)
    fmt = read_format(converted, len(converted))
    assert (extension, fmt.tag, fmt.rate, fmt.bits, fmt.channels) == (".wav", wav.PCM, 16000, 16, 1)
    assert fmt.duration == measure_seconds("q.g722", recording) == 2.0
    spectrum = np.abs(np.fft.rfft(np.frombuffer(read_payload(converted), dtype="<i2")))
    assert np.argmax(spectrum) / 2.0 == 440


@pytest.mark.parametrize("name", ["q.gsm", "q.g722"])
def test_decoding_does_not_depend_on_the_chunk_size(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    recording = SPEECH_GSM if name == "q.gsm" else encode_tone(G722_ENCODER, 1)
    at_once = convert_recording(name, recording)
    monkeypatch.setattr(convert, "_CHUNK_BYTES", 33 * 2)
    assert convert_recording(name, recording) == at_once


@pytest.mark.parametrize(
    ("name", "recording", "reason"),
    [
        ("q.gsm", SPEECH_GSM[:20], "less than one gsm frame"),
        ("q.gsm", bytes(330), "broken gsm"),
        ("q.gsm", SPEECH_GSM[:330] + b"\0" + SPEECH_GSM[330:], "broken gsm"),
        ("q.mp3", bytes(5000), "broken mp3|no audio"),
        ("q.mp3", b"ID3\3\0\0\0\0\0\0" + b"junk" * 500, "broken mp3|no audio"),
        ("q.ogg", b"OggS" + bytes(3000), "broken ogg|no audio"),
        ("q.wav", WAV[:30], "not a WAV: truncated"),
    ],
)
def test_broken_audio_files_are_rejected_with_a_reason(name: str, recording: bytes, reason: str) -> None:
    with pytest.raises(UnknownAudio, match=reason):
        convert_recording(name, recording)


def test_an_empty_audio_file_is_rejected() -> None:
    with pytest.raises(UnknownAudio, match=r"^empty$"):
        convert_audio(io.BytesIO(), AudioKind(codec=A_LAW, rate=8000), io.BytesIO())


def test_more_samples_than_a_wav_can_hold_are_rejected(tmp_path: Path) -> None:
    with open(tmp_path / "q.sln", "w+b") as sparse:
        sparse.truncate(2**32)
        with pytest.raises(UnknownAudio, match="too long for a WAV"):
            convert_audio(sparse, AudioKind(codec=LINEAR, rate=8000), io.BytesIO())


class ShrinkingFile(io.BytesIO):
    """A file that loses its second half after its size was read."""

    def read(self, size: int | None = -1, /) -> bytes:
        self.truncate(len(self.getvalue()) // 2)
        return super().read(size)


def test_a_file_that_shrinks_during_conversion_is_rejected() -> None:
    with pytest.raises(UnknownAudio, match="became shorter"):
        convert_audio(ShrinkingFile(bytes(1000)), AudioKind(codec=A_LAW, rate=8000), io.BytesIO())


def test_the_duration_of_a_file_is_measured_by_its_path(tmp_path: Path) -> None:
    path = tmp_path / "q.gsm"
    path.write_bytes(SPEECH_GSM)
    assert (
        measure_duration(path, detect_kind(path.name, SPEECH_GSM))
        == measure_duration(str(path), detect_kind(path.name, SPEECH_GSM))
        == 2.26
    )


HOSTILE_FILES = {
    "q.gsm": SPEECH_GSM[:990],
    "q.wav": WAV[:500],
    "q.mp3": encode_tone(MP3_ENCODER, 0.3),
    "q.ogg": encode_tone(VORBIS_ENCODER, 0.3),
    "q.opus": encode_tone(OPUS_ENCODER, 0.3),
}


@settings(max_examples=300, deadline=1000)
@given(
    st.sampled_from(sorted(HOSTILE_FILES)),
    st.lists(st.tuples(st.integers(0, 9999), st.integers(0, 3), st.binary(max_size=4)), max_size=8),
)
def test_damaged_audio_files_are_converted_or_rejected(name: str, damage: list[tuple[int, int, bytes]]) -> None:
    recording = HOSTILE_FILES[name]
    for at, lost, instead in damage:
        at %= len(recording) + 1
        recording = recording[:at] + instead + recording[at + lost :]
    try:
        extension, stored = convert_recording(name, recording)
        seconds = measure_seconds(name, recording)
    except UnknownAudio:
        return
    assert extension in (".wav", ".mp3", ".ogg")
    assert len(stored) >= 44
    assert 0 <= seconds < 60
