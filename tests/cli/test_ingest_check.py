"""`ccfs ingest check`: what it prints and returns, for every switch, and that it leaves nothing behind."""

import json
from pathlib import Path

import pytest

from tests.cli.command import run_ccfs
from tests.ingest.check.checked_files import (
    CALL,
    check,
    check_json,
    get_section,
    read_tree,
    write_file,
    write_queue_call,
)
from tests.ingest.ingest_site import FREESWITCH_SAMPLES, build_cdr_line, make_wav
from tests.ingest.test_ccfs_exports import MEMBERS, build_zip

RECORDING = f"q-600-02079460123-20240115-093042-{CALL}.wav"


@pytest.fixture
def asterisk_folder(tmp_path: Path) -> Path:
    """Files of an Asterisk with a queue call and its recording."""
    write_queue_call(tmp_path / "log")
    write_file(tmp_path / "monitor" / "2024" / "01" / "15" / RECORDING, make_wav(1, 60))
    return tmp_path


def test_a_queue_call_is_described_in_plain_words(asterisk_folder: Path) -> None:
    done = check(asterisk_folder)
    assert (done.code, done.err) == (0, "")
    assert get_section(done.out, "THE CALLS") == (
        "2024-01-15 09:30:42  02079460123 (Ann) called queue 600, waited 15 s, 1002 did not answer, 1001 answered, "
        f"talked 60 s; recording {RECORDING} (60 s, 1001's)"
    )
    found, read = get_section(done.out, "FOUND"), get_section(done.out, "HOW IT WAS READ (Asterisk)")
    assert f"CDRs: {asterisk_folder}/log/cdr-csv/Master.csv (cdr_csv, 21 columns; 2 lines)" in found
    assert f"Queue log: {asterisk_folder}/log/queue_log (queue_log; 4 lines)" in found
    assert "Recordings: 1 file (1 WAV), 480.1 kB" in found
    assert "Columns: accountcode, src, dst, dcontext, clid, channel, dstchannel," in read
    assert "Time zone: Europe/London (UTC+00:00 in these calls; the unique ids agree in 1 of 1 calls" in read
    assert "Calls: 1 (1 inbound), 2024-01-15. Answered: 1. With a recording: 1; answered without one: 0" in read
    assert "Queues: 600 (1 call, 1 answered)" in read
    assert "Agents: 1001 (1 call, 1 answered), 1002 (1 call, 0 answered)" in read


def test_the_commands_to_paste_ingest_the_same_calls(asterisk_folder: Path, tmp_path: Path) -> None:
    commands = get_section(check(asterisk_folder).out, "TO INGEST THESE CALLS").replace("\\ ", "")
    account, ingest = (f"ccfs {part}" for part in commands.split(" ccfs ")[1:])
    data = {"CCFS_DATA": str(tmp_path / "data"), "CCFS_SETTLE_SECONDS": "0"}
    assert run_ccfs("app", "add", "Acme", "--ak", "AK", "--sk", "the-secret-of-acme-000000", settings=data).code == 0
    assert run_ccfs(*account.split()[1:], settings=data).code == 0
    result = run_ccfs(*ingest.split()[1:], "--json", settings=data).json
    assert (result["cdrs"], result["recordings"], result["agent_operations"]) == (2, 1, 3)
    assert (result["refused"], result["warnings"], result["missing"]) == ([], [], [])


def test_a_check_writes_nothing_to_the_switch_and_to_the_site(asterisk_folder: Path, tmp_path: Path) -> None:
    before, data = read_tree(asterisk_folder), tmp_path / "site"
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    settings = {"CCFS_DATA": str(data), "CCFS_DATABASE_URL": f"sqlite:///{data}/x.db", "TMPDIR": str(scratch)}
    assert check(asterisk_folder, **settings).code == 0
    after = read_tree(asterisk_folder)
    assert not data.exists()
    assert list(scratch.iterdir()) == []
    del after[str(scratch)]
    assert after == before


def test_a_check_stores_no_recordings_while_it_runs(asterisk_folder: Path) -> None:
    report = check_json(asterisk_folder)
    [switch] = report["switches"]
    assert report["has_calls"] is True
    assert report["recordings"] == {"count": 1, "bytes": 480_058, "by_extension": {"wav": 1}}
    assert switch["totals"]["recorded"] == 1
    assert switch["recordings"] == [f"{asterisk_folder}/monitor"]
    assert [sample["call_id"] for sample in switch["samples"]] == [CALL.replace(".", "-")]
    assert switch["owners"] == [{"ak": "AK", "account_id": "asterisk", "vdn_id": 1, "zone": "Europe/London"}]


