"""Moves blobs between locations and deletes orphans. Their rows are in db/system/jobs/blob_moves.py.

A blob is copied and read back, then a conditional update points its row to the copy. The original is deleted later,
like other orphans. If the process dies at any point, it may leave orphans whose leases expire, but never a row without
its file. Several movers may run at once.
"""

import hashlib
import secrets
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum, auto

from ccfs.blobs.interface import Location
from ccfs.blobs.registry import Locations
from ccfs.db.engine import Database
from ccfs.db.system.jobs import blob_moves
from ccfs.logs import get_logger
from ccfs.model.blobs.errors import BlobNotFound
from ccfs.model.blobs.location_config import LocationKind
from ccfs.model.blobs.orphan import BlobOwner, BlobOwnerTable, OrphanedBlob

BATCH_SIZE = 16  # blobs whose rows are written in one transaction
COPY_THREADS = 4  # copies in parallel: they spend most of the time waiting
COPY_LEASE = timedelta(hours=1)  # longer than one batch of copies takes
ORPHAN_LEASE = timedelta(minutes=10)  # an orphan that could not be deleted is retried when it ends
ORPHAN_BATCH_SIZE = 500  # orphans leased in one transaction
ORPHAN_TIME_LIMIT_SECONDS = 10.0  # of one round: other steps of the loop wait


class MoveStopped(Exception):
    """The process is stopping."""


class _CopyOutcome(Enum):
    COPIED = auto()
    SKIPPED = auto()  # leased by another process, deleted or moved meanwhile, or the copy differs
    MISSING = auto()  # the bytes are not in the location of the row
    DAMAGED = auto()  # the bytes have another hash than the row


