"""The export worker on both engines: results, retries, failures, lost leases, and files that are deleted.

The full disk is a limit on the size of files, which the kernel enforces as it does a disk's.
"""

import resource
import signal
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from ccfs.blobs.disk import DiskLocation
from ccfs.db import schema
from ccfs.db.system.jobs import blob_moves, export_jobs
from ccfs.db.tenant import exports, recordings
from ccfs.model.blobs.blob_ref import BlobRef
from ccfs.model.identity.tenancy import App
from ccfs.server.node import Node
from ccfs.settings import load_settings
from ccfs.workers.exports.worker import LEASE, build_key
from tests import databases
from tests.db.sample_rows import MINUTE, SECOND, add_account, make_recording
from tests.db.sample_rows import add_app as added_app
from tests.waiting import wait_until
from tests.workers.exports.export_setup import NOW, ExportSetup

ROWS = 1200


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def node(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A node on each engine."""
    data = tmp_path_factory.mktemp("exports")
    if request.param == "sqlite":
        databases.create_sqlite(data)
        node = Node(load_settings({}, data=data))
        yield node
        node.database.close()
        return
    with databases.create_database(request.getfixturevalue("postgres_url")) as url:
        node = Node(load_settings({}, data=data, database_url=url))
        yield node
        node.database.close()


@pytest.fixture(scope="module")
def app(node: Node) -> App:
    """An app with an account and recordings for several chunks."""
    with node.database.write_transaction() as connection:
        app = added_app(connection)
        add_account(connection, app, "100", 8)
        for number in range(ROWS):
            recordings.add(connection, app, make_recording(number, call_begin=NOW + number * SECOND), NOW)
    return app


@pytest.fixture
def export_setup(node: Node, app: App) -> Iterator[ExportSetup]:
    """A node without exports."""
    yield ExportSetup(node, app)
    with node.database.write_transaction() as connection:
        for table in (schema.deliveries, schema.exports):
            connection.execute(table.delete())
    for path in (node.settings.data / "files").rglob("*"):
        if path.is_file():
            path.unlink()


@contextmanager
def limit_file_size() -> Iterator[None]:
    """Limit files to 4 KB: writing fails as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4_000, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)


class FullDisk(DiskLocation):
    """A full disk. The database is on another."""

    def write(self, key: str, chunks: Any) -> BlobRef:
        """See DiskLocation."""
        with limit_file_size():
            return super().write(key, list(chunks))


def test_an_export_is_ready_and_its_delivery_due_together(export_setup: ExportSetup) -> None:
    export = export_setup.add_export()
    assert export_setup.get_blob(export) is None
    assert export_setup.create_worker().run_once()
    blob = export_setup.get_blob(export)
    assert blob
    assert export_setup.list_delivery_exports() == [export.response_id]
    assert export_setup.wake_up_count == 1
    assert export_setup.list_files() == {blob.key}
    with zipfile.ZipFile(export_setup.node.disk.get_path(blob.key)) as archive:
        assert archive.testzip() is None
        assert [archive.read(name).count(b"\n") for name in archive.namelist()] == [1, ROWS + 1]
    assert not export_setup.create_worker().run_once()


def test_an_export_on_a_full_disk_is_retried_with_growing_delays(export_setup: ExportSetup) -> None:
    export = export_setup.add_export()
    worker, delays = export_setup.create_worker(FullDisk("0", export_setup.node.settings.data / "files")), []
    for _ in range(3):
        assert worker.run_once()
        assert not worker.run_once()  # not at once
        assert export_setup.load_row().error == "OSError: [Errno 27] File too large"
        delays.append(export_setup.load_row().due_at - export_setup.now)
        assert export_setup.list_files() == set()
        export_setup.now = export_setup.load_row().due_at
    assert delays == [2 * SECOND, 4 * SECOND, 8 * SECOND]
    assert export_setup.list_delivery_exports() == []
    assert export_setup.create_worker().run_once()
    assert export_setup.get_blob(export)
    assert export_setup.list_delivery_exports() == [export.response_id]


def test_an_export_that_fails_too_often_is_marked_failed_and_delays_no_other(export_setup: ExportSetup) -> None:
    export_setup.add_export()
    disk = FullDisk("0", export_setup.node.settings.data / "files")
    worker = export_setup.create_worker(disk, export_max_attempts=2)
    for _ in range(2):
        assert worker.run_once()
        export_setup.now += MINUTE
    assert export_setup.load_row().state == "failed"
    with export_setup.node.database.read_transaction() as connection:
        ((failed, error),) = exports.list_failed(connection, export_setup.app)
    assert error == "OSError: [Errno 27] File too large"
    later = export_setup.add_export()
    assert export_setup.create_worker().run_once()
    assert export_setup.get_blob(later)
    with export_setup.node.database.write_transaction() as connection:
        assert exports.retry(connection, export_setup.app, export_setup.now) == 1
    assert export_setup.create_worker().run_once()
    assert export_setup.get_blob(failed)


