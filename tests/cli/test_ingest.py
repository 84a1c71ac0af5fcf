"""ccfs ingest as a program: exit codes, what goes to stdout and what to stderr, what an operator can list."""

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
    """What a switch left: a good line and a bad one, and an empty folder of recordings."""
    (tmp_path / "monitor").mkdir()
    write_cdr_file(tmp_path, CDR_LINE + "nonsense\n")
    return tmp_path


def write_cdr_file(switch: Path, text: str) -> None:
    """A CDR file that nobody writes to any more."""
    (switch / "Master.csv").write_text(text)
    os.utime(switch / "Master.csv", (1, 1))


def ingest_asterisk(
    data: Path, switch: Path, *arguments: object, app: str = AK, account: str = "acme", vdn: int = 17
) -> CommandResult:
    owner = ("--app", app, "--account", account, "--vdn", vdn, "--data", data)
    files = ("--cdr", switch / "Master.csv", "--recordings", switch / "monitor")
    return run_ccfs("ingest", "asterisk", *owner, *files, *arguments)


def test_refused_lines_are_no_failure_and_json_is_all_that_stdout_gets(data_folder: Path, switch_folder: Path) -> None:
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
    [refused] = done.json["refused"]
    assert sorted(refused) == ["file", "line", "reason"]
    assert (refused["file"], refused["line"]) == (str(switch_folder / "Master.csv"), 2)


def test_what_was_refused_can_be_listed(data_folder: Path, switch_folder: Path) -> None:
    ingest_asterisk(data_folder, switch_folder)
    listed = run_ccfs("ingest", "refused", "--app", AK, "--data", data_folder, "--json").json
    mine = [one for one in listed["refused"] if one["file"] == str(switch_folder / "Master.csv")]
    assert [(one["line"], sorted(one)) for one in mine] == [(2, ["at", "file", "line", "reason"])]
    text = run_ccfs("ingest", "refused", "--app", AK, "--data", data_folder).out
    assert f"refused: {switch_folder / 'Master.csv'}:2: " in text
    assert "missing: never.wav of call 1705311042-118" in text


def test_people_are_told_in_words(data_folder: Path, switch_folder: Path) -> None:
    write_cdr_file(switch_folder, CDR_LINE.replace(".118", ".119") + "nonsense\n")
    done = ingest_asterisk(data_folder, switch_folder)
    assert done.code == 0
    assert "cdrs: 1\n" in done.out
    assert f"refused: {switch_folder / 'Master.csv'}:2: " in done.out
    assert ingest_asterisk(data_folder, switch_folder).out == "nothing new\n"


def test_warnings_go_to_stderr_and_into_the_json(data_folder: Path, switch_folder: Path) -> None:
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
def test_an_owner_that_is_not_there_is_a_failure_in_one_line(
    change: dict[str, object], reason: str, data_folder: Path, switch_folder: Path
) -> None:
    done = ingest_asterisk(data_folder, switch_folder, "--json", **change)  # type: ignore[arg-type]
    assert (done.code, done.out) == (1, "")
    assert reason in done.err
    assert done.err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--cdr", "none.csv"), "there is no file none.csv"),
        (("--cdr", "monitor"), "monitor is not a file"),
        (("--recordings", "none"), "there is no folder none"),
        (("--recordings", "Master.csv"), "Master.csv is not a folder"),
        (("--queue-log", "none"), "there is no file none"),
        (("--zone", "Europe/Nowhere"), "Europe/Nowhere is not an IANA time zone"),
        (("--zone", "../../etc/passwd"), "is not an IANA time zone"),
        (("--agents", "("), "--agents"),
        (("--columns", "a,b"), "the columns lack start"),
    ],
)
def test_what_cannot_be_carried_out_is_a_failure_in_one_line(
    arguments: tuple[str, str], reason: str, data_folder: Path, switch_folder: Path
) -> None:
    owner = ("--app", AK, "--account", "acme", "--vdn", "17", "--data", data_folder, "--cdr", "Master.csv")
    done = run_ccfs("ingest", "asterisk", *owner, *arguments, "--json", folder=switch_folder)
    assert (done.code, done.out) == (1, "")
    assert reason in done.err
    assert done.err.count("\n") == 1


@pytest.mark.parametrize("switch_kind", ["freeswitch", "ccfs"])
def test_files_of_other_switches_that_are_not_there_are_a_failure(
    switch_kind: str, data_folder: Path, switch_folder: Path
) -> None:
    owner = ("--account", "acme", "--vdn", "17", "--cdr", "none") if switch_kind == "freeswitch" else ("none",)
    done = run_ccfs("ingest", switch_kind, "--app", AK, *owner, "--data", data_folder, folder=switch_folder)
    assert (done.code, done.err) == (1, "ccfs: there is no file none\n")


def test_lines_that_nobody_could_read_are_a_failure_that_says_what_to_do(
    data_folder: Path, switch_folder: Path
) -> None:
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
        ("ingest", "refused"),
    ],
)
def test_wrong_use_is_2(arguments: tuple[str, ...], data_folder: Path, switch_folder: Path) -> None:
    done = run_ccfs(*arguments, settings={"CCFS_DATA": str(data_folder)}, folder=switch_folder)
    assert (done.code, done.out) == (2, "")
    assert done.err


def test_on_a_terminal_progress_is_shown_on_stderr_and_json_on_stdout(data_folder: Path, switch_folder: Path) -> None:
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
