"""Kills retention and the deletion of its files at random moments, and compares what is left with that of an undisturbed run.

    python -m tests.soak.retention_kill FOLDER [--kills N] [--rows N] [--seed N] [--url URL]

Each cycle adds rows and files of seven months, of which four expire. One process after another marks, deletes and is killed,
each an hour later by a given clock, until an undisturbed one finds nothing to do. After each kill, the kept months must be
whole, each row must have its file, and whatever is missing must have been reported in the audit log a day before and again
before its deletion. At the end, rows must equal those of an undisturbed run, and no file may be without a row. Prints one JSON
object. Exits with 1 if a condition is violated. tests/workers/maintenance/test_retention_kill.py runs a short version.
"""

import argparse
import json
import random
import sys
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from ccfs import logs
from ccfs.db import partitions, schema
from ccfs.db.system import tenants
from ccfs.db.system.storage.retention_marks import AGE_COLUMNS, MARK_PERIOD
from ccfs.model.identity.audit import AuditAction
from ccfs.workers.storage import mover
from ccfs.workers.storage.mover import BlobMover
from tests.ingest.ingest_site import AK, IngestSite
from tests.soak import retention_rows
from tests.soak.children import Begin, Child, KillWindow
from tests.soak.retention_rows import FIRST_KEPT, KEPT_MONTHS, NOW
from tests.workers.maintenance.steered_time import HOUR, MARKED, SteeredTime

ROWS = 8  # of each table in a month
BATCH_ROWS = 3  # deleted in one transaction
MAX_CHILDREN = 100  # of one cycle
CLOCK_BOUND = timedelta(days=9)
VIOLATIONS = ("lost", "wrong", "untold", "orphaned")


def retain_once(begin: Begin, site: IngestSite, now: datetime) -> None:
    """Mark or delete what has expired, and delete the files without a row. Runs in a child."""
    logs.configure_logging()
    partitions.DELETE_BATCH_ROWS = mover.ORPHAN_BATCH_SIZE = BATCH_ROWS
    node, time = site.node, SteeredTime(now)
    job = time.create_job(node.database, KEPT_MONTHS, KEPT_MONTHS, CLOCK_BOUND)
    orphans = BlobMover(database=node.database, locations=node.locations, now=lambda: now, grace=timedelta(0))
    begin()
    job()
    orphans.delete_orphans()
    node.database.close()


