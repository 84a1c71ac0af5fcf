"""Formats of FreeSWITCH, MikoPBX and telephones; headers that a crash left; files without audio."""

import hashlib
import io
import struct

import av
import pytest

from ccfs.media import convert
from ccfs.media.codec_table import AMR, FLAC, G729, LINEAR, WEBM, UnknownAudio, is_audio_name, strip_audio_extension
from ccfs.media.detect import HEAD_BYTES, detect_kind
from ccfs.media.pcm import iter_samples
from ccfs.media.probe import measure_duration, probe_audio
from ccfs.model.recordings import wav
from tests.media.test_convert import Encoder, encode_tone

SAMPLES = bytes(range(256)) * 125  # 2 s of 16-bit samples at 8 kHz
G711 = hashlib.shake_128(b"speech").digest(8000)
AMR_FILE = b"#!AMR\n" + b"\x3c" + bytes(31) + (b"\x3c" + bytes(range(31))) * 49  # 50 frames of 20 ms at 12.2 kbit/s
WIDE_AMR_FILE = b"#!AMR-WB\n" + (b"\x04" + bytes(range(17))) * 50  # at 6.6 kbit/s
WEBM_OPUS = Encoder(file="webm", codec="libopus", rate=48000, samples="s16", layout="mono")
FLAC_ENCODER = Encoder(file="flac", codec="flac", rate=8000, samples="s16", layout="mono")


def store(name: str, data: bytes) -> tuple[str, bytes]:
    """Return extension and bytes that are stored of a file."""
    target = io.BytesIO()
    extension = convert.convert_audio(io.BytesIO(data), detect_kind(name, data[:HEAD_BYTES]), target)
    return extension, target.getvalue()


def read_packets(data: bytes, container: str) -> list[bytes]:
    """Return the packets of the first audio stream."""
    with av.open(io.BytesIO(data), "r", format=container) as file:
        return [bytes(packet) for packet in file.demux(file.streams.audio[0]) if packet.size]


def make_wav_file(riff: int, size: int, samples: bytes = SAMPLES, before: bytes = b"") -> bytes:
    """Return a WAV of 16-bit samples with these sizes in its header."""
    fmt = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, 8000, 16000, 2, 16)
    return struct.pack("<4sI4s", b"RIFF", riff, b"WAVE") + before + fmt + struct.pack("<4sI", b"data", size) + samples


