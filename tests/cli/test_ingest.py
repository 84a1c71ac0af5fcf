"""ccfs ingest as a process: exit codes, stdout, stderr, lists of rejected lines."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.command import ROOT, CommandResult, run_ccfs

AK = "AKacme0001"
CDR_LINE = (
    '"","02079460123","600","from-trunk","Ann","PJSIP/trunk-1","PJSIP/1001-2","Dial","PJSIP/1001","2024-01-15 09:30:42",'
    '"2024-01-15 09:30:50","2024-01-15 09:32:00",78,70,"ANSWERED","DOCUMENTATION","1705311042.118","audio:never.wav","",'
    '"1705311042.118",1\n'
)


@pytest.fixture(scope="module")
def data_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with an app whose account "acme" has VDN 17; "other" has VDN 18."""
    folder = tmp_path_factory.mktemp("ingest") / "data"
    assert run_ccfs("app", "add", "Acme", "--ak", AK, "--data", folder).code == 0
    for account, vdn in (("acme", 17), ("other", 18)):
        add = ("account", "add", "--app", AK, "--account", account, "--vdn", vdn, "--zone", "Europe/London")
        assert run_ccfs(*add, "--data", folder).code == 0
    return folder


@pytest.fixture
def switch_folder(tmp_path: Path) -> Path:
    """Files of a switch: a valid line and an invalid one, and an empty folder of recordings."""
    (tmp_path / "monitor").mkdir()
    write_cdr_file(tmp_path, CDR_LINE + "nonsense\n")
    return tmp_path


def write_cdr_file(switch: Path, text: str) -> None:
    """Write a CDR file with an old modification time, so that it counts as complete."""
    (switch / "Master.csv").write_text(text)
    os.utime(switch / "Master.csv", (1, 1))


def ingest_asterisk(
    data: Path, switch: Path, *arguments: object, app: str = AK, account: str = "acme", vdn: int = 17
) -> CommandResult:
    owner = ("--app", app, "--account", account, "--vdn", vdn, "--data", data)
    files = ("--cdr", switch / "Master.csv", "--recordings", switch / "monitor")
    return run_ccfs("ingest", "asterisk", *owner, *files, *arguments)


def test_rejected_lines_are_no_failure_and_stdout_has_only_json(data_folder: Path, switch_folder: Path) -> None:
    done = ingest_asterisk(data_folder, switch_folder, "--json")
    assert (done.code, done.err) == (0, "")
    assert {**done.json, "refused": None} == {
        "cdrs": 1,
        "recordings": 0,
        "agent_operations": 0,
        "skill_changes": 0,
        "voice_files": 0,
        "known": 0,
        "refused": None,
        "refused_count": 1,
        "missing": [{"callId": "1705311042-118", "file": "never.wav"}],
        "warnings": [],
    }
    [rejection] = done.json["refused"]
    assert sorted(rejection) == ["file", "line", "reason"]
    assert (rejection["file"], rejection["line"]) == (str(switch_folder / "Master.csv"), 2)


def test_rejected_lines_can_be_listed(data_folder: Path, switch_folder: Path) -> None:
    ingest_asterisk(data_folder, switch_folder)
    listed = run_ccfs("ingest", "rejected", "--app", AK, "--data", data_folder, "--json").json
    rows = [row for row in listed["refused"] if row["file"] == str(switch_folder / "Master.csv")]
    assert [(row["line"], sorted(row)) for row in rows] == [(2, ["at", "file", "line", "reason"])]
    text = run_ccfs("ingest", "rejected", "--app", AK, "--data", data_folder).out
    assert f"rejected: {switch_folder / 'Master.csv'}:2: " in text
    assert "missing: never.wav of call 1705311042-118" in text


def test_ingest_prints_a_summary_as_text(data_folder: Path, switch_folder: Path) -> None:
    write_cdr_file(switch_folder, CDR_LINE.replace(".118", ".119") + "nonsense\n")
    done = ingest_asterisk(data_folder, switch_folder)
    assert done.code == 0
    assert "cdrs: 1\n" in done.out
    assert f"rejected: {switch_folder / 'Master.csv'}:2: " in done.out
    assert ingest_asterisk(data_folder, switch_folder).out == "nothing new\n"


