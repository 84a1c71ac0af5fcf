"""Disks, clocks, exports and workers for tests of faults."""

import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from ccfs.blobs.disk import DiskLocation
from ccfs.db import schema
from ccfs.db.tenant import exports, recordings
from ccfs.model.blobs.blob_ref import BlobRef
from ccfs.model.blobs.errors import LocationUnreachable
from ccfs.model.exports.export import Export
from ccfs.model.exports.time_window import TimeWindow
from ccfs.server.node import utc_now
from ccfs.workers.exports.worker import ExportDeps, ExportWorker
from tests.db.sample_rows import SECOND, add_account, make_recording
from tests.receivers import CallbackReceiver
from tests.workers.callbacks.callback_node import CallbackNode, make_export

HOUR = timedelta(hours=1)
ROWS = 400
BEGIN = datetime.fromisoformat("2026-05-04T08:00:00+00:00")


class SettableClock:
    """The real time with an offset that tests set."""

    def __init__(self) -> None:
        self.offset = timedelta()

    def __call__(self) -> datetime:
        return utc_now() + self.offset


class FullDeviceDisk(DiskLocation):
    """A disk that writes to /dev/full while `is_full` is set, for machines where tests may mount no file system."""

    is_full = False

    def write(self, key: str, chunks: Iterable[bytes]) -> BlobRef:
        if self.is_full:
            with open("/dev/full", "wb", buffering=0) as device:
                device.writelines(chunks)
        return super().write(key, chunks)


class UndeletableDisk(DiskLocation):
    """A location that cannot delete."""

    def delete(self, key: str) -> None:
        raise LocationUnreachable("away")


def add_export(callback_node: CallbackNode, url: str, requested_at: datetime | None = None) -> Export:
    """Add an export of all recordings, due now."""
    window = TimeWindow(begin=BEGIN, end=BEGIN + HOUR)
    export = replace(
        make_export(next(callback_node.numbers), url),
        tables=("record",),
        window=window,
        requested_at=requested_at or utc_now(),
    )
    with callback_node.node.database.write_transaction() as connection:
        exports.add(connection, callback_node.app, export)
    return export


def add_recordings(callback_node: CallbackNode) -> None:
    """Add recordings to export."""
    with callback_node.node.database.write_transaction() as connection:
        add_account(connection, callback_node.app, "100", 8)
        for number in range(ROWS):
            recordings.add(
                connection, callback_node.app, make_recording(number, call_begin=BEGIN + number * SECOND), BEGIN
            )


def create_worker(
    callback_node: CallbackNode, clock: Callable[[], datetime] = utc_now, disk: DiskLocation | None = None
) -> ExportWorker:
    """Return an export worker of the node that is not started."""
    node = callback_node.node
    deps = ExportDeps(
        database=node.database,
        primary_location=disk or node.disk,
        settings=node.settings,
        now=clock,
        on_ready=lambda: None,
    )
    return ExportWorker(deps)


@contextmanager
def run_workers(callback_node: CallbackNode, disk: DiskLocation | None = None) -> Iterator[None]:
    """Run two workers, as a node does, until the block ends."""
    workers = [create_worker(callback_node, disk=disk) for _ in range(2)]
    for worker in workers:
        worker.start()
    try:
        yield
    finally:
        for worker in workers:
            worker.stop()


def load_rows(callback_node: CallbackNode) -> list[Any]:
    with callback_node.node.database.read_transaction() as connection:
        return list(connection.execute(sa.select(schema.exports)))


def has_received(receiver: CallbackReceiver, count: int) -> bool:
    return len(receiver.received) >= count


def is_all_delivered(callback_node: CallbackNode, count: int) -> bool:
    with suppress(sa.exc.SQLAlchemyError):
        return callback_node.count_by_state() == {"delivered": count}
    return False


def assert_one_complete_file_each(callback_node: CallbackNode) -> None:
    """Check that each export has one complete file, and that no other file exists."""
    keys = {row.key for row in load_rows(callback_node)}
    files = callback_node.node.disk._root
    assert {str(path.relative_to(files)) for path in files.rglob("*") if path.is_file()} == keys
    for key in keys:
        with zipfile.ZipFile(files / key) as archive:
            assert archive.testzip() is None
            assert [archive.read(name).count(b"\n") for name in archive.namelist()] == [ROWS + 1]
