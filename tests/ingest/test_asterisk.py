"""Files of Asterisk become calls, recordings and agent operations, on either database and in any order."""

import csv
import itertools
import shutil
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from ccfs.db import schema
from ccfs.model.calls.cdr import LAST_LEG, DeviceType, LeaveReason
from tests.cli.command import run_ccfs
from tests.ingest.ingest_site import ACCOUNT_ID, AK, ASTERISK_SAMPLES, CreateSite, IngestSite, build_cdr_line

CDR_COLUMNS = schema.cdrs.c
LINES = [
    build_cdr_line(sequence=1, queue="sales", agent="1001", end="2024-01-15 09:31:10", disposition="NO ANSWER"),
    build_cdr_line(sequence=4, queue="sales", agent="1002", start="2024-01-15 09:31:10", answer="2024-01-15 09:31:16"),
    build_cdr_line(
        sequence=6, agent="1003", leg="1705311042.130", start="2024-01-15 09:32:00", answer="2024-01-15 09:32:04"
    ),
]
VISIT_LINES = ["1705311052|1705311042.118|sales|NONE|ENTERQUEUE||02079460123|1\n"]
VISIT_LINES += ["1705311076|1705311042.118|sales|PJSIP/1002|CONNECT|24|1705311070.121|6\n"]
VISIT_LINES += ["1705311120|1705311042.118|sales|PJSIP/1002|BLINDTRANSFER|1003|internal|24|44|1\n"]


def copy_sample(site: IngestSite, name: str) -> tuple[Path, Path]:
    """Copy the CDR file and the queue log of a sample."""
    shutil.copytree(ASTERISK_SAMPLES / name, site.switch_folder / name)
    return site.switch_folder / name / "Master.csv", site.switch_folder / name / "queue_log"


def read_calls(site: IngestSite) -> list[dict[str, Any]]:
    """Return all CDR rows by call and number, without their ids."""
    with site.node.database.read_transaction() as connection:
        rows = connection.execute(
            sa.select(schema.cdrs).order_by(CDR_COLUMNS.call_id, CDR_COLUMNS.leg_order, CDR_COLUMNS.source_key)
        )
        return [{name: value for name, value in row._mapping.items() if name != "id"} for row in rows]


def format_time(instant: Any) -> str:
    """Format an instant as the samples do."""
    return f"{instant:%Y-%m-%dT%H:%M:%S}" if instant else ""


def read_operations(site: IngestSite) -> list[tuple[object, ...]]:
    """Return agent operations with their ends."""
    return sorted(site.read_rows(schema.agent_operations, "agent_id", "begin", "end", "op_type", "call_id"), key=str)


def test_legs_become_numbered_rows_of_their_call(each_ingest_site: IngestSite) -> None:
    cdr, log = copy_sample(each_ingest_site, "plain")
    added = each_ingest_site.ingest_asterisk(cdr, "--queue-log", log)
    with open(cdr, "rb") as file:
        count = len(file.readlines())
    assert (added["cdrs"], added["agent_operations"], added["refused"]) == (count, 9, [])
    rows = {
        name: list(rows) for name, rows in itertools.groupby(read_calls(each_ingest_site), lambda row: row["call_id"])
    }
    [first, second] = next(rows[name] for name in rows if len(rows[name]) == 2)
    assert [row["call_id_num"] for row in (first, second)] == [1, LAST_LEG]
    assert [row["call_id_num"] for row in next(rows[name] for name in rows if len(rows[name]) == 3)] == [1, 2, LAST_LEG]
    assert {row["call_id_num"] for some in rows.values() if len(some) == 1 for row in some} == {LAST_LEG}
    assert all(len(str(name)) <= 25 for name in rows)


