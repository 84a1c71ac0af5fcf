"""Two sources that tell of one call give one call: Master.csv and the table, in either order, and a table that was moved."""

import itertools
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from ccfs.db import schema
from tests.ingest.ingest_site import CreateSite, IngestSite, make_wav
from tests.ingest.tables.switch_database import (
    FREEPBX_CDR,
    Row,
    SwitchTables,
    build_row,
    create_mariadb_tables,
    to_csv_line,
)
from tests.ingest.tables.test_tables import ingest
from tests.mariadb import MariaDbServer

# A call of three lines: a queue attempt that nobody answers, the answered one, and the line of the agent's Local channel.
CALL = "1705311042.100"
ROWS = [
    build_row(0, lastapp="Queue", lastdata="600,t", disposition="NO ANSWER", billsec=0, duration=20, sequence=1),
    build_row(
        0,
        calldate="2024-01-15 09:31:02",
        lastapp="Queue",
        lastdata="600,t",
        dstchannel="PJSIP/1002-00000001",
        sequence=2,
    ),
    build_row(0, uniqueid="1705311062.102", channel="Local/1002@q-1;2", dstchannel="PJSIP/1002-00000002", sequence=3),
]
WrittenLine = Callable[[Row], str]


def shift_to_utc(row: Row) -> str:
    """Return the line of a switch in Shanghai whose cdr_csv has usegmtime."""
    begin = datetime.fromisoformat(row["calldate"]) - timedelta(hours=8)
    return to_csv_line(row | {"calldate": f"{begin:%Y-%m-%d %H:%M:%S}"})


def round_up(row: Row) -> str:
    """Return the line with durations that another backend rounded."""
    return to_csv_line(row | {"duration": row["duration"] + 1, "billsec": row["billsec"] + (row["billsec"] > 0)})


def write_exact(row: Row) -> str:
    """Return the line with durations to the microsecond, as cdr_custom's hrtime writes them."""
    return to_csv_line(row, duration=f"{row['duration']}.900000", billsec=f"{row['billsec']}.000000")


WAYS: dict[str, WrittenLine] = {
    "as the table": to_csv_line,
    "rounded": round_up,
    "exact": write_exact,
    "without ids": lambda row: to_csv_line(row, has_ids=False, has_linkedid=False),
    "without linkedid": lambda row: to_csv_line(row, has_linkedid=False),
}


def list_legs(site: IngestSite) -> list[tuple[Any, ...]]:
    return sorted(site.read_rows(schema.cdrs, "call_id", "agent_id", "call_id_num", "begin", "switch_leg_id"))


@pytest.mark.parametrize(("way", "table_first"), list(itertools.product(WAYS, (True, False))))
def test_a_file_and_a_table_give_each_line_once(
    ingest_site: IngestSite, create_site: CreateSite, freepbx: SwitchTables, way: str, table_first: bool
) -> None:
    freepbx.insert("cdr", *ROWS, build_row(5))
    cdr = ingest_site.write_file("Master.csv", "".join(map(WAYS[way], [*ROWS, build_row(5)])))
    runs: list[Callable[[], Any]] = [lambda: ingest(ingest_site, freepbx), lambda: ingest_site.ingest_asterisk(cdr)]
    first, second = (run() for run in (runs if table_first else runs[::-1]))
    assert (first["cdrs"], second["cdrs"], second["known"]) == (4, 0, 4)
    alone = create_site()
    ingest(alone, freepbx)
    assert list_legs(ingest_site) == list_legs(alone)  # with all ids, whichever source came first
    again = ingest_site.read_rows(schema.cdrs)
    assert ingest(ingest_site, freepbx)["cdrs"] == 0
    assert ingest_site.read_rows(schema.cdrs) == again


