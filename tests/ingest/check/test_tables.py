"""Checks of tables on a real MariaDB and PostgreSQL: whose they are, what they hold, the command, and that nothing changes."""

from pathlib import Path

from tests.ingest.check.checked_files import check, get_section, write_file
from tests.ingest.ingest_site import make_wav
from tests.ingest.tables.switch_database import (
    SwitchTables,
    build_row,
    create_mariadb_tables,
    create_postgres_tables,
    to_csv_line,
    to_start_columns,
    with_password,
)
from tests.mariadb import PASSWORD, MariaDbServer

QUEUE_LOG = (
    "CREATE TABLE queue_log (id int AUTO_INCREMENT PRIMARY KEY, time varchar(26), callid varchar(40),"
    " queuename varchar(40), agent varchar(40), event varchar(40), data1 varchar(40), data2 varchar(40),"
    " data3 varchar(40), data4 varchar(40), data5 varchar(40))"
)
FUSIONPBX_CDR = (
    "CREATE TABLE v_xml_cdr (xml_cdr_uuid uuid PRIMARY KEY, domain_name text, direction text, context text,"
    " caller_id_number text, destination_number text, start_epoch numeric, answer_epoch numeric, end_epoch numeric,"
    " hangup_cause text, leg text)"
)


def insert_rows(tables: SwitchTables, count: int) -> None:
    """Insert calls, one a minute, into a table `cdr` of either form."""
    rows = [build_row(number) for number in range(count)]
    tables.insert("cdr", *(rows if tables.url.startswith("mysql") else map(to_start_columns, rows)))


def insert_channel(tables: SwitchTables, number: int, domain: str) -> None:
    start = 1_705_311_042 + 60 * number
    tables.insert(
        "v_xml_cdr",
        {
            "xml_cdr_uuid": f"aaaaaaaa-1111-4222-8333-{number:012d}",
            "domain_name": domain,
            "direction": "inbound",
            "context": domain,
            "caller_id_number": "02079460123",
            "destination_number": "1001",
            "start_epoch": start,
            "answer_epoch": start + 5,
            "end_epoch": start + 65,
            "hangup_cause": "NORMAL_CLEARING",
            "leg": "a",
        },
    )


def test_a_table_of_cdrs_is_checked_with_its_recordings(tmp_path: Path, each_cdr_table: SwitchTables) -> None:
    tables = each_cdr_table
    insert_rows(tables, 3)
    before = tables.read("SELECT * FROM cdr")
    write_file(tmp_path / "1705311042.100.wav", make_wav(1, 70))
    done = check(tmp_path, "--cdr", tables.url, **tables.settings)
    assert (done.code, done.err) == (0, "")
    assert f"CDRs: {tables.url} (table cdr; 3 lines)" in get_section(done.out, "FOUND")
    how = get_section(done.out, "HOW IT WAS READ")
    assert "linkedid" in how
    assert "Time zone: Europe/London" in how
    assert "the unique ids agree in 3 of 3 calls" in how
    assert "Calls: 3 (3 inbound)" in how
    assert "With a recording: 1" in how
    assert "newest 100,000 rows were read at most" in get_section(done.out, "PLEASE NOTE")
    commands = get_section(done.out, "TO INGEST THESE CALLS").replace("\\ ", "").replace("'", "")
    assert (
        f"ccfs ingest asterisk --app AK --account acme --vdn 1 --cdr {tables.url} --recordings {tmp_path}" in commands
    )
    assert tables.read("SELECT * FROM cdr") == before


def test_the_newest_rows_are_read_and_no_password_is_printed(each_cdr_table: SwitchTables) -> None:
    tables = each_cdr_table
    insert_rows(tables, 12)
    url = with_password(tables.url, tables.password) if tables.password else tables.url
    done = check("--cdr", url, "--lines", 4)
    assert f"CDRs: {tables.url} (table cdr; 4 lines)" in get_section(done.out, "FOUND")
    assert "Calls: 4 (4 inbound), 2024-01-15" in get_section(done.out, "HOW IT WAS READ")
    samples = get_section(done.out, "THE CALLS")
    assert "09:41:42" in samples
    assert "09:37:42" not in samples
    assert not tables.password or PASSWORD not in done.out + done.err


