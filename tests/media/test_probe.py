"""Damaged audio: the result is sound, silence or a reason, in limited time and memory."""

import io
import os
import random
import struct
from pathlib import Path

import av
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ccfs.blobs.disk import DiskLocation
from ccfs.media import encode, pcm, waveform
from ccfs.media.codec_table import UnknownAudio
from ccfs.media.encode import OutputFormat
from ccfs.media.pcm import DeadlineExceeded
from ccfs.media.probe import probe_audio
from ccfs.model.blobs.blob_ref import BlobRef
from ccfs.model.errors import FileUnavailable
from ccfs.model.recordings import wav
from ccfs.web.responses.blob_reader import RangeReader
from tests.media import audio_samples

INTACT_FILES = {
    "gsm": audio_samples.make_gsm_wav(),
    "speex": audio_samples.read_speex(),
    **{coding: audio_samples.encode_tone(coding, 0.5) for coding in audio_samples.CODINGS},
}


def never_late() -> bool:
    return False


def measure_decoded_bytes(data: bytes) -> int | None:
    """Decode the file. Return the bytes of its WAV, or None if it is no audio."""
    source = io.BytesIO(data)
    try:
        info = probe_audio(source, len(data))
        size = pcm.wav_size(info)
        end = min(size, 200_000)
        assert len(b"".join(pcm.iter_wav(source, info, 0, end, never_late))) == end
        waveform.compute_peaks(source, info, never_late)
    except UnknownAudio:
        return None
    return size


@given(st.sampled_from(sorted(INTACT_FILES)), st.data())
@settings(max_examples=150, deadline=None)
def test_a_damaged_file_is_decoded_or_has_a_reason(name: str, data: st.DataObject) -> None:
    broken = bytearray(INTACT_FILES[name])
    for _ in range(data.draw(st.integers(1, 4))):
        broken[data.draw(st.integers(0, min(len(broken) - 1, 120)))] = data.draw(st.integers(0, 255))
    size = measure_decoded_bytes(bytes(broken[: data.draw(st.integers(1, len(broken)))]))
    assert size is None or size >= 44


@pytest.mark.parametrize("channels", [0, 1, 3, 200, 65535])
@pytest.mark.parametrize("rate", [0, 1, 7999, 384_000, 4_294_967_295])
def test_a_header_of_any_channels_and_rate_is_decoded_or_has_a_reason(channels: int, rate: int) -> None:
    fmt = struct.pack("<HHIIHH", wav.PCM, channels, rate, 1, 2 * channels % 65536, 16)
    size = measure_decoded_bytes(b"RIFF\xff\xff\0\0WAVEfmt \x10\0\0\0" + fmt + b"data\x10\x27\0\0" + bytes(10_000))
    assert size is None or (channels > 0 and rate > 0 and size >= 44)


@pytest.mark.parametrize("rate", [8000, 11_025, 44_100, 96_000])
@pytest.mark.parametrize(
    ("form", "container"), [(OutputFormat.WAV, "wav"), (OutputFormat.MP3, "mp3"), (OutputFormat.OPUS, "ogg")]
)
def test_every_sample_rate_is_encoded_in_every_output_format(rate: int, form: OutputFormat, container: str) -> None:
    data = wav.build_header(tag=wav.PCM, rate=rate, channels=2, bits=16, data_size=4 * rate) + bytes(4 * rate)
    source = io.BytesIO(data)
    encoded = b"".join(encode.encode_audio(source, probe_audio(source, len(data)), form, never_late))
    assert encode.output_size(probe_audio(source, len(data)), form) in (None, len(encoded))
    with av.open(io.BytesIO(encoded), "r", format=container) as container_file:
        stream = container_file.streams.audio[0]
        assert stream.codec_context.channels == 2
        seconds = sum(frame.samples / frame.sample_rate for frame in container_file.decode(stream))
        assert seconds == pytest.approx(1, abs=0.2)


def test_decoding_that_takes_too_long_raises() -> None:
    source = io.BytesIO(INTACT_FILES["gsm"])
    info = probe_audio(source, len(INTACT_FILES["gsm"]))
    with pytest.raises(DeadlineExceeded):
        waveform.compute_peaks(source, info, lambda: True)
    with pytest.raises(DeadlineExceeded):
        list(encode.encode_audio(source, info, OutputFormat.MP3, lambda: True))


class PathlessDisk(DiskLocation):
    """A location that serves bytes, but no path."""

    def get_path(self, key: str) -> None:  # type: ignore[override]
        return None


@pytest.fixture
def pathless_blob(tmp_path: Path) -> tuple[PathlessDisk, BlobRef, bytes]:
    data = random.Random(1).randbytes(3_000_000)
    location = PathlessDisk("0", tmp_path)
    return location, location.write("a/b", [data]), data


def test_a_remote_blob_is_read_and_seeked_like_a_file(
    pathless_blob: tuple[PathlessDisk, BlobRef, bytes],
) -> None:
    location, blob, data = pathless_blob
    file, chance = io.BufferedReader(RangeReader(location, blob), 4096), random.Random(2)
    for _ in range(200):
        at, size = chance.randrange(len(data) + 10), chance.choice((1, 100, 50_000))
        file.seek(at)
        assert file.read(size) == data[at : at + size]
    assert file.seek(-5, os.SEEK_END) == len(data) - 5
    assert file.read() == data[-5:]


def test_a_deleted_blob_is_unavailable(pathless_blob: tuple[PathlessDisk, BlobRef, bytes]) -> None:
    location, blob, _ = pathless_blob
    file = io.BufferedReader(RangeReader(location, blob), 4096)
    location.delete("a/b")
    with pytest.raises(FileUnavailable):
        file.read(10)


def test_a_wav_of_an_unknown_codec_has_a_reason() -> None:
    fmt = struct.pack("<HHIIHH", 0x4242, 1, 8000, 8000, 1, 8)
    assert (
        measure_decoded_bytes(b"RIFF\xff\xff\0\0WAVEfmt \x10\0\0\0" + fmt + b"data\x10\x27\0\0" + bytes(10_000)) is None
    )
