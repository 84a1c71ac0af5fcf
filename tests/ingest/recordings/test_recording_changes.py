"""Recordings that are converted, moved or unmounted after they were stored, and calls of which more is known later."""

import hashlib
import shutil

import pytest

from ccfs.db import schema
from tests.ingest.files.test_logrotate import append_text
from tests.ingest.ingest_site import IngestSite, build_cdr_line, make_wav
from tests.ingest.passes import Passes
from tests.media.test_convert import MP3_ENCODER, encode_tone

WAV, MP3 = make_wav(1, seconds=2), encode_tone(MP3_ENCODER, 2)
NAME = "rec 1705311042.118"


def compute_sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("first", ["wav", "mp3"])
def test_a_converted_file_replaces_its_source_once_that_is_gone(first: str, ingest_site: IngestSite) -> None:
    cdr = ingest_site.write_file("Master.csv", build_cdr_line())
    passes = Passes(ingest_site)
    files = {"wav": WAV, "mp3": MP3}
    for extension in (first, "mp3" if first == "wav" else "wav"):
        ingest_site.write_recording(f"{NAME}.{extension}", files[extension])
        passes.pass_asterisk(cdr)
        passes.pass_asterisk(cdr)
    assert ingest_site.read_rows(schema.recordings, "sha256") == [compute_sha256(WAV)]
    (ingest_site.recordings_folder / f"{NAME}.wav").unlink()
    passes.pass_asterisk(cdr)
    assert passes.pass_asterisk(cdr).recordings == 1
    assert ingest_site.read_rows(schema.recordings, "sha256") == [compute_sha256(MP3)]
    sources = ingest_site.read_rows(schema.recording_sources, "source_sha256", "replaced_at", order="stored_at")
    assert {digest: replaced is None for digest, replaced in sources} == {
        compute_sha256(WAV): False,
        compute_sha256(MP3): True,
    }
    assert ingest_site.check_blobs()["absent"] == 0


def test_a_converted_file_does_not_replace_a_source_that_was_moved(ingest_site: IngestSite) -> None:
    cdr = ingest_site.write_file("Master.csv", build_cdr_line())
    passes = Passes(ingest_site)
    wav = ingest_site.write_recording(f"{NAME}.wav", WAV)
    ingest_site.write_recording(f"{NAME}.mp3", MP3)
    passes.pass_asterisk(cdr)
    (wav.parent / "day").mkdir()
    wav.rename(wav.parent / "day" / wav.name)
    for _ in range(2):
        assert passes.pass_asterisk(cdr).recordings == 1
    assert ingest_site.read_rows(schema.recordings, "sha256") == [compute_sha256(WAV)]


def test_a_copy_does_not_bring_a_deleted_recording_back(ingest_site: IngestSite) -> None:
    cdr = ingest_site.write_file("Master.csv", build_cdr_line())
    passes = Passes(ingest_site)
    for extension, data in (("wav", WAV), ("mp3", MP3)):
        ingest_site.write_recording(f"{NAME}.{extension}", data)
        passes.pass_asterisk(cdr)
    with ingest_site.node.database.write_transaction() as connection:
        connection.exec_driver_sql("DELETE FROM recording_sources")
        connection.exec_driver_sql("DELETE FROM recordings")
    (ingest_site.recordings_folder / f"{NAME}.wav").unlink()
    for _ in range(2):
        passes.pass_asterisk(cdr)
    assert ingest_site.read_rows(schema.recordings) == []


def test_a_folder_that_is_unmounted_for_a_while_changes_nothing_and_is_reported(
    ingest_site: IngestSite, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = build_cdr_line() + build_cdr_line("1705311042.119", sequence=2, userfield="late.wav")
    cdr = ingest_site.write_file("Master.csv", lines)
    ingest_site.write_recording(f"{NAME}.wav", WAV)
    passes = Passes(ingest_site)
    passes.run.result.missing.clear()
    passes.pass_asterisk(cdr)
    with ingest_site.node.database.write_transaction() as connection:
        connection.exec_driver_sql("UPDATE expected_recordings SET missing_at = NULL")
    before = ingest_site.read_everything()
    away = ingest_site.recordings_folder.rename(ingest_site.folder / "away")
    ingest_site.recordings_folder.mkdir()
    for _ in range(2):
        passes.pass_asterisk(cdr)
    assert ingest_site.read_everything() == before
    assert capsys.readouterr().out.count("recordings_absent") == 1
    assert [text for text in passes.run.result.warnings if "is its file system mounted?" in text]
    ingest_site.recordings_folder.rmdir()
    shutil.move(away, ingest_site.recordings_folder)
    assert passes.pass_asterisk(cdr).recordings == 1
    assert [row["sha256"] for row in ingest_site.read_rows(schema.recordings)] == [compute_sha256(WAV)]


def test_a_recording_gets_the_agent_of_a_line_that_arrives_after_it(each_ingest_site: IngestSite) -> None:
    """The recording is of the second leg, whose line the switch writes after the file."""
    first = build_cdr_line(disposition="NO ANSWER", end="2024-01-15 09:31:00")
    second = build_cdr_line(sequence=2, agent="1002", start="2024-01-15 09:31:00", answer="2024-01-15 09:31:10")
    cdr = each_ingest_site.write_file("Master.csv", first)
    path = each_ingest_site.write_recording("1705311042.118.wav", WAV, 1_705_311_120)
    passes = Passes(each_ingest_site)
    assert passes.pass_asterisk(cdr).recordings == 1
    [before] = each_ingest_site.read_rows(schema.recordings)
    assert before["agent_id"] == ""  # 1001 did not answer
    append_text(cdr, second)
    assert passes.pass_asterisk(cdr).recordings == 1
    [after] = each_ingest_site.read_rows(schema.recordings)
    assert (after["agent_id"], after["key"]) == ("1002", before["key"])
    assert "/1002/" in after["file_name"]
    [source] = each_ingest_site.read_rows(schema.recording_sources)
    assert (source["recording"], source["path"], source["replaced_at"]) == (after["file_name"], str(path), None)
    state = each_ingest_site.read_everything()
    passes.pass_asterisk(cdr)
    assert each_ingest_site.read_everything() == state
    assert each_ingest_site.check_blobs()["whole"] == 1
