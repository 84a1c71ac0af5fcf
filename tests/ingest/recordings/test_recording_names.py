"""Names of recordings: stems, folders, ids; which leg a recording is of; which files are open."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ccfs.ingest.files.open_files import find_open_for_writing
from ccfs.ingest.recordings.file_names import count_shared_folders, get_stem, list_sibling_stems, list_stems
from ccfs.switches.asterisk.recordings import find_call_ids, list_named_files, list_possible_files

JOINED = datetime.fromtimestamp(1705311042, UTC)


@pytest.mark.parametrize(
    ("path", "named", "shared"),
    [
        ("/rec/2024/01/15/a.wav", "2024/01/15/a.wav", 3),
        ("/rec/2024/01/16/a.wav", "2024/01/15/a.wav", None),
        ("/rec/2024/02/15/a.wav", "/var/spool/2024/01/15/a.wav", None),
        ("/rec/2024-01-16/a.wav", "2024-01-15/a.wav", None),
        ("/rec/a.wav", "/var/spool/monitor/a.wav", 0),
        ("/rec/sales/a.wav", r"D:\records\sales\a.wav", 1),
        ("/rec/1001/a.wav", "a.wav", 0),
    ],
)
def test_folders_are_compared_from_the_file_upwards(path: str, named: str, shared: int | None) -> None:
    assert count_shared_folders(path, named) == shared


@pytest.mark.parametrize(
    ("name", "stems"),
    [
        ("sales-in.wav", ("sales-in", "sales")),
        ("D:\\rec\\sales.WAV", ("sales",)),
        ("/rec/bob.0940", ("bob.0940",)),
        ("a.wav.mp3", ("a",)),
    ],
)
def test_a_file_may_be_named_without_its_extension_and_its_side(name: str, stems: tuple[str, ...]) -> None:
    assert list_stems(name) == stems
    assert get_stem(name) == stems[0]
    assert {"sales", "sales-out"} <= set(list_sibling_stems("sales-in.gsm"))


@pytest.mark.parametrize("late", [0, 2])
def test_a_conference_is_named_by_its_number_and_second(late: int) -> None:
    [possible] = list_possible_files("ConfBridge", "900,admin", "", JOINED)
    assert possible in list_stems(f"confbridge-900-{1705311042 + late}.wav")
    assert possible not in list_stems(f"confbridge-901-{1705311042 + late}.wav")


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("call1705311042.118.wav", "1705311042.118"),
        ("out(1001)pbx-b-1705311042.118.wav", "pbx-b-1705311042.118"),
        ("eu.west.example-1705311042.118-out.wav", "eu.west.example-1705311042.118"),
        ("2024011509304217053110421.118_1705311042.118.wav", "1705311042.118"),
        ("1001_1705311042_118.gsm", "1705311042.118"),
    ],
)
def test_an_id_is_found_wherever_it_is_in_a_name(name: str, call: str) -> None:
    assert call in find_call_ids(name)


def test_the_ids_of_a_long_name_are_bounded() -> None:
    assert len(find_call_ids("a-" * 50_000 + "1705311042.118.wav")) <= 17
    assert len(find_call_ids("1705311042.1-" * 50_000 + ".wav")) <= 8 * 17


@pytest.mark.parametrize(
    ("lastapp", "lastdata", "named"),
    [
        ("Monitor", "wav,/var/spool/monitor/sales,m", ("/var/spool/monitor/sales",)),
        ("Monitor", "gsm|support|b", ("support",)),
        ("Monitor", "wav", ()),
        ("MixMonitor", "c.gsm,b,", ("c.gsm",)),
    ],
)
def test_monitor_names_its_file(lastapp: str, lastdata: str, named: tuple[str, ...]) -> None:
    assert list_named_files("", "", lastapp, lastdata) == named


def test_a_recording_channel_names_the_file_as_its_caller() -> None:
    assert list_possible_files("Wait", "3600", '"20240115-093045_02079460123" <0>', JOINED) == (
        "20240115-093045_02079460123",
    )
    assert list_possible_files("Dial", "", '"Ann" <02079460123>', JOINED + timedelta(hours=1)) == ()


@pytest.mark.parametrize(("flags", "is_open"), [("0100001", True), ("0100002", True), ("0100000", False)])
def test_a_file_is_open_for_writing_by_the_flags_of_a_process(flags: str, *, is_open: bool, tmp_path: Path) -> None:
    file = tmp_path / "a.wav"
    file.write_bytes(b"")
    for folder in ("fd", "fdinfo"):
        (tmp_path / "proc" / "1" / folder).mkdir(parents=True)
    os.symlink(file, tmp_path / "proc/1/fd/7")
    (tmp_path / "proc/1/fdinfo/7").write_text(f"pos:\t0\nflags:\t{flags}\n")
    assert find_open_for_writing([file], tmp_path / "proc") == ({file} if is_open else set())
