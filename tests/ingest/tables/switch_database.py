"""A switch's database on a real MariaDB or PostgreSQL, with the tables that PBXs have."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import sqlalchemy as sa

from tests import servers
from tests.mariadb import PASSWORD, USER, MariaDbServer, create_mariadb_database

FREEPBX_CDR = """CREATE TABLE cdr (
    calldate datetime NOT NULL DEFAULT '0000-00-00 00:00:00', clid varchar(80) NOT NULL DEFAULT '',
    src varchar(80) NOT NULL DEFAULT '', dst varchar(80) NOT NULL DEFAULT '', dcontext varchar(80) NOT NULL DEFAULT '',
    channel varchar(80) NOT NULL DEFAULT '', dstchannel varchar(80) NOT NULL DEFAULT '',
    lastapp varchar(80) NOT NULL DEFAULT '', lastdata varchar(80) NOT NULL DEFAULT '',
    duration int(11) NOT NULL DEFAULT 0, billsec int(11) NOT NULL DEFAULT 0,
    disposition varchar(45) NOT NULL DEFAULT '', amaflags int(11) NOT NULL DEFAULT 0,
    accountcode varchar(20) NOT NULL DEFAULT '', uniqueid varchar(32) NOT NULL DEFAULT '',
    userfield varchar(255) NOT NULL DEFAULT '', did varchar(50) NOT NULL DEFAULT '',
    recordingfile varchar(255) NOT NULL DEFAULT '', cnum varchar(80) NOT NULL DEFAULT '',
    cnam varchar(80) NOT NULL DEFAULT '', outbound_cnum varchar(80) NOT NULL DEFAULT '',
    outbound_cnam varchar(80) NOT NULL DEFAULT '', dst_cnam varchar(80) NOT NULL DEFAULT '',
    linkedid varchar(32) NOT NULL DEFAULT '', peeraccount varchar(80) NOT NULL DEFAULT '',
    sequence int(11) NOT NULL DEFAULT 0, KEY calldate (calldate), KEY uniqueid (uniqueid)
) DEFAULT CHARSET=utf8mb4"""
POSTGRESQL_CDR = """CREATE TABLE cdr (
    accountcode varchar(20), src varchar(80), dst varchar(80), dcontext varchar(80), clid varchar(80),
    channel varchar(80), dstchannel varchar(80), lastapp varchar(80), lastdata varchar(80),
    start timestamp, answer timestamp, "end" timestamp, duration integer, billsec integer,
    disposition varchar(45), amaflags varchar(45), userfield varchar(256), uniqueid varchar(150),
    linkedid varchar(150), peeraccount varchar(80), sequence integer);
    CREATE INDEX ON cdr (start)"""
BEGIN = datetime(2024, 1, 15, 9, 30, 42, tzinfo=UTC)  # London's zone is UTC then

Row = dict[str, Any]


@dataclass(frozen=True)
class SwitchTables:
    """A database of a switch: its administrator writes, and ingest reads."""

    url: str  # what an operator gives, without a password
    admin_url: str
    password: str = ""

    @property
    def settings(self) -> dict[str, str]:
        """The settings that ingest needs."""
        return {"CCFS_SWITCH_DATABASE_PASSWORD": self.password}

    def execute(self, *statements: str) -> None:
        """Execute statements as the administrator."""
        with self._connect() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement.replace("%", "%%"))

    def insert(self, table: str, *rows: Mapping[str, Any]) -> None:
        """Insert rows, each with its own columns."""
        with self._connect() as connection:
            for row in rows:
                columns = sa.table(table, *(sa.column(name) for name in row))
                connection.execute(sa.insert(columns), dict(row))

    def read(self, query: str) -> Sequence[tuple[Any, ...]]:
        """Return the rows of a query."""
        with self._connect() as connection:
            return [tuple(row) for row in connection.exec_driver_sql(query)]

    @contextmanager
    def _connect(self) -> Iterator[sa.Connection]:
        engine = sa.create_engine(self.admin_url, poolclass=sa.NullPool)
        with engine.begin() as connection:
            yield connection


@contextmanager
def create_mariadb_tables(server: MariaDbServer, *statements: str) -> Iterator[SwitchTables]:
    """Create a database on MariaDB with these tables."""
    with create_mariadb_database(server) as name:
        tables = SwitchTables(
            url=f"mysql://{USER}@127.0.0.1:{server.port}/{name}",
            admin_url=server.admin_url.replace("/mysql?", f"/{name}?"),
            password=PASSWORD,
        )
        tables.execute(*statements)
        yield tables


@contextmanager
def create_postgres_tables(server_url: str, *statements: str) -> Iterator[SwitchTables]:
    """Create a database on PostgreSQL with these tables."""
    with servers.create_database(server_url) as url:
        tables = SwitchTables(url=url.replace("postgresql+psycopg://", "postgresql://"), admin_url=url)
        tables.execute(*statements)
        yield tables


def with_password(url: str, password: str) -> str:
    """Return the URL with a password for its user."""
    return url.replace("@", f":{quote(password, safe='')}@", 1)


def build_row(number: int = 0, **more: Any) -> Row:
    """Return a row of FreePBX's table: call `number` begins `number` minutes after BEGIN, and 1001 talks for 70 seconds."""
    begin = BEGIN + timedelta(minutes=number)
    unique_id = f"{int(begin.timestamp())}.{100 + number}"
    row = {
        "calldate": f"{begin:%Y-%m-%d %H:%M:%S}",
        "clid": '"Ann" <02079460123>',
        "src": "02079460123",
        "dst": "600",
        "dcontext": "from-trunk",
        "channel": f"PJSIP/trunk-{number:08x}",
        "dstchannel": f"PJSIP/1001-{number:08x}",
        "lastapp": "Dial",
        "lastdata": "PJSIP/1001,30,t",
        "duration": 78,
        "billsec": 70,
        "disposition": "ANSWERED",
        "uniqueid": unique_id,
        "linkedid": unique_id,
        "sequence": number,
    }
    return row | more


def to_start_columns(row: Row) -> Row:
    """Return a row with start, answer and end instead of calldate."""
    begin = datetime.fromisoformat(row["calldate"])
    end = begin + timedelta(seconds=row["duration"])
    times = {"start": begin, "answer": end - timedelta(seconds=row["billsec"]), "end": end}
    return {name: value for name, value in row.items() if name != "calldate"} | times


def to_csv_line(row: Row, *, has_ids: bool = True, has_linkedid: bool = True, **more: Any) -> str:
    """Return the line that cdr_csv writes of the same leg, with the columns that are switched on; `more` replaces values."""
    times = {name: f"{value:%Y-%m-%d %H:%M:%S}" for name, value in to_start_columns(row).items() if name in _TIMES}
    if row["disposition"] != "ANSWERED":
        times["answer"] = ""
    values = {"accountcode": "", "amaflags": "DOCUMENTATION", "userfield": "", "peeraccount": ""} | row | times | more
    names = [
        *[
            "accountcode",
            "src",
            "dst",
            "dcontext",
            "clid",
            "channel",
            "dstchannel",
            "lastapp",
            "lastdata",
            "start",
            "answer",
            "end",
        ]
    ]
    names += [*["duration", "billsec", "disposition", "amaflags"]]
    names += [*(("uniqueid", "userfield") if has_ids else ()), *(_NEW_COLUMNS if has_linkedid else ())]
    quoted = (str(values[name]).replace('"', '""') for name in names)
    return ",".join(f'"{value}"' for value in quoted) + "\n"


_TIMES = ("start", "answer", "end")
_NEW_COLUMNS = ("peeraccount", "linkedid", "sequence")
