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
from ccfs.db.system import blob_moves
from ccfs.db.tenant import deliveries, exports, recordings
from ccfs.model.exports.export import Export, ExportFilter, ExportKind
from ccfs.model.exports.time_window import TimeWindow
from ccfs.model.identity.tenancy import App
from ccfs.model.recordings.recording import BlobRef
from ccfs.server.node import Node
from ccfs.settings import load_settings
from ccfs.workers.exports import worker
from ccfs.workers.exports.worker import LEASE, ExportDeps, ExportWorker
from tests import servers
from tests.store.given import MINUTE, SECOND, account, recording
from tests.store.given import app as added_app
from tests.work.announcing import until

NOW = datetime.fromisoformat("2026-05-04T08:00:00+00:00")
ROWS = 1200


class Shop:
    """A maker over a fresh database, with a clock that is set by hand."""

    def __init__(self, node: Node, app: App) -> None:
        self.node, self.app, self.now = node, app, NOW
        self.woken = 0
        self.count = 0

    def maker(self, home: Any = None, **more: Any) -> ExportWorker:
        """A worker; not started."""
        node = self.node
        settings = node.settings.model_copy(update=more)
        home = home or node.disk
        shop = ExportDeps(
            database=node.database, primary_location=home, settings=settings, now=lambda: self.now, on_ready=self.wake
        )
        return ExportWorker(shop)

    def wake(self) -> None:
        self.woken += 1

    def ask(self) -> Export:
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

    def file(self, export: Export) -> BlobRef | None:
        with self.node.database.read_transaction() as connection:
            return exports.get_ready_file(connection, self.app, export.kind, export.file_name)

    def row(self) -> Any:
        with self.node.database.read_transaction() as connection:
            return connection.execute(sa.select(schema.exports).order_by(schema.exports.c.response_id.desc())).first()

    def announced(self) -> list[str]:
        """responseIds of deliveries."""
        with self.node.database.read_transaction() as connection:
            return [one.export for one in deliveries.list_recent(connection, self.app)]

    def files(self) -> set[str]:
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
    with servers.database(request.getfixturevalue("postgres_url")) as url:
        node = Node(load_settings({}, data=data, database_url=url))
        yield node
        node.database.close()


@pytest.fixture(scope="module")
def owner(node: Node) -> App:
    """An app with an account and enough recordings to fill a few chunks."""
    with node.database.write_transaction() as connection:
        app = added_app(connection)
        account(connection, app, "100", 8)
        for number in range(ROWS):
            recordings.add(connection, app, recording(number, call_begin=NOW + number * SECOND), NOW)
    return app


@pytest.fixture
def shop(node: Node, owner: App) -> Iterator[Shop]:
    """A shop where nothing was asked for yet."""
    yield Shop(node, owner)
    with node.database.write_transaction() as connection:
        for table in (schema.deliveries, schema.exports):
            connection.execute(table.delete())
    for path in (node.settings.data / "files").rglob("*"):
        if path.is_file():
            path.unlink()


@contextmanager
def full_disk() -> Iterator[None]:
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
        with full_disk():
            return super().write(key, list(chunks))


def test_ready_and_due_come_together(shop: Shop) -> None:
    export = shop.ask()
    assert shop.file(export) is None
    assert shop.maker().run_once()
    kept = shop.file(export)
    assert kept
    assert shop.announced() == [export.response_id]
    assert shop.woken == 1
    assert shop.files() == {kept.key}
    with zipfile.ZipFile(shop.node.disk.get_path(kept.key)) as archive:
        assert archive.testzip() is None
        assert [archive.read(name).count(b"\n") for name in archive.namelist()] == [1, ROWS + 1]
    assert not shop.maker().run_once()


def test_a_full_disk_is_tried_again_later_and_later_until_there_is_room(shop: Shop) -> None:
    export = shop.ask()
    full, waits = shop.maker(FullDisk("0", shop.node.settings.data / "files")), []
    for _ in range(3):
        assert full.run_once()
        assert not full.run_once()  # not at once
        assert shop.row().error == "OSError: [Errno 27] File too large"
        waits.append(shop.row().due_at - shop.now)
        assert shop.files() == set()
        shop.now = shop.row().due_at
    assert waits == [2 * SECOND, 4 * SECOND, 8 * SECOND]
    assert shop.announced() == []
    assert shop.maker().run_once()
    assert shop.file(export)
    assert shop.announced() == [export.response_id]


