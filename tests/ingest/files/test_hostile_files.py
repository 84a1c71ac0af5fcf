"""Links, pipes, damaged and malicious files are rejected with a reason, and nothing else is lost."""

import io
import os
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from ccfs.db import schema
from tests.ingest.ingest_site import AK, IngestSite, build_cdr_line, make_wav
from tests.ingest.test_ccfs_exports import build_zip
from tests.switches.test_ccfs import CALL_ROW, RECORD_ROW

NAME = "1705311042.118.wav"
CALL = build_cdr_line()
ROWS = "\n".join(CALL_ROW.replace("-67110003", f"-{number}") for number in range(3))


def get_reason(site: IngestSite) -> str:
    """Return the reason of the only rejection."""
    [rejection] = site.ingest_asterisk(site.write_file("Master.csv", CALL))["refused"]
    assert site.read_rows(schema.recordings) == []
    assert site.read_files() == {}
    return str(rejection["reason"])


def test_a_link_out_of_the_folder_is_rejected_and_no_byte_of_it_is_stored(each_ingest_site: IngestSite) -> None:
    secret = each_ingest_site.write_file("secret.wav", make_wav(1))
    (each_ingest_site.recordings_folder / NAME).symlink_to(secret)
    assert get_reason(each_ingest_site) == "a link; the file itself must be in the folder"


def test_a_folder_behind_a_link_is_not_entered(ingest_site: IngestSite) -> None:
    ingest_site.write_file(f"elsewhere/{NAME}", make_wav(1))
    (ingest_site.recordings_folder / "2024").symlink_to(ingest_site.switch_folder / "elsewhere")
    assert "a link" in get_reason(ingest_site)


def test_a_broken_link_is_rejected(ingest_site: IngestSite) -> None:
    (ingest_site.recordings_folder / NAME).symlink_to(ingest_site.switch_folder / "nowhere")
    assert "a link" in get_reason(ingest_site)


def test_a_pipe_is_rejected_without_waiting_for_its_writer(ingest_site: IngestSite) -> None:
    os.mkfifo(ingest_site.recordings_folder / NAME)
    assert get_reason(ingest_site) == "not a plain file"


def test_a_folder_named_like_a_recording_is_scanned(ingest_site: IngestSite) -> None:
    ingest_site.write_recording(f"{NAME}/{NAME}", make_wav(1))
    assert ingest_site.ingest_asterisk(ingest_site.write_file("Master.csv", CALL))["recordings"] == 1


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"RIFF", "header"),
        (b"no audio", "header"),
        (make_wav(1)[:30], "fmt"),
        (b"RIFF\0\0\0\0WAVE", "fmt"),
    ],
    ids=["empty", "magic only", "text", "cut header", "no chunks"],
)
def test_a_file_that_is_no_audio_is_rejected(data: bytes, reason: str, ingest_site: IngestSite) -> None:
    ingest_site.write_recording(NAME, data)
    assert reason in get_reason(ingest_site)


@pytest.mark.parametrize(
    "name", [b"1705311042.118\xff\xfe.wav", b"1705311042.118\n-\x1b[31m.wav", b"1705311042.118 \xe5\xbd\x95.wav"]
)
def test_the_name_of_a_recording_may_have_any_bytes(name: bytes, each_ingest_site: IngestSite) -> None:
    path = os.path.join(os.fsencode(each_ingest_site.recordings_folder), name)
    with open(path, "wb") as file:
        file.write(make_wav(1))
    os.utime(path, (1, 1))
    cdr = each_ingest_site.write_file("Master.csv", CALL)
    assert each_ingest_site.ingest_asterisk(cdr)["recordings"] == 1
    [row] = each_ingest_site.read_rows(schema.recordings)
    assert row["source_name"].startswith("1705311042.118")
    before = each_ingest_site.read_everything()
    assert each_ingest_site.ingest_asterisk(cdr)["recordings"] == 0
    assert each_ingest_site.read_everything() == before


def test_a_hostile_name_cannot_write_to_the_operators_terminal(ingest_site: IngestSite) -> None:
    ingest_site.write_recording("1\n\x1b[2J\x07.wav", make_wav(1))
    ingest_site.ingest_asterisk(ingest_site.write_file("Master.csv", CALL))
    listed = ingest_site.list_rejected("--app", AK)
    assert listed.count("\n") == 1
    assert listed.rstrip("\n").isprintable()


