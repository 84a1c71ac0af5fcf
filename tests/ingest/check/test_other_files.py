"""Checks of FreeSWITCH and FusionPBX, of files that ingest cannot read, and of files of no use."""

import json
from pathlib import Path

import pytest

from tests.ingest.check.checked_files import check, check_json, get_section, write_file, write_queue_call
from tests.ingest.ingest_site import build_cdr_line, make_wav
from tests.ingest.test_ccfs_exports import MEMBERS
from tests.switches.freeswitch.channels import A_LEG, B_LEG, OTHER_LEG, make_variables, make_xml


def write_channel(path: Path, uuid: str, **variables: str) -> None:
    text = json.dumps({"callflow": [], "variables": make_variables(uuid, **variables)})
    write_file(path, text)


def test_callers_channels_of_fusionpbx_alone_are_noted_with_the_setting(tmp_path: Path) -> None:
    caller = make_variables(A_LEG, last_sent_callee_id_number="1002", originated_legs=f"{B_LEG};Bob;1002")
    write_file(tmp_path / "xml_cdr" / f"a_{A_LEG}.cdr.xml", make_xml(caller))
    write_file(tmp_path / "archive" / "2025" / "Jul" / "03" / f"{A_LEG}.wav", make_wav(1, 50))
    text = check(tmp_path).out
    assert get_section(text, "THE CALLS") == (
        f"2025-07-03 16:00:00  02079460123 called 442079460999, rang 10 s, 1002 answered, talked 50 s; recording {A_LEG}.wav (50 s)"
    )
    assert "Time zone: not needed: the times are seconds since 1970" in get_section(text, "HOW IT WAS READ")
    notes = get_section(text, "PLEASE NOTE")
    assert "Only the callers' channels are logged" in notes
    assert '<param name="log-b-leg" value="true"/> in xml_cdr.conf.xml' in notes
    commands = get_section(text, "TO INGEST THESE CALLS").replace("\\ ", "")
    assert f"--cdr {tmp_path}/xml_cdr --recordings {tmp_path}/archive" in commands


def test_calls_of_several_domains_come_with_a_draft_of_tenant_rules(tmp_path: Path) -> None:
    for number, domain in enumerate(("acme.example.com", "other.example.com")):
        write_channel(tmp_path / "cdr" / f"{number}.json", (A_LEG, B_LEG)[number], domain_name=domain)
    text = check(tmp_path).out
    notes = get_section(text, "PLEASE NOTE")
    assert (
        "The CDRs are of 2 domains: acme.example.com, other.example.com. Each is shown as an account of its own."
        in notes
    )
    assert "fact,value,app,account,vdn domain,acme.example.com,,acme,1 domain,other.example.com,,other,2" in notes


def test_tenant_rules_are_tried_and_calls_that_none_matches_are_listed(tmp_path: Path) -> None:
    for number, domain in enumerate(("acme.example.com", "other.example.com", "third.example.com")):
        write_channel(tmp_path / "cdr" / f"{number}.json", (A_LEG, B_LEG, OTHER_LEG)[number], domain_name=domain)
    rules = "domain,acme.example.com,,acme,17\ndomain,other.*,AKother002,other,18\n"
    file = write_file(tmp_path / "tenants.csv", rules)
    text = check(tmp_path / "cdr", "--tenants", file).out
    assert "1 × no tenant rule matches: domain third.example.com" in get_section(text, "WOULD BE REJECTED: 1")
    assert "of 3 domains" not in text
    commands = get_section(text, "TO INGEST THESE CALLS").replace("\\ ", "")
    assert "ccfs account add --app AK --account acme --vdn 17 --zone Europe/London" in commands
    assert "ccfs account add --app AKother002 --account other --vdn 18 --zone Europe/London" in commands
    assert f"ccfs ingest freeswitch --app AK --tenants {file} --cdr {tmp_path}/cdr" in commands
    [switch] = check_json(tmp_path / "cdr", "--tenants", file)["switches"]
    assert switch["totals"]["calls"] == 2


