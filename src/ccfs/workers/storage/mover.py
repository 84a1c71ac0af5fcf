"""Moving bytes between locations: copied, read back, the row switched by a conditional write, and only later the original
removed, as other strays are. A process that dies at any point leaves strays whose lease ends, never a row without bytes; several may work at
once. How rows and strays hang together: store/moves.py."""

import hashlib
import secrets
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum, auto

from ccfs.blobs.interface import Location
from ccfs.blobs.registry import Locations
from ccfs.db.engine import Database
from ccfs.db.system import blob_moves
from ccfs.logs import get_logger
from ccfs.model.blobs.errors import BlobNotFound
from ccfs.model.blobs.location_config import LocationKind
from ccfs.model.blobs.orphan import BlobOwner, BlobOwnerTable, OrphanedBlob

BATCH_SIZE = 16  # files whose rows are written in one transaction
COPY_THREADS = 4  # files copied side by side: most of the time goes into waiting
COPY_LEASE = timedelta(hours=1)  # of a copy; longer than one batch takes
ORPHAN_LEASE = timedelta(minutes=10)  # of strays that are looked after; what fails is tried again then
ORPHAN_BATCH_SIZE = 500  # strays that are held in one transaction
ORPHAN_TIME_LIMIT = timedelta(seconds=10)  # of one sweep: other steps of the loop wait


class MoveStopped(Exception):
    """Somebody wants the process to end."""


class _CopyOutcome(Enum):
    COPIED = auto()
    SKIPPED = auto()  # another process has it in hand, it was deleted or moved meanwhile, or the copy is not good
    MISSING = auto()  # the bytes are not where the row says
    DAMAGED = auto()  # the bytes are not those that were kept


