"""Inspecting an audio file agrees with storing it, and neither writes anything nor reads all of a long file."""

from pathlib import Path

import pytest

from ccfs.blobs.disk import DiskLocation
from ccfs.ingest.recordings.store_audio import StoredAudio, inspect_audio_file, store_audio_file
from ccfs.media.codec_table import UnknownAudio
from tests.ingest.ingest_site import make_wav
from tests.media.audio_samples import CODINGS, encode_tone

GSM = (Path(__file__).parents[2] / "media" / "audio" / "order-number.gsm").read_bytes()
FILES = {
    **{f"{coding}.{CODINGS[coding][0]}": coding for coding in CODINGS},
}
OTHER_FILES = {
    "a.gsm": GSM,
    "broken.gsm": b"\0" * 330,
    "long.gsm": GSM * 200,
    "a.ulaw": b"\x7f" * 8000,
    "a.sln": b"\0\1" * 8000,
    "empty.wav": make_wav(1)[:58],
    "nothing.wav": b"",
    "text.wav": b"hello",
    "noise.xyz": b"\x00\x01\x02",
    "video.m4a": b"....ftypM4A",
}


def run(store: object, location: DiskLocation, path: Path) -> tuple[str, str, int] | str:
    """Return extension and seconds of a stored file, else the reason why it is not stored."""
    try:
        audio = store(location, "1/recordings", path)  # type: ignore[operator]
    except UnknownAudio as error:
        return str(error)
    assert isinstance(audio, StoredAudio)
    return audio.extension, audio.blob.key.rpartition("/")[2], round(audio.seconds)


@pytest.mark.parametrize("name", [*FILES, *OTHER_FILES])
def test_an_inspected_file_is_what_is_stored(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(encode_tone(FILES[name]) if name in FILES else OTHER_FILES[name])
    stored, inspected = DiskLocation("0", tmp_path / "stored"), DiskLocation("0", tmp_path / "inspected")
    assert run(inspect_audio_file, inspected, path) == run(store_audio_file, stored, path)
    assert [file for file in (tmp_path / "inspected").rglob("*") if file.is_file()] == []


def test_files_of_equal_bytes_have_equal_digests_and_others_have_not(tmp_path: Path) -> None:
    location = DiskLocation("0", tmp_path / "location")
    samples = {"a": make_wav(1, 60), "b": make_wav(1, 60), "c": make_wav(2, 60), "d": make_wav(1, 60)[:-1] + b"x"}
    digests = {}
    for name, data in samples.items():
        (tmp_path / f"{name}.wav").write_bytes(data)
        digests[name] = inspect_audio_file(location, "1", tmp_path / f"{name}.wav").source_sha256
    assert digests["a"] == digests["b"]
    assert len(set(digests.values())) == 3
