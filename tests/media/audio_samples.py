"""Recordings in every coding that a switch writes or a WAV may hold, encoded by FFmpeg."""

import io
import math
import struct
from array import array
from datetime import timedelta
from pathlib import Path

import av
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream

from ccfs.model.identity.tenancy import App
from ccfs.model.recordings import wav
from ccfs.model.recordings.recording import Recording
from ccfs.server.node import Node
from tests.console.call_centre_data import BEGIN
from tests.two_tenants import add_recording

FOLDER = Path(__file__).parent
SAMPLE_SECONDS = 6
GSM_WIDTHS = (6, 6, 5, 5, 4, 4, 3, 3, *((7, 2, 2, 6, *(3,) * 13) * 4))  # bits of a frame's parameters
HOUR_REPEATS = 1607  # repetitions of the 2.24 seconds of `make_gsm_wav` that give an hour
CALL_ID = "1700000099-1"
LONG_CALL_ID = "1700000099-2"

# name: container, encoder, rate, channels
CODINGS = {
    "pcm": ("wav", "pcm_s16le", 8000, 1),
    "stereo": ("wav", "pcm_s16le", 8000, 2),
    "float": ("wav", "pcm_f32le", 16000, 2),
    "alaw": ("wav", "pcm_alaw", 8000, 1),
    "mulaw": ("wav", "pcm_mulaw", 8000, 1),
    "g722": ("wav", "adpcm_g722", 16000, 1),
    "g726": ("wav", "g726", 8000, 1),
    "ima": ("wav", "adpcm_ima_wav", 8000, 2),
    "ms": ("wav", "adpcm_ms", 8000, 1),
    "mp3-in-wav": ("wav", "libmp3lame", 8000, 1),
    "mp3": ("mp3", "libmp3lame", 16000, 1),
    "opus": ("ogg", "libopus", 16000, 1),
    "vorbis": ("ogg", "vorbis", 16000, 2),
    "flac": ("ogg", "flac", 8000, 1),
    "pcm-8": ("wav", "pcm_u8", 8000, 1),
    "pcm-24": ("wav", "pcm_s24le", 16000, 2),
}
TRANSCODED_CODINGS = {"float", "g722", "g726", "ima", "ms", "mp3-in-wav"}


def encode_tone(coding: str, seconds: float = SAMPLE_SECONDS) -> bytes:
    """Return a tone in one of the codings: it rises from silence, and falls to silence in the right channel."""
    _, _, rate, channels = CODINGS[coding]
    return _encode(coding, _make_tone_frame(rate, channels, seconds))


def encode_samples(coding: str, samples: bytes) -> bytes:
    """Return 16-bit samples of a coding with one channel and 8,000 samples a second; other rates are resampled."""
    frame = AudioFrame(format="s16", layout="mono", samples=len(samples) // 2)
    frame.sample_rate, frame.pts = 8000, 0
    frame.planes[0].update(samples)
    return _encode(coding, frame)


def _encode(coding: str, samples: AudioFrame) -> bytes:
    form, codec, rate, channels = CODINGS[coding]
    target = io.BytesIO()
    with av.open(target, "w", format=form) as container:
        layout = "stereo" if channels == 2 else "mono"
        stream = container.add_stream(codec, rate=rate, layout=layout, options={"strict": "experimental"})
        assert isinstance(stream, AudioStream)
        if codec == "g726":
            stream.bit_rate = 32_000
        stream.codec_context.open()  # sets its frame size
        resampler = av.AudioResampler(stream.format, layout, rate, stream.frame_size)
        for frame in [*resampler.resample(samples), *resampler.resample(None), None]:
            container.mux([packet for packet in stream.encode(frame) if packet.size])  # FLAC's last one is empty
    return target.getvalue()


def _make_tone_frame(rate: int, channels: int, seconds: float) -> AudioFrame:
    count = round(rate * seconds)
    samples = array("h")
    for number in range(count):
        left = math.sin(2 * math.pi * 440 * number / rate) * 24_000
        samples.append(round(left * number / count))
        if channels == 2:
            samples.append(round(left * (1 - number / count)))
    frame = AudioFrame(format="s16", layout="stereo" if channels == 2 else "mono", samples=count)
    frame.sample_rate, frame.pts = rate, 0
    frame.planes[0].update(samples.tobytes())
    return frame


def make_gsm_wav(times: int = 1) -> bytes:
    """Return speech like Asterisk's wav49, `times` 2.24 seconds: GSM 06.10, two frames in a block."""
    spoken = (FOLDER.parent / "media" / "audio" / "order-number.gsm").read_bytes()
    frames = [spoken[at : at + 33] for at in range(0, 112 * 33, 33)]
    data = b"".join(_pack_gsm_block(pair) for pair in zip(frames[::2], frames[1::2], strict=True)) * times
    fmt = struct.pack("<HHIIHHHH", wav.GSM, 1, 8000, 1625, 65, 0, 2, 320)
    fact = struct.pack("<4sII", b"fact", 4, len(data) // 65 * 320)
    body = (
        b"WAVE" + struct.pack("<4sI", b"fmt ", len(fmt)) + fmt + fact + struct.pack("<4sI", b"data", len(data)) + data
    )
    return struct.pack("<4sI", b"RIFF", len(body)) + body


def _pack_gsm_block(frames: tuple[bytes, bytes]) -> bytes:
    """Pack two frames as Microsoft does: their parameters low bit first and without a signature."""
    packed, filled = 0, 0
    for frame in frames:
        bits, left = int.from_bytes(frame, "big"), 260
        for width in GSM_WIDTHS:
            left -= width
            packed |= (bits >> left & ((1 << width) - 1)) << filled
            filled += width
    return packed.to_bytes(65, "little")


def make_unfinished_wav() -> bytes:
    """Return PCM in a WAV whose header has no length."""
    data = bytearray(encode_tone("pcm"))
    at = data.index(b"data") + 4
    data[at : at + 4] = b"\xff" * 4
    return bytes(data)


def read_speex() -> bytes:
    """Return the speech in Speex, encoded with FFmpeg's libspeex: ccfs's own FFmpeg only decodes it."""
    return (FOLDER / "audio" / "order-number.spx").read_bytes()


def add_audio_recording(
    node: Node, app: App, account_id: str, name: str, data: bytes, call_id: str = CALL_ID, seconds: int = SAMPLE_SECONDS
) -> Recording:
    """Add a recording with these bytes; its index name is `/0/1/record/samples/NAME`."""
    whole = f"/0/1/record/samples/{name}"
    more = {
        "account_id": account_id,
        "call_id": call_id,
        "call_begin": BEGIN,
        "call_end": BEGIN + timedelta(seconds=seconds),
    }
    return add_recording(node, app, data, whole, f"Y:/9/0/20201015/512/{name}", **more)