def test_ingest_warnings_go_to_stderr_and_into_the_json(data_folder: Path, switch_folder: Path) -> None:
    write_cdr_file(switch_folder, CDR_LINE.replace(".118", ".120"))
    done = ingest_asterisk(data_folder, switch_folder, "--zone", "Asia/Tokyo", "--json")
    [warning] = done.json["warnings"]
    assert done.err == f"ccfs: {warning}\n"
    assert "not Asia/Tokyo's as given" in warning


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"app": "AKnobody"}, "there is no app AKnobody"),
        ({"account": "nobody"}, "has no account nobody with VDN 17"),
        ({"vdn": 99}, "has no account acme with VDN 99"),
        ({"vdn": 18}, "has no account acme with VDN 18"),  # it is the other account's
    ],
)
def test_an_unknown_owner_is_reported_in_one_line(
    change: dict[str, object], reason: str, data_folder: Path, switch_folder: Path
) -> None:
    done = ingest_asterisk(data_folder, switch_folder, "--json", **change)  # type: ignore[arg-type]
    assert (done.code, done.out) == (1, "")
    assert reason in done.err
    assert done.err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--cdr", "none.csv"), "file not found: none.csv"),
        (("--cdr", "monitor"), "not a file: monitor"),
        (("--recordings", "none"), "folder not found: none"),
        (("--recordings", "Master.csv"), "not a folder: Master.csv"),
        (("--queue-log", "none"), "file not found: none"),
        (("--zone", "Europe/Nowhere"), "--zone: Europe/Nowhere is not an IANA time zone"),
        (("--zone", "../../etc/passwd"), "is not an IANA time zone"),
        (("--agents", "("), "--agents"),
        (("--columns", "a,b"), "the columns lack start"),
    ],
)
def test_an_invalid_ingest_option_is_reported_in_one_line(
    arguments: tuple[str, str], reason: str, data_folder: Path, switch_folder: Path
) -> None:
    owner = ("--app", AK, "--account", "acme", "--vdn", "17", "--data", data_folder, "--cdr", "Master.csv")
    done = run_ccfs("ingest", "asterisk", *owner, *arguments, "--json", folder=switch_folder)
    assert (done.code, done.out) == (1, "")
    assert reason in done.err
    assert done.err.count("\n") == 1


@pytest.mark.parametrize("switch_kind", ["freeswitch", "ccfs"])
def test_absent_files_of_other_switches_are_reported(switch_kind: str, data_folder: Path, switch_folder: Path) -> None:
    owner = ("--account", "acme", "--vdn", "17", "--cdr", "none") if switch_kind == "freeswitch" else ("none",)
    done = run_ccfs("ingest", switch_kind, "--app", AK, *owner, "--data", data_folder, folder=switch_folder)
    assert (done.code, done.err) == (1, "ccfs: file not found: none\n")


def test_an_unreadable_cdr_file_is_reported_with_the_remedy(data_folder: Path, switch_folder: Path) -> None:
    write_cdr_file(switch_folder, "these;are;no;columns\n")
    done = ingest_asterisk(data_folder, switch_folder, "--json")
    assert (done.code, done.out) == (1, "")
    assert "name them with --columns" in done.err


@pytest.mark.parametrize(
    "arguments",
    [
        ("ingest", "asterisk", "--app", AK),
        ("ingest", "asterisk", "--app", AK, "--account", "acme", "--vdn", "many", "--cdr", "Master.csv"),
        ("ingest", "ccfs", "--app", AK),
        ("ingest", "nothing"),
        ("ingest", "freeswitch", "--app", AK, "--account", "acme", "--vdn", "17", "--cdr", "x", "--colour", "red"),
        ("ingest", "rejected"),
    ],
)
def test_wrong_usage_of_ingest_exits_with_2(arguments: tuple[str, ...], data_folder: Path, switch_folder: Path) -> None:
    done = run_ccfs(*arguments, settings={"CCFS_DATA": str(data_folder)}, folder=switch_folder)
    assert (done.code, done.out) == (2, "")
    assert done.err


def test_ingest_on_a_terminal_shows_progress_on_stderr_and_json_on_stdout(
    data_folder: Path, switch_folder: Path
) -> None:
    ours, theirs = pty.openpty()
    owner = [
        "--app",
        AK,
        "--account",
        "acme",
        "--vdn",
        "17",
        "--data",
        str(data_folder),
        "--cdr",
        "Master.csv",
        "--json",
    ]
    command = [sys.executable, "-c", "from ccfs.cli import main; main()", "ingest", "asterisk", *owner]
    environment = {"PYTHONPATH": str(ROOT / "src"), "TERM": "xterm", "CCFS_SETTLE_SECONDS": "0"}
    done = subprocess.run(
        command, cwd=switch_folder, env=environment, stdout=subprocess.PIPE, stderr=theirs, check=True
    )
    os.close(theirs)
    shown = os.read(ours, 100_000)
    os.close(ours)
    assert json.loads(done.stdout)["cdrs"] == 0
    assert b"Master.csv" in shown