def test_refused_lines_and_recordings_without_a_call_are_listed_with_their_reasons(asterisk_folder: Path) -> None:
    master = asterisk_folder / "log" / "cdr-csv" / "Master.csv"
    write_file(master, master.read_text() + '"cut in the mid\n' + "nonsense\n")
    write_file(asterisk_folder / "monitor" / "holiday.wav", make_wav(2), 1_600_000_000)
    write_file(asterisk_folder / "monitor" / f"x-{CALL}.m4a", b"ftyp")
    text = check(asterisk_folder).out
    refused = get_section(text, "WOULD BE REJECTED: 2")
    assert f'a quote is not closed, or is inside a field {master}:3: "cut in the mid' in refused
    assert f"{master}:4: nonsense" in refused
    unstored = get_section(text, "RECORDINGS THAT WOULD NOT BE STORED: 2")
    assert (
        f"no call belongs to it: no CDR names it, and no id of a call is in its name. Every later run tries again {asterisk_folder}/monitor/holiday.wav"
        in unstored
    )
    assert (
        f"unknown audio format: extension 'm4a', first bytes 66747970 {asterisk_folder}/monitor/x-{CALL}.m4a"
        in unstored
    )
    assert "1 recording without a call was written outside the time of the CDRs" in get_section(text, "PLEASE NOTE")


def test_recordings_that_are_not_there_are_listed_with_their_calls(tmp_path: Path) -> None:
    write_file(tmp_path / "Master.csv", build_cdr_line(CALL, userfield="audio:/var/spool/asterisk/monitor/a.wav"))
    text = check(tmp_path).out
    absent = get_section(text, "RECORDINGS THAT THE CDRS NAME AND THAT ARE NOT THERE: 1")
    assert absent == f"/var/spool/asterisk/monitor/a.wav of call {CALL.replace('.', '-')}"
    assert "talked 70 s; recording a.wav is not there" in get_section(text, "THE CALLS")
    assert (
        "The CDRs name 1 recording, in /var/spool/asterisk/monitor, but no folder with recordings was named."
        in get_section(text, "PLEASE NOTE")
    )


def test_freeswitch_cdrs_of_all_formats_are_read_from_one_folder() -> None:
    text = check(FREESWITCH_SAMPLES).out
    found = get_section(text, "FOUND")
    assert f"CDRs: {FREESWITCH_SAMPLES} (CSV (mod_cdr_csv), JSON (mod_json_cdr), XML (mod_xml_cdr); 10 files)" in found
    assert "Other files, without calls: 1" in found
    calls = get_section(text, "THE CALLS")
    for sentence in (
        "2023-10-10 23:44:11  1001 called 1002, internal, rang 2 s, 1002 answered, talked 6 s; no recording",
        "2023-10-11 09:00:00  1002 called 902079460999, outbound, rang 8 s, talked 112 s; no recording",
        "02079460124 called 8000 and came to queue support, waited 40 s, hung up in the queue; no recording",
        "1001 answered, talked 39 s, transferred the call, 1003 answered, talked 45 s",
    ):
        assert sentence in calls
    notes = get_section(text, "PLEASE NOTE")
    assert "nothing shows the time zone; Europe/London is assumed, as this machine has it." in notes
    commands = get_section(text, "TO INGEST THESE CALLS")
    assert f"ccfs ingest freeswitch --app AK --account acme --vdn 1 --cdr {FREESWITCH_SAMPLES}" in commands.replace(
        "\\ ", ""
    )


@pytest.mark.parametrize("name", ["same-call.csv", "same-call.json", "same-call.xml"])
def test_one_call_of_freeswitch_reads_the_same_in_every_format(name: str) -> None:
    calls = get_section(check(FREESWITCH_SAMPLES / name).out, "THE CALLS")
    assert calls.endswith("02079460128 (Ann) called 1001, rang 5 s, 1001 answered, talked 55 s; no recording")