def test_a_queue_log_in_a_table_completes_the_calls_of_a_file_and_of_a_table(
    tmp_path: Path, mariadb_server: MariaDbServer, freepbx: SwitchTables
) -> None:
    row = build_row(0, lastapp="Queue", lastdata="600,t")
    freepbx.insert("cdr", row)
    events = [(42, "NONE", "ENTERQUEUE", "", "02079460123"), (50, "PJSIP/1001", "CONNECT", "8", "")]
    with create_mariadb_tables(mariadb_server, QUEUE_LOG) as logs:
        for second, agent, event, data1, data2 in events:
            event_row = {"time": f"2024-01-15 09:30:{second}", "callid": row["uniqueid"], "queuename": "600"}
            logs.insert("queue_log", event_row | {"agent": agent, "event": event, "data1": data1, "data2": data2})
        done = check("--cdr", freepbx.url, "--queue-log", logs.url, **freepbx.settings)
        assert f"Queue log: {logs.url} (table queue_log; 2 lines)" in get_section(done.out, "FOUND")
        assert "called queue 600, waited 8 s, 1001 answered" in get_section(done.out, "THE CALLS")
        assert f"--queue-log {logs.url}" in get_section(done.out, "TO INGEST THESE CALLS")
        file = write_file(tmp_path / "Master.csv", to_csv_line(row))
        text = check(file, "--queue-log", logs.url, **logs.settings).out
        assert "called queue 600, waited 8 s, 1001 answered" in get_section(text, "THE CALLS")
        assert f"--cdr {file} --queue-log {logs.url}" in get_section(text, "TO INGEST THESE CALLS").replace("\\ ", "")


def test_fusionpbx_is_recognised_and_its_domains_get_tenant_rules(postgres_url: str) -> None:
    with create_postgres_tables(postgres_url, FUSIONPBX_CDR) as tables:
        for number, domain in enumerate(("acme.example.com", "other.example.com")):
            insert_channel(tables, number, domain)
        text = check("--cdr", tables.url).out
        assert f"CDRs: {tables.url} (table v_xml_cdr; 2 lines)" in get_section(text, "FOUND")
        assert "The CDRs are of 2 domains: acme.example.com, other.example.com." in get_section(text, "PLEASE NOTE")
        commands = get_section(text, "TO INGEST THESE CALLS").replace("\\ ", "").replace("'", "")
        assert f"ccfs ingest freeswitch --app AK --tenants tenants.csv --cdr {tables.url}" in commands


def test_a_database_that_cannot_be_read_and_a_table_without_cdrs_are_told(postgres_url: str) -> None:
    done = check("--cdr", "postgresql://nobody@127.0.0.1:1/none")
    assert done.code == 1
    assert done.err.startswith("ccfs: --cdr: postgresql://127.0.0.1:1/none: ")
    with create_postgres_tables(postgres_url, "CREATE TABLE users (id int PRIMARY KEY)") as tables:
        done = check("--cdr", tables.url)
        assert (done.code, "no table cdr" in done.err) == (1, True)
        assert "users" in done.err
        done = check("--cdr", f"{tables.url}{'&' if '?' in tables.url else '?'}table=users")
        assert "the table users has no CDRs" in done.err


def test_files_are_named_without_an_option_and_something_must_be_named(tmp_path: Path) -> None:
    done = check("--cdr", tmp_path / "Master.csv")
    assert (done.code, done.err) == (
        1,
        f"ccfs: --cdr: {tmp_path}/Master.csv is not a URL; name files without an option\n",
    )
    assert check().code == 2
