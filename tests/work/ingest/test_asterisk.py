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
from tests.cli.command import ccfs
from tests.work.ingest.given import ACCOUNT, AK, ASTERISK, Place, Prepare, line

CDRS = schema.cdrs.c
LINES = [
    line(sequence=1, queue="sales", agent="1001", end="2024-01-15 09:31:10", disposition="NO ANSWER"),
    line(sequence=4, queue="sales", agent="1002", start="2024-01-15 09:31:10", answer="2024-01-15 09:31:16"),
    line(sequence=6, agent="1003", leg="1705311042.130", start="2024-01-15 09:32:00", answer="2024-01-15 09:32:04"),
]
VISIT = ["1705311052|1705311042.118|sales|NONE|ENTERQUEUE||02079460123|1\n"]
VISIT += ["1705311076|1705311042.118|sales|PJSIP/1002|CONNECT|24|1705311070.121|6\n"]
VISIT += ["1705311120|1705311042.118|sales|PJSIP/1002|BLINDTRANSFER|1003|internal|24|44|1\n"]


def sample(place: Place, name: str) -> tuple[Path, Path]:
    """A CDR file and a queue log of the samples, in the place."""
    shutil.copytree(ASTERISK / name, place.switch / name)
    return place.switch / name / "Master.csv", place.switch / name / "queue_log"


def calls(place: Place) -> list[dict[str, Any]]:
    """All CDR rows by call and number, without what only says when they were written."""
    with place.node.database.read_transaction() as connection:
        found = connection.execute(sa.select(schema.cdrs).order_by(CDRS.call_id, CDRS.leg_order, CDRS.line_key))
        return [{name: value for name, value in row._mapping.items() if name != "id"} for row in found]


def clock(moment: Any) -> str:
    """As the samples write an instant."""
    return f"{moment:%Y-%m-%dT%H:%M:%S}" if moment else ""


def operations(place: Place) -> list[tuple[object, ...]]:
    """Agent operations, each with its end."""
    return sorted(place.rows(schema.agent_operations, "agent_id", "begin", "end", "op_type", "call_id"), key=str)


def test_legs_become_numbered_rows_of_their_call(each_place: Place) -> None:
    cdr, log = sample(each_place, "plain")
    added = each_place.asterisk(cdr, "--queue-log", log)
    with open(cdr, "rb") as file:
        count = len(file.readlines())
    assert (added["cdrs"], added["agent_operations"], added["refused"]) == (count, 9, [])
    rows = {name: list(rows) for name, rows in itertools.groupby(calls(each_place), lambda row: row["call_id"])}
    [first, second] = next(rows[name] for name in rows if len(rows[name]) == 2)
    assert [row["call_id_num"] for row in (first, second)] == [1, LAST_LEG]
    assert [row["call_id_num"] for row in next(rows[name] for name in rows if len(rows[name]) == 3)] == [1, 2, LAST_LEG]
    assert {row["call_id_num"] for some in rows.values() if len(some) == 1 for row in some} == {LAST_LEG}
    assert all(len(str(name)) <= 25 for name in rows)


@pytest.mark.parametrize("name", ["plain", "freepbx"])
def test_a_queue_log_tells_the_same_before_and_after_the_cdrs(name: str, prepare: Prepare) -> None:
    places = [prepare() for _ in ("together", "cdrs first", "bit by bit")]
    for place in places:
        cdr, log = sample(place, name)
        if place is places[0]:
            place.asterisk(cdr, "--queue-log", log)
        elif place is places[1]:
            place.asterisk(cdr)
            assert place.asterisk(cdr, "--queue-log", log)["cdrs"] == 0
        else:
            place.asterisk(cdr)
            lines = log.read_bytes().splitlines(keepends=True)
            for number in range(0, len(lines), 3):
                place.asterisk(cdr, "--queue-log", place.leave(f"log/{number}", b"".join(lines[number : number + 3])))
    assert calls(places[0]) == calls(places[1]) == calls(places[2])
    assert operations(places[0]) == operations(places[1]) == operations(places[2])
    with (ASTERISK / name / "expected.csv").open(newline="") as file:
        expected = sorted((row["call_begin"], row["wait_begin"]) for row in csv.DictReader(file))
    found = [tuple(clock(row[when]) for when in ("call_begin", "wait_begin")) for row in calls(places[2])]
    assert sorted(found) == expected


def test_lines_that_come_in_any_order_and_in_several_runs_end_the_same(prepare: Prepare) -> None:
    whole = prepare()
    whole.asterisk(whole.leave("Master.csv", "".join(LINES)), "--queue-log", whole.leave("queue_log", "".join(VISIT)))
    first, second, third = calls(whole)
    assert [row["call_id_num"] for row in (first, second, third)] == [1, 2, LAST_LEG]
    assert (second["leave_reason"], second["pre_device_type"]) == (LeaveReason.TRANSFERRED_OUT, DeviceType.QUEUE)
    assert (third["pre_device_type"], third["pre_device_no"]) == (DeviceType.AGENT, 1002)
    for order in (LINES[::-1], LINES[1:] + LINES[:1], LINES[:1] + LINES[:0:-1]):
        place = prepare()
        cdr, log = place.leave("Master.csv", ""), place.leave("queue_log", "")
        for text, told in zip(order, reversed(VISIT), strict=True):
            cdr.write_text(cdr.read_text() + text)
            log.write_text(log.read_text() + told)
            place.asterisk(cdr, "--queue-log", log, CCFS_SETTLE_SECONDS="0")
        assert calls(place) == calls(whole)


