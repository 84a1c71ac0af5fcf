"""The realtime table queue_log is read as the file queue_log is."""

from datetime import UTC, datetime

import pytest

from ccfs.db import schema
from tests.ingest.ingest_site import IngestSite, build_cdr_line
from tests.ingest.tables.switch_database import SwitchTables, build_row, create_mariadb_tables
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
