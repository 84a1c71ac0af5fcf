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

from ccfs.logs import log
from ccfs.model.call_search import After
from ccfs.model.recording import Kept, Recording
from ccfs.model.selection import Missing, Taken
from ccfs.model.selection_zip import head, made
from ccfs.settings import Settings
from ccfs.store import call_search, calls, selected, selections
from ccfs.store.db import Database
from ccfs.store.locations.port import Location
from ccfs.store.selections import Claimed
from ccfs.work.reading import Away, Reading
from ccfs.work.worker import Interrupted, Worker

LEASE = timedelta(seconds=60)
TURN_SECONDS = 10.0
KEPT_SECONDS = 1.0  # how often what was done is kept, and the lease renewed
CALLS = 200  # looked up at a time
SEARCH = 1.0  # seconds that they may be looked for before what was found is kept
WAIT = timedelta(seconds=2)  # after a failure, times the attempts
PATIENCE = 3  # claims after which a recording whose location is away counts as missing


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What gathering needs."""

    database: Database
    locations: Mapping[str, Location]
    settings: Settings
    now: Callable[[], datetime]
    is_draining: Callable[[], bool] = lambda: False
    elsewhere: Callable[[Kept], Kept | None] = lambda _kept: None  # a copy, where the bytes of a row cannot be had


class Gatherer(Worker):
    """Goes on with one selection after the other for as long as it runs; several may run on one database."""

    NAME = "gather"
    IDLE_SECONDS = 0.5
    FAILURE = ("not gathered", "gather_failed")

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk.is_draining)
        self._desk = desk

    def do_one(self) -> bool:
        """A turn of the selection that is due; whether there was one."""
        desk = self._desk
        with desk.database.writing() as connection:
            claimed = selections.claim(connection, desk.now(), secrets.token_hex(8), LEASE)
        if claimed is None:
            return False
        if claimed.attempts > desk.settings.export_attempts:
            _put_aside(desk, claimed, f"claimed {claimed.attempts} times and never came forward")
            return True
        turn = _Turn(desk, claimed, self._stopped.is_set)
        try:
            turn.take()
            _give_back(desk, claimed, desk.now(), "", attempts=PATIENCE if turn.is_away else 0)
        except Interrupted:
            _give_back(desk, claimed, desk.now(), "interrupted", attempts=0)
        except Exception as error:  # noqa: BLE001 - whatever stops one selection must not stop the others
            _failed(desk, claimed, error, came_forward=turn.came_forward)
        return True


class _Turn:
    """One claim of a selection: as much of it as fits into a turn."""

    def __init__(self, desk: Desk, claimed: Claimed, is_stopped: Callable[[], bool]) -> None:
        self._desk, self._claimed, self._is_stopped = desk, claimed, is_stopped
        self._progress, self._after = claimed.progress, claimed.after
        self._reading = Reading(desk.database, claimed.app, desk.locations, desk.elsewhere, self._zone, self._beat)
        self._kept_at = self._renewed_at = self._began = time.monotonic()
        self._done: list[Taken] = []  # read through, and not kept yet
        self.is_away = False  # whether a recording was left out because its location is away
        self.came_forward = False

    def take(self) -> None:
        """List, read through, finish: until it is done or the turn is over."""
        while not self._progress.is_whole:
            self._list_some()
            if self._is_over():
                return
        for one in selected.every(self._desk.database, self._claimed.app, self._id, self._progress.checked):
            self._done.append(found := self._looked_at(one))
            self._count(found)
            if time.monotonic() - self._kept_at > KEPT_SECONDS:
                self._keep()
            if self._is_over():
                self._keep()
                return
        self._keep()
        self._finish()

    @property
    def _id(self) -> str:
        return self._claimed.selection.id

    def _is_over(self) -> bool:
        if self._is_stopped():
            self._keep()
            raise Interrupted
        return time.monotonic() - self._began > TURN_SECONDS

    def _list_some(self) -> None:
        """The recordings of the calls that come next."""
        before, desk = self._progress, self._desk
        tapes, after = self._found()
        taken: list[Taken] = []
        size = before.bytes
        is_cut = False
        for tape in tapes:
            is_cut = before.listed + len(taken) >= desk.settings.take_recordings
            is_cut = is_cut or size + tape.kept.size > desk.settings.take_gb << 30
            if is_cut:
                break
            taken.append(_taken(tape, before.listed + len(taken) + 1))
            size += tape.kept.size
        is_whole = is_cut or after is None
        self._progress = replace(
            before, listed=before.listed + len(taken), bytes=size, is_cut=is_cut, is_whole=is_whole
        )
        self._after = after
        self._keep(taken)

    def _found(self) -> tuple[list[Recording], After | None]:
        """Recordings of the next calls, and where to go on."""
        app, wanted, account = self._claimed.app, self._claimed.selection.wanted, self._claimed.selection.account_id
        after = None
        with self._desk.database.reading() as connection:
            ids = list(wanted.calls)
            if wanted.search:
                search = replace(wanted.search, account_id=account, after=self._after, limit=CALLS)
                found = call_search.find(connection, app, search, SEARCH)
                ids, after = [hit.call_id for hit in found.hits], found.after
            return [tape for one in ids for tape in calls.taped(connection, app, [account], one)], after

    def _looked_at(self, one: Taken) -> Taken:
        """The recording with what was found of it."""
        try:
            return self._reading.read(one, self._progress.files_end)
        except Away:
            if self._claimed.attempts < PATIENCE:
                self._keep()
                raise
            self.is_away = True
            return replace(one, missing=Missing.AWAY)

    def _beat(self) -> None:
        """Called between chunks: the lease is renewed in time, and what is to stop, stops."""
        if self._is_stopped():
            raise Interrupted
        if time.monotonic() - self._renewed_at > LEASE.total_seconds() / 4:
            self._renewed_at = time.monotonic()
            with self._desk.database.writing() as connection:
                if not selections.renew(connection, self._claimed, self._desk.now() + LEASE):
                    raise Interrupted

    def _count(self, one: Taken) -> None:
        done = self._progress
        if one.missing:
            self._progress = replace(done, checked=one.number, missing=done.missing + 1)
        else:
            end = one.at + len(head(one, self._zone)) + one.size
            self._progress = replace(done, checked=one.number, files_end=end)

    def _keep(self, listed: list[Taken] | None = None) -> None:
        """What is new, at one stroke; Interrupted where it is no longer ours."""
        if not self._done and listed is None:
            return
        desk, app = self._desk, self._claimed.app
        with desk.database.writing() as connection:
            until = desk.now() + LEASE
            if not selections.advance(connection, self._claimed, self._progress, self._after, until):
                raise Interrupted  # another one's, or dropped: then there is nothing to list anything for
            selected.add(connection, app, self._id, listed or [])
            selected.found(connection, app, self._id, self._done)
        self._done, self.came_forward = [], True
        self._kept_at = self._renewed_at = time.monotonic()

    def _finish(self) -> None:
        desk, app, selection = self._desk, self._claimed.app, self._claimed.selection
        whole = made(selected.contents(desk.database, app, selection, self._progress))
        with desk.database.writing() as connection:
            if not selections.finish(connection, self._claimed, whole, desk.now()):
                raise Interrupted
        done = {"recordings": self._progress.checked, "missing": self._progress.missing}
        log().info("gathered", action="selection_ready", selection=selection.id, bytes=whole.size, **done)

    @property
    def _zone(self) -> ZoneInfo:
        return self._claimed.selection.zoneinfo


def _taken(tape: Recording, number: int) -> Taken:
    return Taken(
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


def _give_back(desk: Desk, claimed: Claimed, due_at: datetime, error: str, attempts: int) -> None:
    with desk.database.writing() as connection:
        selections.give_back(connection, claimed, due_at, error, attempts)


def _failed(desk: Desk, claimed: Claimed, error: Exception, *, came_forward: bool) -> None:
    """Go on later; put it aside when that was tried often enough."""
    reason, attempts = f"{type(error).__name__}: {error}", 1 if came_forward else claimed.attempts
    log().warning("not gathered", action="gather_failed", selection=claimed.selection.id, reason=reason[:200])
    if attempts < desk.settings.export_attempts:
        return _give_back(desk, claimed, desk.now() + WAIT * attempts, reason, attempts)
    _put_aside(desk, claimed, reason)


def _put_aside(desk: Desk, claimed: Claimed, reason: str) -> None:
    with desk.database.writing() as connection:
        selections.put_aside(connection, claimed, reason)
