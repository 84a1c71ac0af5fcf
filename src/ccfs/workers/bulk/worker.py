"""Bulk download jobs: a worker lists the recordings, then reads each of them once to determine its hash and CRC.

After that, the content of the zip is fixed. The zip is never stored: web processes stream it. A claim lasts only a few
seconds before the job is released, so that a large bulk download does not delay small ones; apps take turns. If a worker dies, its job
becomes due when the lease expires, and continues from the saved progress.
"""

import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from ccfs.blobs.interface import Location
from ccfs.db.engine import Database
from ccfs.db.job_queue import BULK_DOWNLOADS
from ccfs.db.system.jobs import bulk_jobs
from ccfs.db.system.jobs.bulk_jobs import ClaimedBulkDownload
from ccfs.db.tenant import bulk_download_items
from ccfs.db.tenant.calls import call_lookup, call_search
from ccfs.logs import get_logger
from ccfs.model.blobs.blob_ref import BlobRef
from ccfs.model.bulk.bulk_download import BulkItem, MissingReason
from ccfs.model.bulk.bulk_zip import build_item_header, summarise_zip
from ccfs.model.calls.search import SearchCursor
from ccfs.model.recordings.recording import Recording
from ccfs.settings import Settings
from ccfs.workers.base import Job, JobWorker, WorkerInterrupted
from ccfs.workers.bulk.verify import RecordingUnavailable, RecordingVerifier

LEASE = timedelta(seconds=60)
TURN_SECONDS = 10.0  # of work per claim
SAVE_INTERVAL_SECONDS = 1.0  # between two writes of the progress, which renew the lease
CALL_BATCH_SIZE = 200  # calls of one search page
SEARCH_SECONDS = 1.0  # limit of one search; its partial result is saved
RETRY_DELAY = timedelta(seconds=2)  # after a failure, times the attempts
MAX_UNAVAILABLE_CLAIMS = 3  # claims after which a recording in an unreachable location counts as missing


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkWorkerDeps:
    """Dependencies of bulk download workers."""

    database: Database
    locations: Mapping[str, Location]
    settings: Settings
    now: Callable[[], datetime]
    is_draining: Callable[[], bool] = lambda: False
    find_replica: Callable[[BlobRef], BlobRef | None] = lambda _blob: None  # called where a row's bytes are unavailable


class BulkDownloadWorker(JobWorker):
    """Processes bulk downloads one after another."""

    THREAD_NAME = "bulk-download"
    IDLE_SECONDS = 0.5

    def __init__(self, deps: BulkWorkerDeps) -> None:
        super().__init__(deps.is_draining, deps.settings.export_max_attempts)
        self._deps = deps
        self._last_app_id = 0

    def claim(self) -> "BulkDownloadJob | None":
        """Claim the next due bulk download, from a different app than last time if one is waiting."""
        deps = self._deps
        if not self._has_due_job(deps.database, BULK_DOWNLOADS, deps.now()):
            return None
        with deps.database.write_transaction() as connection:
            claimed = bulk_jobs.claim(connection, deps.now(), secrets.token_hex(8), LEASE, self._last_app_id)
        if claimed is None:
            return None
        self._last_app_id = claimed.app.id
        return BulkDownloadJob(deps, claimed, self._stopped.is_set)


