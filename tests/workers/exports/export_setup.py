"""Exports on a node with a clock that tests set."""

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from ccfs.db import schema
from ccfs.db.tenant import deliveries, exports
from ccfs.model.blobs.blob_ref import BlobRef
from ccfs.model.exports.export import Export, ExportFilter, ExportKind
from ccfs.model.exports.time_window import TimeWindow
from ccfs.model.identity.tenancy import App
from ccfs.server.node import Node
from ccfs.workers.exports.worker import ExportDeps, ExportWorker

NOW = datetime.fromisoformat("2026-05-04T08:00:00+00:00")


class ExportSetup:
    """Exports on a node; tests set the clock."""

    def __init__(self, node: Node, app: App) -> None:
        self.node, self.app, self.now = node, app, NOW
        self.wake_up_count = 0
        self.count = 0

    def create_worker(self, location: Any = None, **more: Any) -> ExportWorker:
        """Return an export worker that is not started."""
        node = self.node
        settings = node.settings.model_copy(update=more)
        deps = ExportDeps(
            database=node.database,
            primary_location=location or node.disk,
            settings=settings,
            now=lambda: self.now,
            on_ready=self.count_wake_up,
        )
        return ExportWorker(deps)

    def count_wake_up(self) -> None:
        self.wake_up_count += 1

    def add_export(self) -> Export:
        """Add an export that is due now."""
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

    def list_delivery_exports(self) -> list[str]:
        """Return the responseIds of all deliveries."""
        with self.node.database.read_transaction() as connection:
            return [view.export for view in deliveries.list_recent(connection, self.app)]

    def list_files(self) -> set[str]:
        """Return the keys of all files on the disk, temporary ones included."""
        root = self.node.settings.data / "files"
        return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}
