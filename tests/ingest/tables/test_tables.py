"""CDR tables of a switch's database are ingested as its files are: new rows once, late and changed rows, too."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ccfs.db import schema
from tests.ingest.ingest_site import IngestSite, make_wav
from tests.ingest.tables.switch_database import (
    FREEPBX_CDR,
    SwitchTables,
    build_row,
    create_mariadb_tables,
    create_postgres_tables,
    to_start_columns,
)
from tests.ingest.test_watch import has_rows, run_watch
from tests.mariadb import MariaDbServer
from tests.waiting import wait_until


def ingest(site: IngestSite, tables: SwitchTables, *arguments: object, query: str = "", **settings: str) -> Any:
    """Return the result of one pass over a table of Asterisk."""
    more = tables.settings | settings
    return site.run_ingest("asterisk", "--cdr", tables.url + query, *arguments, **more).json


def insert_cdrs(tables: SwitchTables, *rows: dict[str, Any]) -> None:
    """Insert rows in the columns that the table has."""
    is_freepbx = tables.url.startswith("mysql")
    tables.insert("cdr", *(row if is_freepbx else to_start_columns(row) for row in rows))


def read_calls(site: IngestSite) -> list[tuple[Any, ...]]:
    columns = ("call_id", "agent_id", "caller_no", "begin", "call_begin", "call_end")
    return site.read_rows(schema.cdrs, *columns, order="begin")


def test_a_table_gives_the_calls_of_its_rows_once(ingest_site: IngestSite, each_cdr_table: SwitchTables) -> None:
    insert_cdrs(each_cdr_table, build_row(0), build_row(1, disposition="NO ANSWER", billsec=0))
    added = ingest(ingest_site, each_cdr_table)
    assert (added["cdrs"], added["refused"], added["warnings"]) == (2, [], [])
    begin = datetime(2024, 1, 15, 9, 30, 42, tzinfo=UTC)
    talk = begin + timedelta(seconds=8), begin + timedelta(seconds=78)
    assert read_calls(ingest_site) == [
        ("1705311042-100", "1001", "02079460123", begin, *talk),
        ("1705311102-101", "1001", "02079460123", begin + timedelta(minutes=1), None, None),
    ]
    before = ingest_site.read_rows(schema.cdrs)
    again = ingest(ingest_site, each_cdr_table)
    assert (again["cdrs"], again["known"]) == (0, 2)
    assert ingest_site.read_rows(schema.cdrs) == before
    insert_cdrs(each_cdr_table, build_row(2))
    assert ingest(ingest_site, each_cdr_table)["cdrs"] == 1


def test_local_times_are_read_by_the_second_in_the_uniqueid(
    ingest_site: IngestSite, each_cdr_table: SwitchTables
) -> None:
    shanghai = [build_row(n, calldate=f"2024-01-15 17:{30 + n}:42") for n in range(12)]
    insert_cdrs(each_cdr_table, *shanghai)
    added = ingest(ingest_site, each_cdr_table)
    assert added["cdrs"] == 12
    assert "UTC+08:00, not Europe/London's" in added["warnings"][0]
    assert read_calls(ingest_site)[0][3] == datetime(2024, 1, 15, 9, 30, 42, tzinfo=UTC)


def test_a_switch_in_utc_on_a_timestamp_column_with_a_zone(ingest_site: IngestSite, postgres_url: str) -> None:
    """PostgreSQL stores what Asterisk wrote in the zone of Asterisk's session, which is the server's."""
    columns = "start timestamptz, clid text, src text, dst text, channel text, dstchannel text, duration float8,"
    columns += " billsec float8, disposition text, uniqueid text, linkedid text, sequence int"
    with create_postgres_tables(
        postgres_url, f"CREATE TABLE cdr ({columns})", "CREATE INDEX ON cdr (start)", "SET TIME ZONE 'Asia/Shanghai'"
    ) as tables:
        wanted = ("clid", "src", "dst", "channel", "dstchannel", "duration", "billsec", "disposition", "uniqueid")
        for number in range(3):
            row = {name: value for name, value in build_row(number).items() if name in wanted}
            tables.insert("cdr", row | {"start": f"2024-01-15 09:{30 + number}:42.25+00"})
        added = ingest(ingest_site, tables)
    assert (added["cdrs"], added["refused"]) == (3, [])
    assert read_calls(ingest_site)[0][3] == datetime(2024, 1, 15, 9, 30, 42, 250_000, tzinfo=UTC)


def test_a_row_that_is_committed_late_is_not_lost(ingest_site: IngestSite, each_cdr_table: SwitchTables) -> None:
    """A call's row is written when the call ends, with the time of its begin: after rows of later calls."""
    insert_cdrs(each_cdr_table, *(build_row(number) for number in range(10, 20)))
    with run_watch(ingest_site, "asterisk", "--cdr", each_cdr_table.url, **each_cdr_table.settings) as watch:
        wait_until(has_rows(ingest_site, cdrs=10))
        insert_cdrs(each_cdr_table, build_row(9, duration=600, billsec=590))
        wait_until(has_rows(ingest_site, cdrs=11))
        added = watch.stop()
    assert (added["cdrs"], added["known"]) == (11, 0)


