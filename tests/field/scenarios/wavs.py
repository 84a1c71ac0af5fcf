"""Recordings: valid WAVs of few bytes, of the length that the call's truth says."""

import os
from hashlib import shake_128
from pathlib import Path

from ccfs.model.recordings import wav
from tests.field.scenarios.truth import Span

_RATE = 100  # samples per second: far too few for speech, and a second takes 100 bytes


def write_wav(path: Path, span: Span | None, end: int) -> None:
    """Write the recording of a talk. Without a talk, write what Asterisk leaves: a header without samples."""
    path.parent.mkdir(parents=True, exist_ok=True)
    count = (span[1] - span[0]) * _RATE // 1000 if span else 0
    samples = shake_128(str(path).encode()).digest(count)
    header = wav.build_header(tag=wav.A_LAW, rate=_RATE, channels=1, bits=8, data_size=count)
    path.write_bytes(header + samples)
    modified = (span[1] if span else end) / 1000 + 0.2
    os.utime(path, (modified, modified))
