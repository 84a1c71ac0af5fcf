"""A site to ingest into, and CDR lines and recordings as switches write them."""

import csv
import hashlib
import io
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import sqlalchemy as sa

from ccfs import settings
from ccfs.db import schema
from ccfs.db.system import tenants
from ccfs.model.identity.tenancy import Account, App, Vdn
from ccfs.model.recordings import wav
from ccfs.server.node import Node, utc_now
from tests import databases
from tests.cli.command import ROOT, CommandResult, run_ccfs

AK, SK = "AKacme0001", "the-secret-of-acme-000000"
ACCOUNT_ID, VDN_ID = "acme", 17
ASTERISK_SAMPLES = ROOT / "tests" / "switches" / "asterisk" / "samples"
FREESWITCH_SAMPLES = ROOT / "tests" / "switches" / "freeswitch" / "samples"
OLD_TIMESTAMP = 1_705_400_000  # modification time of files that nobody writes to any more

Row = dict[str, Any]


@dataclass(frozen=True)
class IngestSite:
    """A data folder with the app Acme, whose account has VDN 17, and a folder where a switch writes its files."""

    folder: Path
    url: str = ""  # of the database; empty: SQLite in the data folder
    zone: str = "Europe/London"
    settings: dict[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        """Settings of every command and server of this site."""
        return {"CCFS_DATA": str(self.folder / "data"), "CCFS_DATABASE_URL": self.url, **self.settings}

    @property
    def switch_folder(self) -> Path:
        """Folder of the switch's files."""
        return self.folder / "switch"

    @property
    def recordings_folder(self) -> Path:
        """Folder of its recordings."""
        return self.switch_folder / "monitor"

    @cached_property
    def node(self) -> Node:
        """A node to read rows with."""
        return Node(settings.load_settings({}, data=self.folder / "data", database_url=self.url))

    def prepare(self) -> "IngestSite":
        """Create the folders and the app."""
        self.recordings_folder.mkdir(parents=True)
        if not self.url:
            databases.create_sqlite(self.folder / "data")
        with self.node.database.write_transaction() as connection:
            app = tenants.add_app(connection, "acme", AK, utc_now())
            tenants.add_key(connection, app, AK, SK, self.node.secret_box, utc_now())
            self._add_account(connection, app)
        return self

    def _add_account(self, connection: sa.Connection, app: App) -> None:
        account = Account(account_id=ACCOUNT_ID, zone=self.zone)
        tenants.add_account(connection, app, account, Vdn(vdn_id=VDN_ID, cc_id=1, account_id=ACCOUNT_ID), utc_now())

    def write_file(self, name: str, data: str | bytes, modified: float = OLD_TIMESTAMP) -> Path:
        """Write a file of the switch that has been stable for long."""
        path = self.switch_folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        os.utime(path, (modified, modified))
        return path

    def write_recording(self, name: str, data: bytes, modified: float = OLD_TIMESTAMP) -> Path:
        """Write a recording of the switch."""
        return self.write_file(f"monitor/{name}", data, modified)

    def build_command(self, switch: str, *arguments: object) -> list[str]:
        """Return the arguments of `ccfs` that ingest into the account; for Asterisk and FreeSWITCH with recordings."""
        if switch == "ccfs":
            return ["ingest", "ccfs", "--app", AK, "--json", *map(str, arguments)]
        owner = ["--app", AK, "--account", ACCOUNT_ID, "--vdn", str(VDN_ID)]
        return ["ingest", switch, *owner, "--recordings", str(self.recordings_folder), "--json", *map(str, arguments)]

    def run_ingest(self, switch: str, *arguments: object, **more: str) -> CommandResult:
        """Run `ccfs ingest` with extra settings."""
        return run_ccfs(*self.build_command(switch, *arguments), settings={**self.environment, **more})

    def ingest_asterisk(self, cdr: Path, *arguments: object, **more: str) -> Any:
        """Return the result of one pass over Asterisk's files."""
        return self.run_ingest("asterisk", "--cdr", cdr, *arguments, **more).json

    def ingest_freeswitch(self, cdr: Path, *arguments: object, **more: str) -> Any:
        """Return the result of one pass over FreeSWITCH's files."""
        return self.run_ingest("freeswitch", "--cdr", cdr, *arguments, **more).json

    def ingest_export(self, *arguments: object, **more: str) -> Any:
        """Return the result of one pass over an export of CC-FS."""
        return self.run_ingest("ccfs", *arguments, **more).json

    def list_rejected(self, *arguments: object) -> str:
        """Return what `ccfs ingest rejected` prints as text."""
        return run_ccfs("ingest", "rejected", *arguments, settings=self.environment).out

    def read_rows(self, table: sa.Table, *columns: str, order: str = "") -> list[Any]:
        """Return rows as tuples of these columns; for one column its values; for none, whole rows as dicts."""
        with self.node.database.read_transaction() as connection:
            columns_of_order = [table.c[order]] if order else table.primary_key
            rows = [dict(row._mapping) for row in connection.execute(sa.select(table).order_by(*columns_of_order))]
        if not columns:
            return rows
        return [row[columns[0]] if len(columns) == 1 else tuple(row[name] for name in columns) for row in rows]

    def read_tables(self) -> dict[str, list[Row]]:
        """Return every row of every table, but for the times of passes."""
        with self.node.database.read_transaction() as connection:
            return {
                table.name: [
                    dict(row._mapping) for row in connection.execute(sa.select(table).order_by(*table.primary_key))
                ]
                for table in schema.METADATA.sorted_tables
                if table is not schema.clock_times
            }

    def read_files(self) -> dict[str, bytes]:
        """Return every file of the location by its path, with temporary ones."""
        root = self.folder / "data" / "files"
        return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}

    def read_everything(self) -> tuple[dict[str, list[Row]], dict[str, bytes]]:
        """Return all rows and files; two results are equal if nothing changed between them."""
        return self.read_tables(), self.read_files()

    def check_blobs(self) -> Counter[str]:
        """Compare rows and bytes. Return the number of whole blobs, and of each kind of damage (0 if all is well)."""
        counts: Counter[str] = Counter()
        files = self.read_files()
        blobs = [row for table in (schema.recordings, schema.voice_files) for row in self.read_rows(table)]
        for row in blobs:
            data = files.get(row["key"])
            is_whole = data is not None and hashlib.sha256(data).hexdigest() == row["sha256"]
            counts["whole" if is_whole else "torn" if data is not None else "absent"] += 1
        keys = {row["key"] for row in blobs}
        counts["shared"] = len(blobs) - len(keys)
        counts["orphans"] = sum(name not in keys and not name.startswith(".tmp/") for name in files)
        lines = self.read_rows(schema.cdrs, "source_key")
        counts["twice"] = len(lines) - len(set(lines))
        return counts


