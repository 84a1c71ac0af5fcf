"""Checks of what Asterisk and the PBXs on it leave: columns, zones, rotated files, several files with the same calls."""

import bz2
import csv
import gzip
import lzma
from pathlib import Path

import pytest

from tests.ingest.check.checked_files import (
    CALL,
    FREEPBX_HEADER,
    OTHER_CALL,
    check,
    check_json,
    get_section,
    write_file,
    write_queue_call,
    write_rows,
)
from tests.ingest.ingest_site import build_cdr_line, iter_cdr_lines, make_wav


def read_fields(line: str) -> list[str]:
    return next(csv.reader([line]))


def build_freepbx_row(call: str = CALL, recording: str = "") -> list[str]:
    """Return a row of FreePBX's table `cdr`: a call to 1001 in January in London."""
    start, queue = "2024-01-15 09:30:42", ["Dial", "PJSIP/1001,,tr"]
    row = [
        start,
        '"Ann" <02079460123>',
        "02079460123",
        "1001",
        "from-did-direct",
        "PJSIP/trunk-1",
        "PJSIP/1001-2",
        *queue,
    ]
    row += ["78", "70", "ANSWERED", "3", "", call, "", "442079460999", recording, "02079460123", "Ann", "", "", ""]
    return [*row, call, "", "7"]


def test_an_export_of_the_table_of_freepbx_is_read_by_its_header_and_tabs(tmp_path: Path) -> None:
    recording = f"in-442079460999-02079460123-20240115-093042-{CALL}.wav"
    rows = [FREEPBX_HEADER.split(","), build_freepbx_row(recording=recording)]
    write_file(
        tmp_path / "cdr.txt", write_rows(rows, delimiter="\t", quoting=csv.QUOTE_NONE, escapechar="\\", quotechar=None)
    )
    write_file(tmp_path / "monitor" / recording, make_wav(1, 70))
    text = check(tmp_path).out
    assert f"CDRs: {tmp_path}/cdr.txt (CDR table exported with a header, 26 columns; 2 lines)" in get_section(
        text, "FOUND"
    )
    assert "linkedid, peeraccount, sequence (separated by tabs" in get_section(text, "HOW")
    assert get_section(text, "THE CALLS").endswith(
        f"02079460123 (Ann) called 1001, rang 8 s, 1001 answered, talked 70 s; recording {recording} (70 s)"
    )
    assert "PLEASE NOTE" not in text


@pytest.mark.parametrize(
    ("columns", "remedy"),
    [
        (
            18,
            "In /etc/asterisk/cdr.conf, section [csv], set newcdrcolumns=yes, then: asterisk -rx 'module reload cdr_csv.so'",
        ),
        (16, "section [csv], set loguniqueid=yes and newcdrcolumns=yes, then:"),
    ],
)
def test_missing_ids_of_cdr_csv_are_noted_with_the_option_that_logs_them(
    columns: int, remedy: str, tmp_path: Path
) -> None:
    write_file(
        tmp_path / "Master.csv", write_rows([read_fields(build_cdr_line(CALL))[:columns]], quoting=csv.QUOTE_ALL)
    )
    notes = get_section(check(tmp_path).out, "PLEASE NOTE")
    assert "without linkedid, each channel becomes a call of its own" in notes
    assert remedy in notes


def test_missing_ids_of_cdr_custom_are_noted_with_the_mapping(tmp_path: Path) -> None:
    fields = read_fields(build_cdr_line(CALL))
    row = [fields[4], *fields[1:4], *fields[5:16], fields[0], fields[16], fields[17]]
    write_file(tmp_path / "cdr-custom" / "Master.csv", write_rows([row], quoting=csv.QUOTE_ALL))
    notes = get_section(check(tmp_path).out, "PLEASE NOTE")
    assert "add ${CSV_QUOTE(${CDR(linkedid)})}, ${CSV_QUOTE(${CDR(sequence)})}, then:" in notes


def test_queue_calls_without_a_queue_log_are_noted(tmp_path: Path) -> None:
    write_queue_call(tmp_path)
    (tmp_path / "queue_log").unlink()
    notes = get_section(check(tmp_path).out, "PLEASE NOTE")
    assert "There are queue calls, but no queue log" in notes
    assert "queue_log_to_file = yes, in section [general] of /etc/asterisk/logger.conf" in notes


