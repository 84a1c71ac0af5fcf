"""The bulk download worker on both engines: listing, missing recordings, turns, and workers that are killed."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
import structlog

from ccfs.blobs.disk import DiskLocation
from ccfs.db import schema
from ccfs.db.engine import open_database
from ccfs.db.migrations.runner import upgrade
from ccfs.db.system.console import users
from ccfs.db.tenant import bulk_downloads
from ccfs.db.tenant.bulk_downloads import BulkDownloadView
from ccfs.model.blobs.blob_ref import BlobRef
from ccfs.model.bulk.bulk_download import BulkDownloadState, MissingReason
from ccfs.workers.bulk import worker
from tests.db import sample_rows
from tests.db.child_processes import ROOT
from tests.db.sample_rows import MINUTE, NOW
from tests.workers.bulk.bulk_download_setup import BulkDownloadSetup

WORKER_PROGRAM = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from ccfs.settings import load_settings
from ccfs.db.engine import open_database
from ccfs.blobs.disk import DiskLocation
from ccfs.workers.bulk import worker
worker.SAVE_INTERVAL_SECONDS = 0.0
class SlowDisk(DiskLocation):
    def read(self, key, start=0, end=None):
        import time
        time.sleep(0.01)
        return super().read(key, start, end)
now = datetime.fromisoformat(sys.argv[3])
settings = load_settings({}, data=Path(sys.argv[2]))
deps = worker.BulkWorkerDeps(database=open_database(sys.argv[1]), locations={"0": SlowDisk("0", Path(sys.argv[2]))}, settings=settings, now=lambda: now)
print("begun", flush=True)
worker.BulkDownloadWorker(deps).run_once()
"""


@pytest.fixture
def bulk_setup(database_url: str, tmp_path: Path) -> Iterator[BulkDownloadSetup]:
    database = open_database(database_url)
    upgrade(database)
    with database.write_transaction() as connection:
        app = sample_rows.add_app(connection)
        user = users.add(connection, "emil", "", NOW).id
    yield BulkDownloadSetup(database, tmp_path / "files", app, user)
    database.close()


def get_ready_download(bulk_setup: BulkDownloadSetup, bulk_download_id: str) -> BulkDownloadView:
    """Return a bulk download, and check that it is ready."""
    view = bulk_setup.get_bulk_download(bulk_download_id)
    assert view.state is BulkDownloadState.READY
    return view


def test_all_recordings_of_a_search_are_listed_in_its_order(
    bulk_setup: BulkDownloadSetup, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "CALL_BATCH_SIZE", 20)
    bulk_setup.add_recordings(*range(1, 61))
    bulk_setup.add_recordings(61, account_id="other")
    requested = bulk_setup.request_bulk_download()
    assert bulk_setup.create_worker().run_once()
    progress = get_ready_download(bulk_setup, requested).progress
    assert (progress.listed, progress.checked, progress.missing) == (60, 60, 0)
    assert [item.file_name for item in bulk_setup.list_items(requested)] == [
        sample_rows.make_recording(n).file_name for n in range(1, 61)
    ]
    assert not bulk_setup.create_worker().run_once()


def test_a_missing_recording_of_a_bulk_download_has_its_reason(bulk_setup: BulkDownloadSetup) -> None:
    bulk_setup.add_recordings(*range(1, 6))
    bulk_setup.disk.delete("r/2")
    bulk_setup.disk.write("r/3", [b"short"])
    with bulk_setup.database.write_transaction() as connection:
        wrong = schema.recordings.update().where(schema.recordings.c.key == "r/4")
        connection.execute(wrong.values(crc32=schema.recordings.c.crc32 + 1))
    requested = bulk_setup.request_bulk_download()
    bulk_setup.create_worker().run_once()
    assert [item.missing_reason for item in bulk_setup.list_items(requested)] == [
        None,
        MissingReason.GONE,
        MissingReason.DIFFERS,
        MissingReason.DIFFERS,
        None,
    ]
    assert get_ready_download(bulk_setup, requested).progress.missing == 3


@pytest.mark.parametrize("max_files", [3, 5])
def test_no_more_recordings_are_listed_than_the_settings_allow(bulk_setup: BulkDownloadSetup, max_files: int) -> None:
    bulk_setup.add_recordings(*range(1, 6))
    requested = bulk_setup.request_bulk_download()
    bulk_setup.create_worker(bulk_download_max_files=max_files).run_once()
    assert (
        get_ready_download(bulk_setup, requested).progress.listed,
        get_ready_download(bulk_setup, requested).progress.is_truncated,
    ) == (max_files, max_files < 5)