class RetentionKills:
    """Cycles of retention in one site, in processes that are killed."""

    def __init__(self, site: IngestSite, seed: int, rows: int) -> None:
        self._rows_per_month = rows
        self._site, self._generator, self.counts = site.prepare(), random.Random(seed), Counter[str]()
        with site.node.database.read_transaction() as connection:
            self._app = tenants.get_app_by_ak(connection, AK)
        self._seconds: list[float] = []
        self._expected = self._run_undisturbed()
        self.window = KillWindow(max(self._seconds))

    def run_cycle(self, max_kills: int) -> None:
        """Let all months expire in processes that are killed."""
        self._fill()
        now = NOW
        for _ in range(MAX_CHILDREN):
            child = self._start(now)
            if self.counts["kills"] < max_kills:
                is_killed = self.window.kill(child, self._generator)
                self.counts["kills"] += is_killed
            else:
                is_killed = child.wait() < 0
            self._check(now)
            if not is_killed and self._is_finished():
                break
            now += self._get_pause()
        self._start(now + HOUR).wait()
        self._check(now)
        self._check_end()

    def _start(self, now: datetime) -> Child:
        self._site.node.database.close()
        return Child(self._site.folder / "retention.log", retain_once, replace(self._site), now)

    def _run_undisturbed(self) -> dict[str, set[str]]:
        """Return the rows that an undisturbed run leaves: all of the kept months, and none of the others."""
        self._fill()
        now, is_finished = NOW, False
        while not is_finished:
            child = self._start(now)
            self._seconds.append(child.wait())
            self._check(now)
            is_finished = self._is_finished()
            now += self._get_pause()
        assert len(self._seconds) == retention_rows.DELETED_MONTHS + 1, self._seconds
        return retention_rows.read_rows(self._site)

    def _fill(self) -> None:
        """Replace all rows and files."""
        disk = self._site.node.disk  # which adds its row at first
        with self._site.node.database.write_transaction() as connection:
            for name in retention_rows.EMPTIED_TABLES:
                connection.execute(sa.delete(schema.METADATA.tables[name]))
        for name in self._site.read_files():
            disk.delete(name)
        retention_rows.add_rows(self._site.node, self._app, self._rows_per_month)
        self._added = retention_rows.read_months(self._site)

    def _get_pause(self) -> timedelta:
        """Return for how long nothing happens: until the marks are old enough, else an hour."""
        deleted = self._read_reports(AuditAction.RETENTION_DELETED)
        return HOUR if deleted else MARKED

    def _is_finished(self) -> bool:
        marks = self._site.read_rows(schema.retention_marks)
        deleted = self._read_reports(AuditAction.RETENTION_DELETED)
        return bool(deleted) and not marks

    def _read_reports(self, action: AuditAction) -> list[tuple[datetime, str]]:
        rows = self._site.read_rows(schema.audit_log, "logged_at", "action", "target")
        return [(logged_at, target) for logged_at, of_action, target in rows if of_action == action]

    def _check(self, now: datetime) -> None:
        """Check what must hold after every process, wherever it was killed."""
        present = retention_rows.read_months(self._site)
        marked = [report for at, report in self._read_reports(AuditAction.RETENTION_MARKED) if at + MARK_PERIOD <= now]
        deleted = [report for at, report in self._read_reports(AuditAction.RETENTION_DELETED) if at <= now]
        for table, months in self._added.items():
            for month, rows in months.items():
                missing = rows - present[table].get(month, set())
                if month >= FIRST_KEPT:
                    self.counts["lost"] += len(missing)
                elif missing and table in AGE_COLUMNS:
                    text = (f"{month // 100}-{month % 100:02};", f"; {table}: {len(rows)} rows")
                    for reports in (marked, deleted):
                        is_told = any(report.startswith(text[0]) and text[1] in report for report in reports)
                        self.counts["untold"] += not is_told
        blobs = self._site.check_blobs()
        self.counts["lost"] += blobs["absent"] + blobs["torn"]

    def _check_end(self) -> None:
        """Check what must hold after the last process."""
        blobs, files = self._site.check_blobs(), self._site.read_files()
        self.counts["orphaned"] += blobs["orphans"] + sum(name.startswith(".tmp/") for name in files)
        self.counts["orphaned"] += len(self._site.read_rows(schema.orphaned_blobs))
        self.counts["orphaned"] += self._count_old_partitions()
        rows = retention_rows.read_rows(self._site)
        for name in rows:
            self._note_difference(name, rows[name] - self._expected[name], "unexpected")
            self._note_difference(name, self._expected[name] - rows[name], "missing")
        for name, months in retention_rows.read_months(self._site).items():
            for month in months:
                self._note_difference(name, months[month] if month < FIRST_KEPT else set(), "expired")
        self.counts["done"] += retention_rows.DELETED_MONTHS

    def _note_difference(self, table: str, rows: set[str], kind: str) -> None:
        """Count rows that are wrong, and print them."""
        self.counts["wrong"] += len(rows)
        if rows:
            print(f"{kind} rows of {table}, as {min(rows)[:500]}", file=sys.stderr, flush=True)

    def _count_old_partitions(self) -> int:
        if not self._site.url:
            return 0
        with self._site.node.database.read_transaction() as connection:
            months = [partitions.list_months(connection, table.name) for table in partitions.AGE_COLUMN]
        return sum(month < FIRST_KEPT for of_table in months for month in of_table)


def run(folder: Path, kills: int, seed: int, url: str = "", rows: int = ROWS) -> dict[str, Any]:
    """Return counts over so many kills."""
    site = IngestSite(folder, url)
    work = RetentionKills(site, seed, rows)
    while work.counts["kills"] < kills:
        work.run_cycle(kills)
    site.node.database.close()
    return {
        "seconds": round(work.window.seconds, 3),
        **{name: work.counts[name] for name in ("kills", "done", *VIOLATIONS)},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--rows", type=int, default=ROWS, help="of each table in a month")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--url", default="", help="of an empty PostgreSQL database; default: SQLite in the folder")
    options = parser.parse_args()
    results = run(options.folder, options.kills, options.seed, options.url, options.rows)
    print(json.dumps(results))
    sys.exit(any(results[name] for name in VIOLATIONS))


if __name__ == "__main__":
    main()