@pytest.mark.parametrize(
    ("local", "arguments", "zone", "evidence", "proposed"),
    [
        ("UTC", (), "Europe/London", "UTC+01:00 in these calls; the unique ids agree in 2 of 2 calls", "Europe/London"),
        ("Europe/London", (), "Europe/London", "the unique ids agree in 2 of 2 calls", "Europe/London"),
        ("UTC", ("--zone", "Europe/London"), "Europe/London", "as given with --zone; it fits 2 of 2", "Europe/London"),
        ("UTC", ("--zone", "Asia/Tokyo"), "Asia/Tokyo", "as given with --zone; it fits 0 of 2", "Asia/Tokyo"),
    ],
)
def test_the_zone_is_shown_with_its_evidence(
    local: str, arguments: tuple[str, ...], zone: str, evidence: str, proposed: str, tmp_path: Path
) -> None:
    lines = [
        build_cdr_line(f"{1_720_000_000 + 60 * number}.{number}", start=start, answer=start, end=start)
        for number, start in enumerate(("2024-07-03 10:46:40", "2024-07-03 10:47:40"))
    ]
    write_file(tmp_path / "Master.csv", "".join(lines))
    text = check(tmp_path, *arguments, zone=local).out
    read = get_section(text, "HOW IT WAS READ")
    if zone == "Europe/London" and not arguments and local == "UTC":
        assert evidence in read  # many zones have this offset in summer
    else:
        assert f"Time zone: {zone} (" in read
        assert evidence in read
        assert f"--zone {proposed}" in get_section(text, "TO INGEST")
    if zone == "Asia/Tokyo":
        assert "the unique ids contradict the zone Asia/Tokyo that was given" in get_section(text, "PLEASE NOTE")


def test_cdrs_in_utc_do_not_move_the_account_to_utc(tmp_path: Path) -> None:
    lines = [
        build_cdr_line(f"{second}.{number}", start=start, answer=start, end=start)
        for number, (second, start) in enumerate(
            ((1_720_000_000, "2024-07-03 09:46:40"), (1_705_311_042, "2024-01-15 09:30:42"))
        )
    ]
    write_file(tmp_path / "Master.csv", "".join(lines))
    text = check(tmp_path).out
    assert "Time zone: UTC (UTC+00:00 in these calls; the unique ids agree in 2 of 2" in get_section(text, "HOW IT")
    assert "--zone Europe/London" in get_section(text, "TO INGEST")


def test_a_zone_that_nothing_shows_is_assumed_and_said_so(tmp_path: Path) -> None:
    fields = read_fields(build_cdr_line(CALL))[:16]
    write_file(tmp_path / "Master.csv", write_rows([fields], quoting=csv.QUOTE_ALL))
    text = check(tmp_path, zone="America/Sao_Paulo").out
    assert "Time zone: America/Sao_Paulo (assumed: nothing in the file shows it)" in get_section(
        text, "HOW IT WAS READ"
    )
    assert "nothing shows the time zone; America/Sao_Paulo is assumed" in get_section(text, "PLEASE NOTE")
    assert "pass the zone of the switch with --zone" in get_section(text, "PLEASE NOTE")


def test_rotated_and_compressed_files_are_read_and_have_commands_of_their_own(tmp_path: Path) -> None:
    lines = list(iter_cdr_lines(30))
    folder = tmp_path / "cdr-csv"
    write_file(folder / "Master.csv-20240113.gz", gzip.compress("".join(lines[:10]).encode()), 1_705_100_000)
    write_file(folder / "Master.csv-20240114.xz", lzma.compress("".join(lines[10:20]).encode()), 1_705_200_000)
    write_file(folder / "Master.csv", "".join(lines[20:]))
    write_file(tmp_path / "queue_log.1", "1705311001|NONE|NONE|NONE|QUEUESTART|\n", 1_705_100_000)
    write_file(tmp_path / "queue_log", "1705311002|NONE|NONE|NONE|QUEUESTART|\n")
    text = check(tmp_path).out
    found = get_section(text, "FOUND")
    assert f"CDRs: {folder}/Master.csv (cdr_csv, 21 columns; 30 lines; with 2 rotated files, 2 compressed)" in found
    assert f"Queue log: {tmp_path}/queue_log (queue_log; 2 lines; with 1 rotated file)" in found
    commands = get_section(text, "TO INGEST THESE CALLS").replace("\\ ", "").split("ccfs ingest ")
    assert [command.partition(" --cdr ")[2].strip() for command in commands[1:]] == [
        f"{folder}/Master.csv-20240113.gz --queue-log {tmp_path}/queue_log.1",
        f"{folder}/Master.csv-20240114.xz # then, and from now on:",
        f"{folder}/Master.csv --queue-log {tmp_path}/queue_log",
    ]


def test_many_rotated_files_have_one_loop(tmp_path: Path) -> None:
    lines = list(iter_cdr_lines(60))
    for number in range(5):
        data = bz2.compress("".join(lines[number * 10 :][:10]).encode())
        write_file(tmp_path / f"Master.csv.{5 - number}.bz2", data, 1_705_100_000 + number)
    write_file(tmp_path / "Master.csv", "")
    commands = get_section(check(tmp_path).out, "TO INGEST THESE CALLS")
    names = " ".join(f"{tmp_path}/Master.csv.{number}.bz2" for number in (5, 4, 3, 2, 1))
    assert (
        f'for file in {names}; do ccfs ingest asterisk --app AK --account acme --vdn 1 --cdr "$file" done' in commands
    )
    assert commands.endswith(f"--cdr {tmp_path}/Master.csv")


