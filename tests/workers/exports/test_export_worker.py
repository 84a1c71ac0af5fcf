"""Making exports on both engines: ready and due at one stroke, tried again where it fails, put aside in the end, nothing
left about. The disk that is full is a limit on the size of files, which the kernel holds us to as it does a disk."""

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
from ccfs.db.system import blob_moves, export_jobs
from ccfs.db.tenant import deliveries, exports, recordings
from ccfs.model.blobs.blob_ref import BlobRef
from ccfs.model.exports.export import Export, ExportFilter, ExportKind
from ccfs.model.exports.time_window import TimeWindow
from ccfs.model.identity.tenancy import App
from ccfs.server.node import Node
from ccfs.settings import load_settings
from ccfs.workers.exports import worker
from ccfs.workers.exports.worker import LEASE, ExportDeps, ExportWorker
from tests import servers
from tests.db.sample_rows import MINUTE, SECOND, add_account, make_recording
from tests.db.sample_rows import add_app as added_app
from tests.workers.callbacks.callback_node import wait_until

NOW = datetime.fromisoformat("2026-05-04T08:00:00+00:00")
ROWS = 1200


class ExportSetup:
    """A maker over a fresh database, with a clock that is set by hand."""

    def __init__(self, node: Node, app: App) -> None:
        self.node, self.app, self.now = node, app, NOW
        self.wake_up_count = 0
        self.count = 0

    def create_worker(self, home: Any = None, **more: Any) -> ExportWorker:
        """A worker; not started."""
        node = self.node
        settings = node.settings.model_copy(update=more)
        home = home or node.disk
        shop = ExportDeps(
            database=node.database,
            primary_location=home,
            settings=settings,
            now=lambda: self.now,
            on_ready=self.count_wake_up,
        )
        return ExportWorker(shop)

    def count_wake_up(self) -> None:
        self.wake_up_count += 1

    def add_export(self) -> Export:
        """One export more, due now."""
        self.count += 1
        export = Export(
            response_id=f"{self.count:032x}",
            kind=ExportKind.BILL,
            tables=("call", "record"),
            window=TimeWindow(begin=NOW - timedelta(days=3), end=NOW + timedelta(days=30)),
            filter=ExportFilter(),
            callback_url="https://cb.example.com/x",
            requested_on=NOW.date(),
            requested_at=self.now,
        )
        with self.node.database.write_transaction() as connection:
            exports.add(connection, self.app, export)
        return export

    def get_blob(self, export: Export) -> BlobRef | None:
        with self.node.database.read_transaction() as connection:
            return exports.get_ready_file(connection, self.app, export.kind, export.file_name)

    def load_row(self) -> Any:
        with self.node.database.read_transaction() as connection:
            return connection.execute(sa.select(schema.exports).order_by(schema.exports.c.response_id.desc())).first()

    def list_announced(self) -> list[str]:
        """responseIds of deliveries."""
        with self.node.database.read_transaction() as connection:
            return [one.export for one in deliveries.list_recent(connection, self.app)]

    def list_files(self) -> set[str]:
        """Keys of all that lies on the disk, temporary files among them."""
        root = self.node.settings.data / "files"
        return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def node(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A node on each engine."""
    data = tmp_path_factory.mktemp("make")
    if request.param == "sqlite":
        node = Node(load_settings({}, data=data))
        yield node
        node.database.close()
        return
    with servers.create_database(request.getfixturevalue("postgres_url")) as url:
        node = Node(load_settings({}, data=data, database_url=url))
        yield node
        node.database.close()


@pytest.fixture(scope="module")
def app(node: Node) -> App:
    """An app with an account and enough recordings to fill a few chunks."""
    with node.database.write_transaction() as connection:
        app = added_app(connection)
        add_account(connection, app, "100", 8)
        for number in range(ROWS):
            recordings.add(connection, app, make_recording(number, call_begin=NOW + number * SECOND), NOW)
    return app


@pytest.fixture
def export_setup(node: Node, app: App) -> Iterator[ExportSetup]:
    """A shop where nothing was asked for yet."""
    yield ExportSetup(node, app)
    with node.database.write_transaction() as connection:
        for table in (schema.deliveries, schema.exports):
            connection.execute(table.delete())
    for path in (node.settings.data / "files").rglob("*"):
        if path.is_file():
            path.unlink()


@contextmanager
def limit_file_size() -> Iterator[None]:
    """No file may grow beyond 4 KB: writing fails as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4_000, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)


class FullDisk(DiskLocation):
    """The disk while it is full; the database stands on another."""

    def write(self, key: str, chunks: Any) -> BlobRef:
        """See Disk."""
        with limit_file_size():
            return super().write(key, list(chunks))


def test_ready_and_due_come_together(export_setup: ExportSetup) -> None:
    export = export_setup.add_export()
    assert export_setup.get_blob(export) is None
    assert export_setup.create_worker().run_once()
    kept = export_setup.get_blob(export)
    assert kept
    assert export_setup.list_announced() == [export.response_id]
    assert export_setup.wake_up_count == 1
    assert export_setup.list_files() == {kept.key}
    with zipfile.ZipFile(export_setup.node.disk.get_path(kept.key)) as archive:
        assert archive.testzip() is None
        assert [archive.read(name).count(b"\n") for name in archive.namelist()] == [1, ROWS + 1]
    assert not export_setup.create_worker().run_once()