def test_an_export_whose_workers_die_is_marked_failed(export_setup: ExportSetup) -> None:
    export_setup.add_export()
    for _ in range(2):
        with export_setup.node.database.write_transaction() as connection:
            assert export_jobs.claim(connection, export_setup.now, "dead", LEASE)
        export_setup.now += LEASE
    assert export_setup.create_worker(export_max_attempts=2).run_once()
    assert (export_setup.load_row().state, export_setup.load_row().error) == (
        "failed",
        "claimed 3 times and never finished",
    )


def test_files_of_dead_workers_are_deleted(export_setup: ExportSetup) -> None:
    export = export_setup.add_export()
    for lease in ("one", "two", "three"):
        with export_setup.node.database.write_transaction() as connection:
            claimed = export_jobs.claim(connection, export_setup.now, lease, LEASE)
        assert claimed
        export_setup.node.disk.write(build_key(claimed, lease), [b"complete, but not referenced"])
        export_setup.now += LEASE
    with export_setup.node.database.write_transaction() as connection:
        remote = export_jobs.claim(connection, export_setup.now, "0123-7", LEASE)  # by another node, to its own disk
    export_setup.now += LEASE
    assert export_setup.create_worker().run_once()
    blob = export_setup.get_blob(export)
    assert blob
    assert export_setup.list_files() == {blob.key}
    with export_setup.node.database.write_transaction() as connection:
        orphans = blob_moves.claim_orphans(connection, export_setup.now, "x", LEASE, 9)
    assert remote
    assert [(orphan.location_id, orphan.key) for orphan in orphans] == [("7", build_key(remote, "0123-7"))]


def test_a_worker_that_lost_its_lease_leaves_no_file_and_no_delivery(export_setup: ExportSetup) -> None:
    export = export_setup.add_export()

    class SlowDisk(DiskLocation):
        def write(self, key: str, chunks: Any) -> BlobRef:
            blob = super().write(key, chunks)
            export_setup.now += 2 * LEASE  # and another worker claims it
            assert export_setup.create_worker().run_once()
            return blob

    assert export_setup.create_worker(SlowDisk("0", export_setup.node.settings.data / "files")).run_once()
    blob = export_setup.get_blob(export)
    assert blob
    assert export_setup.list_files() == {blob.key}
    assert export_setup.list_delivery_exports() == [export.response_id]


def test_a_worker_that_is_stopped_releases_its_export(export_setup: ExportSetup) -> None:
    export = export_setup.add_export()
    begun = threading.Event()

    class EndlessDisk(DiskLocation):
        def write(self, key: str, chunks: Any) -> BlobRef:
            def wait_for_stop() -> Iterator[bytes]:
                for chunk in chunks:
                    begun.set()
                    wait_until(lambda: worker._stopped.is_set())
                    yield chunk

            return super().write(key, wait_for_stop())

    worker = export_setup.create_worker(EndlessDisk("0", export_setup.node.settings.data / "files"))
    worker.start()
    assert begun.wait(10)
    worker.stop()
    assert export_setup.load_row().due_at == export_setup.now
    assert export_setup.list_files() == set()
    assert export_setup.create_worker().run_once()
    assert export_setup.get_blob(export)


def test_an_unexpected_error_of_a_location_does_not_stop_the_worker(export_setup: ExportSetup) -> None:
    export_setup.add_export()
    write: Callable[..., BlobRef] = export_setup.node.disk.write

    class FailingDisk(DiskLocation):
        def write(self, key: str, chunks: Any) -> BlobRef:
            if export_setup.now == NOW:
                raise RuntimeError("unexpected")
            return write(key, chunks)

    worker = export_setup.create_worker(FailingDisk("0", export_setup.node.settings.data / "files"))
    worker.start()
    wait_until(lambda: export_setup.load_row().error == "RuntimeError: unexpected")
    export_setup.now += MINUTE
    wait_until(lambda: export_setup.load_row().state == "ready")
    worker.stop()
    assert export_setup.load_row().error == ""
    assert len(export_setup.list_files()) == 1


def test_an_export_of_the_last_days_of_the_calendar_is_generated(export_setup: ExportSetup) -> None:
    export = export_setup.add_export()
    last = datetime.fromisoformat("9999-12-31T15:00:00+00:00")
    with export_setup.node.database.write_transaction() as connection:
        connection.execute(sa.update(schema.exports).values(begin=last, end=last + timedelta(hours=1)))
    assert export_setup.create_worker().run_once()
    assert export_setup.get_blob(export), export_setup.load_row().error
