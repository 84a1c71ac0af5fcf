"""FreeSWITCH's tables: FusionPBX's v_xml_cdr, and one with the columns of mod_cdr_csv."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from ccfs.db import schema
from tests.ingest.ingest_site import IngestSite, make_wav
from tests.ingest.tables.switch_database import SwitchTables, create_postgres_tables

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


@pytest.fixture
def fusionpbx(postgres_url: str) -> Iterator[SwitchTables]:
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