def test_what_fails_too_often_is_put_aside_and_holds_up_nothing(shop: Shop) -> None:
    shop.ask()
    full = shop.maker(FullDisk("0", shop.node.settings.data / "files"), export_max_attempts=2)
    for _ in range(2):
        assert full.run_once()
        shop.now += MINUTE
    assert shop.row().state == "failed"
    with shop.node.database.read_transaction() as connection:
        ((aside, error),) = exports.list_failed(connection, shop.app)
    assert error == "OSError: [Errno 27] File too large"
    later = shop.ask()
    assert shop.maker().run_once()
    assert shop.file(later)
    with shop.node.database.write_transaction() as connection:
        assert exports.retry(connection, shop.app, shop.now) == 1
    assert shop.maker().run_once()
    assert shop.file(aside)


def test_an_export_that_its_workers_die_of_is_put_aside(shop: Shop) -> None:
    shop.ask()
    for _ in range(2):
        with shop.node.database.write_transaction() as connection:
            assert exports.claim(connection, shop.now, "dead", LEASE)
        shop.now += LEASE
    assert shop.maker(export_max_attempts=2).run_once()
    assert (shop.row().state, shop.row().error) == ("failed", "claimed 3 times and never finished")


def test_what_dead_workers_left_is_removed(shop: Shop) -> None:
    export = shop.ask()
    for lease in ("one", "two", "three"):
        with shop.node.database.write_transaction() as connection:
            claimed = exports.claim(connection, shop.now, lease, LEASE)
        assert claimed
        shop.node.disk.write(worker._build_key(claimed, lease), [b"whole, but never named"])
        shop.now += LEASE
    with shop.node.database.write_transaction() as connection:
        far = exports.claim(connection, shop.now, "0123-7", LEASE)  # of another node, to its own disk
    shop.now += LEASE
    assert shop.maker().run_once()
    kept = shop.file(export)
    assert kept
    assert shop.files() == {kept.key}
    with shop.node.database.read_transaction() as connection:
        strays = [(one.location_id, one.key) for one in blob_moves.list_due_orphans(connection, shop.now, 9)]
    assert far
    assert strays == [("7", worker._build_key(far, "0123-7"))]


def test_who_lost_its_lease_meanwhile_leaves_nothing(shop: Shop) -> None:
    export = shop.ask()

    class Slow(DiskLocation):
        def write(self, key: str, chunks: Any) -> BlobRef:
            kept = super().write(key, chunks)
            shop.now += 2 * LEASE  # and another one takes it
            assert shop.maker().run_once()
            return kept

    assert shop.maker(Slow("0", shop.node.settings.data / "files")).run_once()
    kept = shop.file(export)
    assert kept
    assert shop.files() == {kept.key}
    assert shop.announced() == [export.response_id]


def test_stopping_hands_back_at_once(shop: Shop) -> None:
    export = shop.ask()
    begun = threading.Event()
    home = DiskLocation("0", shop.node.settings.data / "files")

    class Endless(DiskLocation):
        def write(self, key: str, chunks: Any) -> BlobRef:
            def slowly() -> Iterator[bytes]:
                for chunk in chunks:
                    begun.set()
                    until(lambda: maker._stopped.is_set())
                    yield chunk

            return super().write(key, slowly())

    maker = shop.maker(Endless("0", home._root))
    maker.start()
    assert begun.wait(10)
    maker.stop()
    assert shop.row().due_at == shop.now
    assert shop.files() == set()
    assert shop.maker().run_once()
    assert shop.file(export)


def test_a_location_that_fails_in_whatever_way_stops_no_worker(shop: Shop) -> None:
    shop.ask()
    good: Callable[..., BlobRef] = shop.node.disk.write

    class Odd(DiskLocation):
        def write(self, key: str, chunks: Any) -> BlobRef:
            if shop.now == NOW:
                raise RuntimeError("the sky fell")
            return good(key, chunks)

    maker = shop.maker(Odd("0", shop.node.settings.data / "files"))
    maker.start()
    until(lambda: shop.row().error == "RuntimeError: the sky fell")
    shop.now += MINUTE
    until(lambda: shop.row().state == "ready")
    maker.stop()


def test_an_export_of_the_last_days_of_the_calendar_is_made(shop: Shop) -> None:
    export = shop.ask()
    last = datetime.fromisoformat("9999-12-31T15:00:00+00:00")
    with shop.node.database.write_transaction() as connection:
        connection.execute(sa.update(schema.exports).values(begin=last, end=last + timedelta(hours=1)))
    assert shop.maker().run_once()
    assert shop.file(export), shop.row().error
