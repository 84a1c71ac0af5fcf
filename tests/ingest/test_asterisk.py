"""What Asterisk leaves becomes calls, recordings and agent operations, on either database and in whatever order it comes."""

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


def copy_sample(place: IngestSite, name: str) -> tuple[Path, Path]:
    """A CDR file and a queue log of the samples, in the place."""
    shutil.copytree(ASTERISK_SAMPLES / name, place.switch_folder / name)
    return place.switch_folder / name / "Master.csv", place.switch_folder / name / "queue_log"


def read_calls(place: IngestSite) -> list[dict[str, Any]]:
    """All CDR rows by call and number, without what only says when they were written."""
    with place.node.database.read_transaction() as connection:
        found = connection.execute(
            sa.select(schema.cdrs).order_by(CDR_COLUMNS.call_id, CDR_COLUMNS.leg_order, CDR_COLUMNS.source_key)
        )
        return [{name: value for name, value in row._mapping.items() if name != "id"} for row in found]


def format_time(moment: Any) -> str:
    """As the samples write an instant."""
    return f"{moment:%Y-%m-%dT%H:%M:%S}" if moment else ""


def read_operations(place: IngestSite) -> list[tuple[object, ...]]:
    """Agent operations, each with its end."""
    return sorted(place.read_rows(schema.agent_operations, "agent_id", "begin", "end", "op_type", "call_id"), key=str)


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
def test_a_queue_log_tells_the_same_before_and_after_the_cdrs(name: str, create_site: CreateSite) -> None:
    places = [create_site() for _ in ("together", "cdrs first", "bit by bit")]
    for place in places:
        cdr, log = copy_sample(place, name)
        if place is places[0]:
            place.ingest_asterisk(cdr, "--queue-log", log)
        elif place is places[1]:
            place.ingest_asterisk(cdr)
            assert place.ingest_asterisk(cdr, "--queue-log", log)["cdrs"] == 0
        else:
            place.ingest_asterisk(cdr)
            lines = log.read_bytes().splitlines(keepends=True)
            for number in range(0, len(lines), 3):
                place.ingest_asterisk(
                    cdr, "--queue-log", place.write_file(f"log/{number}", b"".join(lines[number : number + 3]))
                )
    assert read_calls(places[0]) == read_calls(places[1]) == read_calls(places[2])
    assert read_operations(places[0]) == read_operations(places[1]) == read_operations(places[2])
    with (ASTERISK_SAMPLES / name / "expected.csv").open(newline="") as file:
        expected = sorted((row["call_begin"], row["wait_begin"]) for row in csv.DictReader(file))
    found = [tuple(format_time(row[when]) for when in ("call_begin", "wait_begin")) for row in read_calls(places[2])]
    assert sorted(found) == expected


def test_lines_that_come_in_any_order_and_in_several_runs_end_the_same(create_site: CreateSite) -> None:
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
        place = create_site()
        cdr, log = place.write_file("Master.csv", ""), place.write_file("queue_log", "")
        for text, told in zip(order, reversed(VISIT_LINES), strict=True):
            cdr.write_text(cdr.read_text() + text)
            log.write_text(log.read_text() + told)
            place.ingest_asterisk(cdr, "--queue-log", log, CCFS_SETTLE_SECONDS="0")
        assert read_calls(place) == read_calls(whole)


def test_a_queues_leg_stands_for_the_agent_unless_the_agent_has_one_of_its_own(create_site: CreateSite) -> None:
    queued = build_cdr_line(sequence=1, queue="sales", agent="", answer="2024-01-15 09:30:43")
    own = build_cdr_line(
        sequence=2, agent="1002", leg="1705311070.121", start="2024-01-15 09:31:10", answer="2024-01-15 09:31:16"
    )
    for order, devices in (
        ([queued], [(DeviceType.AGENT, 1002)]),
        ([queued, own], [(DeviceType.QUEUE, 60001), (DeviceType.AGENT, 1002)]),
        ([own, queued], [(DeviceType.QUEUE, 60001), (DeviceType.AGENT, 1002)]),
    ):
        place = create_site()
        log = place.write_file("queue_log", "".join(VISIT_LINES))
        for number, text in enumerate(order):
            place.ingest_asterisk(place.write_file(f"{number}.csv", text), "--queue-log", log)
        assert [(row["device_type"], row["device_no"]) for row in read_calls(place)] == devices
        talks = [row["call_begin"] for row in read_calls(place) if row["call_begin"]]
        assert [f"{talk:%H:%M:%S}" for talk in talks] == ["09:31:16"]


