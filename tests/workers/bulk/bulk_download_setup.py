"""Calls with recordings and a user who downloads them, for tests of the bulk download worker."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ccfs.blobs.disk import DiskLocation
from ccfs.blobs.interface import Location
from ccfs.db.engine import Database
from ccfs.db.tenant import bulk_download_items, bulk_downloads, recordings
from ccfs.db.tenant.bulk_downloads import BulkDownloadView
from ccfs.db.tenant.calls import cdrs
from ccfs.model.blobs.blob_ref import BlobRef
from ccfs.model.bulk.bulk_download import BulkDownload, BulkItem, BulkRequest
from ccfs.model.calls.cdr import Cdr
from ccfs.model.calls.search import CallSearch, SearchOrder
from ccfs.model.exports.time_window import TimeWindow
from ccfs.model.identity.tenancy import App
from ccfs.model.recordings.recording import Recording
from ccfs.settings import load_settings
from ccfs.workers.bulk.worker import BulkDownloadWorker, BulkWorkerDeps
from tests.db import sample_rows
from tests.db.sample_rows import MINUTE, NOW

ACCOUNT_ID = "100"


class BulkDownloadSetup:
    """Calls with recordings and a user who downloads them; tests set the clock."""

    def __init__(self, database: Database, folder: Path, app: App, user: int) -> None:
        self.database, self.folder, self.app, self.user = database, folder, app, user
        self.disk = DiskLocation("0", folder)
        self.now = NOW + 2000 * MINUTE
        self.count = 0

    def create_worker(
        self,
        locations: Mapping[str, Location] | None = None,
        find_replica: Callable[[BlobRef], BlobRef | None] = lambda _blob: None,
        **more: Any,
    ) -> BulkDownloadWorker:
        settings = load_settings({}, data=self.folder, **more)
        deps = BulkWorkerDeps(
            database=self.database,
            locations={"0": self.disk} if locations is None else locations,
            settings=settings,
            now=lambda: self.now,
            find_replica=find_replica,
        )
        return BulkDownloadWorker(deps)

    def request_bulk_download(self, *calls: str) -> str:
        """Request a bulk download of these calls, or of all; return its id."""
        self.count += 1
        window = TimeWindow(begin=NOW - MINUTE, end=NOW + 1000 * MINUTE)
        search = CallSearch(account_id=ACCOUNT_ID, window=window, order=SearchOrder.OLDEST)
        request = BulkRequest(calls=calls) if calls else BulkRequest(search=search)
        bulk_download_id = f"{self.count:032x}"
        with self.database.write_transaction() as connection:
            bulk_download = BulkDownload(
                id=bulk_download_id,
                user_id=self.user,
                account_id=ACCOUNT_ID,
                zone="Asia/Shanghai",
                request=request,
                requested_at=self.now,
            )
            bulk_downloads.add(connection, self.app, bulk_download)
        return bulk_download_id

    def get_bulk_download(self, bulk_download_id: str) -> BulkDownloadView:
        with self.database.read_transaction() as connection:
            view = bulk_downloads.find(connection, self.app, self.user, bulk_download_id)
        assert view is not None
        return view

    def list_items(self, bulk_download_id: str) -> list[BulkItem]:
        return list(bulk_download_items.iter_items(self.database, self.app, bulk_download_id))

    def add_recordings(self, *numbers: int, **more: Any) -> None:
        """Add recordings of calls, with their bytes."""
        added = [self._make_recording(number, more) for number in numbers]
        with self.database.write_transaction() as connection:
            for number, recording in zip(numbers, added, strict=True):
                account = recording.account_id
                recordings.add(connection, self.app, recording, NOW)
                call = {
                    "call_id": recording.call_id,
                    "begin": recording.call_begin,
                    "source_key": f"{account} {number}",
                }
                cdrs.add(connection, self.app, [Cdr(account_id=account, cc_id="1", vdn_id="8", **call)])  # type: ignore[arg-type]

    def _make_recording(self, number: int, more: dict[str, Any]) -> Recording:
        blob = self.disk.write(f"r/{number}", [b"RIFF", str(number).encode() * 50])
        usual = {"call_id": f"{1700000000 + number}-1", "blob": blob, "account_id": ACCOUNT_ID}
        return sample_rows.make_recording(number, **usual | more)