def test_a_file_with_the_same_calls_is_not_needed(tmp_path: Path) -> None:
    lines = [
        build_cdr_line(call, start=start, answer=start, end=start)
        for call, start in ((CALL, "2024-01-15 09:30:42"), (OTHER_CALL, "2024-01-15 09:40:42"))
    ]
    write_file(tmp_path / "cdr-csv" / "Master.csv", "".join(lines))
    write_file(tmp_path / "cdr-custom" / "Simple16.csv", write_rows([[*read_fields(line)[:16]] for line in lines]))
    report = check_json(tmp_path)
    assert report["unused"] == [
        [f"{tmp_path}/cdr-custom/Simple16.csv", f"the same calls as {tmp_path}/cdr-csv/Master.csv"]
    ]
    [switch] = report["switches"]
    assert (switch["totals"]["calls"], switch["cdrs"]) == (2, [f"{tmp_path}/cdr-csv/Master.csv"])


def test_files_with_calls_of_their_own_are_all_read(tmp_path: Path) -> None:
    write_file(tmp_path / "a" / "Master.csv", build_cdr_line(CALL))
    write_file(
        tmp_path / "b" / "Master.csv",
        build_cdr_line(
            OTHER_CALL, start="2024-01-15 09:40:42", answer="", end="2024-01-15 09:41:00", disposition="NO ANSWER"
        ),
    )
    [switch] = check_json(tmp_path)["switches"]
    assert sorted(switch["cdrs"]) == [f"{tmp_path}/a/Master.csv", f"{tmp_path}/b/Master.csv"]
    assert switch["totals"]["calls"] == 2


def test_columns_that_are_given_read_a_file_of_an_unknown_order(tmp_path: Path) -> None:
    fields = read_fields(build_cdr_line(CALL))
    row = [fields[16], fields[9], fields[1], fields[2], fields[5], fields[6], fields[12], fields[13], fields[14]]
    write_file(tmp_path / "calls_cdr.csv", write_rows([row]))
    assert check(tmp_path).code == 1
    columns = "uniqueid,start,src,dst,channel,dstchannel,duration,billsec,disposition"
    text = check(tmp_path, "--columns", columns).out
    assert "(CDR, 9 columns as given with --columns; 1 line)" in get_section(text, "FOUND")
    assert get_section(text, "THE CALLS").endswith(
        "02079460123 called 600, rang 8 s, 1001 answered, talked 70 s; no recording"
    )
    assert f"--columns {columns}" in get_section(text, "TO INGEST THESE CALLS")


@pytest.mark.parametrize(("encoding", "name"), [("gbk", "张三丰"), ("latin-1", "Jürgen Müller")])
def test_an_encoding_is_proposed_and_then_used(encoding: str, name: str, tmp_path: Path) -> None:
    write_file(tmp_path / "Master.csv", build_cdr_line(CALL).replace("Ann", name).encode(encoding))
    assert f"Pass --encoding {encoding}, if the names then look right." in get_section(
        check(tmp_path).out, "PLEASE NOTE"
    )
    text = check(tmp_path, "--encoding", encoding).out
    assert f"02079460123 ({name}) called 600" in get_section(text, "THE CALLS")
    assert f"--encoding {encoding}" in get_section(text, "TO INGEST THESE CALLS")
    assert "--encoding" not in get_section(text, "PLEASE NOTE")


def test_agents_under_a_name_and_calls_without_agents_are_noted(tmp_path: Path) -> None:
    write_file(tmp_path / "Master.csv", build_cdr_line(CALL, agent="front-desk"))
    notes = get_section(check(tmp_path).out, "PLEASE NOTE")
    assert "No agent was found: no channel has a number of 2 to 6 digits as its name." in notes
    text = check(tmp_path, "--agents", "(front)-desk").out
    assert "Agents: front (1 call, 1 answered)" in get_section(text, "HOW IT WAS READ")
    assert "--agents '(front)-desk'" in get_section(text, "TO INGEST THESE CALLS")


def test_lines_limit_what_is_read_of_each_file(tmp_path: Path) -> None:
    write_file(tmp_path / "Master.csv", "".join(iter_cdr_lines(5000)))
    text = check(tmp_path, "--lines", "2000").out
    assert "(cdr_csv, 21 columns; 2,000 lines)" in get_section(text, "FOUND")
    assert "Only about the first 2000 lines of each file were read (--lines)" in get_section(text, "PLEASE NOTE")
    assert len([line for line in text.splitlines() if line.startswith("  2024-01-15")]) == 10
