"""A real server whose clock is wrong deletes nothing, and once the clock is right its callbacks go out."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from ccfs.db import schema
from ccfs.db.system import clock_times, nodes, tenants
from ccfs.db.system.jobs import blob_moves
from ccfs.db.tenant import exports
from ccfs.db.tenant.exports import build_blob_ref
from ccfs.model.blobs.blob_ref import BlobRef
from ccfs.model.blobs.orphan import BlobOwnerTable, OrphanedBlob
from ccfs.model.exports.export import ExportFilter, ExportKind
from ccfs.server.node import Node
from tests import databases
from tests.db.tenant.test_exports import make_export
from tests.receivers import OK, CallbackReceiver, respond_with, run_receiver
from tests.server.faked_time import RIGHT, FakedTime, run_faked_server
from tests.two_tenants import add_app, add_export, add_recording
from tests.waiting import wait_until

OPTIONS = {"retention_months": 1, "export_retention_days": 1, "bulk_download_retention_hours": 1}


@pytest.fixture(params=["sqlite", "postgresql"])
def options(request: pytest.FixtureRequest) -> Iterator[dict[str, Any]]:
    """The settings of a server on each engine, which deletes as early as it can."""
    if request.param == "sqlite":
        yield {**OPTIONS}
    else:
        with databases.create_database(request.getfixturevalue("postgres_url")) as url:
            yield {**OPTIONS, "database_url": url}


@pytest.fixture
def clock(tmp_path: Path) -> FakedTime:
    """The machine's clock, which is right."""
    return FakedTime(tmp_path / "clock")


def fill(node: Node) -> list[BlobRef]:
    """Add recordings of this month, an export and a file that waits for its deletion; return their bytes."""
    app, now = add_app(node, "acme", "secret-of-acme-0000000000000000", 4), datetime.now(UTC)
    names = [f"/0/1/record/{app.ak}/acme-account/{now:%Y%m%d}/512/{number}.V3" for number in range(3)]
    blobs = [add_recording(node, app, b"audio" * 100, name, name + "-o", call_begin=now).blob for name in names]
    add_export(node, app, b"zip", ExportKind.BILL, "e" * 32)
    orphan = node.disk.write(f"{app.id}/voice/orphan.wav", [b"audio"])
    waiting = OrphanedBlob(
        location_id="0", key=orphan.key, owner_table=BlobOwnerTable.VOICE_FILES, owner_row="1", app=app.id
    )
    with node.database.write_transaction() as connection:
        blob_moves.enqueue_orphan(connection, waiting, now + timedelta(hours=8))
        export = connection.execute(sa.select(schema.exports)).one()
    return [*blobs, orphan, build_blob_ref(export)]


def list_lost(node: Node, blobs: list[BlobRef]) -> list[str]:
    """Return the keys of bytes that are not stored any more."""
    return [blob.key for blob in blobs if not Path(node.disk.get_path(blob.key)).exists()]


def count_rows(node: Node) -> dict[str, int]:
    with node.database.read_transaction() as connection:
        tables = (schema.recordings, schema.exports, schema.orphaned_blobs, schema.retention_marks)
        return {
            table.name: connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
            for table in tables
        }


def has_recorded_time(node: Node) -> bool:
    with node.database.read_transaction() as connection:
        return clock_times.read_clocks(connection, datetime.now(UTC), None).history is not None


def request_export(node: Node, receiver: CallbackReceiver) -> None:
    """Request an export now, whose callback goes to the receiver."""
    export = make_export(1, filter=ExportFilter(), callback_url=receiver.url, requested_at=datetime.now(UTC))
    with node.database.write_transaction() as connection:
        app = tenants.list_apps(connection)[0]
        tenants.bind_callback(connection, app, receiver.prefix, may_be_private=True)
        exports.add(connection, app, export)


@pytest.mark.parametrize("offset", ["+10y", "-1y"])
def test_nothing_is_lost_by_a_clock_that_is_wrong_at_the_start_and_callbacks_go_out_when_it_is_right(
    tmp_path: Path, clock: FakedTime, options: dict[str, Any], offset: str
) -> None:
    data = tmp_path / "data"
    with run_faked_server(data, clock, **options) as server:
        blobs = fill(server.node)
        wait_until(lambda: has_recorded_time(server.node))
    clock.set(offset)
    with (
        run_receiver(respond_with(503), OK) as receiver,
        run_faked_server(data, clock, **options) as server,
    ):
        assert "this machine's clock is at" in server.wait_for_log_line("clocks_disagree")["clocks"]
        request_export(server.node, receiver)
        wait_until(lambda: receiver.received, 30)
        assert count_rows(server.node) == {"recordings": 3, "exports": 2, "orphaned_blobs": 1, "retention_marks": 0}
        assert list_lost(server.node, blobs) == []
        clock.set(RIGHT)
        server.wait_for_log_line("clocks_agree")
        wait_until(lambda: len(receiver.received) > 1 or is_on_schedule(server.node))
        assert list_lost(server.node, blobs) == []


def is_on_schedule(node: Node) -> bool:
    """Return whether the callback is due within CC-FS's ten minutes."""
    with node.database.read_transaction() as connection:
        due_at = connection.execute(sa.select(schema.deliveries.c.due_at)).scalar()
        return due_at is not None and due_at <= nodes.get_database_time(connection) + timedelta(minutes=10)


def test_a_clock_that_jumps_while_the_server_runs_deletes_nothing(
    tmp_path: Path, clock: FakedTime, options: dict[str, Any]
) -> None:
    with run_faked_server(tmp_path / "data", clock, **options) as server:
        blobs = fill(server.node)
        wait_until(lambda: has_recorded_time(server.node))
        clock.set("+1y")
        server.wait_for_log_line("clocks_disagree", seconds=60)
        clock.set(RIGHT)
        server.wait_for_log_line("clocks_agree", seconds=60)
        assert list_lost(server.node, blobs) == []
        assert count_rows(server.node) == {"recordings": 3, "exports": 1, "orphaned_blobs": 1, "retention_marks": 0}
