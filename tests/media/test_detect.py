"""Kinds of audio files are detected by their first bytes, else by their name."""

import pytest

from ccfs.media.codec_table import (
    A_LAW,
    CODECS,
    G722,
    GSM,
    LINEAR,
    MP3,
    MU_LAW,
    OGG,
    RIFF,
    AudioKind,
    Codec,
    UnknownAudio,
    is_audio_name,
)
from ccfs.media.detect import detect_kind
from ccfs.model.recordings import wav
from ccfs.model.recordings.wav import build_header

WAV = build_header(tag=wav.A_LAW, rate=8000, channels=1, bits=8, data_size=8000) + b"\xd5" * 8000
MPEG_FRAME = b"\xff\xfb\x90\x44"  # MPEG-1 layer III, 128 kbit/s, 44.1 kHz


@pytest.mark.parametrize(
    ("name", "codec", "rate"),
    [
        ("1763800000.1.alaw", A_LAW, 8000),
        ("q.alw", A_LAW, 8000),
        ("q.ulaw", MU_LAW, 8000),
        ("q.mu", MU_LAW, 8000),
        ("q.pcm", MU_LAW, 8000),
        ("q.sln", LINEAR, 8000),
        ("q.raw", LINEAR, 8000),
        ("q.sln16", LINEAR, 16000),
        ("q.sln44", LINEAR, 44100),
        ("q.sln192", LINEAR, 192000),
        ("q.GSM", GSM, 8000),
        ("/var/spool.d/monitor/q.g722", G722, 16000),
        ("q.mp3", MP3, 0),
    ],
)
def test_a_headerless_file_is_detected_by_its_extension(name: str, codec: Codec, rate: int) -> None:
    assert detect_kind(name, b"\xd5" * 100) == AudioKind(codec=codec, rate=rate)


@pytest.mark.parametrize(
    "name", ["q.wav", "q.WAV", "q.wav49", "q.wav16", "1054597.V3", "q.v3", "q.gsm", "no-extension"]
)
def test_a_riff_file_is_a_wav_whatever_its_name(name: str) -> None:
    assert detect_kind(name, WAV) == AudioKind(codec=RIFF)


@pytest.mark.parametrize(
    ("head", "codec"),
    [(b"OggS\0\2", OGG), (b"ID3\4\0\0\0\0\2\1", MP3), (MPEG_FRAME, MP3)],
)
def test_compressed_files_are_detected_by_their_first_bytes(head: bytes, codec: Codec) -> None:
    assert detect_kind("recording", head + bytes(100)).codec is codec


def test_quiet_mu_law_is_not_detected_as_mpeg() -> None:
    assert detect_kind("q.ulaw", MPEG_FRAME + bytes(100)).codec is MU_LAW


@pytest.mark.parametrize(
    ("name", "head", "reason"),
    [
        ("q.wav", b"", "^empty$"),
        ("q.wav", b"\xd5" * 100, "named .wav, but has no RIFF/WAVE header"),
        ("1054597.V3", bytes(100), "named .v3, but has no RIFF/WAVE header"),
        ("q.opus", bytes(100), "named .opus, but has no Ogg header"),
        ("q.wav", b"RIFF\0\0\0\0AVI ", "no RIFF/WAVE header"),
        ("q.txt", b"hello", "extension 'txt', first bytes 68656c6c"),
        ("alaw", b"\xd5\xd5", "unknown audio format"),
        ("q.bin", b"\xff\xfb\xf0\x44", "unknown audio format"),  # MPEG's sync with a bit rate that does not exist
    ],
)
def test_unknown_audio_has_a_reason(name: str, head: bytes, reason: str) -> None:
    with pytest.raises(UnknownAudio, match=reason):
        detect_kind(name, head)


def test_every_extension_belongs_to_one_codec() -> None:
    extensions = [extension for codec in CODECS for extension in codec.extensions]
    assert len(set(extensions)) == len(extensions)
    assert all(is_audio_name(f"q.{extension.upper()}") for extension in extensions)
    assert not any(map(is_audio_name, ("alaw", ".gsm", "q.txt", "q.wav.part", "")))