def test_tenant_rules_are_tried_on_asterisk(tmp_path: Path) -> None:
    write_file(
        tmp_path / "Master.csv", build_cdr_line() + build_cdr_line("1705311642.120").replace("from-trunk", "south")
    )
    file = write_file(tmp_path / "tenants.csv", "context,south,,south,2\n")
    [switch] = check_json(tmp_path / "Master.csv", "--tenants", file)["switches"]
    assert switch["totals"]["calls"] == 1
    [rejections] = switch["rejections"]
    assert rejections["reason"].startswith("no tenant rule matches: context from-trunk")


def test_a_vdn_of_two_accounts_is_refused_with_the_line(tmp_path: Path) -> None:
    write_channel(tmp_path / "cdr" / "1.json", A_LEG, domain_name="acme.example.com")
    file = write_file(tmp_path / "tenants.csv", "domain,acme.*,,acme,17\ndomain,other.*,,other,17\n")
    done = check(tmp_path / "cdr", "--tenants", file)
    assert (done.code, done.err) == (1, "ccfs: --tenants: line 2: VDN 17 belongs to account acme\n")


def test_switches_whose_files_use_the_same_vdn_do_not_hinder_each_other(tmp_path: Path) -> None:
    write_queue_call(tmp_path / "asterisk")
    for number, domain in enumerate(("acme.example.com", "other.example.com")):
        write_channel(tmp_path / "cdr" / f"{number}.json", (A_LEG, B_LEG)[number], domain_name=domain)
    report = check_json(tmp_path)
    assert [(one["kind"], one["totals"]["calls"]) for one in report["switches"]] == [("asterisk", 1), ("freeswitch", 2)]
    assert [[owner["vdn_id"] for owner in one["owners"]] for one in report["switches"]] == [[1], [1, 2]]
    commands = get_section(check(tmp_path).out, "TO INGEST THESE CALLS")
    assert "ccfs ingest asterisk --app AK --account acme --vdn 3" in commands.replace("\\ ", "")


def test_rows_of_an_account_whose_vdn_is_mostly_anothers_are_refused(tmp_path: Path) -> None:
    name, text = next((name, text) for name, text in MEMBERS.items() if "_call_" in name)
    header, row = text.splitlines()
    strangers = row.replace("acme", "other")
    write_file(tmp_path / name, "\n".join([header, strangers, row, row.replace("67110003", "67110004")]))
    text = check(tmp_path, zone="Asia/Shanghai").out
    assert "1 × " in get_section(text, "WOULD BE REJECTED: 1")
    accounts = [line for line in text.splitlines() if "ccfs account add" in line]
    assert accounts == ["  ccfs account add --app AK --account acme --vdn 17 --zone Asia/Shanghai"]


