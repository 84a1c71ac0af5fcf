"""Files that are not what they seem, that lead elsewhere or cannot be read: refused with a reason, and nothing is lost."""

import io
import os
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from ccfs.db import schema
from tests.switches.test_ccfs import CALL_ROW, RECORD_ROW
from tests.work.ingest.given import AK, Place, line, sound
from tests.work.ingest.test_export import zipped

NAME = "1705311042.118.wav"
CALL = line()
ROWS = "\n".join(CALL_ROW.replace("-67110003", f"-{number}") for number in range(3))


def reason(place: Place) -> str:
    """Why the one file that is refused is."""
    [refused] = place.asterisk(place.leave("Master.csv", CALL))["refused"]
    assert place.rows(schema.recordings) == []
    assert place.files() == {}
    return str(refused["reason"])


def test_a_link_out_of_the_folder_is_refused_and_no_byte_of_it_is_taken(each_place: Place) -> None:
    secret = each_place.leave("secret.wav", sound(1))
    (each_place.recordings / NAME).symlink_to(secret)
    assert reason(each_place) == "a link; the file itself must lie in the folder"


def test_a_folder_behind_a_link_is_not_entered(place: Place) -> None:
    place.leave(f"elsewhere/{NAME}", sound(1))
    (place.recordings / "2024").symlink_to(place.switch / "elsewhere")
    assert "a link" in reason(place)


def test_a_broken_link_is_refused(place: Place) -> None:
    (place.recordings / NAME).symlink_to(place.switch / "nowhere")
    assert "a link" in reason(place)


def test_a_pipe_is_refused_without_waiting_for_its_writer(place: Place) -> None:
    os.mkfifo(place.recordings / NAME)
    assert reason(place) == "not a plain file"


def test_a_folder_named_like_a_recording_is_a_folder(place: Place) -> None:
    place.record(f"{NAME}/{NAME}", sound(1))
    assert place.asterisk(place.leave("Master.csv", CALL))["recordings"] == 1


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "empty"),
        (b"RIFF", "header"),
        (b"no audio", "header"),
        (sound(1)[:30], "fmt"),
        (b"RIFF\0\0\0\0WAVE", "fmt"),
    ],
    ids=["empty", "magic only", "text", "cut header", "no chunks"],
)
def test_a_file_that_is_no_audio_is_refused(data: bytes, why: str, place: Place) -> None:
    place.record(NAME, data)
    assert why in reason(place)


@pytest.mark.parametrize(
    "name", [b"1705311042.118\xff\xfe.wav", b"1705311042.118\n-\x1b[31m.wav", b"1705311042.118 \xe5\xbd\x95.wav"]
)
def test_a_name_may_hold_any_bytes(name: bytes, each_place: Place) -> None:
    path = os.path.join(os.fsencode(each_place.recordings), name)
    with open(path, "wb") as file:
        file.write(sound(1))
    os.utime(path, (1, 1))
    cdr = each_place.leave("Master.csv", CALL)
    assert each_place.asterisk(cdr)["recordings"] == 1
    [row] = each_place.rows(schema.recordings)
    assert row["source_name"].startswith("1705311042.118")
    before = each_place.whole()
    assert each_place.asterisk(cdr)["recordings"] == 0
    assert each_place.whole() == before


def test_a_hostile_name_cannot_write_to_the_operators_terminal(place: Place) -> None:
    place.record("1\n\x1b[2J\x07.wav", sound(1))
    place.asterisk(place.leave("Master.csv", CALL))
    listed = place.listed("--app", AK)
    assert listed.count("\n") == 1
    assert listed.rstrip("\n").isprintable()


@pytest.mark.parametrize("name", [b"Master\xff.csv", b"Master\n.csv", b"[x]*?.csv"])
def test_a_cdr_file_may_have_any_name_and_be_rotated(name: bytes, each_place: Place) -> None:
    cdr = Path(os.fsdecode(os.path.join(os.fsencode(each_place.switch), name)))
    cdr.write_text(CALL + "nonsense\n")
    added = each_place.asterisk(cdr, CCFS_SETTLE_SECONDS="0")
    assert (added["cdrs"], added["refused"][0]["line"]) == (1, 2)
    cdr.write_text(cdr.read_text() + line("1705311042.1"))
    cdr.rename(f"{cdr}.1")
    cdr.write_text(line("1705311042.2"))
    assert each_place.asterisk(cdr, CCFS_SETTLE_SECONDS="0")["cdrs"] == 2


def test_a_pipe_among_freeswitchs_files_is_refused_without_waiting_for_its_writer(place: Place) -> None:
    (place.switch / "cdr").mkdir()
    for name in ("a.csv", "b.json"):
        os.mkfifo(place.switch / "cdr" / name)
    added = place.freeswitch(place.switch / "cdr")
    assert [(Path(one["file"]).name, one["reason"]) for one in added["refused"]] == [
        ("a.csv", "not a plain file"),
        ("b.json", "not a plain file"),
    ]


def test_links_and_pipes_among_index_files_are_refused(place: Place) -> None:
    good = place.leave("call.csv", CALL_ROW)
    (place.switch / "index").mkdir()
    (place.switch / "index" / "link.csv").symlink_to(good)
    os.mkfifo(place.switch / "index" / "pipe.zip")
    added = place.export(place.switch / "index")
    assert [one["reason"].partition(";")[0] for one in added["refused"]] == ["a link", "not a plain file"]


