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

from ccfs.logs import log
from ccfs.model.place import PlaceKind
from ccfs.model.stray import Held, Holder, Stray
from ccfs.store import moves
from ccfs.store.db import Database
from ccfs.store.locations.opened import Locations
from ccfs.store.locations.port import Gone, Location

BATCH = 16  # files whose rows are written in one transaction
THREADS = 4  # files copied side by side: most of the time goes into waiting
LEASE = timedelta(hours=1)  # of a copy; longer than one batch takes
SWEEP_LEASE = timedelta(minutes=10)  # of strays that are looked after; what fails is tried again then
SWEPT_AT_ONCE = 500  # strays that are held in one transaction
SWEEP_LONGEST = timedelta(seconds=10)  # of one sweep: other steps of the loop wait


class Stopped(Exception):
    """Somebody wants the process to end."""


class _Outcome(Enum):
    COPIED = auto()
    LEFT = auto()  # another process has it in hand, it was deleted or moved meanwhile, or the copy is not good
    MISSING = auto()  # the bytes are not where the row says
    DAMAGED = auto()  # the bytes are not those that were kept


@dataclass(slots=True)
class Moved:
    """What a move did."""

    files: int = 0
    size: int = 0  # bytes
    left: int = 0  # for another time
    missing: list[str] = field(default_factory=list)  # keys
    damaged: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mover:
    """What moving needs."""

    database: Database
    locations: Locations
    now: Callable[[], datetime]
    grace: timedelta  # how long originals stay, for downloads under way
    url_grace: timedelta = timedelta(0)  # the same in S3, to which URLs lead that were given away
    is_stopped: Callable[[], bool] = lambda: False
    progress: Callable[[int], None] = lambda _done: None  # called with the rows that were looked at

    def move(self, source: str, target: str, before: datetime) -> Moved:
        """Move what came to `source` before an instant; what was done. Raises Unreachable where a location is away."""
        done, looked_at = Moved(), 0
        with ThreadPoolExecutor(THREADS) as pool:
            for batch in self._batches(source, before):
                try:
                    self._move_batch(batch, source, target, pool, done)
                except Stopped:
                    break
                looked_at += len(batch)
                self.progress(looked_at)
        return done

    def sweep(self) -> int:
        """Let strays go whose time has come; how many. What cannot be removed now is tried again later; what is left after
        SWEEP_LONGEST, too."""
        began, gone = self.now(), 0
        with ThreadPoolExecutor(THREADS) as pool:
            while not self.is_stopped():
                held, went = self._sweep_batch(pool)
                gone += went
                if held < SWEPT_AT_ONCE or self.now() - began >= SWEEP_LONGEST:
                    break
        return gone

    def _batches(self, source: str, before: datetime) -> Iterator[list[Held]]:
        for holder in Holder:
            last: Held | None = None
            while not self.is_stopped():
                with self.database.reading() as connection:
                    batch = moves.older(connection, holder, source, before, BATCH, last)
                if not batch:
                    break
                yield batch
                last = batch[-1]

    def _move_batch(self, batch: list[Held], source: str, target: str, pool: Executor, done: Moved) -> None:
        lease, now = secrets.token_hex(8), self.now()
        with self.database.writing() as connection:
            held = [one for one in batch if moves.claim(connection, one, target, lease, now, now + LEASE)]
        done.left += len(batch) - len(held)
        copy = self._copier(self.locations[source], self.locations[target])
        copies = [pool.submit(copy, one) for one in held]
        wait(copies)  # all of them: a copy that ended after its stray was swept would stay for ever
        outcomes = [_Outcome.LEFT if one.exception() else one.result() for one in copies]
        self._switch(held, outcomes, target, lease, done)
        for error in filter(None, (one.exception() for one in copies)):
            raise error

    def _copier(self, source: Location, target: Location) -> Callable[[Held], _Outcome]:
        def copy(one: Held) -> _Outcome:
            kept = one.kept
            try:
                copied = target.keep(kept.key, self._until_stopped(source.read(kept.key)))
            except Gone:
                return _Outcome.MISSING
            if copied.sha256 != kept.sha256:
                return _Outcome.DAMAGED
            if _sha256(self._until_stopped(target.read(kept.key))) == kept.sha256:
                return _Outcome.COPIED
            log().error("a copy differs", action="copy_differs", location=target.location_id, key=kept.key)
            return _Outcome.LEFT

        return copy

    def _switch(self, held: list[Held], outcomes: list[_Outcome], target: str, lease: str, done: Moved) -> None:
        now, places = self.now(), self.locations.places()
        with self.database.writing() as connection:
            for one, outcome in zip(held, outcomes, strict=True):
                is_s3 = places[one.kept.location_id].kind is PlaceKind.S3
                leaves_at = now + (max(self.grace, self.url_grace) if is_s3 else self.grace)
                if outcome is not _Outcome.COPIED:
                    moves.give_back(connection, one, target, lease, now)
                elif not moves.switch(connection, one, target, lease, now, leaves_at):
                    outcome = _Outcome.LEFT
                _count(done, one, outcome)

    def _until_stopped(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            if self.is_stopped():
                raise Stopped
            yield chunk

    def _sweep_batch(self, pool: Executor) -> tuple[int, int]:
        """How many strays were due here, and how many of them are gone."""
        lease, now, far = secrets.token_hex(8), self.now(), self.locations.far()
        with self.database.writing() as connection:
            due = moves.due(connection, now, SWEPT_AT_ONCE, far)
            held = [stray for stray in due if moves.hold(connection, stray, lease, now, now + SWEEP_LEASE)]
            unnamed = [stray for stray in held if not moves.is_named(connection, stray)]
        went = pool.map(lambda one: self._is_removed(one, now + SWEEP_LEASE / 2), unnamed)
        stays = {stray for stray, is_gone in zip(unnamed, went, strict=True) if not is_gone}
        with self.database.writing() as connection:
            for stray in held:
                if stray not in stays:
                    moves.forget(connection, stray, lease)
        return len(held), len(unnamed) - len(stays)

    def _is_removed(self, stray: Stray, until: datetime) -> bool:
        """Whether its bytes are gone. After `until` nothing is removed: when the lease ends, somebody may copy there."""
        if self.is_stopped() or self.now() >= until:
            return False
        try:
            self.locations[stray.location_id].remove(stray.key)
        except Exception as error:  # noqa: BLE001  of whatever kind: the strays behind this one must not wait for it
            reason = f"{type(error).__name__}: {error}"
            log().warning("stray not removed", action="stray_stays", location=stray.location_id, reason=reason)
            return False
        return True


def _count(done: Moved, one: Held, outcome: _Outcome) -> None:
    match outcome:
        case _Outcome.COPIED:
            done.files += 1
            done.size += one.kept.size
        case _Outcome.LEFT:
            done.left += 1
        case _Outcome.MISSING:
            done.missing.append(one.kept.key)
        case _Outcome.DAMAGED:
            done.damaged.append(one.kept.key)


def _sha256(chunks: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for chunk in chunks:
        digest.update(chunk)
    return digest.hexdigest()
