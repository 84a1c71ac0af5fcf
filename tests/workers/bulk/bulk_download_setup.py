"""Calls with recordings, and somebody who wants them, for tests of gathering. No test here."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ccfs.blobs.disk import DiskLocation
from ccfs.blobs.interface import Location
from ccfs.db.engine import Database
from ccfs.db.tenant import bulk_download_items, bulk_downloads, cdrs, recordings
from ccfs.db.tenant.bulk_downloads import BulkDownloadView
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
    """Calls with recordings, and somebody who wants them; the clock is set by hand."""

    def __init__(self, database: Database, folder: Path, app: App, user: int) -> None:
        self.database, self.folder, self.app, self.user = database, folder, app, user
        self.disk = DiskLocation("0", folder)
        self.now = NOW + 2000 * MINUTE
        self.count = 0

    def create_worker(
        self,
        locations: Mapping[str, Location] | None = None,
        elsewhere: Callable[[BlobRef], BlobRef | None] = lambda _kept: None,
        **more: Any,
    ) -> BulkDownloadWorker:
        settings = load_settings({}, data=self.folder, **more)
        places = {"0": self.disk} if locations is None else locations
        desk = BulkWorkerDeps(
            database=self.database, locations=places, settings=settings, now=lambda: self.now, find_replica=elsewhere
        )
        return BulkDownloadWorker(desk)

    def request_bulk_download(self, *calls: str) -> str:
        """A selection of these calls, or else of all; its id."""
        self.count += 1
        window = TimeWindow(begin=NOW - MINUTE, end=NOW + 1000 * MINUTE)
        search = CallSearch(account_id=ACCOUNT_ID, window=window, order=SearchOrder.OLDEST)
        wanted = BulkRequest(calls=calls) if calls else BulkRequest(search=search)
        number = f"{self.count:032x}"
        with self.database.write_transaction() as connection:
            one = BulkDownload(
                id=number,
                user_id=self.user,
                account_id=ACCOUNT_ID,
                zone="Asia/Shanghai",
                request=wanted,
                requested_at=self.now,
            )
            bulk_downloads.add(connection, self.app, one)
        return number

    def get_bulk_download(self, number: str) -> BulkDownloadView:
        with self.database.read_transaction() as connection:
            found = bulk_downloads.find(connection, self.app, self.user, number)
        assert found is not None
        return found

    def list_items(self, number: str) -> list[BulkItem]:
        return list(bulk_download_items.iter_items(self.database, self.app, number))

    def add_recordings(self, *numbers: int, **more: Any) -> None:
        """Recordings of calls, with their bytes."""
        tapes = [self._make_recording(number, more) for number in numbers]
        with self.database.write_transaction() as connection:
            for number, one in zip(numbers, tapes, strict=True):
                recordings.add(connection, self.app, one, NOW)
                call = {"call_id": one.call_id, "begin": one.call_begin, "source_key": f"{one.account_id} {number}"}
                cdrs.add(connection, self.app, [Cdr(account_id=one.account_id, cc_id="1", vdn_id="8", **call)])  # type: ignore[arg-type]

    def _make_recording(self, number: int, more: dict[str, Any]) -> Recording:
        kept = self.disk.write(f"r/{number}", [b"RIFF", str(number).encode() * 50])
        own = {"call_id": f"{1700000000 + number}-1", "blob": kept, "account_id": ACCOUNT_ID}
        return sample_rows.make_recording(number, **own | more)