def test_recordings_that_go_to_a_web_address_are_noted(tmp_path: Path) -> None:
    cdr = {"callflow": [], "variables": make_variables(), "app_log": {"applications": []}}
    cdr["app_log"] = {"applications": [{"app_name": "record_session", "app_data": "http://192.0.2.9/upload"}]}
    write_file(tmp_path / "a.cdr.json", json.dumps(cdr))
    assert "FreeSWITCH sends recordings to a web address" in get_section(check(tmp_path).out, "PLEASE NOTE")


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        (
            "cdr.db",
            b"SQLite format 3\0" + b"x" * 100,
            "a SQLite database. Export the table as CSV: sqlite3 -csv -header cdr.db",
        ),
        ("Master.csv.2.lz4", b"\x04\x22\x4d\x18x", "compressed as .lz4. Decompress it, or have logrotate use gzip"),
        ("Master.csv.1.gz", b"\x1f\x8bgarbage", "the compressed file is damaged"),
        (
            "cdr.json",
            b'{"clid":"","lastapp":"Dial","disposition":"ANSWERED"}\n',
            "CDRs of Asterisk as JSON. Have Asterisk write CSV",
        ),
        (
            "v_xml_cdr.csv",
            b"xml_cdr_uuid,domain_uuid,start_stamp\n1,2,3\n",
            "an export of FusionPBX's table v_xml_cdr. Have ccfs read the database",
        ),
        (
            "dump.sql",
            b"-- MySQL dump 10.13\nCREATE TABLE `cdr` (\n",
            "a dump of a database. Have ccfs read the database itself",
        ),
        ("book.xlsx", b"PK\3\4....xl/workbook.xml", "a spreadsheet. Save it as CSV"),
        (
            "cdr_export.csv",
            b"a,b,c\n1,2,3\n",
            "its lines have an unknown order of columns. If it is a CDR file, name its columns",
        ),
        ("calls.csv", b"start,src,dst,channel,billsec\n2024-01-15 09:30:42,1,2,3,4\n", "the columns lack disposition."),
        (
            "rec_log.csv",
            b"recording_id,channel,server_ip,vicidial_id\n1,2,3,4\n",
            "an export of VICIdial's table recording_log. Have ccfs read",
        ),
    ],
)
def test_a_file_that_cannot_be_read_is_named_with_the_remedy(
    name: str, data: bytes, reason: str, tmp_path: Path
) -> None:
    write_file(tmp_path / name, data)
    done = check(tmp_path)
    assert done.code == 1
    assert f"Cannot be read: {tmp_path}/{name}: {reason}" in get_section(done.out, "FOUND")


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("full", b"[Jan 15 09:30:42] NOTICE[1]: hello, world\n" * 100),
        ("freeswitch.log", b"2024-01-15 09:30:42.1 [NOTICE] switch.c:1 x, y\n" * 100),
        ("core.123", b"\x7fELF\1\1\0\0\3\4"),
        ("status.json", b'{"uptime": 12}'),
        ("page.html", b"<html><body>cdr</body></html>"),
        ("index.xml", b'<?xml version="1.0"?><configuration/>'),
        ("blank.txt", b"\n\n\n"),
        ("photo.jpg", b"\xff\xd8\xff\xe0JFIF"),
    ],
)
def test_a_file_without_calls_is_only_counted(name: str, data: bytes, tmp_path: Path) -> None:
    write_file(tmp_path / name, data)
    report = json.loads(check(tmp_path, "--json").out)
    assert (report["other_count"], report["unreadable"], report["switches"]) == (1, [], [])


def test_voicemail_is_not_part_of_the_folder_of_recordings(tmp_path: Path) -> None:
    write_file(tmp_path / "Master.csv", build_cdr_line("1705311042.118"))
    write_file(tmp_path / "spool" / "monitor" / "2024" / "01" / "1705311042.118.wav", make_wav(1, 70))
    write_file(tmp_path / "spool" / "voicemail" / "default" / "1001" / "msg0000.wav", make_wav(2))
    [switch] = check_json(tmp_path)["switches"]
    assert switch["recordings"] == [f"{tmp_path}/spool/monitor"]
    assert (switch["totals"]["recorded"], switch["unmatched"]) == (1, [])


def test_folders_of_days_are_left_to_later_recordings_but_not_above_what_was_named(tmp_path: Path) -> None:
    write_file(tmp_path / "Master.csv", build_cdr_line("1705311042.118"))
    day = tmp_path / "monitor" / "2024" / "01" / "15"
    write_file(day / "1705311042.118.wav", make_wav(1, 70))
    [switch] = check_json(tmp_path)["switches"]
    assert switch["recordings"] == [f"{tmp_path}/monitor"]
    [switch] = check_json(tmp_path / "Master.csv", day)["switches"]
    assert switch["recordings"] == [str(day)]
    assert switch["totals"]["recorded"] == 1


def test_one_command_names_several_folders_of_recordings(tmp_path: Path) -> None:
    write_file(tmp_path / "Master.csv", build_cdr_line("1705311042.118") + build_cdr_line("1705311042.119", sequence=2))
    for number, name in ((8, "monitor"), (9, "archive")):
        write_file(tmp_path / name / f"1705311042.11{number}.wav", make_wav(number, 70))
    text = check(tmp_path / "Master.csv", tmp_path / "monitor", tmp_path / "archive").out
    commands = get_section(text, "TO INGEST THESE CALLS").replace("\\ ", "")
    assert f"--cdr {tmp_path}/Master.csv --recordings {tmp_path}/monitor --recordings {tmp_path}/archive" in commands
    assert commands.count("ccfs ingest asterisk") == 1
    assert "With a recording: 2" in get_section(text, "HOW IT WAS READ")