def test_index_files_of_ccfs_name_their_accounts_and_the_tree_of_recordings(tmp_path: Path) -> None:
    write_file(tmp_path / "20180904_export.zip", build_zip(MEMBERS))
    write_file(tmp_path / "files" / "X" / "17" / "0" / "20180903" / "15470" / "2043295.V3", make_wav(1))
    text = check(tmp_path, zone="Asia/Shanghai").out
    assert "zip with call index, recording index, agent operations, agent skill changes; 1 file" in get_section(
        text, "FOUND"
    )
    assert get_section(text, "THE CALLS") == (
        "2018-09-03 20:43:00  02079460111 called 8000 and came to queue 3, waited 29 s, 15470 answered, talked 91 s; "
        "recording 2043295.V3 (91 s)"
    )
    commands = get_section(text, "TO INGEST THESE CALLS")
    assert "ccfs account add --app AK --account acme --vdn 17 --zone Asia/Shanghai" in commands
    assert f"ccfs ingest ccfs --app AK {tmp_path}" in commands.replace("\\ ", "")
    assert commands.endswith(f"--recordings {tmp_path}/files")


def test_several_switches_in_one_folder_are_told_apart(asterisk_folder: Path) -> None:
    write_file(asterisk_folder / "fs" / "a.cdr.json", (FREESWITCH_SAMPLES / "same-call.json").read_bytes())
    write_file(asterisk_folder / "notes.txt", "nothing here\n")
    report = check_json(asterisk_folder)
    assert [(switch["kind"], switch["totals"]["calls"]) for switch in report["switches"]] == [
        ("asterisk", 1),
        ("freeswitch", 1),
    ]
    assert [switch["unmatched"] for switch in report["switches"]] == [[], []]
    assert report["other_count"] == 1
    commands = get_section(check(asterisk_folder).out, "TO INGEST THESE CALLS")
    assert f"ccfs ingest freeswitch --app AK --account acme --vdn 2 --cdr {asterisk_folder}/fs/a.cdr.json".rpartition(
        "/"
    )[0] in commands.replace("\\ ", "")


def test_an_empty_folder_has_nothing_to_ingest(tmp_path: Path) -> None:
    done = check(tmp_path)
    assert (done.code, done.err) == (1, "")
    assert get_section(done.out, "FOUND") == "No files"
    assert "Name the folder of the CDRs. Usual folders: Asterisk: /var/log/asterisk" in get_section(
        done.out, "PLEASE NOTE"
    )
    assert done.out.endswith("Nothing here can be ingested.\n")
    report = json.loads(check(tmp_path, "--json").out)
    assert (report["has_calls"], report["switches"]) == (False, [])


def test_an_empty_cdr_file_is_named(tmp_path: Path) -> None:
    write_file(tmp_path / "Master.csv", "")
    done = check(tmp_path)
    assert done.code == 1
    assert f"There are no calls yet: {tmp_path}/Master.csv is empty." in get_section(done.out, "PLEASE NOTE")


def test_recordings_without_cdrs_cannot_be_ingested(tmp_path: Path) -> None:
    write_file(tmp_path / RECORDING, make_wav(1))
    done = check(tmp_path)
    assert done.code == 1
    assert "There are recordings here, but no call detail records (CDRs)" in get_section(done.out, "PLEASE NOTE")


@pytest.mark.parametrize(
    ("arguments", "code", "reason"),
    [
        (("none",), 1, "file not found"),
        ((), 2, "name files or folders"),
        ((".", "--zone", "Europe/Nowhere"), 1, "--zone: Europe/Nowhere is not an IANA time zone"),
        ((".", "--agents", "("), 1, "--agents"),
        ((".", "--encoding", "rot13"), 1, "--encoding"),
        ((".", "--lines", "-1"), 2, "--lines"),
        ((".", "--tenants", "none.csv"), 1, "--tenants: none.csv: cannot be read"),
    ],
)
def test_wrong_arguments_of_a_check_are_reported(
    arguments: tuple[str, ...], code: int, reason: str, tmp_path: Path
) -> None:
    done = run_ccfs("ingest", "check", *arguments, folder=tmp_path)
    assert (done.code, done.out) == (code, "")
    assert reason in done.err


def test_control_characters_of_file_names_do_not_reach_the_terminal(tmp_path: Path) -> None:
    name = "\x1b[2Jmonitor"
    write_file(tmp_path / name / "Master.csv", build_cdr_line(CALL))
    text = check(tmp_path).out
    assert "\x1b" not in text
    assert "\\x1b[2Jmonitor/Master.csv" in text
