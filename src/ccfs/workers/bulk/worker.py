"""Gathering selections: the recordings are listed, then each is read through once, so that its hash and CRC are known; then
the zip's bytes are settled, though it lies nowhere. A worker that dies leaves the rest due again when its lease ends.

Each turn takes a few seconds, so that a large selection does not keep small ones waiting.
"""

import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from ccfs.blobs.interface import Location
from ccfs.db.engine import Database
from ccfs.db.tenant import bulk_download_items, bulk_downloads, call_lookup, call_search
from ccfs.db.tenant.bulk_downloads import ClaimedBulkDownload
from ccfs.logs import get_logger
from ccfs.model.blobs.blob_ref import BlobRef
from ccfs.model.bulk.bulk_download import BulkItem, MissingReason
from ccfs.model.bulk.bulk_zip import build_item_header, summarise_zip
from ccfs.model.calls.search import SearchCursor
from ccfs.model.recordings.recording import Recording
from ccfs.settings import Settings
from ccfs.workers.base import Worker, WorkerInterrupted
from ccfs.workers.bulk.verify import RecordingUnavailable, RecordingVerifier

LEASE = timedelta(seconds=60)
TURN_SECONDS = 10.0
SAVE_INTERVAL_SECONDS = 1.0  # how often what was done is kept, and the lease renewed
CALL_BATCH_SIZE = 200  # looked up at a time
SEARCH_SECONDS = 1.0  # seconds that they may be looked for before what was found is kept
RETRY_DELAY = timedelta(seconds=2)  # after a failure, times the attempts
MAX_UNAVAILABLE_CLAIMS = 3  # claims after which a recording whose location is away counts as missing


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkWorkerDeps:
    """What gathering needs."""

    database: Database
    locations: Mapping[str, Location]
    settings: Settings
    now: Callable[[], datetime]
    is_draining: Callable[[], bool] = lambda: False
    find_replica: Callable[[BlobRef], BlobRef | None] = lambda _kept: (
        None
    )  # a copy, where the bytes of a row cannot be had


class BulkDownloadWorker(Worker):
    """Goes on with one selection after the other for as long as it runs; several may run on one database."""

    THREAD_NAME = "gather"
    IDLE_SECONDS = 0.5
    FAILURE_LOG = ("not gathered", "gather_failed")

    def __init__(self, desk: BulkWorkerDeps) -> None:
        super().__init__(desk.is_draining)
        self._deps = desk

    def run_once(self) -> bool:
        """A turn of the selection that is due; whether there was one."""
        desk = self._deps
        with desk.database.write_transaction() as connection:
            claimed = bulk_downloads.claim(connection, desk.now(), secrets.token_hex(8), LEASE)
        if claimed is None:
            return False
        if claimed.attempts > desk.settings.export_max_attempts:
            _mark_failed(desk, claimed, f"claimed {claimed.attempts} times and never came forward")
            return True
        turn = _Turn(desk, claimed, self._stopped.is_set)
        try:
            turn.run()
            _release(desk, claimed, desk.now(), "", attempts=MAX_UNAVAILABLE_CLAIMS if turn.has_unavailable else 0)
        except WorkerInterrupted:
            _release(desk, claimed, desk.now(), "interrupted", attempts=0)
        except Exception as error:  # noqa: BLE001 - whatever stops one selection must not stop the others
            _handle_failure(desk, claimed, error, came_forward=turn.has_progressed)
        return True