@pytest.mark.parametrize(("hours", "pause"), [(2, 61), (20, 901), (180, 86_401)])
def test_rows_of_long_calls_are_found_by_the_longer_overlaps(
    ingest_site: IngestSite, freepbx: SwitchTables, hours: int, pause: int
) -> None:
    freepbx.insert("cdr", *(build_row(60 * 200 + number) for number in range(3)))
    ingest(ingest_site, freepbx)
    freepbx.insert("cdr", build_row(60 * (200 - hours)))
    assert ingest(ingest_site, freepbx)["cdrs"] == 0
    rewind_last_read(ingest_site, pause)
    assert ingest(ingest_site, freepbx)["cdrs"] == 1


def rewind_last_read(site: IngestSite, seconds: int) -> None:
    """Make the table's overlaps look as if they were read so long ago."""
    with site.node.database.write_transaction() as connection:
        for row in connection.execute(schema.source_cursors.select()).mappings().all():
            stored = json.loads(row["first_line"])
            stored["read"] = {overlap: at - seconds for overlap, at in stored["read"].items()}
            update = schema.source_cursors.update().where(schema.source_cursors.c.path == row["path"])
            connection.execute(update.values(first_line=json.dumps(stored)))


def test_a_recording_that_a_row_names_later_is_matched(ingest_site: IngestSite, freepbx: SwitchTables) -> None:
    freepbx.insert("cdr", build_row(0), build_row(1))
    ingest_site.write_recording("ann.wav", make_wav(1))
    with run_watch(ingest_site, "asterisk", "--cdr", freepbx.url, **freepbx.settings) as watch:
        wait_until(has_rows(ingest_site, cdrs=2))
        freepbx.execute("UPDATE cdr SET recordingfile = 'ann.wav' WHERE sequence = 1")
        wait_until(has_rows(ingest_site, recordings=1))
        assert watch.stop()["cdrs"] == 2
    assert ingest_site.read_rows(schema.recordings, "call_id") == ["1705311102-101"]


def test_many_rows_of_one_second_are_read_whole(ingest_site: IngestSite, freepbx: SwitchTables) -> None:
    rows = [
        build_row(0, channel=f"PJSIP/trunk-{n:08x}", uniqueid=f"1705311042.{n}", linkedid=f"1705311042.{n}")
        for n in range(4500)
    ]
    freepbx.insert("cdr", build_row(-1), *rows, build_row(1))
    assert ingest(ingest_site, freepbx)["cdrs"] == 4502


def test_a_row_with_a_time_in_the_future_hides_no_later_ones(ingest_site: IngestSite, freepbx: SwitchTables) -> None:
    freepbx.insert("cdr", build_row(0), build_row(1, calldate="2099-01-01 00:00:00", uniqueid="", linkedid=""))
    ingest(ingest_site, freepbx)
    freepbx.insert("cdr", build_row(2))
    assert ingest(ingest_site, freepbx)["cdrs"] == 1


