"""A file that grew or was converted replaces its recording; files that could be of several calls are rejected."""

import hashlib

from ccfs.db import schema
from ccfs.ingest.recordings.match import SEVERAL_FILES
from tests.ingest.ingest_site import IngestSite, build_cdr_line, make_wav
from tests.media.test_convert import MP3_ENCODER, encode_tone

NAME = "rec 1705311042.118"


def test_a_longer_file_and_then_a_converted_one_replace_the_recording(ingest_site: IngestSite) -> None:
    cdr = ingest_site.write_file("Master.csv", build_cdr_line())
    short, long = make_wav(1), make_wav(1, seconds=2)
    mp3 = encode_tone(MP3_ENCODER, 2)
    counts = []
    for extension, data in (("wav", short), ("wav", long), ("mp3", mp3)):
        path = ingest_site.write_recording(f"{NAME}.{extension}", data)
        if extension == "mp3":
            path.with_suffix(".wav").unlink()
        counts.append(ingest_site.ingest_asterisk(cdr)["recordings"])
    assert counts == [1, 0, 0]
    [row] = ingest_site.read_rows(schema.recordings)
    hashes = [hashlib.sha256(data).hexdigest() for data in (short, long, mp3)]
    assert (row["sha256"], row["file_name"][-4:], row["original_file_name"][-4:]) == (hashes[2], ".mp3", ".mp3")
    sources = ingest_site.read_rows(schema.recording_sources, "source_sha256", "recording", order="stored_at")
    assert sources == [(digest, row["file_name"]) for digest in hashes]
    assert len(ingest_site.read_rows(schema.orphaned_blobs)) == 2


def test_names_used_again_in_other_folders_are_told_apart_or_rejected(ingest_site: IngestSite) -> None:
    lines = [
        build_cdr_line("1705311042.118", userfield="audio:2024/01/15/1001.wav"),
        build_cdr_line("1705311043.119", sequence=2, agent="1002", userfield="audio:2024/01/16/1001.wav"),
        build_cdr_line("1705311044.120", sequence=3, agent="1003", userfield="audio:ann.wav"),
    ]
    for name, seconds in (
        ("2024/01/16/1001.mp3", 0),
        ("2024/01/15/1001.wav", 1),
        ("2024/01/17/1001.wav", 1),
        ("left/ann.wav", 1),
        ("right/ann.wav", 2),
    ):
        ingest_site.write_recording(name, make_wav(seconds, seconds) if seconds else encode_tone(MP3_ENCODER, 1))
    result = ingest_site.ingest_asterisk(ingest_site.write_file("Master.csv", "".join(lines)))
    assert ingest_site.read_rows(schema.recordings, "source_name", "agent_id", order="agent_id") == [
        ("1001.wav", "1001"),
        ("1001.mp3", "1002"),
    ]
    reasons = {row["file"].partition("monitor/")[2]: row["reason"] for row in result["refused"]}
    assert reasons.keys() == {"2024/01/17/1001.wav", "left/ann.wav", "right/ann.wav"}
    assert reasons["left/ann.wav"] == reasons["right/ann.wav"] == SEVERAL_FILES