def test_no_more_bytes_are_listed_than_the_settings_allow(bulk_setup: BulkDownloadSetup) -> None:
    bulk_setup.add_recordings(*range(1, 4))
    with bulk_setup.database.write_transaction() as connection:
        connection.execute(schema.recordings.update().values(size=400 << 20))
    requested = bulk_setup.request_bulk_download()
    bulk_setup.create_worker(bulk_download_max_gb=1).run_once()
    assert (
        bulk_setup.get_bulk_download(requested).progress.listed,
        bulk_setup.get_bulk_download(requested).progress.is_truncated,
    ) == (2, True)


def test_recordings_in_an_unreachable_location_are_retried_and_then_missing(bulk_setup: BulkDownloadSetup) -> None:
    bulk_setup.add_recordings(1, 2)
    requested = bulk_setup.request_bulk_download()
    for _ in range(worker.MAX_UNAVAILABLE_CLAIMS - 1):
        assert bulk_setup.create_worker(locations={}).run_once()
        assert not bulk_setup.create_worker(locations={}).run_once()  # not at once
        assert bulk_setup.get_bulk_download(requested).state is BulkDownloadState.DUE
        bulk_setup.now += MINUTE
    assert bulk_setup.create_worker(locations={}).run_once()
    assert [item.missing_reason for item in bulk_setup.list_items(requested)] == [
        MissingReason.UNREACHABLE,
        MissingReason.UNREACHABLE,
    ]
    get_ready_download(bulk_setup, requested)


def test_recordings_in_a_location_that_is_reachable_again_are_not_missing(bulk_setup: BulkDownloadSetup) -> None:
    bulk_setup.add_recordings(1)
    requested = bulk_setup.request_bulk_download()
    bulk_setup.create_worker(locations={}).run_once()
    bulk_setup.now += MINUTE
    bulk_setup.create_worker().run_once()
    assert get_ready_download(bulk_setup, requested).progress.missing == 0


def test_a_replica_replaces_missing_bytes_of_a_bulk_download(bulk_setup: BulkDownloadSetup) -> None:
    bulk_setup.add_recordings(1, 2)
    other = DiskLocation("1", bulk_setup.folder / "other")
    other.write("r/1", bulk_setup.disk.read("r/1"))
    for number in (1, 2):
        bulk_setup.disk.delete(f"r/{number}")
    requested = bulk_setup.request_bulk_download()

    def find_replica(blob: BlobRef) -> BlobRef | None:
        return replace(blob, location_id="1") if blob.key == "r/1" else None

    bulk_setup.create_worker(locations={"0": bulk_setup.disk, "1": other}, find_replica=find_replica).run_once()
    assert [item.missing_reason for item in bulk_setup.list_items(requested)] == [None, MissingReason.GONE]


def test_a_large_bulk_download_does_not_delay_small_ones(
    bulk_setup: BulkDownloadSetup, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "TURN_SECONDS", 0.0)
    bulk_setup.add_recordings(*range(1, 31))
    large = bulk_setup.request_bulk_download()
    bulk_setup.create_worker().run_once()
    bulk_setup.now += timedelta(seconds=1)
    small = bulk_setup.request_bulk_download("1700000003-1")
    turns = 0
    while bulk_setup.get_bulk_download(small).state is BulkDownloadState.DUE:
        bulk_setup.now += timedelta(seconds=1)
        assert bulk_setup.create_worker().run_once()
        turns += 1
        assert turns < 10
    assert bulk_setup.get_bulk_download(large).state is BulkDownloadState.DUE
    while bulk_setup.get_bulk_download(large).state is BulkDownloadState.DUE:
        bulk_setup.now += timedelta(seconds=1)
        bulk_setup.create_worker().run_once()
        turns += 1
        assert turns < 100
    assert [item.number for item in bulk_setup.list_items(large)] == list(range(1, 31))


def test_a_bulk_download_whose_workers_are_killed_continues_and_gives_the_same_zip(
    bulk_setup: BulkDownloadSetup,
) -> None:
    bulk_setup.add_recordings(*range(1, 101))
    undisturbed = bulk_setup.request_bulk_download()
    run_until_idle(bulk_setup)
    requested, kills = bulk_setup.request_bulk_download(), []
    for _ in range(3):
        kills.append(kill_worker_midway(bulk_setup, requested))
        bulk_setup.now += 2 * MINUTE  # so that its lease ends
    assert 0 < kills[0] < kills[1] < kills[2] < 100
    run_until_idle(bulk_setup)
    first, second = (bulk_setup.get_bulk_download(number).progress for number in (undisturbed, requested))
    assert first == second
    assert bulk_setup.list_items(undisturbed) == bulk_setup.list_items(requested)
    assert get_ready_download(bulk_setup, requested).zip_summary is not None


