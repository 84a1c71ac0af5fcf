"""Spoken calls of the demo: of the requested duration, reproducible, and mostly speech."""

import hashlib
from pathlib import Path

import pytest

import ccfs.demo
from ccfs.demo.speech import Language, build_conversation
from ccfs.model.recordings.wav import check_upload, read_format

SPEECH = Path(ccfs.demo.__file__).parent / "speech"


def read_payload(wav: bytes) -> bytes:
    wav_format = read_format(wav, len(wav))
    return wav[wav_format.data_offset : wav_format.data_offset + wav_format.data_size]


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("seconds", [0.5, 12.0, 95.3])
def test_a_demo_call_is_a_wav_of_exactly_the_requested_duration(language: Language, seconds: float) -> None:
    assert check_upload(build_conversation(7, language, seconds)).duration == pytest.approx(seconds, abs=0.001)


def test_a_demo_call_is_reproducible_from_its_seed() -> None:
    call = build_conversation(7, "en", 60)
    assert call == build_conversation(7, "en", 60)
    assert call not in (build_conversation(8, "en", 60), build_conversation(7, "zh", 60))
    assert hashlib.sha256(call).hexdigest() == "9b61e23018523fd61188ec6084a31121c0578170fe1ae666b208e632ab6353e2"


def test_a_demo_call_begins_with_the_greeting_and_ends_with_the_goodbye() -> None:
    greeting, goodbye = (read_payload((SPEECH / f"agent-en-{number}.wav").read_bytes()) for number in ("01", "08"))
    call = read_payload(build_conversation(7, "en", 60))
    assert call.startswith(greeting)
    assert call.rstrip(b"\xd5").endswith(goodbye.rstrip(b"\xd5"))


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_demo_call_is_mostly_speech(language: Language) -> None:
    samples = read_payload(build_conversation(3, language, 60))
    assert samples.count(b"\xd5") < len(samples) / 3


def test_the_demo_speech_is_small() -> None:
    files = list(SPEECH.glob("*.wav"))
    assert len(files) == 24
    assert sum(file.stat().st_size for file in files) < 900_000
