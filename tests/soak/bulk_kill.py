"""Kills the worker of bulk downloads at random moments, and compares every zip with that of an undisturbed run.

    python -m tests.soak.bulk_kill FOLDER [--kills N] [--seed N] [--url URL] [--s3 URL]

Half of the recordings are in a bucket, if there is one. Each download is prepared by one killed worker after another until it is
ready; one in ten is deleted on the way. Its zip must have the same bytes, its user must learn of it, no more than one line may
be logged, and nothing may be left of it after its deletion. Prints one JSON object. Exits with 1 if a condition is violated.
tests/workers/bulk/test_bulk_kill.py runs a short version.
"""

import argparse
import hashlib
import json
import random
import sys
from collections import Counter
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from ccfs import logs, settings
from ccfs.console.bulk.stream import build_zip_stream
from ccfs.db import schema
from ccfs.db.system.console import users
from ccfs.db.system.storage import locations
from ccfs.db.tenant import bulk_downloads
from ccfs.model.blobs.location_config import LocationConfig
from ccfs.model.bulk.bulk_download import BulkDownloadState
from ccfs.server.node import Node
from ccfs.server.web_process import build_web_app
from ccfs.web.context import WebContext
from ccfs.workers.bulk import worker
from tests import databases
from tests.blobs import s3_locations
from tests.db import sample_rows
from tests.db.sample_rows import MINUTE, NOW
from tests.servers import S3_KEYS
from tests.soak.children import Begin, Child, KillWindow
from tests.workers.bulk.bulk_download_setup import BulkDownloadSetup

RECORDINGS = 120
CALLS_PER_PAGE = 15
SAVE_INTERVALS, TURNS = (0.0, 0.02, 1.0), (0.1, 10.0)  # seconds, one of which each worker has
MAX_WORKERS = 300  # of one download
VIOLATIONS = ("lost", "wrong", "untold", "orphaned")


@dataclass(frozen=True)
class BulkSite:
    """A data folder with recordings on the disk "0" and perhaps in the bucket "1"."""

    folder: Path
    url: str = ""
    s3_url: str = ""

    @cached_property
    def node(self) -> Node:
        """A node of this process."""
        ak, sk = S3_KEYS
        more: dict[str, Any] = {"s3_access_key": ak, "s3_secret_key": sk} if self.s3_url else {}
        more["export_max_attempts"] = 1000  # kills before the first progress count as attempts
        return Node(settings.load_settings({}, data=self.folder, database_url=self.url, **more))

    @cached_property
    def context(self) -> WebContext:
        """What generates the zips that users download."""
        return build_web_app(self.node).context

    def prepare(self) -> BulkDownloadSetup:
        """Add the recordings and a user."""
        if not self.url:
            databases.create_sqlite(self.folder)
        bucket = s3_locations.make_location_config(self.s3_url) if self.s3_url else None
        disk = self.node.disk
        with self.node.database.write_transaction() as connection:
            app = sample_rows.add_app(connection)
            user = users.add(connection, "emil", "", NOW).id
            if bucket:
                locations.add(connection, bucket)
        setup = BulkDownloadSetup(self.node.database, self.folder / "files", app, user)
        assert setup.disk.location_id == disk.location_id
        self._add_recordings(setup, bucket)
        return setup

    def _add_recordings(self, setup: BulkDownloadSetup, bucket: LocationConfig | None) -> None:
        in_bucket = range(2, RECORDINGS + 1, 2) if bucket else ()
        setup.add_recordings(*(number for number in range(1, RECORDINGS + 1) if number not in in_bucket))
        for number in in_bucket:
            blob = self.node.locations["1"].write(f"r/{number}", [b"RIFF", str(number).encode() * 20_000])
            setup.add_recordings(number, blob=blob)


def prepare_downloads(begin: Begin, site: BulkSite, now: datetime, save_interval: float, turn: float) -> None:
    """Prepare all bulk downloads that are due. Runs in a child."""
    logs.configure_logging()
    worker.SAVE_INTERVAL_SECONDS, worker.TURN_SECONDS, worker.CALL_BATCH_SIZE = save_interval, turn, CALLS_PER_PAGE
    node = site.node
    deps = worker.BulkWorkerDeps(
        database=node.database,
        locations=node.locations,
        settings=node.settings,
        now=lambda: now,
        find_replica=node.replicas.find,
    )
    begin()
    while worker.BulkDownloadWorker(deps).run_once():
        pass
    node.database.close()