def run_until_idle(bulk_setup: BulkDownloadSetup) -> None:
    """Run a worker's turns, of which a busy machine needs several, until no job is due."""
    worker = bulk_setup.create_worker()
    assert any(not worker.run_once() for _ in range(50))


def kill_worker_midway(bulk_setup: BulkDownloadSetup, requested: str) -> int:
    """Kill a worker after some progress; return the number of checked recordings."""
    url = bulk_setup.database.engine.url.render_as_string(hide_password=False)
    command = [sys.executable, "-c", WORKER_PROGRAM, url, str(bulk_setup.folder), bulk_setup.now.isoformat()]
    before, deadline = bulk_setup.get_bulk_download(requested).progress.checked, time.monotonic() + 60
    with subprocess.Popen(command, env={"PYTHONPATH": f"{ROOT / 'src'}"}, stdout=subprocess.DEVNULL) as child:
        while bulk_setup.get_bulk_download(requested).progress.checked < before + 3:
            assert child.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.01)
        os.kill(child.pid, signal.SIGKILL)
    return bulk_setup.get_bulk_download(requested).progress.checked


def test_a_worker_that_is_stopped_releases_its_bulk_download(bulk_setup: BulkDownloadSetup) -> None:
    bulk_setup.add_recordings(*range(1, 201))
    requested = bulk_setup.request_bulk_download()

    class Slow(DiskLocation):
        def read(self, key: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
            time.sleep(0.01)
            return super().read(key, start, end)

    worker = bulk_setup.create_worker(locations={"0": Slow("0", bulk_setup.folder)})
    stopper = threading.Timer(0.5, worker.stop)
    worker.start()
    stopper.start()
    stopper.join(20)
    with bulk_setup.database.read_transaction() as connection:
        row = connection.execute(sa.select(schema.bulk_downloads.c.lease, schema.bulk_downloads.c.due_at)).one()
    assert row.lease == ""
    assert bulk_setup.create_worker().run_once()
    get_ready_download(bulk_setup, requested)


def test_a_bulk_download_that_is_deleted_meanwhile_ends_quietly(bulk_setup: BulkDownloadSetup) -> None:
    bulk_setup.add_recordings(1, 2, 3)
    deleted, requested = bulk_setup.request_bulk_download(), bulk_setup.request_bulk_download()

    class DeletingDisk(DiskLocation):
        def read(self, key: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
            with bulk_setup.database.write_transaction() as connection:
                bulk_downloads.delete(connection, bulk_setup.app, bulk_setup.user, deleted)
            return super().read(key, start, end)

    worker = bulk_setup.create_worker(locations={"0": DeletingDisk("0", bulk_setup.folder)})
    with structlog.testing.capture_logs() as lines:
        while worker.run_once():
            pass
    assert [line for line in lines if line["log_level"] in ("warning", "error")] == []
    with bulk_setup.database.read_transaction() as connection:
        assert bulk_downloads.find(connection, bulk_setup.app, bulk_setup.user, deleted) is None
    assert get_ready_download(bulk_setup, requested).progress.checked == 3


def test_a_bulk_download_that_fails_too_often_is_marked_failed(bulk_setup: BulkDownloadSetup) -> None:
    bulk_setup.add_recordings(1)
    requested = bulk_setup.request_bulk_download()

    class Broken(DiskLocation):
        def read(self, key: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
            raise RuntimeError("unexpected")

    worker = bulk_setup.create_worker(locations={"0": Broken("0", bulk_setup.folder)}, export_max_attempts=3)
    for _ in range(3):
        assert worker.run_once()
        bulk_setup.now += timedelta(hours=1)
    assert bulk_setup.get_bulk_download(requested).state is BulkDownloadState.FAILED
    assert not worker.run_once()


def test_a_bulk_download_without_recordings_is_ready_and_empty(bulk_setup: BulkDownloadSetup) -> None:
    requested = bulk_setup.request_bulk_download("1700000000-99")
    bulk_setup.create_worker().run_once()
    summary = get_ready_download(bulk_setup, requested).zip_summary
    assert summary is not None
    assert summary.size > 0