@pytest.mark.parametrize("name", [b"Master\xff.csv", b"Master\n.csv", b"[x]*?.csv"])
def test_a_cdr_file_may_have_any_name_and_be_rotated(name: bytes, each_ingest_site: IngestSite) -> None:
    cdr = Path(os.fsdecode(os.path.join(os.fsencode(each_ingest_site.switch_folder), name)))
    cdr.write_text(CALL + "nonsense\n")
    added = each_ingest_site.ingest_asterisk(cdr, CCFS_SETTLE_SECONDS="0")
    assert (added["cdrs"], added["refused"][0]["line"]) == (1, 2)
    cdr.write_text(cdr.read_text() + build_cdr_line("1705311042.1"))
    cdr.rename(f"{cdr}.1")
    cdr.write_text(build_cdr_line("1705311042.2"))
    assert each_ingest_site.ingest_asterisk(cdr, CCFS_SETTLE_SECONDS="0")["cdrs"] == 2


def test_a_pipe_among_freeswitchs_files_is_rejected_without_waiting_for_its_writer(ingest_site: IngestSite) -> None:
    (ingest_site.switch_folder / "cdr").mkdir()
    for name in ("a.csv", "b.json"):
        os.mkfifo(ingest_site.switch_folder / "cdr" / name)
    added = ingest_site.ingest_freeswitch(ingest_site.switch_folder / "cdr")
    assert [(Path(rejection["file"]).name, rejection["reason"]) for rejection in added["refused"]] == [
        ("a.csv", "not a plain file"),
        ("b.json", "not a plain file"),
    ]


def test_links_and_pipes_among_index_files_are_rejected(ingest_site: IngestSite) -> None:
    good = ingest_site.write_file("call.csv", CALL_ROW)
    (ingest_site.switch_folder / "index").mkdir()
    (ingest_site.switch_folder / "index" / "link.csv").symlink_to(good)
    os.mkfifo(ingest_site.switch_folder / "index" / "pipe.zip")
    added = ingest_site.ingest_export(ingest_site.switch_folder / "index")
    assert [rejection["reason"].partition(";")[0] for rejection in added["refused"]] == ["a link", "not a plain file"]


def test_an_indexed_recording_that_is_a_link_out_of_the_tree_is_rejected(ingest_site: IngestSite) -> None:
    secret = ingest_site.write_file("secret.V3", make_wav(1))
    (ingest_site.recordings_folder / "2043295.V3").symlink_to(secret)
    [rejection] = ingest_site.ingest_export(
        ingest_site.write_file("record.csv", RECORD_ROW), "--recordings", ingest_site.recordings_folder
    )["refused"]
    assert "a link that leads out" in rejection["reason"]
    assert ingest_site.read_files() == {}


def test_an_index_cannot_name_a_file_outside_the_tree(ingest_site: IngestSite) -> None:
    ingest_site.write_file("secret.wav", make_wav(1))
    row = RECORD_ROW.replace(r"X:\17\0\20180903\15470\2043295.V3", r"X:\17\0\..\..\..\..\secret.wav")
    row = row.replace("/10/1/record/100/13533/0903379.wav", "/../secret.wav")
    assert (
        ingest_site.ingest_export(
            ingest_site.write_file("record.csv", row), "--recordings", ingest_site.recordings_folder
        )["recordings"]
        == 0
    )
    assert ingest_site.read_files() == {}


