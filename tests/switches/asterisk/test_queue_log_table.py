"""Rows of the queue log's realtime table give the lines that Asterisk's own file gives."""

import time
from datetime import UTC, datetime

import pytest

from ccfs.switches.asterisk import queue_log, queue_log_table
from ccfs.switches.records import UnreadableLine

FILE = b"1705311045|1705311042.118|600|PJSIP/1001|CONNECT|2|1705311043.119|2\n"
HEADER = "id,time,callid,queuename,agent,event,data1,data2,data3,data4,data5"


def parse(lines: list[str], zone: str = "Europe/London") -> list[queue_log.QueueLine]:
    sample = [f"{line}\n".encode() for line in lines]
    layout = queue_log_table.detect_layout(sample)
    assert layout is not None
    return [line for raw in sample if (line := queue_log_table.parse_line(raw, layout, zone))]


@pytest.mark.parametrize(
    "lines",
    [
        [HEADER, "1,2024-01-15 09:30:45,1705311042.118,600,PJSIP/1001,CONNECT,2,1705311043.119,2,,"],
        [
            HEADER.replace(",", ";"),
            '"1";"2024-01-15 09:30:45";1705311042.118;600;PJSIP/1001;connect;2;1705311043.119;2',
        ],
        [
            "time\tcallid\tqueue\tagent\tevent\tdata",
            "1705311045\t1705311042.118\t600\tPJSIP/1001\tCONNECT\t2|1705311043.119|2",
        ],
        ["7,2024-01-15 09:30:45,1705311042.118,600,PJSIP/1001,CONNECT,2,1705311043.119,2,NULL,NULL"],
        ['"2024-01-15 09:30:45","1705311042.118","600","PJSIP/1001","CONNECT","2","1705311043.119","2","",""'],
    ],
    ids=["header", "semicolons", "old table", "no header", "no id"],
)
def test_a_row_of_the_table_is_the_line_of_the_file(lines: list[str]) -> None:
    assert parse(lines) == [queue_log.parse_line(FILE)]


def test_local_times_are_in_the_zone_of_the_switch() -> None:
    [line] = parse(
        [HEADER, "1,2024-01-15 17:30:45.250000,NONE,600,Local/1001@from-queue/n,PAUSE,lunch"], "Asia/Shanghai"
    )
    assert line.occurred_at == datetime(2024, 1, 15, 9, 30, 45, 250000, tzinfo=UTC)
    assert (line.leg_id, line.arguments) == ("", ("lunch",))


def test_an_hour_that_comes_twice_is_decided_by_the_callers_channel() -> None:
    [line] = parse([HEADER, "1,2024-10-27 01:30:00,1729992600.1,600,NONE,ENTERQUEUE,,02079460123,1"])
    assert line.occurred_at == datetime(2024, 10, 27, 1, 30, tzinfo=UTC)


@pytest.mark.parametrize("sample", [[FILE], [], [b"nonsense\n"], [b"a,b,c,d,e,f\n"]])
def test_other_files_are_no_table(sample: list[bytes]) -> None:
    assert queue_log_table.detect_layout(sample) is None


def test_a_row_without_a_time_is_rejected() -> None:
    layout = queue_log_table.detect_layout([HEADER.encode()])
    assert layout is not None
    with pytest.raises(UnreadableLine, match="no time"):
        queue_log_table.parse_line(b"1,,1705311042.118,600,NONE,ENTERQUEUE\n", layout, "UTC")


def test_detection_takes_time_in_proportion_to_the_length() -> None:
    started = time.perf_counter()
    for text in ('"', "|", ",", "\\", "NULL,"):
        queue_log_table.detect_layout([text.encode() * (60_000 // len(text))] * 5)
    assert time.perf_counter() - started < 5