def test_a_table_without_an_index_on_its_times_is_read_by_its_number(
    ingest_site: IngestSite, mariadb_server: MariaDbServer
) -> None:
    table = FREEPBX_CDR.replace("CREATE TABLE cdr (", "CREATE TABLE calls (AcctId bigint AUTO_INCREMENT PRIMARY KEY,")
    table = table.replace(", KEY calldate (calldate)", "")
    with create_mariadb_tables(mariadb_server, table) as tables:
        tables.insert("calls", build_row(0), build_row(1))
        assert ingest(ingest_site, tables, query="?table=calls")["cdrs"] == 2
        tables.insert("calls", build_row(2))
        added = ingest(ingest_site, tables, query="?table=calls")
        assert (added["cdrs"], added["warnings"]) == (1, [])
        # Restored with other numbers: nothing twice, and nothing lost though the numbers are lower.
        tables.execute(
            "UPDATE calls SET AcctId = AcctId + 40",
            "UPDATE calls SET AcctId = 50 - AcctId",
            "ALTER TABLE calls AUTO_INCREMENT = 1",
        )
        tables.insert("calls", build_row(3, AcctId=2))
        moved = ingest(ingest_site, tables, query="?table=calls")
    assert moved["cdrs"] == 1
    assert "the table was replaced" in moved["warnings"][0]
    assert len(ingest_site.read_rows(schema.cdrs)) == 4


def test_a_table_without_index_and_number_is_read_with_a_warning(
    ingest_site: IngestSite, mariadb_server: MariaDbServer
) -> None:
    with create_mariadb_tables(mariadb_server, FREEPBX_CDR.replace(", KEY calldate (calldate)", "")) as tables:
        tables.insert("cdr", *(build_row(number) for number in range(5)))
        added = ingest(ingest_site, tables)
    assert added["cdrs"] == 5
    assert "no index on calldate" in added["warnings"][0]


def test_a_row_that_cannot_be_read_is_rejected_alone(ingest_site: IngestSite, freepbx: SwitchTables) -> None:
    freepbx.insert("cdr", build_row(0), build_row(1, disposition="PERHAPS"), build_row(2))
    added = ingest(ingest_site, freepbx)
    assert added["cdrs"] == 2
    [rejection] = added["refused"]
    assert rejection["file"].startswith("mysql://127.0.0.1:")
    assert (rejection["line"], rejection["reason"]) == (20240115093142, "the disposition is unknown")
    assert ingest(ingest_site, freepbx)["refused_count"] == 0


@pytest.mark.parametrize(
    ("charset", "stored", "encoding", "name"),
    [
        ("utf8mb4", "Zoë", "", "Zoë"),
        ("latin1", "Zoë", "", "Zoë"),
        ("gbk", "王伟", "", "王伟"),
        ("ucs2", "王伟", "", "王伟"),
    ],
)
def test_names_are_read_in_the_character_set_of_their_column(
    ingest_site: IngestSite, mariadb_server: MariaDbServer, charset: str, stored: str, encoding: str, name: str
) -> None:
    table = FREEPBX_CDR.replace("CHARSET=utf8mb4", f"CHARSET={charset}")
    with create_mariadb_tables(mariadb_server, table) as tables:
        tables.insert("cdr", build_row(0, clid=f'"{stored}" <02079460123>'))
        ingest(ingest_site, tables)
    assert ingest_site.read_rows(schema.cdrs, "caller_name") == [name]


@pytest.mark.parametrize(("encoding", "raw"), [("", "Zoë".encode()), ("gbk", "王伟".encode("gbk"))])
def test_bytes_that_a_switch_wrote_into_a_latin1_column_are_read_as_it_meant_them(
    ingest_site: IngestSite, mariadb_server: MariaDbServer, encoding: str, raw: bytes
) -> None:
    """Asterisk's drivers often write UTF-8 through a connection that says latin1."""
    with create_mariadb_tables(mariadb_server, FREEPBX_CDR.replace("CHARSET=utf8mb4", "CHARSET=latin1")) as tables:
        tables.insert("cdr", build_row(0))
        tables.execute(f"UPDATE cdr SET clid = CONCAT('\"', x'{raw.hex()}', '\" <02079460123>')")
        options = ("--encoding", encoding) if encoding else ()
        ingest(ingest_site, tables, *options)
    assert ingest_site.read_rows(schema.cdrs, "caller_name") == [raw.decode(encoding or "utf-8")]


def test_a_database_is_only_read(ingest_site: IngestSite, each_cdr_table: SwitchTables) -> None:
    insert_cdrs(each_cdr_table, build_row(0))
    before = each_cdr_table.read("SELECT * FROM cdr")
    ingest(ingest_site, each_cdr_table)
    assert each_cdr_table.read("SELECT * FROM cdr") == before