def test_an_indexed_recording_that_is_a_link_out_of_the_tree_is_refused(place: Place) -> None:
    secret = place.leave("secret.V3", sound(1))
    (place.recordings / "2043295.V3").symlink_to(secret)
    [refused] = place.export(place.leave("record.csv", RECORD_ROW), "--recordings", place.recordings)["refused"]
    assert "a link that leads out" in refused["reason"]
    assert place.files() == {}


def test_an_index_cannot_name_a_file_outside_the_tree(place: Place) -> None:
    place.leave("secret.wav", sound(1))
    row = RECORD_ROW.replace(r"X:\17\0\20180903\15470\2043295.V3", r"X:\17\0\..\..\..\..\secret.wav")
    row = row.replace("/10/1/record/100/13533/0903379.wav", "/../secret.wav")
    assert place.export(place.leave("record.csv", row), "--recordings", place.recordings)["recordings"] == 0
    assert place.files() == {}


def cut(data: bytes) -> bytes:
    return data[: len(data) // 2]


def no_checksum(data: bytes) -> bytes:
    at = data.index(b"PK\x01\x02") + 16
    return data[:at] + b"\0\0\0\0" + data[at + 4 :]


def encrypted(data: bytes) -> bytes:
    for magic, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        place = data.index(magic) + at
        data = data[:place] + struct.pack("<H", 1) + data[place + 2 :]
    return data


def odd_method(data: bytes) -> bytes:
    for magic, at in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        place = data.index(magic) + at
        data = data[:place] + struct.pack("<H", 77) + data[place + 2 :]
    return data


def bad_name(data: bytes) -> bytes:
    for magic, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        place = data.index(magic) + at
        data = data[:place] + struct.pack("<H", 0x800) + data[place + 2 :]
    return data.replace(b"call.csv", b"c\xff\xfel.csv")


def far_directory(data: bytes) -> bytes:
    return data[:-6] + struct.pack("<I", 0xFFFFFF00) + data[-2:]


@pytest.mark.parametrize(
    "damage",
    [cut, no_checksum, encrypted, odd_method, bad_name, far_directory, lambda data: b"", lambda data: b"PK"],
    ids=["cut", "checksum", "encrypted", "method", "name", "directory", "empty", "magic"],
)
def test_a_damaged_zip_is_refused_and_the_next_source_goes_in(damage: Callable[[bytes], bytes], place: Place) -> None:
    archive = place.leave("a.zip", damage(zipped({"call.csv": ROWS})))
    other = place.leave("call.csv", CALL_ROW)
    added = place.export(archive, other)
    assert added["cdrs"] in (1, 4)  # a wrong checksum is seen at the end only
    [refused] = added["refused"]
    assert refused["file"].startswith(str(archive))
    assert "is damaged" in refused["reason"]
    before = place.whole()
    assert place.export(archive, other)["refused"] == []
    assert place.whole() == before


def test_a_damaged_member_does_not_cost_the_others(place: Place) -> None:
    data = zipped({"a_call.csv": ROWS, "b_call.csv": CALL_ROW})
    added = place.export(place.leave("a.zip", encrypted(data)))
    assert added["cdrs"] == 1
    assert [one["file"].rpartition(":")[2] for one in added["refused"]] == ["a_call.csv"]


@pytest.mark.parametrize(
    "name", ["/tmp/ccfs-was-here/call.csv", "../../../../../../tmp/ccfs-was-here/call.csv", "C:\\x\\call.csv"]
)
def test_members_of_a_zip_become_no_files_whatever_their_names(name: str, place: Place) -> None:
    before = sorted(place.folder.rglob("*"))
    archive = place.leave("a.zip", zipped({name: CALL_ROW}))
    assert place.export(archive)["cdrs"] == 1
    made = {path.name for path in place.folder.rglob("*")} - {path.name for path in before}
    assert made <= {"a.zip", "ccfs.db", "ccfs.db-wal", "ccfs.db-shm", "files", ".tmp"}
    assert not Path("/tmp/ccfs-was-here").exists()


def test_a_zip_that_holds_far_more_than_it_seems_is_read_line_by_line(place: Place) -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("call.csv", "w") as member:
        for _ in range(64):
            member.write(b"x" * (1 << 20))
        member.write(f"\n{CALL_ROW}\n".encode())
    added = place.export(place.leave("a.zip", file.getvalue()))
    assert added["cdrs"] == 1
    assert [one["line"] for one in added["refused"]] == [1]


@pytest.mark.parametrize("data", [b"", b"\n\n \n", b"\xef\xbb\xbf"], ids=["nothing", "blank", "mark"])
def test_empty_files_are_nothing_to_take_in(data: bytes, place: Place) -> None:
    cdr = place.leave("Master.csv", data)
    assert place.asterisk(cdr, "--queue-log", place.leave("queue_log", data))["cdrs"] == 0
    assert place.freeswitch(cdr)["cdrs"] == 0


def test_a_line_without_end_costs_itself_only(place: Place) -> None:
    cdr = place.leave("Master.csv", CALL + '"' + "x" * (1 << 20) + "\n" + line("1705311042.1"))
    added = place.asterisk(cdr)
    assert (added["cdrs"], [one["line"] for one in added["refused"]]) == (2, [2])