def test_a_queues_leg_stands_for_the_agent_unless_the_agent_has_one_of_its_own(prepare: Prepare) -> None:
    queued = line(sequence=1, queue="sales", agent="", answer="2024-01-15 09:30:43")
    own = line(
        sequence=2, agent="1002", leg="1705311070.121", start="2024-01-15 09:31:10", answer="2024-01-15 09:31:16"
    )
    for order, devices in (
        ([queued], [(DeviceType.AGENT, 1002)]),
        ([queued, own], [(DeviceType.QUEUE, 60001), (DeviceType.AGENT, 1002)]),
        ([own, queued], [(DeviceType.QUEUE, 60001), (DeviceType.AGENT, 1002)]),
    ):
        place = prepare()
        log = place.leave("queue_log", "".join(VISIT))
        for number, text in enumerate(order):
            place.asterisk(place.leave(f"{number}.csv", text), "--queue-log", log)
        assert [(row["device_type"], row["device_no"]) for row in calls(place)] == devices
        talks = [row["call_begin"] for row in calls(place) if row["call_begin"]]
        assert [f"{talk:%H:%M:%S}" for talk in talks] == ["09:31:16"]


def test_an_agents_operations_follow_each_other_even_if_todays_log_comes_before_yesterdays(prepare: Prepare) -> None:
    yesterday = "1705309342|MANAGER|sales|PJSIP/1001|ADDMEMBER|\n1705312000|NONE|sales|PJSIP/1001|PAUSE|lunch\n"
    yesterday += "1705312600|NONE|sales|PJSIP/1001|UNPAUSE|\n"
    today = yesterday.replace("17053", "17054")
    places = [prepare(), prepare()]
    for place, logs in zip(places, [(yesterday, today), (today, yesterday)], strict=True):
        for number, text in enumerate(logs):
            log = place.leave(f"queue_log.{number}", text)
            assert place.asterisk(place.leave("Master.csv", ""), "--queue-log", log)["agent_operations"] == 3
    assert operations(places[0]) == operations(places[1])
    spans = [(begin, end) for _, begin, end, *_ in operations(places[1])]
    assert [end for _, end in spans] == [*[begin for begin, _ in spans][1:], None]


def test_the_zone_is_found_by_the_uniqueids_and_reported_if_it_is_not_the_accounts(prepare: Prepare) -> None:
    place = prepare(zone="Asia/Shanghai")
    done = place.run("asterisk", "--cdr", place.leave("Master.csv", "".join(LINES)))
    [warning] = done.json["warnings"]
    assert "Master.csv" in warning
    assert "Asia/Shanghai" in warning
    assert warning in done.err
    assert {row["begin"].isoformat() for row in calls(place)} >= {"2024-01-15T09:30:42+00:00"}


def test_the_zone_given_wins_and_a_mismatch_is_reported(place: Place) -> None:
    cdr = place.leave("Master.csv", "".join(LINES))
    added = place.asterisk(cdr, "--zone", "America/New_York")
    assert "not America/New_York's as given" in added["warnings"][0]
    assert {row["begin"].isoformat() for row in calls(place)} >= {"2024-01-15T14:30:42+00:00"}


def test_lines_without_a_uniqueid_are_taken_to_be_in_the_accounts_zone_and_that_is_said(place: Place) -> None:
    short = line().rsplit(",", 5)[0] + "\n"
    [warning] = place.asterisk(place.leave("Master.csv", short))["warnings"]
    assert "taken to be Europe/London's" in warning


def test_a_line_that_cannot_be_read_is_refused_by_number_and_the_rest_goes_in(each_place: Place) -> None:
    damaged = LINES[1].replace('"2024-01-15 09:31:10"', '"yesterday"')
    cdr = each_place.leave("Master.csv", LINES[0] + damaged + "\n" + "nonsense\n" + LINES[2].replace("ANSWERED", "\0"))
    added = each_place.asterisk(cdr)
    assert added["cdrs"] == 1
    assert [(one["file"], one["line"]) for one in added["refused"]] == [(str(cdr), number) for number in (2, 4, 5)]
    assert all(one["reason"] for one in added["refused"])
    kept = each_place.rows(schema.ingest_errors, "line", "raw")
    assert kept[0] == (2, damaged.encode())


def test_columns_may_be_named_where_nobody_could_tell_them(place: Place) -> None:
    cdr = place.leave(
        "Master.csv", "1705311042.118;ignored\n".replace(";", ",2024-01-15 09:30:42,60,ANSWERED,1001,02079460123,")
    )
    assert place.run("asterisk", "--cdr", cdr).code == 1
    columns = "uniqueid,start,duration,disposition,dst,src,comment"
    assert place.asterisk(cdr, "--columns", columns)["cdrs"] == 1
    assert place.rows(schema.cdrs, "call_id", "caller_no", "callee_no") == [("1705311042-118", "02079460123", "1001")]


def test_one_switchs_files_may_be_shared_by_two_accounts_each_with_calls_of_its_own(place: Place) -> None:
    add = ("account", "add", "--app", AK, "--account", "other", "--vdn", "18", "--zone", "Europe/London")
    assert ccfs(*add, settings=place.environment).code == 0
    cdr = place.leave("Master.csv", "".join(LINES))
    theirs = ("ingest", "asterisk", "--app", AK, "--account", "other", "--vdn", "18", "--cdr", cdr, "--json")
    assert place.asterisk(cdr)["cdrs"] == ccfs(*theirs, settings=place.environment).json["cdrs"] == 3
    assert sorted(place.rows(schema.cdrs, "account_id", "vdn_id")) == [(ACCOUNT, "17")] * 3 + [("other", "18")] * 3