class CreateSite(Protocol):
    """Creates empty sites."""

    def __call__(self, url: str = "", zone: str = "Europe/London") -> IngestSite: ...


def build_cdr_line(
    call: str = "1705311042.118",
    *,
    leg: str = "",
    sequence: int = 1,
    start: str = "2024-01-15 09:30:42",
    answer: str = "2024-01-15 09:30:50",
    end: str = "2024-01-15 09:32:00",
    agent: str = "1001",
    queue: str = "",
    disposition: str = "ANSWERED",
    userfield: str = "",
    caller: str = "02079460123",
) -> str:
    """Return a line of cdr-csv with all columns, from a switch in London: a call on which an agent's phone rings."""
    fields = ["", caller, "600", "from-trunk", f'"Ann" <{caller}>', f"PJSIP/trunk-{sequence:08x}"]
    fields += [f"PJSIP/{agent}-{sequence:08x}" if agent else "", "Queue" if queue else "Dial", f"{queue or agent},t"]
    fields += [start, answer if disposition == "ANSWERED" else "", end, "78", "70", disposition, "DOCUMENTATION"]
    fields += [leg or call, userfield, "", call, str(sequence)]
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n").writerow(fields)
    return text.getvalue()


def iter_cdr_lines(count: int, first: int = 1_705_311_000) -> Iterator[str]:
    """Yield lines in UTC, every three of two calls; each call has a second of its own."""
    for number in range(count):
        second = first + number // 3 * 2 + (number % 3 == 2)
        clock = [datetime.fromtimestamp(second + wait, UTC).strftime("%Y-%m-%d %H:%M:%S") for wait in (0, 5, 65)]
        yield build_cdr_line(
            f"{second}.{second % 100_000}",
            sequence=number,
            start=clock[0],
            answer=clock[1],
            end=clock[2],
            agent=str(1001 + number % 40),
        )


def make_wav(seed: int, seconds: int = 1) -> bytes:
    """Return a WAV of A-law that differs for each seed."""
    samples = hashlib.shake_128(seed.to_bytes(8, "big")).digest(8000 * seconds)
    return wav.build_header(tag=wav.A_LAW, rate=8000, channels=1, bits=8, data_size=len(samples)) + samples
