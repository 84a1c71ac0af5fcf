"""VICIdial's recording_log tells of which call and agent a recording is."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from ccfs.db import schema
from tests.ingest.ingest_site import IngestSite, build_cdr_line, make_wav
from tests.ingest.tables.switch_database import SwitchTables, create_mariadb_tables
from tests.ingest.tables.test_tables import ingest
from tests.ingest.test_watch import has_rows, run_watch
from tests.mariadb import MariaDbServer
from tests.waiting import wait_until

VICIDIAL = (
    """CREATE TABLE recording_log (recording_id INT(10) UNSIGNED AUTO_INCREMENT PRIMARY KEY NOT NULL, channel VARCHAR(100),
    server_ip VARCHAR(15), extension VARCHAR(100), start_time DATETIME, start_epoch INT(10) UNSIGNED, end_time DATETIME,
    end_epoch INT(10) UNSIGNED, length_in_sec MEDIUMINT(8) UNSIGNED, length_in_min DOUBLE(8,2), filename VARCHAR(100),
    location VARCHAR(255), lead_id INT(9) UNSIGNED, user VARCHAR(20), vicidial_id VARCHAR(20), index(filename), index(lead_id),
    index(user), index(vicidial_id)) ENGINE=MyISAM""",
    """CREATE TABLE vicidial_closer_log (closecallid INT(9) UNSIGNED AUTO_INCREMENT PRIMARY KEY NOT NULL, campaign_id VARCHAR(20),
    call_date DATETIME, phone_number VARCHAR(18), user VARCHAR(20), uniqueid VARCHAR(20) NOT NULL default '', index (uniqueid))
    ENGINE=MyISAM""",
    """CREATE TABLE vicidial_log (uniqueid VARCHAR(20) PRIMARY KEY NOT NULL, campaign_id VARCHAR(8), call_date DATETIME,
    phone_number VARCHAR(18), user VARCHAR(20), index (call_date)) ENGINE=MyISAM""",
)


@pytest.fixture
def vicidial(mariadb_server: MariaDbServer) -> Iterator[SwitchTables]:
    with create_mariadb_tables(mariadb_server, *VICIDIAL) as tables:
        tables.insert(
            "vicidial_closer_log",
            {
                "closecallid": 5012,
                "campaign_id": "SALESLINE",
                "phone_number": "02079460123",
                "user": "6001",
                "uniqueid": "1705311000.77",
            },
        )
        tables.insert(
            "vicidial_log",
            {"uniqueid": "1705311300.90", "campaign_id": "OUT", "phone_number": "02079460555", "user": "6002"},
        )
        yield tables


RECORDINGS: list[dict[str, Any]] = [
    {
        "start_epoch": 1705311042,
        "end_epoch": 1705311102,
        "filename": "20240115-093042_02079460123_6001",
        "user": "6001",
        "vicidial_id": "5012",
    },
    {
        "start_epoch": 1705311310,
        "end_epoch": 1705311340,
        "filename": "20240115-093510_02079460555_6002",
        "user": "6002",
        "vicidial_id": "1705311300.90",
    },
]


def test_vicidials_recording_log_tells_call_and_agent(ingest_site: IngestSite, vicidial: SwitchTables) -> None:
    vicidial.insert("recording_log", *RECORDINGS)
    for row, suffix in zip(RECORDINGS, ("-all", ""), strict=True):
        ingest_site.write_recording(f"{row['filename']}{suffix}.wav", make_wav(row["start_epoch"]))
    added = ingest(ingest_site, vicidial, query="?table=recording_log")
    assert (added["cdrs"], added["recordings"], added["missing"], added["warnings"]) == (2, 2, [], [])
    columns = ("call_id", "agent_id", "caller_no", "callee_no", "call_type", "current_skill_id")
    assert ingest_site.read_rows(schema.cdrs, *columns, order="begin") == [
        ("1705311000-77", "6001", "02079460123", "", 0, "SALESLINE"),
        ("1705311300-90", "6002", "6002", "02079460555", 7, ""),
    ]
    assert sorted(ingest_site.read_rows(schema.recordings, "call_id", "agent_id")) == [
        ("1705311000-77", "6001"),
        ("1705311300-90", "6002"),
    ]


def test_a_recording_of_vicidial_joins_the_call_of_its_cdr(ingest_site: IngestSite, vicidial: SwitchTables) -> None:
    vicidial.insert("recording_log", RECORDINGS[0])
    line = build_cdr_line(
        "1705311000.77", start="2024-01-15 09:30:00", answer="2024-01-15 09:30:02", end="2024-01-15 09:31:45", agent=""
    )
    ingest_site.write_recording(f"{RECORDINGS[0]['filename']}-all.wav", make_wav(1))
    assert ingest_site.ingest_asterisk(ingest_site.write_file("Master.csv", line))["cdrs"] == 1
    assert ingest(ingest_site, vicidial, query="?table=recording_log")["missing"] == []
    rows = ingest_site.read_rows(schema.cdrs, "call_id", "agent_id", order="begin")
    assert rows == [("1705311000-77", ""), ("1705311000-77", "6001")]
    assert ingest_site.read_rows(schema.recordings, "call_id", "agent_id") == [("1705311000-77", "6001")]


def test_a_recording_of_vicidial_waits_for_its_end(ingest_site: IngestSite, vicidial: SwitchTables) -> None:
    now = int(datetime.now(UTC).timestamp())
    vicidial.insert("recording_log", RECORDINGS[0], RECORDINGS[1] | {"start_epoch": now - 30, "end_epoch": None})
    with run_watch(
        ingest_site, "asterisk", "--cdr", f"{vicidial.url}?table=recording_log", **vicidial.settings
    ) as watch:
        wait_until(has_rows(ingest_site, cdrs=1))
        vicidial.execute(f"UPDATE recording_log SET end_epoch = {now - 2}, length_in_sec = 28 WHERE end_epoch IS NULL")
        wait_until(has_rows(ingest_site, cdrs=2))
        vicidial.execute("UPDATE recording_log SET length_in_sec = 27, location = 'http://10.0.0.9/RECORDINGS/x.mp3'")
        added = watch.stop()
    assert (added["cdrs"], added["refused"]) == (2, [])


def test_a_recording_that_never_ended_is_rejected(ingest_site: IngestSite, vicidial: SwitchTables) -> None:
    vicidial.insert("recording_log", RECORDINGS[0] | {"end_epoch": None})
    [rejection] = ingest(ingest_site, vicidial, query="?table=recording_log")["refused"]
    assert rejection["reason"] == "the line has neither an end time nor a duration"