def truncate(data: bytes) -> bytes:
    return data[: len(data) // 2]


def clear_checksum(data: bytes) -> bytes:
    at = data.index(b"PK\x01\x02") + 16
    return data[:at] + b"\0\0\0\0" + data[at + 4 :]


def set_encrypted_flag(data: bytes) -> bytes:
    for magic, field in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        offset = data.index(magic) + field
        data = data[:offset] + struct.pack("<H", 1) + data[offset + 2 :]
    return data


def set_odd_method(data: bytes) -> bytes:
    for magic, field in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        offset = data.index(magic) + field
        data = data[:offset] + struct.pack("<H", 77) + data[offset + 2 :]
    return data


def set_bad_name(data: bytes) -> bytes:
    for magic, field in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        offset = data.index(magic) + field
        data = data[:offset] + struct.pack("<H", 0x800) + data[offset + 2 :]
    return data.replace(b"call.csv", b"c\xff\xfel.csv")


def misplace_directory(data: bytes) -> bytes:
    return data[:-6] + struct.pack("<I", 0xFFFFFF00) + data[-2:]


@pytest.mark.parametrize(
    "damage",
    [
        truncate,
        clear_checksum,
        set_encrypted_flag,
        set_odd_method,
        set_bad_name,
        misplace_directory,
        lambda data: b"",
        lambda data: b"PK",
    ],
    ids=["cut", "checksum", "encrypted", "method", "name", "directory", "empty", "magic"],
)
def test_a_damaged_zip_is_rejected_and_the_next_source_is_ingested(
    damage: Callable[[bytes], bytes], ingest_site: IngestSite
) -> None:
    archive = ingest_site.write_file("a.zip", damage(build_zip({"call.csv": ROWS})))
    other = ingest_site.write_file("call.csv", CALL_ROW)
    added = ingest_site.ingest_export(archive, other)
    assert added["cdrs"] in (1, 4)  # a wrong checksum is detected at the end only
    [rejection] = added["refused"]
    assert rejection["file"].startswith(str(archive))
    assert "is damaged" in rejection["reason"]
    before = ingest_site.read_everything()
    assert ingest_site.ingest_export(archive, other)["refused"] == []
    assert ingest_site.read_everything() == before


def test_a_damaged_zip_member_is_rejected_and_the_others_are_ingested(ingest_site: IngestSite) -> None:
    data = build_zip({"a_call.csv": ROWS, "b_call.csv": CALL_ROW})
    added = ingest_site.ingest_export(ingest_site.write_file("a.zip", set_encrypted_flag(data)))
    assert added["cdrs"] == 1
    assert [rejection["file"].rpartition(":")[2] for rejection in added["refused"]] == ["a_call.csv"]


@pytest.mark.parametrize(
    "name", ["/tmp/ccfs-was-here/call.csv", "../../../../../../tmp/ccfs-was-here/call.csv", "C:\\x\\call.csv"]
)
def test_members_of_a_zip_are_not_extracted_whatever_their_names(name: str, ingest_site: IngestSite) -> None:
    before = sorted(ingest_site.folder.rglob("*"))
    archive = ingest_site.write_file("a.zip", build_zip({name: CALL_ROW}))
    assert ingest_site.ingest_export(archive)["cdrs"] == 1
    created = {path.name for path in ingest_site.folder.rglob("*")} - {path.name for path in before}
    assert created <= {"a.zip", "ccfs.db", "ccfs.db-wal", "ccfs.db-shm", "files", ".tmp"}
    assert not Path("/tmp/ccfs-was-here").exists()


def test_a_zip_bomb_is_read_line_by_line(ingest_site: IngestSite) -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("call.csv", "w") as member:
        for _ in range(64):
            member.write(b"x" * (1 << 20))
        member.write(f"\n{CALL_ROW}\n".encode())
    added = ingest_site.ingest_export(ingest_site.write_file("a.zip", file.getvalue()))
    assert added["cdrs"] == 1
    assert [rejection["line"] for rejection in added["refused"]] == [1]


@pytest.mark.parametrize("data", [b"", b"\n\n \n", b"\xef\xbb\xbf"], ids=["nothing", "blank", "mark"])
def test_empty_files_add_nothing(data: bytes, ingest_site: IngestSite) -> None:
    cdr = ingest_site.write_file("Master.csv", data)
    assert ingest_site.ingest_asterisk(cdr, "--queue-log", ingest_site.write_file("queue_log", data))["cdrs"] == 0
    assert ingest_site.ingest_freeswitch(cdr)["cdrs"] == 0


def test_an_endless_line_is_rejected_and_the_next_one_is_ingested(ingest_site: IngestSite) -> None:
    cdr = ingest_site.write_file("Master.csv", CALL + '"' + "x" * (1 << 20) + "\n" + build_cdr_line("1705311042.1"))
    added = ingest_site.ingest_asterisk(cdr)
    assert (added["cdrs"], [rejection["line"] for rejection in added["refused"]]) == (2, [2])