@pytest.mark.parametrize("table_first", [True, False])
def test_a_file_in_utc_and_a_table_in_local_time_give_each_line_once(
    create_site: CreateSite, freepbx: SwitchTables, table_first: bool
) -> None:
    site = create_site(zone="Asia/Shanghai")
    rows = [build_row(n, calldate=f"2024-01-15 17:{30 + n}:42") for n in range(20)]
    freepbx.insert("cdr", *rows)
    cdr = site.write_file("Master.csv", "".join(map(shift_to_utc, rows)))
    runs: list[Callable[[], Any]] = [lambda: ingest(site, freepbx), lambda: site.ingest_asterisk(cdr)]
    first, second = (run() for run in (runs if table_first else runs[::-1]))
    assert (first["cdrs"], second["cdrs"], second["known"]) == (20, 0, 20)


@pytest.mark.parametrize(
    ("way", "table_first"), list(itertools.product(("as the table", "without linkedid"), (True, False)))
)
@pytest.mark.parametrize("column", ["recordingfile", "userfield"])
def test_a_recording_that_only_the_table_names_is_matched(
    ingest_site: IngestSite, freepbx: SwitchTables, column: str, way: str, table_first: bool
) -> None:
    plain = [build_row(0), build_row(1)]
    freepbx.insert("cdr", plain[0], plain[1] | {column: "ann-talks.wav"})
    ingest_site.write_recording("ann-talks.wav", make_wav(1))
    cdr = ingest_site.write_file("Master.csv", "".join(map(WAYS[way], plain)))
    runs: list[Callable[[], Any]] = [lambda: ingest(ingest_site, freepbx), lambda: ingest_site.ingest_asterisk(cdr)]
    results = [run() for run in (runs if table_first else runs[::-1])]
    assert [result["cdrs"] for result in results] == [2, 0]
    assert ingest_site.read_rows(schema.recordings, "call_id") == ["1705311102-101"]
    assert [result["missing"] for result in results] == [[], []]
    assert ingest_site.read_rows(schema.expected_recordings) == []


def test_a_recording_without_audio_that_only_the_table_names_is_not_missing(
    ingest_site: IngestSite, freepbx: SwitchTables
) -> None:
    freepbx.insert("cdr", build_row(0, recordingfile="1705311042.100.wav"))
    ingest_site.write_recording("1705311042.100.wav", make_wav(1, seconds=0))
    ingest_site.ingest_asterisk(ingest_site.write_file("Master.csv", to_csv_line(build_row(0))))
    assert ingest(ingest_site, freepbx)["missing"] == []
    assert ingest_site.read_rows(schema.expected_recordings) == []


def test_a_table_that_was_moved_to_another_server_gives_nothing_twice(
    ingest_site: IngestSite, mariadb_server: MariaDbServer
) -> None:
    numbered = FREEPBX_CDR.replace("CREATE TABLE cdr (", "CREATE TABLE cdr (id int AUTO_INCREMENT PRIMARY KEY,")
    with create_mariadb_tables(mariadb_server, numbered) as old, create_mariadb_tables(mariadb_server, numbered) as new:
        old.insert("cdr", *(build_row(number) for number in range(30)))
        assert ingest(ingest_site, old)["cdrs"] == 30
        new.insert("cdr", *(build_row(number, id=100 - number) for number in range(31)))
        moved = ingest(ingest_site, new)
    assert (moved["cdrs"], moved["known"]) == (1, 30)
    sources = ingest_site.read_rows(schema.source_cursors, "path")
    assert len(sources) == 2  # the other server's name is another source


def test_lines_that_differ_in_what_the_switch_says_stay_two(ingest_site: IngestSite, freepbx: SwitchTables) -> None:
    """A second attempt, the other half of a Local channel, and a forked CDR are lines of their own."""
    freepbx.insert("cdr", build_row(0, sequence=3))
    ingest(ingest_site, freepbx)
    others = [
        build_row(0, dstchannel="PJSIP/1001-00000009", sequence=4),
        build_row(0, uniqueid="1705311042.109"),
        build_row(0, duration=79, sequence=7),
        build_row(0, disposition="NO ANSWER", billsec=0, sequence=3),
        build_row(0, calldate="2024-01-15 09:30:43", sequence=3),
    ]
    cdr = ingest_site.write_file("Master.csv", "".join(map(to_csv_line, others)))
    assert ingest_site.ingest_asterisk(cdr)["cdrs"] == len(others)