@dataclass(slots=True)
class MoveResult:
    """What a move did."""

    files: int = 0
    size: int = 0  # bytes
    skipped: int = 0  # for another time
    missing: list[str] = field(default_factory=list)  # keys
    damaged: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class BlobMover:
    """What moving needs."""

    database: Database
    locations: Locations
    now: Callable[[], datetime]
    grace: timedelta  # how long originals stay, for downloads under way
    url_grace: timedelta = timedelta(0)  # the same in S3, to which URLs lead that were given away
    is_stopped: Callable[[], bool] = lambda: False
    on_progress: Callable[[int], None] = lambda _done: None  # called with the rows that were looked at

    def move(self, source: str, target: str, before: datetime) -> MoveResult:
        """Move what came to `source` before an instant; what was done. Raises Unreachable where a location is away."""
        done, looked_at = MoveResult(), 0
        with ThreadPoolExecutor(COPY_THREADS) as pool:
            for batch in self._iter_batches(source, before):
                try:
                    self._move_batch(batch, source, target, pool, done)
                except MoveStopped:
                    break
                looked_at += len(batch)
                self.on_progress(looked_at)
        return done

    def delete_orphans(self) -> int:
        """Let strays go whose time has come; how many. What cannot be removed now is tried again later; what is left after
        SWEEP_LONGEST, too."""
        began, gone = self.now(), 0
        with ThreadPoolExecutor(COPY_THREADS) as pool:
            while not self.is_stopped():
                held, went = self._delete_orphan_batch(pool)
                gone += went
                if held < ORPHAN_BATCH_SIZE or self.now() - began >= ORPHAN_TIME_LIMIT:
                    break
        return gone

    def _iter_batches(self, source: str, before: datetime) -> Iterator[list[BlobOwner]]:
        for holder in BlobOwnerTable:
            last: BlobOwner | None = None
            while not self.is_stopped():
                with self.database.read_transaction() as connection:
                    batch = blob_moves.list_owners_before(connection, holder, source, before, BATCH_SIZE, last)
                if not batch:
                    break
                yield batch
                last = batch[-1]

    def _move_batch(self, batch: list[BlobOwner], source: str, target: str, pool: Executor, done: MoveResult) -> None:
        lease, now = secrets.token_hex(8), self.now()
        with self.database.write_transaction() as connection:
            held = [
                one for one in batch if blob_moves.claim_copy(connection, one, target, lease, now, now + COPY_LEASE)
            ]
        done.skipped += len(batch) - len(held)
        copy = self._build_copier(self.locations[source], self.locations[target])
        copies = [pool.submit(copy, one) for one in held]
        wait(copies)  # all of them: a copy that ended after its stray was swept would stay for ever
        outcomes = [_CopyOutcome.SKIPPED if one.exception() else one.result() for one in copies]
        self._switch_rows(held, outcomes, target, lease, done)
        for error in filter(None, (one.exception() for one in copies)):
            raise error

    def _build_copier(self, source: Location, target: Location) -> Callable[[BlobOwner], _CopyOutcome]:
        def copy(one: BlobOwner) -> _CopyOutcome:
            kept = one.blob
            try:
                copied = target.write(kept.key, self._iter_until_stopped(source.read(kept.key)))
            except BlobNotFound:
                return _CopyOutcome.MISSING
            if copied.sha256 != kept.sha256:
                return _CopyOutcome.DAMAGED
            if _hash_chunks(self._iter_until_stopped(target.read(kept.key))) == kept.sha256:
                return _CopyOutcome.COPIED
            get_logger().error("a copy differs", action="copy_differs", location=target.location_id, key=kept.key)
            return _CopyOutcome.SKIPPED

        return copy

    def _switch_rows(
        self, held: list[BlobOwner], outcomes: list[_CopyOutcome], target: str, lease: str, done: MoveResult
    ) -> None:
        now, places = self.now(), self.locations.get_configs()
        with self.database.write_transaction() as connection:
            for one, outcome in zip(held, outcomes, strict=True):
                is_s3 = places[one.blob.location_id].kind is LocationKind.S3
                leaves_at = now + (max(self.grace, self.url_grace) if is_s3 else self.grace)
                if outcome is not _CopyOutcome.COPIED:
                    blob_moves.abandon_copy(connection, one, target, lease, now)
                elif not blob_moves.repoint(connection, one, target, lease, now, leaves_at):
                    outcome = _CopyOutcome.SKIPPED
                _count_outcome(done, one, outcome)

    def _iter_until_stopped(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            if self.is_stopped():
                raise MoveStopped
            yield chunk

    def _delete_orphan_batch(self, pool: Executor) -> tuple[int, int]:
        """How many strays were due here, and how many of them are gone."""
        lease, now, far = secrets.token_hex(8), self.now(), self.locations.list_remote_ids()
        with self.database.write_transaction() as connection:
            due = blob_moves.list_due_orphans(connection, now, ORPHAN_BATCH_SIZE, far)
            held = [
                stray for stray in due if blob_moves.lease_orphan(connection, stray, lease, now, now + ORPHAN_LEASE)
            ]
            unnamed = [stray for stray in held if not blob_moves.is_referenced(connection, stray)]
        went = pool.map(lambda one: self._try_delete_blob(one, now + ORPHAN_LEASE / 2), unnamed)
        stays = {stray for stray, is_gone in zip(unnamed, went, strict=True) if not is_gone}
        with self.database.write_transaction() as connection:
            for stray in held:
                if stray not in stays:
                    blob_moves.delete_orphan(connection, stray, lease)
        return len(held), len(unnamed) - len(stays)

    def _try_delete_blob(self, stray: OrphanedBlob, until: datetime) -> bool:
        """Whether its bytes are gone. After `until` nothing is removed: when the lease ends, somebody may copy there."""
        if self.is_stopped() or self.now() >= until:
            return False
        try:
            self.locations[stray.location_id].delete(stray.key)
        except Exception as error:  # noqa: BLE001  of whatever kind: the strays behind this one must not wait for it
            reason = f"{type(error).__name__}: {error}"
            get_logger().warning("stray not removed", action="stray_stays", location=stray.location_id, reason=reason)
            return False
        return True


def _count_outcome(done: MoveResult, one: BlobOwner, outcome: _CopyOutcome) -> None:
    match outcome:
        case _CopyOutcome.COPIED:
            done.files += 1
            done.size += one.blob.size
        case _CopyOutcome.SKIPPED:
            done.skipped += 1
        case _CopyOutcome.MISSING:
            done.missing.append(one.blob.key)
        case _CopyOutcome.DAMAGED:
            done.damaged.append(one.blob.key)


def _hash_chunks(chunks: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for chunk in chunks:
        digest.update(chunk)
    return digest.hexdigest()