def test_a_full_disk_is_tried_again_later_and_later_until_there_is_room(export_setup: ExportSetup) -> None:
    export = export_setup.add_export()
    full, waits = export_setup.create_worker(FullDisk("0", export_setup.node.settings.data / "files")), []
    for _ in range(3):
        assert full.run_once()
        assert not full.run_once()  # not at once
        assert export_setup.load_row().error == "OSError: [Errno 27] File too large"
        waits.append(export_setup.load_row().due_at - export_setup.now)
        assert export_setup.list_files() == set()
        export_setup.now = export_setup.load_row().due_at
    assert waits == [2 * SECOND, 4 * SECOND, 8 * SECOND]
    assert export_setup.list_announced() == []
    assert export_setup.create_worker().run_once()
    assert export_setup.get_blob(export)
    assert export_setup.list_announced() == [export.response_id]


def test_what_fails_too_often_is_put_aside_and_holds_up_nothing(export_setup: ExportSetup) -> None:
    export_setup.add_export()
    full = export_setup.create_worker(FullDisk("0", export_setup.node.settings.data / "files"), export_max_attempts=2)
    for _ in range(2):
        assert full.run_once()
        export_setup.now += MINUTE
    assert export_setup.load_row().state == "failed"
    with export_setup.node.database.read_transaction() as connection:
        ((aside, error),) = exports.list_failed(connection, export_setup.app)
    assert error == "OSError: [Errno 27] File too large"
    later = export_setup.add_export()
    assert export_setup.create_worker().run_once()
    assert export_setup.get_blob(later)
    with export_setup.node.database.write_transaction() as connection:
        assert exports.retry(connection, export_setup.app, export_setup.now) == 1
    assert export_setup.create_worker().run_once()
    assert export_setup.get_blob(aside)


def test_an_export_that_its_workers_die_of_is_put_aside(export_setup: ExportSetup) -> None:
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


def test_what_dead_workers_left_is_removed(export_setup: ExportSetup) -> None:
    export = export_setup.add_export()
    for lease in ("one", "two", "three"):
        with export_setup.node.database.write_transaction() as connection:
            claimed = export_jobs.claim(connection, export_setup.now, lease, LEASE)
        assert claimed
        export_setup.node.disk.write(worker.build_key(claimed, lease), [b"whole, but never named"])
        export_setup.now += LEASE
    with export_setup.node.database.write_transaction() as connection:
        far = export_jobs.claim(connection, export_setup.now, "0123-7", LEASE)  # of another node, to its own disk
    export_setup.now += LEASE
    assert export_setup.create_worker().run_once()
    kept = export_setup.get_blob(export)
    assert kept
    assert export_setup.list_files() == {kept.key}
    with export_setup.node.database.write_transaction() as connection:
        orphans = blob_moves.claim_orphans(connection, export_setup.now, "x", LEASE, 9)
    assert far
    assert [(orphan.location_id, orphan.key) for orphan in orphans] == [("7", worker.build_key(far, "0123-7"))]


def test_who_lost_its_lease_meanwhile_leaves_nothing(export_setup: ExportSetup) -> None:
    export = export_setup.add_export()

    class Slow(DiskLocation):
        def write(self, key: str, chunks: Any) -> BlobRef:
            kept = super().write(key, chunks)
            export_setup.now += 2 * LEASE  # and another one takes it
            assert export_setup.create_worker().run_once()
            return kept

    assert export_setup.create_worker(Slow("0", export_setup.node.settings.data / "files")).run_once()
    kept = export_setup.get_blob(export)
    assert kept
    assert export_setup.list_files() == {kept.key}
    assert export_setup.list_announced() == [export.response_id]


def test_stopping_hands_back_at_once(export_setup: ExportSetup) -> None:
    export = export_setup.add_export()
    begun = threading.Event()
    home = DiskLocation("0", export_setup.node.settings.data / "files")

    class Endless(DiskLocation):
        def write(self, key: str, chunks: Any) -> BlobRef:
            def slowly() -> Iterator[bytes]:
                for chunk in chunks:
                    begun.set()
                    wait_until(lambda: maker._stopped.is_set())
                    yield chunk

            return super().write(key, slowly())

    maker = export_setup.create_worker(Endless("0", home._root))
    maker.start()
    assert begun.wait(10)
    maker.stop()
    assert export_setup.load_row().due_at == export_setup.now
    assert export_setup.list_files() == set()
    assert export_setup.create_worker().run_once()
    assert export_setup.get_blob(export)


def test_a_location_that_fails_in_whatever_way_stops_no_worker(export_setup: ExportSetup) -> None:
    export_setup.add_export()
    good: Callable[..., BlobRef] = export_setup.node.disk.write

    class Odd(DiskLocation):
        def write(self, key: str, chunks: Any) -> BlobRef:
            if export_setup.now == NOW:
                raise RuntimeError("the sky fell")
            return good(key, chunks)

    maker = export_setup.create_worker(Odd("0", export_setup.node.settings.data / "files"))
    maker.start()
    wait_until(lambda: export_setup.load_row().error == "RuntimeError: the sky fell")
    export_setup.now += MINUTE
    wait_until(lambda: export_setup.load_row().state == "ready")
    maker.stop()


def test_an_export_of_the_last_days_of_the_calendar_is_made(export_setup: ExportSetup) -> None:
    export = export_setup.add_export()
    last = datetime.fromisoformat("9999-12-31T15:00:00+00:00")
    with export_setup.node.database.write_transaction() as connection:
        connection.execute(sa.update(schema.exports).values(begin=last, end=last + timedelta(hours=1)))
    assert export_setup.create_worker().run_once()
    assert export_setup.get_blob(export), export_setup.load_row().error