@dataclass(slots=True)
class MoveResult:
    """Counts of a move."""

    processed: int = 0  # rows, whatever became of them
    files: int = 0
    size: int = 0  # bytes
    skipped: int = 0  # left for a later move
    missing: list[str] = field(default_factory=list)  # keys
    damaged: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class BlobMover:
    """Moves blobs and deletes orphans."""

    database: Database
    locations: Locations
    now: Callable[[], datetime]
    grace: timedelta  # how long originals stay, for downloads in progress
    url_grace: timedelta = timedelta(0)  # and in S3, for URLs that were given out
    is_stopped: Callable[[], bool] = lambda: False
    on_progress: Callable[[MoveResult], None] = lambda _result: None  # called after each batch

    def move(self, source: str, target: str, before: datetime) -> MoveResult:
        """Move blobs that were stored in `source` before a given time; raises LocationUnreachable."""
        result = MoveResult()
        with ThreadPoolExecutor(COPY_THREADS) as pool:
            for batch in self._iter_batches(source, before):
                try:
                    self._move_batch(batch, source, target, pool, result)
                except MoveStopped:
                    break
                result.processed += len(batch)
                self.on_progress(result)
        return result

    def delete_orphans(self) -> int:
        """Delete due orphans for at most ORPHAN_TIME_LIMIT_SECONDS, and return their number.

        Orphans that cannot be deleted are retried later.
        """
        give_up, deleted = time.monotonic() + ORPHAN_TIME_LIMIT_SECONDS, 0
        with ThreadPoolExecutor(COPY_THREADS) as pool:
            while not self.is_stopped():
                batch_size, batch_deleted = self._delete_orphan_batch(pool)
                deleted += batch_deleted
                if batch_size < ORPHAN_BATCH_SIZE or time.monotonic() >= give_up:
                    break
        return deleted

    def _iter_batches(self, source: str, before: datetime) -> Iterator[list[BlobOwner]]:
        for owner_table in BlobOwnerTable:
            last: BlobOwner | None = None
            while not self.is_stopped():
                with self.database.read_transaction() as connection:
                    batch = blob_moves.list_owners_before(connection, owner_table, source, before, BATCH_SIZE, last)
                if not batch:
                    break
                yield batch
                last = batch[-1]

    def _move_batch(self, batch: list[BlobOwner], source: str, target: str, pool: Executor, result: MoveResult) -> None:
        lease, now = secrets.token_hex(8), self.now()
        until = now + COPY_LEASE
        with self.database.write_transaction() as connection:
            owners = [owner for owner in batch if blob_moves.claim_copy(connection, owner, target, lease, now, until)]
        result.skipped += len(batch) - len(owners)
        copy = self._build_copier(self.locations[source], self.locations[target])
        copies = [pool.submit(copy, owner) for owner in owners]
        wait(copies)  # for all: a copy that ends after its orphan was deleted would stay for ever
        outcomes = [_CopyOutcome.SKIPPED if copy.exception() else copy.result() for copy in copies]
        self._switch_rows(owners, outcomes, target, lease, result)
        for error in filter(None, (copy.exception() for copy in copies)):
            raise error

    def _build_copier(self, source: Location, target: Location) -> Callable[[BlobOwner], _CopyOutcome]:
        def copy(owner: BlobOwner) -> _CopyOutcome:
            blob = owner.blob
            try:
                copied = target.write(blob.key, self._iter_until_stopped(source.read(blob.key)))
            except BlobNotFound:
                return _CopyOutcome.MISSING
            if copied.sha256 != blob.sha256:
                return _CopyOutcome.DAMAGED
            if _hash_chunks(self._iter_until_stopped(target.read(blob.key))) == blob.sha256:
                return _CopyOutcome.COPIED
            get_logger().error("copy differs", action="copy_differs", location=target.location_id, key=blob.key)
            return _CopyOutcome.SKIPPED

        return copy

    def _switch_rows(
        self, owners: list[BlobOwner], outcomes: list[_CopyOutcome], target: str, lease: str, result: MoveResult
    ) -> None:
        now, configs = self.now(), self.locations.get_configs()
        with self.database.write_transaction() as connection:
            for owner, outcome in zip(owners, outcomes, strict=True):
                is_s3 = configs[owner.blob.location_id].kind is LocationKind.S3
                delete_at = now + (max(self.grace, self.url_grace) if is_s3 else self.grace)
                if outcome is not _CopyOutcome.COPIED:
                    blob_moves.abandon_copy(connection, owner, target, lease, now)
                elif not blob_moves.repoint(connection, owner, target, lease, now, delete_at):
                    outcome = _CopyOutcome.SKIPPED
                _count_outcome(result, owner, outcome)

    def _iter_until_stopped(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            if self.is_stopped():
                raise MoveStopped
            yield chunk

    def _delete_orphan_batch(self, pool: Executor) -> tuple[int, int]:
        """Return the number of orphans claimed and the number deleted."""
        lease, now, remote = secrets.token_hex(8), self.now(), self.locations.list_remote_ids()
        with self.database.write_transaction() as connection:
            orphans = blob_moves.claim_orphans(connection, now, lease, ORPHAN_LEASE, ORPHAN_BATCH_SIZE, remote)
            unreferenced = [orphan for orphan in orphans if not blob_moves.is_referenced(connection, orphan)]
        results = pool.map(lambda orphan: self._try_delete_blob(orphan, now + ORPHAN_LEASE / 2), unreferenced)
        failed = {orphan for orphan, is_deleted in zip(unreferenced, results, strict=True) if not is_deleted}
        with self.database.write_transaction() as connection:
            for orphan in orphans:
                if orphan not in failed:
                    blob_moves.delete_orphan(connection, orphan, lease)
        return len(orphans), len(unreferenced) - len(failed)

    def _try_delete_blob(self, orphan: OrphanedBlob, until: datetime) -> bool:
        """Return whether the file has been deleted.

        Nothing is deleted after `until`, because a new copy may be written once the lease has expired.
        """
        if self.is_stopped() or self.now() >= until:
            return False
        try:
            self.locations[orphan.location_id].delete(orphan.key)
        except Exception as error:  # noqa: BLE001  of any kind: the orphans behind this one must not wait for it
            reason = f"{type(error).__name__}: {error}"
            get_logger().warning(
                "could not delete orphan", action="orphan_delete_failed", location=orphan.location_id, reason=reason
            )
            return False
        return True


def _count_outcome(result: MoveResult, owner: BlobOwner, outcome: _CopyOutcome) -> None:
    match outcome:
        case _CopyOutcome.COPIED:
            result.files += 1
            result.size += owner.blob.size
        case _CopyOutcome.SKIPPED:
            result.skipped += 1
        case _CopyOutcome.MISSING:
            result.missing.append(owner.blob.key)
        case _CopyOutcome.DAMAGED:
            result.damaged.append(owner.blob.key)


def _hash_chunks(chunks: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for chunk in chunks:
        digest.update(chunk)
    return digest.hexdigest()