class BulkKills:
    """Downloads of one site, prepared by workers that are killed."""

    def __init__(self, site: BulkSite, seed: int) -> None:
        self._site, self._generator = site, random.Random(seed)
        self.setup, self.counts = site.prepare(), Counter[str]()
        self._requested_at, self._log = self.setup.now, site.folder / "workers.log"
        self._files = self._list_files()
        first = self._request()
        self.window = KillWindow(self._start().wait())
        self._expected_items, self._expected_zip = self.setup.list_items(first), self._hash_zip(first)
        assert len({item.file_name for item in self._expected_items}) == len(self._expected_items) == RECORDINGS
        self._delete(first)

    def prepare_one(self, max_kills: int) -> None:
        """Let one download be prepared, and compare the result."""
        requested, is_deleted = self._request(), False
        for _ in range(MAX_WORKERS):
            if self.setup.get_bulk_download(requested).state is not BulkDownloadState.DUE:
                break
            child = self._start()
            if self.counts["kills"] >= max_kills:
                child.wait()
            else:
                self.counts["kills"] += self.window.kill(child, self._generator)
                is_deleted = self._generator.random() < 0.02
            self.setup.now += 2 * MINUTE  # so that its lease ends
            if is_deleted:
                break
        if not is_deleted:
            self._compare(requested)
        self._delete(requested)
        self.counts["deleted_midway" if is_deleted else "done"] += 1

    def _request(self) -> str:
        """Request all recordings, always at the same time: it is in the zip."""
        self.setup.now = self._requested_at
        return self.setup.request_bulk_download()

    def _start(self) -> Child:
        save_interval, turn = self._generator.choice(SAVE_INTERVALS), self._generator.choice(TURNS)
        self.setup.database.close()
        arguments = (replace(self._site), self.setup.now, save_interval, turn)
        return Child(self._log, prepare_downloads, *arguments, has_threads=bool(self._site.s3_url))

    def _compare(self, requested: str) -> None:
        view, items = self.setup.get_bulk_download(requested), self.setup.list_items(requested)
        lines = [line for line in self._log.read_text().splitlines() if "bulk_download_ready" in line]
        self.counts["untold"] += view.state is not BulkDownloadState.READY
        self.counts["told_again"] += sum(requested in line for line in lines) > 1
        self.counts["lost"] += len({item.file_name for item in self._expected_items if not item.missing_reason}
                                   - {item.file_name for item in items if not item.missing_reason})  # fmt: skip
        self.counts["wrong"] += items != self._expected_items or self._hash_zip(requested) != self._expected_zip

    def _hash_zip(self, requested: str) -> str:
        """Return the hash of what the console sends."""
        view = self.setup.get_bulk_download(requested)
        if view.zip_summary is None:
            return ""
        stream = build_zip_stream(self._site.context, self.setup.app, view, view.zip_summary)
        digest = hashlib.sha256()
        for chunk in stream.chunks(0, view.zip_summary.size):
            digest.update(chunk)
        return digest.hexdigest()

    def _delete(self, requested: str) -> None:
        """Delete a download as its user does, and count what is left of it."""
        with self.setup.database.write_transaction() as connection:
            bulk_downloads.delete(connection, self.setup.app, self.setup.user, requested)
        with self.setup.database.read_transaction() as connection:
            for table in (schema.bulk_downloads, schema.bulk_download_items, schema.orphaned_blobs):
                self.counts["orphaned"] += connection.execute(
                    sa.select(sa.func.count()).select_from(table)
                ).scalar_one()
        self.counts["orphaned"] += len(self._list_files() - self._files)
        self.counts["lost"] += len(self._files - self._list_files())

    def _list_files(self) -> set[Path]:
        return {path for path in (self._site.folder / "files").rglob("*") if path.is_file()}


def run(folder: Path, kills: int, seed: int, url: str = "", s3_url: str = "") -> dict[str, Any]:
    """Return counts over so many kills."""
    site = BulkSite(folder, url, s3_url)
    work = BulkKills(site, seed)
    while work.counts["kills"] < kills:
        work.prepare_one(kills)
    site.node.database.close()
    counts = {name: work.counts[name] for name in ("kills", "done", "deleted_midway", "told_again", *VIOLATIONS)}
    counts["untold"] += counts["told_again"]
    return {"seconds": round(work.window.seconds, 3), **counts}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--url", default="", help="of an empty PostgreSQL database; default: SQLite in the folder")
    parser.add_argument("--s3", default="", help="of an S3 service, for half of the recordings")
    options = parser.parse_args()
    results = run(options.folder, options.kills, options.seed, options.url, options.s3)
    print(json.dumps(results))
    sys.exit(any(results[name] for name in VIOLATIONS))


if __name__ == "__main__":
    main()
