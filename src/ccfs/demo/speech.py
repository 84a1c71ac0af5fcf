"""Spoken calls for the demo, put together from the phrases in speech/. Bytes out; no file is written, no clock read.

The phrases are synthetic: scripts/make-demo-speech speaks them with espeak-ng.
"""

from collections.abc import Iterator
from functools import cache
from importlib import resources
from random import Random
from typing import Literal

from ccfs.model.recordings.wav import A_LAW, build_header, read_format

Language = Literal["en", "zh"]

SAMPLE_RATE = 8000
SILENT_SAMPLE = b"\xd5"  # A-law zero
PAUSE_SECONDS = (0.3, 0.8)  # seconds between two speakers, at least and at most


def build_conversation(seed: int, language: Language, seconds: float) -> bytes:
    """A call as an A-law WAV (8 kHz, mono) of exactly `seconds`: agent and customer take turns, agent first.

    The same arguments always give the same bytes. The agent greets and, where there is room, says goodbye; what no
    whole phrase fills stays silent. Only a call too short for the greeting is cut within a phrase.
    """
    room = max(0, round(seconds * SAMPLE_RATE))
    audio = b"".join(_iter_turns(Random(seed), language, room))[:room].ljust(room, SILENT_SAMPLE)
    return build_header(tag=A_LAW, rate=SAMPLE_RATE, channels=1, bits=8, data_size=room) + audio + b"\0" * (room % 2)


def _iter_turns(random: Random, language: Language, room: int) -> Iterator[bytes]:
    """Phrases and the pauses before them: a greeting, turns while they and the goodbye fit, the goodbye."""
    greeting, *agent, goodbye = _load_phrases("agent", language)
    customer = list(_load_phrases("customer", language))
    yield greeting
    room -= len(greeting)
    speakers = [_iter_shuffled(random, customer), _iter_shuffled(random, agent)]
    while True:
        pause, farewell = _build_pause(random), _build_pause(random) + goodbye
        turn = pause + next(speakers[0])
        if len(turn) + len(farewell) > room:
            break
        yield turn
        room -= len(turn)
        speakers.reverse()
    if len(farewell) <= room:
        yield farewell


def _iter_shuffled(random: Random, phrases: list[bytes]) -> Iterator[bytes]:
    """All phrases in some order, then in another, for ever."""
    while True:
        yield from random.sample(phrases, len(phrases))


def _build_pause(random: Random) -> bytes:
    return SILENT_SAMPLE * round(random.uniform(*PAUSE_SECONDS) * SAMPLE_RATE)


@cache
def _load_phrases(speaker: str, language: Language) -> tuple[bytes, ...]:
    """The bare A-law of a speaker's phrases, in the order of their numbers."""
    files = sorted(resources.files(__package__).joinpath("speech").iterdir(), key=lambda file: file.name)
    wavs = [file.read_bytes() for file in files if file.name.startswith(f"{speaker}-{language}-")]
    return tuple(_extract_audio(wav) for wav in wavs)


def _extract_audio(wav: bytes) -> bytes:
    found = read_format(wav, len(wav))
    return wav[found.data_offset : found.data_offset + found.data_size]