@pytest.mark.parametrize("name", ["plain", "freepbx"])
def test_a_queue_log_ingested_before_or_after_the_cdrs_gives_equal_rows(name: str, create_site: CreateSite) -> None:
    sites = [create_site() for _ in ("together", "cdrs first", "bit by bit")]
    for site in sites:
        cdr, log = copy_sample(site, name)
        if site is sites[0]:
            site.ingest_asterisk(cdr, "--queue-log", log)
        elif site is sites[1]:
            site.ingest_asterisk(cdr)
            assert site.ingest_asterisk(cdr, "--queue-log", log)["cdrs"] == 0
        else:
            site.ingest_asterisk(cdr)
            lines = log.read_bytes().splitlines(keepends=True)
            for number in range(0, len(lines), 3):
                site.ingest_asterisk(
                    cdr, "--queue-log", site.write_file(f"log/{number}", b"".join(lines[number : number + 3]))
                )
    assert read_calls(sites[0]) == read_calls(sites[1]) == read_calls(sites[2])
    assert read_operations(sites[0]) == read_operations(sites[1]) == read_operations(sites[2])
    with (ASTERISK_SAMPLES / name / "expected.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    if name == "freepbx":  # the Local channel shows that its first two lines are of one call, so that one of them talks
        rows[0]["call_begin"], rows[1]["wait_begin"] = "", rows[0]["wait_begin"]
    expected = sorted((row["call_begin"], row["wait_begin"]) for row in rows)
    actual = [tuple(format_time(row[when]) for when in ("call_begin", "wait_begin")) for row in read_calls(sites[2])]
    assert sorted(actual) == expected


def test_lines_that_arrive_in_any_order_and_in_several_runs_give_equal_rows(create_site: CreateSite) -> None:
    whole = create_site()
    whole.ingest_asterisk(
        whole.write_file("Master.csv", "".join(LINES)),
        "--queue-log",
        whole.write_file("queue_log", "".join(VISIT_LINES)),
    )
    first, second, third = read_calls(whole)
    assert [row["call_id_num"] for row in (first, second, third)] == [1, 2, LAST_LEG]
    assert (second["leave_reason"], second["pre_device_type"]) == (LeaveReason.TRANSFERRED_OUT, DeviceType.QUEUE)
    assert (third["pre_device_type"], third["pre_device_no"]) == (DeviceType.AGENT, 1002)
    for order in (LINES[::-1], LINES[1:] + LINES[:1], LINES[:1] + LINES[:0:-1]):
        site = create_site()
        cdr, log = site.write_file("Master.csv", ""), site.write_file("queue_log", "")
        for text, visit_line in zip(order, reversed(VISIT_LINES), strict=True):
            cdr.write_text(cdr.read_text() + text)
            log.write_text(log.read_text() + visit_line)
            site.ingest_asterisk(cdr, "--queue-log", log, CCFS_SETTLE_SECONDS="0")
        assert read_calls(site) == read_calls(whole)


def test_a_queues_leg_counts_for_the_agent_unless_the_agent_has_a_leg(create_site: CreateSite) -> None:
    queued = build_cdr_line(sequence=1, queue="sales", agent="", answer="2024-01-15 09:30:43")
    own = build_cdr_line(
        sequence=2, agent="1002", leg="1705311070.121", start="2024-01-15 09:31:10", answer="2024-01-15 09:31:16"
    )
    for order, devices in (
        ([queued], [(DeviceType.AGENT, 1002)]),
        ([queued, own], [(DeviceType.QUEUE, 60001), (DeviceType.AGENT, 1002)]),
        ([own, queued], [(DeviceType.QUEUE, 60001), (DeviceType.AGENT, 1002)]),
    ):
        site = create_site()
        log = site.write_file("queue_log", "".join(VISIT_LINES))
        for number, text in enumerate(order):
            site.ingest_asterisk(site.write_file(f"{number}.csv", text), "--queue-log", log)
        assert [(row["device_type"], row["device_no"]) for row in read_calls(site)] == devices
        talks = [row["call_begin"] for row in read_calls(site) if row["call_begin"]]
        assert [f"{talk:%H:%M:%S}" for talk in talks] == ["09:31:16"]


def test_an_agents_operations_end_where_the_next_begins_even_if_todays_log_arrives_before_yesterdays(
    create_site: CreateSite,
) -> None:
    yesterday = "1705309342|MANAGER|sales|PJSIP/1001|ADDMEMBER|\n1705312000|NONE|sales|PJSIP/1001|PAUSE|lunch\n"
    yesterday += "1705312600|NONE|sales|PJSIP/1001|UNPAUSE|\n"
    today = yesterday.replace("17053", "17054")
    sites = [create_site(), create_site()]
    for site, logs in zip(sites, [(yesterday, today), (today, yesterday)], strict=True):
        for number, text in enumerate(logs):
            log = site.write_file(f"queue_log.{number}", text)
            assert site.ingest_asterisk(site.write_file("Master.csv", ""), "--queue-log", log)["agent_operations"] == 3
    assert read_operations(sites[0]) == read_operations(sites[1])
    spans = [(begin, end) for _, begin, end, *_ in read_operations(sites[1])]
    assert [end for _, end in spans] == [*[begin for begin, _ in spans][1:], None]


def test_the_zone_is_detected_by_the_uniqueids_and_reported_if_it_is_not_the_accounts(create_site: CreateSite) -> None:
    site = create_site(zone="Asia/Shanghai")
    done = site.run_ingest("asterisk", "--cdr", site.write_file("Master.csv", "".join(LINES)))
    [warning] = done.json["warnings"]
    assert "Master.csv" in warning
    assert "Asia/Shanghai" in warning
    assert warning in done.err
    assert {row["begin"].isoformat() for row in read_calls(site)} >= {"2024-01-15T09:30:42+00:00"}


def test_a_given_zone_overrules_the_detected_one_and_a_mismatch_is_reported(ingest_site: IngestSite) -> None:
    cdr = ingest_site.write_file("Master.csv", "".join(LINES))
    added = ingest_site.ingest_asterisk(cdr, "--zone", "America/New_York")
    assert "not America/New_York's as given" in added["warnings"][0]
    assert {row["begin"].isoformat() for row in read_calls(ingest_site)} >= {"2024-01-15T14:30:42+00:00"}


def test_lines_without_a_uniqueid_are_assumed_to_be_in_the_accounts_zone_and_this_is_reported(
    ingest_site: IngestSite,
) -> None:
    short = build_cdr_line().rsplit(",", 5)[0] + "\n"
    [warning] = ingest_site.ingest_asterisk(ingest_site.write_file("Master.csv", short))["warnings"]
    assert "assumed to be Europe/London's" in warning


def test_a_line_that_cannot_be_read_is_rejected_by_number_and_the_others_are_ingested(
    each_ingest_site: IngestSite,
) -> None:
    damaged = LINES[1].replace('"2024-01-15 09:31:10"', '"yesterday"')
    cdr = each_ingest_site.write_file(
        "Master.csv", LINES[0] + damaged + "\n" + "nonsense\n" + LINES[2].replace("ANSWERED", "\0")
    )
    added = each_ingest_site.ingest_asterisk(cdr)
    assert added["cdrs"] == 1
    assert [(rejection["file"], rejection["line"]) for rejection in added["refused"]] == [
        (str(cdr), number) for number in (2, 4, 5)
    ]
    assert all(rejection["reason"] for rejection in added["refused"])
    errors = each_ingest_site.read_rows(schema.ingest_errors, "line", "raw")
    assert errors[0] == (2, damaged.encode())


def test_columns_may_be_named_where_they_cannot_be_detected(ingest_site: IngestSite) -> None:
    cdr = ingest_site.write_file(
        "Master.csv", "1705311042.118;ignored\n".replace(";", ",2024-01-15 09:30:42,60,ANSWERED,1001,02079460123,")
    )
    assert ingest_site.run_ingest("asterisk", "--cdr", cdr).code == 1
    columns = "uniqueid,start,duration,disposition,dst,src,comment"
    assert ingest_site.ingest_asterisk(cdr, "--columns", columns)["cdrs"] == 1
    assert ingest_site.read_rows(schema.cdrs, "call_id", "caller_no", "callee_no") == [
        ("1705311042-118", "02079460123", "1001")
    ]


def test_one_switchs_files_may_be_ingested_for_two_accounts_each_with_its_own_rows(ingest_site: IngestSite) -> None:
    add = ("account", "add", "--app", AK, "--account", "other", "--vdn", "18", "--zone", "Europe/London")
    assert run_ccfs(*add, settings=ingest_site.environment).code == 0
    cdr = ingest_site.write_file("Master.csv", "".join(LINES))
    theirs = ("ingest", "asterisk", "--app", AK, "--account", "other", "--vdn", "18", "--cdr", cdr, "--json")
    assert (
        ingest_site.ingest_asterisk(cdr)["cdrs"]
        == run_ccfs(*theirs, settings=ingest_site.environment).json["cdrs"]
        == 3
    )
    assert (
        sorted(ingest_site.read_rows(schema.cdrs, "account_id", "vdn_id"))
        == [(ACCOUNT_ID, "17")] * 3 + [("other", "18")] * 3
    )