def make_rf64(samples: bytes = SAMPLES) -> bytes:
    """Return the samples in RF64."""
    chunk = struct.pack("<4sIQQQI", b"ds64", 28, 72 + len(samples), len(samples), len(samples) // 2, 0)
    return b"RF64" + make_wav_file(0xFFFFFFFF, 0xFFFFFFFF, samples, before=chunk)[4:]


@pytest.mark.parametrize(
    ("name", "tag"),
    [("u.PCMU", wav.MU_LAW), ("u.pcmu", wav.MU_LAW), ("u.PCMA", wav.A_LAW), ("u.ul", wav.MU_LAW), ("u.al", wav.A_LAW)],
)
def test_headerless_g711_of_any_switch_gets_a_header(name: str, tag: int) -> None:
    extension, data = store(name, G711)
    assert extension == ".wav"
    assert data == wav.build_header(tag=tag, rate=8000, channels=1, bits=8, data_size=8000) + G711


@pytest.mark.parametrize("name", ["u.L16", "u.slin", "u.sln"])
def test_headerless_linear_samples_get_a_header(name: str) -> None:
    assert detect_kind(name, SAMPLES).codec is LINEAR
    assert store(name, SAMPLES)[1][44:] == SAMPLES


def test_opus_in_webm_is_stored_in_ogg_packet_by_packet() -> None:
    source = encode_tone(WEBM_OPUS, 2)
    kind = detect_kind("mikopbx.webm", source)
    assert kind.codec is WEBM
    assert measure_duration(io.BytesIO(source), kind) == pytest.approx(2, abs=0.05)
    extension, data = store("mikopbx.webm", source)
    assert (extension, data[:4]) == (".ogg", b"OggS")
    assert read_packets(data, "ogg") == read_packets(source, "matroska")
    info = probe_audio(io.BytesIO(data), len(data), exactly=True)
    assert info.is_browser_playable
    assert info.duration_seconds == pytest.approx(2, abs=0.05)


@pytest.mark.parametrize("length", [100, 5000])
def test_webm_that_ends_early_is_stored_as_far_as_it_goes_or_rejected(length: int) -> None:
    source = encode_tone(WEBM_OPUS, 2)[:length]
    if length == 100:
        with pytest.raises(UnknownAudio):
            store("q.webm", source)
    else:
        packets = read_packets(store("q.webm", source)[1], "ogg")
        assert packets == read_packets(encode_tone(WEBM_OPUS, 2), "matroska")[: len(packets)]
        assert len(packets) > 10


def test_g729_is_decoded_to_the_samples_of_all_frames() -> None:
    source = hashlib.shake_128(b"g729").digest(1000)  # any ten bytes are a frame
    assert detect_kind("u.g729", source).codec is G729
    extension, data = store("u.g729", source + b"\1\2")  # and a frame of silence, of two bytes
    assert (extension, len(data)) == (".wav", 44 + 100 * 160)
    assert len(set(data[44:])) > 50


@pytest.mark.parametrize(("source", "rate"), [(AMR_FILE, 8000), (WIDE_AMR_FILE, 16000)], ids=["narrow", "wide"])
def test_amr_is_kept_as_it_is_and_can_be_played_here(source: bytes, rate: int) -> None:
    kind = detect_kind("q.amr", source)
    assert kind.codec is AMR
    assert store("q.amr", source) == (".amr", source)
    info = probe_audio(io.BytesIO(source), len(source), exactly=True)
    assert (info.rate, info.content_type, info.is_browser_playable) == (rate, "audio/amr", False)
    assert info.duration_seconds == pytest.approx(1, abs=0.03)
    samples = b"".join(iter_samples(io.BytesIO(source), info, 0, lambda: False))
    assert len(samples) == pytest.approx(2 * rate, rel=0.03)


def test_flac_is_kept_as_it_is() -> None:
    source = encode_tone(FLAC_ENCODER, 1)
    assert detect_kind("q.flac", source).codec is FLAC
    assert store("q.flac", source) == (".flac", source)
    assert probe_audio(io.BytesIO(source), len(source)).is_browser_playable


@pytest.mark.parametrize(
    ("riff", "size"),
    [(8, 0), (0, 0), (36, 0), (0xFFFFFFFF, 0xFFFFFFFF), (0xFFFFFFFF, 0), (36 + 64_000, 64_000), (8, 0xFFFFFFFF)],
)
def test_a_header_that_a_crash_left_is_read_by_the_files_length_and_stored_right(riff: int, size: int) -> None:
    source = make_wav_file(riff, size)
    assert measure_duration(io.BytesIO(source), detect_kind("q.wav", source)) == 2
    assert store("q.wav", source)[1] == make_wav_file(36 + len(SAMPLES), len(SAMPLES))


def test_rf64_is_stored_as_riff() -> None:
    source = make_rf64()
    assert measure_duration(io.BytesIO(source), detect_kind("q.wav", source)) == 2
    data = store("q.wav", source)[1]
    assert (data[:4], data[12:16], data[80:]) == (b"RIFF", b"JUNK", SAMPLES)
    info = probe_audio(io.BytesIO(data), len(data))
    assert (info.duration_seconds, info.is_browser_playable) == (2, True)


def test_rf64_without_its_sizes_is_read_by_the_files_length() -> None:
    source = bytearray(make_rf64())
    source[20:44] = bytes(24)
    assert measure_duration(io.BytesIO(source), detect_kind("q.wav", bytes(source))) == 2


def test_a_chunk_after_no_samples_is_not_audio() -> None:
    info = struct.pack("<4sI", b"LIST", 400) + bytes(400)
    with pytest.raises(UnknownAudio, match=r"^no audio$"):
        store("q.wav", make_wav_file(36 + len(info), 0, info))


@pytest.mark.parametrize("sizes", [(36, 0), (0, 0), (8, 0), (36, 0xFFFFFFFF), (36 + 9000, 9000)])
def test_a_header_without_samples_is_no_audio(sizes: tuple[int, int]) -> None:
    with pytest.raises(UnknownAudio, match=r"^no audio$"):
        store("q.wav", make_wav_file(*sizes, samples=b""))


def test_an_rf64_header_without_samples_is_no_audio() -> None:
    with pytest.raises(UnknownAudio, match=r"^no audio$"):
        store("q.wav", make_rf64(b""))


@pytest.mark.parametrize(("sizes", "is_unset"), [((0, 0), True), ((8, 0), True), ((36 + 32_000, 32_000), False)])
def test_a_header_without_a_size_is_recognised(sizes: tuple[int, int], *, is_unset: bool) -> None:
    data = make_wav_file(*sizes)
    assert convert.has_unset_size(data[:HEAD_BYTES], len(data)) is is_unset


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("q.wav", "q"),
        ("q.WAV", "q"),
        ("q.wav.mp3", "q"),
        ("ann-1705311042.118", "ann-1705311042.118"),
        ("q.wav49", "q"),
        ("q.webm", "q"),
        (".wav", ".wav"),
    ],
)
def test_a_name_without_its_audio_extensions(name: str, stem: str) -> None:
    assert strip_audio_extension(name) == stem


def test_the_work_on_a_name_of_many_extensions_is_bounded() -> None:
    assert strip_audio_extension("q" + ".wav" * 50_000).endswith(".wav")
    assert is_audio_name("q" + ".wav" * 50_000)
