"""Queue logs, VICIdial's recording_log and FusionPBX's v_xml_cdr as sources."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from ccfs.db import schema
from tests.ingest.ingest_site import IngestSite, build_cdr_line, make_wav
from tests.ingest.switch_database import SwitchTables, build_row, create_mariadb_tables, create_postgres_tables
from tests.ingest.test_tables import ingest
from tests.ingest.test_watch import has_rows, run_watch
from tests.mariadb import MariaDbServer
from tests.waiting import wait_until

QUEUE_LOG = """CREATE TABLE queue_log (id int(10) unsigned NOT NULL AUTO_INCREMENT, time {type} DEFAULT NULL,
    callid varchar(32) NOT NULL DEFAULT '', queuename varchar(32) NOT NULL DEFAULT '', agent varchar(32) NOT NULL DEFAULT '',
    event varchar(32) NOT NULL DEFAULT '', data1 varchar(100) NOT NULL DEFAULT '', data2 varchar(100) NOT NULL DEFAULT '',
    data3 varchar(100) NOT NULL DEFAULT '', data4 varchar(100) NOT NULL DEFAULT '', data5 varchar(100) NOT NULL DEFAULT '',
    PRIMARY KEY (id)) DEFAULT CHARSET=latin1"""
QUEUE_EVENTS = [  # seconds after 09:30:42, event, member, arguments
    (0, "ENTERQUEUE", "NONE", ("", "02079460123", "1")),
    (8, "CONNECT", "PJSIP/1001", ("8", "1705311042.119", "5")),
    (78, "COMPLETECALLER", "PJSIP/1001", ("8", "70", "1")),
]
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
UUID, BRIDGED, EXTENSION = (
    "aaaaaaaa-0000-4000-8000-000000000001",
    "bbbbbbbb-0000-4000-8000-000000000002",
    "e" * 8 + "-0000-4000-8000-000000000003",
)
FUSIONPBX = (
    """CREATE TABLE v_xml_cdr (xml_cdr_uuid uuid PRIMARY KEY, domain_uuid uuid, extension_uuid uuid, sip_call_id text,
    domain_name text, accountcode text, direction text, context text, caller_id_name text, caller_id_number text,
    caller_destination text, source_number text, destination_number text, start_epoch numeric, start_stamp timestamptz,
    answer_stamp timestamptz, answer_epoch numeric, end_epoch numeric, end_stamp timestamptz, duration numeric,
    mduration numeric, billsec numeric, billmsec numeric, bridge_uuid text, record_path text, record_name text,
    leg character(1), originating_leg_uuid uuid, last_app text, last_arg text, missed_call boolean, cc_side text,
    cc_queue_joined_epoch numeric, cc_queue text, cc_member_session_uuid uuid, cc_agent text,
    cc_queue_answered_epoch numeric, cc_queue_terminated_epoch numeric, cc_queue_canceled_epoch numeric,
    cc_cancel_reason text, hangup_cause text, hangup_cause_q850 numeric, sip_hangup_disposition text, json json,
    insert_date timestamptz);
    CREATE INDEX ON v_xml_cdr (start_epoch)""",
    "CREATE TABLE v_extensions (extension_uuid uuid PRIMARY KEY, extension text)",
)
CHANNEL = {
    "xml_cdr_uuid": UUID,
    "direction": "inbound",
    "context": "example.com",
    "caller_id_name": "Ann",
    "caller_id_number": "02079460123",
    "destination_number": "601",
    "start_epoch": 1705311042,
    "start_stamp": "2024-01-15 09:30:42+00",
    "answer_epoch": 1705311050,
    "end_epoch": 1705311120,
    "duration": 78,
    "billsec": 70,
    "leg": "a",
    "bridge_uuid": BRIDGED,
    "extension_uuid": EXTENSION,
    "hangup_cause": "NORMAL_CLEARING",
    "hangup_cause_q850": 16,
    "record_path": "/var/lib/freeswitch/recordings/example.com/archive/2024/Jan/15",
    "record_name": "ann.wav",
}


DOCUMENT = {  # of mod_json_cdr
    "variables": {
        "uuid": UUID,
        "direction": "inbound",
        "call_direction": "outbound",
        "user_name": "1002",
        "caller_id_number": "1002",
        "destination_number": "02079460777",
        "start_epoch": "1705311042",
        "answer_epoch": "1705311050",
        "end_epoch": "1705311120",
        "hangup_cause": "NORMAL_CLEARING",
    }
}


def format_queue_time(seconds: int, kind: str) -> str:
    """Return the time of an event as a realtime table of this type has it, on a switch in London."""
    instant = datetime.fromtimestamp(1705311042 + seconds, UTC)
    return f"{instant.timestamp():.0f}" if kind == "char(10)" else f"{instant:%Y-%m-%d %H:%M:%S.%f}"


def insert_queue_events(tables: SwitchTables, kind: str) -> None:
    for seconds, event, agent, data in QUEUE_EVENTS:
        arguments = {f"data{number}": value for number, value in enumerate(data, 1)}
        row = {"time": format_queue_time(seconds, kind), "callid": "1705311042.118", "queuename": "600"}
        tables.insert("queue_log", row | {"agent": agent, "event": event} | arguments)


@pytest.mark.parametrize("kind", ["char(10)", "char(26)", "datetime(6)", "timestamp(6) NULL"])
@pytest.mark.parametrize("has_cdr_table", [True, False])
def test_a_queue_log_table_tells_who_answered(
    ingest_site: IngestSite, mariadb_server: MariaDbServer, kind: str, has_cdr_table: bool, freepbx: SwitchTables
) -> None:
    cdr = ingest_site.write_file("Master.csv", build_cdr_line(queue="600", agent=""))
    with create_mariadb_tables(mariadb_server, QUEUE_LOG.format(type=kind)) as tables:
        insert_queue_events(tables, kind)
        source: object = cdr
        if has_cdr_table:
            freepbx.insert(
                "cdr",
                build_row(
                    0,
                    uniqueid="1705311042.118",
                    linkedid="1705311042.118",
                    lastapp="Queue",
                    lastdata="600,t",
                    dstchannel="",
                ),
            )
            source = freepbx.url
        options = ("--cdr", source, "--queue-log", tables.url)
        added = ingest_site.run_ingest("asterisk", *options, **tables.settings).json
        assert (added["cdrs"], added["refused"]) == (1, [])
        assert ingest_site.read_rows(schema.cdrs, "agent_id", "ack_begin") == [
            ("1001", datetime(2024, 1, 15, 9, 30, 45, tzinfo=UTC))
        ]
        operations = ingest_site.read_rows(schema.agent_operations, "op_type", order="begin")
        assert operations == [4, 27]
        again = ingest_site.run_ingest("asterisk", *options, **tables.settings).json
    assert again["agent_operations"] == 0
    assert ingest_site.read_rows(schema.agent_operations, "op_type", order="begin") == operations


def test_a_queue_log_table_is_watched(ingest_site: IngestSite, mariadb_server: MariaDbServer) -> None:
    cdr = ingest_site.write_file("Master.csv", build_cdr_line(queue="600", agent=""))
    with create_mariadb_tables(mariadb_server, QUEUE_LOG.format(type="char(26)")) as tables:
        options = ("--cdr", cdr, "--queue-log", tables.url)
        with run_watch(ingest_site, "asterisk", *options, **tables.settings) as watch:
            wait_until(has_rows(ingest_site, cdrs=1))
            insert_queue_events(tables, "char(26)")
            wait_until(has_rows(ingest_site, agent_operations=2))
            tables.execute("DELETE FROM queue_log")  # a table that is emptied every night
            insert_queue_events(tables, "char(26)")
            assert watch.stop()["agent_operations"] == 2


@pytest.fixture
def vicidial(mariadb_server: MariaDbServer) -> Any:
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
    assert ingest(ingest_site, vicidial, query="?table=recording_log")["recordings"] == 1
    rows = ingest_site.read_rows(schema.cdrs, "call_id", "agent_id", order="begin")
    assert rows == [("1705311000-77", ""), ("1705311000-77", "6001")]
    assert ingest_site.read_rows(schema.recordings, "agent_id") == ["6001"]


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


@pytest.fixture
def fusionpbx(postgres_url: str) -> Any:
    with create_postgres_tables(postgres_url, *FUSIONPBX) as tables:
        tables.insert("v_extensions", {"extension_uuid": EXTENSION, "extension": "1001"})
        yield tables


def ingest_channels(site: IngestSite, tables: SwitchTables) -> Any:
    return site.run_ingest("freeswitch", "--cdr", tables.url, **tables.settings).json


def test_fusionpbxs_columns_tell_of_the_call(ingest_site: IngestSite, fusionpbx: SwitchTables) -> None:
    fusionpbx.insert("v_xml_cdr", CHANNEL)
    ingest_site.write_recording("2024/Jan/15/ann.wav", make_wav(1))
    added = ingest_channels(ingest_site, fusionpbx)
    assert (added["cdrs"], added["recordings"], added["refused"], added["missing"], added["warnings"]) == (
        1,
        1,
        [],
        [],
        [],
    )
    columns = ("agent_id", "caller_no", "callee_no", "call_type", "begin", "call_begin", "call_end", "release_cause")
    at = [datetime.fromtimestamp(1705311042 + seconds, UTC) for seconds in (0, 8, 78)]
    assert ingest_site.read_rows(schema.cdrs, *columns) == [("1001", "02079460123", "601", 0, *at, 16)]
    assert ingest_site.read_rows(schema.recordings, "agent_id") == ["1001"]
    again = ingest_channels(ingest_site, fusionpbx)
    assert (again["cdrs"], again["known"]) == (0, 1)


@pytest.mark.parametrize("table_first", [True, False])
@pytest.mark.parametrize("place", ["column", "table"])
def test_fusionpbxs_stored_document_is_the_file_of_mod_json_cdr(
    ingest_site: IngestSite, fusionpbx: SwitchTables, place: str, table_first: bool
) -> None:
    file = ingest_site.write_file("cdr/a.cdr.json", json.dumps(DOCUMENT))
    row = {name: CHANNEL[name] for name in ("xml_cdr_uuid", "start_epoch", "start_stamp")}
    if place == "column":
        fusionpbx.insert("v_xml_cdr", row | {"json": json.dumps(DOCUMENT)})
    else:
        fusionpbx.execute(
            "CREATE TABLE v_xml_cdr_json (xml_cdr_json_uuid uuid PRIMARY KEY, xml_cdr_uuid uuid, json jsonb)"
        )
        fusionpbx.execute("CREATE INDEX ON v_xml_cdr_json (xml_cdr_uuid)")
        fusionpbx.insert("v_xml_cdr", row)
        fusionpbx.insert(
            "v_xml_cdr_json", {"xml_cdr_json_uuid": BRIDGED, "xml_cdr_uuid": UUID, "json": json.dumps(DOCUMENT)}
        )
    runs: list[Callable[[], Any]] = [
        lambda: ingest_channels(ingest_site, fusionpbx),
        lambda: ingest_site.ingest_freeswitch(file),
    ]
    first, second = (run() for run in (runs if table_first else runs[::-1]))
    assert (first["cdrs"], second["cdrs"], second["known"]) == (1, 0, 1)
    assert ingest_site.read_rows(schema.cdrs, "agent_id", "callee_no", "call_type") == [("1002", "02079460777", 7)]


def test_a_stored_document_that_is_too_long_or_damaged_is_left_out(
    ingest_site: IngestSite, fusionpbx: SwitchTables
) -> None:
    other = CHANNEL | {"xml_cdr_uuid": BRIDGED, "record_name": None}
    fusionpbx.insert(
        "v_xml_cdr", CHANNEL | {"json": json.dumps({"variables": {"x": "y" * (1 << 20)}})}, other | {"json": "[1]"}
    )
    assert ingest_channels(ingest_site, fusionpbx)["cdrs"] == 2


def test_a_table_with_the_columns_of_mod_cdr_csv(ingest_site: IngestSite, postgres_url: str) -> None:
    table = """CREATE TABLE cdr (id serial PRIMARY KEY, caller_id_name text, caller_id_number text, destination_number text,
        context text, start_stamp timestamptz, answer_stamp timestamptz, end_stamp timestamptz, duration int, billsec int,
        hangup_cause text, uuid uuid, bleg_uuid uuid, accountcode text)"""
    with create_postgres_tables(postgres_url, table, "CREATE TABLE v_xml_cdr (a int)") as tables:
        tables.insert(
            "cdr",
            {
                "caller_id_number": "02079460123",
                "destination_number": "1001",
                "context": "public",
                "start_stamp": "2024-01-15 17:30:42+08",
                "answer_stamp": "2024-01-15 17:30:50+08",
                "end_stamp": "2024-01-15 17:32:00+08",
                "duration": 78,
                "billsec": 70,
                "hangup_cause": "NORMAL_CLEARING",
                "uuid": UUID,
            },
        )
        result = ingest_site.run_ingest("freeswitch", "--cdr", f"{tables.url}&table=cdr")
        assert result.json["cdrs"] == 1
        unusable = ingest_site.run_ingest("freeswitch", "--cdr", tables.url)
    assert "the table v_xml_cdr has no CDRs of FreeSWITCH" in unusable.err
    assert ingest_site.read_rows(schema.cdrs, "begin", "agent_id") == [
        (datetime(2024, 1, 15, 9, 30, 42, tzinfo=UTC), "1001")
    ]