class _Turn:
    """One claim of a selection: as much of it as fits into a turn."""

    def __init__(self, desk: BulkWorkerDeps, claimed: ClaimedBulkDownload, is_stopped: Callable[[], bool]) -> None:
        self._deps, self._claimed, self._is_stopped = desk, claimed, is_stopped
        self._progress, self._cursor = claimed.progress, claimed.cursor
        self._verifier = RecordingVerifier(
            desk.database, claimed.app, desk.locations, desk.find_replica, self._zone, self._renew_lease
        )
        self._saved_at = self._renewed_at = self._started_at = time.monotonic()
        self._checked_items: list[BulkItem] = []  # read through, and not kept yet
        self.has_unavailable = False  # whether a recording was left out because its location is away
        self.has_progressed = False

    def run(self) -> None:
        """List, read through, finish: until it is done or the turn is over."""
        while not self._progress.is_complete:
            self._list_next()
            if self._is_over():
                return
        for one in bulk_download_items.iter_items(
            self._deps.database, self._claimed.app, self._id, self._progress.checked
        ):
            self._checked_items.append(found := self._check_item(one))
            self._update_progress(found)
            if time.monotonic() - self._saved_at > SAVE_INTERVAL_SECONDS:
                self._save()
            if self._is_over():
                self._save()
                return
        self._save()
        self._finish()

    @property
    def _id(self) -> str:
        return self._claimed.bulk_download.id

    def _is_over(self) -> bool:
        if self._is_stopped():
            self._save()
            raise WorkerInterrupted
        return time.monotonic() - self._started_at > TURN_SECONDS

    def _list_next(self) -> None:
        """The recordings of the calls that come next."""
        before, desk = self._progress, self._deps
        tapes, after = self._find_next()
        taken: list[BulkItem] = []
        size = before.bytes
        is_cut = False
        for tape in tapes:
            is_cut = before.listed + len(taken) >= desk.settings.bulk_download_max_files
            is_cut = is_cut or size + tape.blob.size > desk.settings.bulk_download_max_gb << 30
            if is_cut:
                break
            taken.append(_build_item(tape, before.listed + len(taken) + 1))
            size += tape.blob.size
        is_whole = is_cut or after is None
        self._progress = replace(
            before, listed=before.listed + len(taken), bytes=size, is_truncated=is_cut, is_complete=is_whole
        )
        self._cursor = after
        self._save(taken)

    def _find_next(self) -> tuple[list[Recording], SearchCursor | None]:
        """Recordings of the next calls, and where to go on."""
        app, wanted, account = (
            self._claimed.app,
            self._claimed.bulk_download.request,
            self._claimed.bulk_download.account_id,
        )
        after = None
        with self._deps.database.read_transaction() as connection:
            ids = list(wanted.calls)
            if wanted.search:
                search = replace(wanted.search, account_id=account, cursor=self._cursor, limit=CALL_BATCH_SIZE)
                found = call_search.find_calls(connection, app, search, SEARCH_SECONDS)
                ids, after = [hit.call_id for hit in found.hits], found.next_cursor
            return [tape for one in ids for tape in call_lookup.list_recordings(connection, app, [account], one)], after

    def _check_item(self, one: BulkItem) -> BulkItem:
        """The recording with what was found of it."""
        try:
            return self._verifier.verify(one, self._progress.files_end)
        except RecordingUnavailable:
            if self._claimed.attempts < MAX_UNAVAILABLE_CLAIMS:
                self._save()
                raise
            self.has_unavailable = True
            return replace(one, missing_reason=MissingReason.UNREACHABLE)

    def _renew_lease(self) -> None:
        """Called between chunks: the lease is renewed in time, and what is to stop, stops."""
        if self._is_stopped():
            raise WorkerInterrupted
        if time.monotonic() - self._renewed_at > LEASE.total_seconds() / 4:
            self._renewed_at = time.monotonic()
            with self._deps.database.write_transaction() as connection:
                if not bulk_downloads.renew(connection, self._claimed, self._deps.now() + LEASE):
                    raise WorkerInterrupted

    def _update_progress(self, one: BulkItem) -> None:
        done = self._progress
        if one.missing_reason:
            self._progress = replace(done, checked=one.number, missing=done.missing + 1)
        else:
            end = one.zip_offset + len(build_item_header(one, self._zone)) + one.size
            self._progress = replace(done, checked=one.number, files_end=end)

    def _save(self, listed: list[BulkItem] | None = None) -> None:
        """What is new, at one stroke; Interrupted where it is no longer ours."""
        if not self._checked_items and listed is None:
            return
        desk, app = self._deps, self._claimed.app
        with desk.database.write_transaction() as connection:
            until = desk.now() + LEASE
            if not bulk_downloads.save_progress(connection, self._claimed, self._progress, self._cursor, until):
                raise WorkerInterrupted  # another one's, or dropped: then there is nothing to list anything for
            bulk_download_items.add(connection, app, self._id, listed or [])
            bulk_download_items.save_check_results(connection, app, self._id, self._checked_items)
        self._checked_items, self.has_progressed = [], True
        self._saved_at = self._renewed_at = time.monotonic()

    def _finish(self) -> None:
        desk, app, selection = self._deps, self._claimed.app, self._claimed.bulk_download
        whole = summarise_zip(bulk_download_items.build_zip_contents(desk.database, app, selection, self._progress))
        with desk.database.write_transaction() as connection:
            if not bulk_downloads.finish(connection, self._claimed, whole, desk.now()):
                raise WorkerInterrupted
        done = {"recordings": self._progress.checked, "missing": self._progress.missing}
        get_logger().info("gathered", action="selection_ready", selection=selection.id, bytes=whole.size, **done)

    @property
    def _zone(self) -> ZoneInfo:
        return self._claimed.bulk_download.zoneinfo


def _build_item(tape: Recording, number: int) -> BulkItem:
    return BulkItem(
        number=number,
        file_name=tape.file_name,
        call_id=tape.call_id,
        begin=tape.call_begin,
        end=tape.call_end,
        caller_no=tape.caller_no,
        callee_no=tape.callee_no,
        agent_id=tape.agent_id,
        queue=tape.current_skill_id,
    )


def _release(desk: BulkWorkerDeps, claimed: ClaimedBulkDownload, due_at: datetime, error: str, attempts: int) -> None:
    with desk.database.write_transaction() as connection:
        bulk_downloads.release(connection, claimed, due_at, error, attempts)


def _handle_failure(
    desk: BulkWorkerDeps, claimed: ClaimedBulkDownload, error: Exception, *, came_forward: bool
) -> None:
    """Go on later; put it aside when that was tried often enough."""
    reason, attempts = f"{type(error).__name__}: {error}", 1 if came_forward else claimed.attempts
    get_logger().warning(
        "not gathered", action="gather_failed", selection=claimed.bulk_download.id, reason=reason[:200]
    )
    if attempts < desk.settings.export_max_attempts:
        return _release(desk, claimed, desk.now() + RETRY_DELAY * attempts, reason, attempts)
    _mark_failed(desk, claimed, reason)


def _mark_failed(desk: BulkWorkerDeps, claimed: ClaimedBulkDownload, reason: str) -> None:
    with desk.database.write_transaction() as connection:
        bulk_downloads.mark_failed(connection, claimed, reason)