def test_an_agents_operations_follow_each_other_even_if_todays_log_comes_before_yesterdays(
    create_site: CreateSite,
) -> None:
    yesterday = "1705309342|MANAGER|sales|PJSIP/1001|ADDMEMBER|\n1705312000|NONE|sales|PJSIP/1001|PAUSE|lunch\n"
    yesterday += "1705312600|NONE|sales|PJSIP/1001|UNPAUSE|\n"
    today = yesterday.replace("17053", "17054")
    places = [create_site(), create_site()]
    for place, logs in zip(places, [(yesterday, today), (today, yesterday)], strict=True):
        for number, text in enumerate(logs):
            log = place.write_file(f"queue_log.{number}", text)
            assert (
                place.ingest_asterisk(place.write_file("Master.csv", ""), "--queue-log", log)["agent_operations"] == 3
            )
    assert read_operations(places[0]) == read_operations(places[1])
    spans = [(begin, end) for _, begin, end, *_ in read_operations(places[1])]
    assert [end for _, end in spans] == [*[begin for begin, _ in spans][1:], None]


def test_the_zone_is_found_by_the_uniqueids_and_reported_if_it_is_not_the_accounts(create_site: CreateSite) -> None:
    place = create_site(zone="Asia/Shanghai")
    done = place.run_ingest("asterisk", "--cdr", place.write_file("Master.csv", "".join(LINES)))
    [warning] = done.json["warnings"]
    assert "Master.csv" in warning
    assert "Asia/Shanghai" in warning
    assert warning in done.err
    assert {row["begin"].isoformat() for row in read_calls(place)} >= {"2024-01-15T09:30:42+00:00"}


def test_the_zone_given_wins_and_a_mismatch_is_reported(ingest_site: IngestSite) -> None:
    cdr = ingest_site.write_file("Master.csv", "".join(LINES))
    added = ingest_site.ingest_asterisk(cdr, "--zone", "America/New_York")
    assert "not America/New_York's as given" in added["warnings"][0]
    assert {row["begin"].isoformat() for row in read_calls(ingest_site)} >= {"2024-01-15T14:30:42+00:00"}


def test_lines_without_a_uniqueid_are_taken_to_be_in_the_accounts_zone_and_that_is_said(
    ingest_site: IngestSite,
) -> None:
    short = build_cdr_line().rsplit(",", 5)[0] + "\n"
    [warning] = ingest_site.ingest_asterisk(ingest_site.write_file("Master.csv", short))["warnings"]
    assert "assumed to be Europe/London's" in warning


def test_a_line_that_cannot_be_read_is_refused_by_number_and_the_rest_goes_in(each_ingest_site: IngestSite) -> None:
    damaged = LINES[1].replace('"2024-01-15 09:31:10"', '"yesterday"')
    cdr = each_ingest_site.write_file(
        "Master.csv", LINES[0] + damaged + "\n" + "nonsense\n" + LINES[2].replace("ANSWERED", "\0")
    )
    added = each_ingest_site.ingest_asterisk(cdr)
    assert added["cdrs"] == 1
    assert [(one["file"], one["line"]) for one in added["refused"]] == [(str(cdr), number) for number in (2, 4, 5)]
    assert all(one["reason"] for one in added["refused"])
    kept = each_ingest_site.read_rows(schema.ingest_errors, "line", "raw")
    assert kept[0] == (2, damaged.encode())


def test_columns_may_be_named_where_nobody_could_tell_them(ingest_site: IngestSite) -> None:
    cdr = ingest_site.write_file(
        "Master.csv", "1705311042.118;ignored\n".replace(";", ",2024-01-15 09:30:42,60,ANSWERED,1001,02079460123,")
    )
    assert ingest_site.run_ingest("asterisk", "--cdr", cdr).code == 1
    columns = "uniqueid,start,duration,disposition,dst,src,comment"
    assert ingest_site.ingest_asterisk(cdr, "--columns", columns)["cdrs"] == 1
    assert ingest_site.read_rows(schema.cdrs, "call_id", "caller_no", "callee_no") == [
        ("1705311042-118", "02079460123", "1001")
    ]


def test_one_switchs_files_may_be_shared_by_two_accounts_each_with_calls_of_its_own(ingest_site: IngestSite) -> None:
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
