"""Spoken calls of known speech, in A-law at 8 kHz: the phrases of the demo at given times, in one channel or two."""

from importlib import resources
from random import Random

from ccfs.model.recordings.wav import A_LAW, build_header, read_format

RATE = 8000
SILENT = 0xD5
Turns = list[tuple[float, str]]  # second, and name of the phrase


def load_phrase(name: str) -> bytes:
    """Return the A-law samples of a phrase of the demo, such as `agent-en-01`."""
    wav = resources.files("ccfs.demo").joinpath("speech", f"{name}.wav").read_bytes()
    layout = read_format(wav, len(wav))
    return wav[layout.data_offset : layout.data_offset + layout.data_size]


def build_lane(turns: Turns, seconds: float, *, is_noisy: bool = False) -> bytes:
    """Return the samples of a channel, of noise at about -40 dB between the phrases if it `is_noisy`."""
    count = round(seconds * RATE)
    random = Random(1)
    quiet = bytes(random.choice((0xC5, 0x45, 0xF5, 0x75, 0xD5, 0x55)) for _ in range(count if is_noisy else 0))
    lane = bytearray(quiet or bytes([SILENT]) * count)
    for second, name in turns:
        phrase, at = load_phrase(name), round(second * RATE)
        lane[at : at + len(phrase)] = phrase
    return bytes(lane[:count])


def build_wav(*lanes: bytes) -> bytes:
    """Return a WAV of one or two channels of the same length."""
    data = bytearray(len(lanes) * len(lanes[0]))
    for channel, lane in enumerate(lanes):
        data[channel :: len(lanes)] = lane
    return build_header(tag=A_LAW, rate=RATE, channels=len(lanes), bits=8, data_size=len(data)) + bytes(data)


def build_tone(seconds: float) -> bytes:
    """Return a ringing tone: 400 Hz, a second on and two off."""
    second = bytes(
        [0x85, 0xB5, 0xAA, 0xAA, 0xB5, 0x85, 0x05, 0x35, 0x2A, 0x2A, 0x35, 0x05][at % 12] for at in range(RATE)
    )
    return b"".join(second if at % 3 == 0 else bytes([SILENT]) * RATE for at in range(round(seconds)))