class BulkDownloadJob(Job):
    """A claimed bulk download: does as much of the work as fits into one turn."""

    QUEUE = BULK_DOWNLOADS
    KIND = "bulk_download"

    def __init__(self, deps: BulkWorkerDeps, claimed: ClaimedBulkDownload, is_stopped: Callable[[], bool]) -> None:
        super().__init__(deps.database, claimed)
        self._deps, self._claimed, self._is_stopped = deps, claimed, is_stopped
        self._progress, self._cursor = claimed.progress, claimed.cursor
        self._verifier = RecordingVerifier(
            deps.database, claimed.app, deps.locations, deps.find_replica, self._zone, self._renew_lease
        )
        self._saved_at = self._renewed_at = self._started_at = time.monotonic()
        self._checked_items: list[BulkItem] = []  # not saved yet
        self._has_unavailable = False  # whether a recording was skipped because its location is unreachable
        self._has_progressed = False

    def run(self) -> None:
        """List, check and finish, until everything is done or the turn is over."""
        if self._work():
            self._finish()
        else:
            self.release(self._deps.now(), "", attempts=MAX_UNAVAILABLE_CLAIMS if self._has_unavailable else 0)

    def handle_interrupt(self) -> None:
        """Make the bulk download due immediately."""
        self.release(self._deps.now(), "interrupted", attempts=0)

    def handle_failure(self, error: Exception) -> None:
        """Retry later, or mark the bulk download as failed after the last attempt without progress."""
        reason, attempts = f"{type(error).__name__}: {error}", 1 if self._has_progressed else self.attempts
        get_logger().warning(
            "bulk download failed", action="bulk_download_failed", bulk_download=self._id, reason=reason[:200]
        )
        if attempts < self._deps.settings.export_max_attempts:
            self.release(self._deps.now() + RETRY_DELAY * attempts, reason, attempts=attempts)
        else:
            self.mark_failed(reason)

    def _work(self) -> bool:
        """Return whether all recordings have been listed and checked; False if the turn is over."""
        while not self._progress.is_complete:
            self._list_next()
            if self._is_over():
                return False
        items = bulk_download_items.iter_items(self._deps.database, self._claimed.app, self._id, self._progress.checked)
        for item in items:
            self._checked_items.append(checked := self._check_item(item))
            self._update_progress(checked)
            if time.monotonic() - self._saved_at > SAVE_INTERVAL_SECONDS:
                self._save()
            if self._is_over():
                self._save()
                return False
        self._save()
        return True

    @property
    def _id(self) -> str:
        return self._claimed.bulk_download.id

    @property
    def _zone(self) -> ZoneInfo:
        return self._claimed.bulk_download.zoneinfo

    def _is_over(self) -> bool:
        if self._is_stopped():
            self._save()
            raise WorkerInterrupted
        return time.monotonic() - self._started_at > TURN_SECONDS

    def _list_next(self) -> None:
        """List the recordings of the next calls, up to the limits of the settings."""
        progress, settings = self._progress, self._deps.settings
        recordings, cursor = self._find_next()
        items: list[BulkItem] = []
        size, is_truncated = progress.bytes, False
        for recording in recordings:
            is_truncated = progress.listed + len(items) >= settings.bulk_download_max_files
            is_truncated = is_truncated or size + recording.blob.size > settings.bulk_download_max_gb << 30
            if is_truncated:
                break
            items.append(_build_item(recording, progress.listed + len(items) + 1))
            size += recording.blob.size
        self._progress = replace(
            progress,
            listed=progress.listed + len(items),
            bytes=size,
            is_truncated=is_truncated,
            is_complete=is_truncated or cursor is None,
        )
        self._cursor = cursor
        self._save(items)

    def _find_next(self) -> tuple[list[Recording], SearchCursor | None]:
        """Return the recordings of the next calls, and the cursor after these calls."""
        app, bulk_download = self._claimed.app, self._claimed.bulk_download
        request, account, cursor = bulk_download.request, bulk_download.account_id, None
        with self._deps.database.read_transaction() as connection:
            call_ids = list(request.calls)
            if request.search:
                search = replace(request.search, account_id=account, cursor=self._cursor, limit=CALL_BATCH_SIZE)
                page = call_search.find_calls(connection, app, search, SEARCH_SECONDS)
                call_ids, cursor = [hit.call_id for hit in page.hits], page.next_cursor
            recordings = [
                recording
                for call_id in call_ids
                for recording in call_lookup.list_recordings(connection, app, [account], call_id)
            ]
        return recordings, cursor

    def _check_item(self, item: BulkItem) -> BulkItem:
        """Return the item with its result.

        If a location is unreachable, the first claims fail; after that, the item counts as missing.
        """
        try:
            return self._verifier.verify(item, self._progress.files_end)
        except RecordingUnavailable:
            if self.attempts < MAX_UNAVAILABLE_CLAIMS:
                self._save()
                raise
            self._has_unavailable = True
            return replace(item, missing_reason=MissingReason.UNREACHABLE)

    def _renew_lease(self) -> None:
        """Renew the lease if it is time to do so. Called between chunks; raises WorkerInterrupted."""
        if self._is_stopped():
            raise WorkerInterrupted
        if time.monotonic() - self._renewed_at > LEASE.total_seconds() / 4:
            self._renewed_at = time.monotonic()
            with self._deps.database.write_transaction() as connection:
                if not BULK_DOWNLOADS.renew(connection, self._claimed, self._deps.now() + LEASE):
                    raise WorkerInterrupted

    def _update_progress(self, item: BulkItem) -> None:
        progress = self._progress
        if item.missing_reason:
            self._progress = replace(progress, checked=item.number, missing=progress.missing + 1)
        else:
            end = item.zip_offset + len(build_item_header(item, self._zone)) + item.size
            self._progress = replace(progress, checked=item.number, files_end=end)

    def _save(self, listed: list[BulkItem] | None = None) -> None:
        """Save new items, results and progress in one transaction; raises WorkerInterrupted if the lease has been lost."""
        if not self._checked_items and listed is None:
            return
        deps, app = self._deps, self._claimed.app
        with deps.database.write_transaction() as connection:
            until = deps.now() + LEASE
            if not bulk_jobs.save_progress(connection, self._claimed, self._progress, self._cursor, until):
                raise WorkerInterrupted  # leased by another worker, or deleted: then its items have no parent row
            bulk_download_items.add(connection, app, self._id, listed or [])
            bulk_download_items.save_check_results(connection, app, self._id, self._checked_items)
        self._checked_items, self._has_progressed = [], True
        self._saved_at = self._renewed_at = time.monotonic()

    def _finish(self) -> None:
        deps, app, bulk_download = self._deps, self._claimed.app, self._claimed.bulk_download
        contents = bulk_download_items.build_zip_contents(deps.database, app, bulk_download, self._progress)
        summary = summarise_zip(contents)
        with deps.database.write_transaction() as connection:
            if not bulk_jobs.finish(connection, self._claimed, summary, deps.now()):
                raise WorkerInterrupted
        get_logger().info(
            "bulk download ready",
            action="bulk_download_ready",
            bulk_download=self._id,
            bytes=summary.size,
            recordings=self._progress.checked,
            missing=self._progress.missing,
        )


def _build_item(recording: Recording, number: int) -> BulkItem:
    return BulkItem(
        number=number,
        file_name=recording.file_name,
        call_id=recording.call_id,
        begin=recording.call_begin,
        end=recording.call_end,
        caller_no=recording.caller_no,
        callee_no=recording.callee_no,
        agent_id=recording.agent_id,
        queue=recording.current_skill_id,
    )
