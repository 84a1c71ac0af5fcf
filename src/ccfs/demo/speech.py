"""Spoken calls, assembled from the phrases in speech/, which scripts/make-demo-speech synthesises with espeak-ng."""

from collections.abc import Iterator
from functools import cache
from importlib import resources
from random import Random
from typing import Literal

from ccfs.model.recordings.wav import A_LAW, build_header, read_format

Language = Literal["en", "zh"]

SAMPLE_RATE = 8000
SILENT_SAMPLE = b"\xd5"  # A-law zero
PAUSE_SECONDS = (0.3, 0.8)  # minimum and maximum between two speakers


def build_conversation(seed: int, language: Language, seconds: float) -> bytes:
    """Return a call as an A-law WAV (8 kHz, mono) of exactly `seconds`: agent and customer take turns, the agent first.

    The same arguments give the same bytes. The agent greets and, if the time allows, says goodbye. Time that is too short
    for a phrase is silent. Only a call that is shorter than the greeting ends within a phrase.
    """
    samples = max(0, round(seconds * SAMPLE_RATE))
    audio = b"".join(_iter_turns(Random(seed), language, samples))[:samples].ljust(samples, SILENT_SAMPLE)
    return (
        build_header(tag=A_LAW, rate=SAMPLE_RATE, channels=1, bits=8, data_size=samples) + audio + b"\0" * (samples % 2)
    )


def _iter_turns(random: Random, language: Language, samples: int) -> Iterator[bytes]:
    """Yield a greeting, turns with pauses as long as they and the goodbye fit, and the goodbye."""
    greeting, *agent, goodbye = _load_phrases("agent", language)
    customer = list(_load_phrases("customer", language))
    yield greeting
    samples -= len(greeting)
    speakers = [_iter_shuffled(random, customer), _iter_shuffled(random, agent)]
    while True:
        pause, ending = _build_pause(random), _build_pause(random) + goodbye
        turn = pause + next(speakers[0])
        if len(turn) + len(ending) > samples:
            break
        yield turn
        samples -= len(turn)
        speakers.reverse()
    if len(ending) <= samples:
        yield ending


def _iter_shuffled(random: Random, phrases: list[bytes]) -> Iterator[bytes]:
    """Yield all phrases in random order, repeatedly."""
    while True:
        yield from random.sample(phrases, len(phrases))


def _build_pause(random: Random) -> bytes:
    return SILENT_SAMPLE * round(random.uniform(*PAUSE_SECONDS) * SAMPLE_RATE)


@cache
def _load_phrases(speaker: str, language: Language) -> tuple[bytes, ...]:
    """Return the A-law samples of a speaker's phrases in the order of their numbers."""
    files = sorted(resources.files(__package__).joinpath("speech").iterdir(), key=lambda file: file.name)
    wavs = [file.read_bytes() for file in files if file.name.startswith(f"{speaker}-{language}-")]
    return tuple(_extract_audio(wav) for wav in wavs)


def _extract_audio(wav: bytes) -> bytes:
    wav_format = read_format(wav, len(wav))
    return wav[wav_format.data_offset : wav_format.data_offset + wav_format.data_size]
