"""Announcing: due deliveries are claimed, sent and recorded. Each attempt leaves its row; what follows it is decided by
model/delivery, and how many posts may be under way to whom by work/pace."""

import queue
import secrets
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import sample, uniform
from typing import Protocol

from sqlalchemy.exc import DataError, IntegrityError

from ccfs.logs import log
from ccfs.model.delivery import Next, Outcome, Schedule, State, after
from ccfs.model.tenancy import AccessKey
from ccfs.store import deliveries
from ccfs.store.db import Database
from ccfs.store.deliveries import Claimed
from ccfs.wire import notices
from ccfs.work.pace import Pace

LEASE = timedelta(seconds=120)  # longer than any attempt lasts, its recording included
THREADS = 256  # at most; they wait for receivers, nearly all of the time
MOST_CLAIMS = 10  # without one recorded attempt: whoever tries it dies of it
BATCH = 500  # results in one transaction
GATHER_SECONDS = 0.02  # so that claims and results come in batches: a transaction costs more than what it holds
LOW_WATER = 2  # of what was claimed, this part may be under way still when more is claimed before that time
IDLE_SECONDS = 1.0  # between looks, when nothing is known to be due

Result = tuple[Claimed, Outcome, Next]


class Poster(Protocol):
    """What sends: work/egress."""

    def post(
        self,
        url: str,
        headers: dict[str, str],
        body: bytes,
        *,
        allowed_prefixes: Collection[str],
        private_hosts: Collection[str],
    ) -> Outcome:
        """One post, one outcome."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """Who announces: the app's newest key, and where it may announce to."""

    key: AccessKey | None
    prefixes: Collection[str]
    private_hosts: Collection[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How deliveries are made, as far as an operator sets it."""

    schedule: Schedule
    host_with_port: bool
    senders: Callable[[], Callable[[int], Sender]]  # asked once for many deliveries: gives the sender of each app
    now: Callable[[], datetime]
    is_draining: Callable[[], bool] = lambda: False  # whether to claim no more


class Crew:
    """Daemon threads on demand. Unlike those of a ThreadPoolExecutor nobody waits for them when the process ends: a
    receiver that hangs does not hold up a shutdown."""

    def __init__(self, work: Callable[[Claimed, Sender], None]) -> None:
        self._work = work
        self._idle = threading.Semaphore(0)
        self._given: queue.SimpleQueue[tuple[Claimed, Sender]] = queue.SimpleQueue()

    def give(self, claimed: Claimed, sender: Sender) -> None:
        """Let a thread do it, a new one if none is idle."""
        self._given.put((claimed, sender))
        if not self._idle.acquire(blocking=False):
            threading.Thread(target=self._run, name="deliver", daemon=True).start()

    def _run(self) -> None:
        while True:
            self._work(*self._given.get())
            self._idle.release()


class Announcer:
    """Claims, sends and records for as long as it runs; several processes may do so on one database."""

    def __init__(
        self,
        database: Database,
        poster: Poster,
        terms: Terms,
        *,
        threads: int = THREADS,
        idle_seconds: float = IDLE_SECONDS,
    ) -> None:
        self._idle_seconds = idle_seconds
        self._database = database
        self._poster = poster
        self._terms = terms
        self._lease = secrets.token_hex(8)
        self._pace = Pace(threads)
        self._crew = Crew(self._deliver)
        self._under_way: dict[str, Claimed] = {}
        self._enough = 0  # under way: as soon as there are no more, more are claimed
        self._results: queue.SimpleQueue[Result | None] = queue.SimpleQueue()
        self._wake = threading.Event()
        self._low = threading.Event()
        self._stopped = threading.Event()
        self._claiming = threading.Thread(target=self._claim_all, name="claim", daemon=True)
        self._recording = threading.Thread(target=self._record_all, name="record", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._recording.start()
        self._claiming.start()

    def wake(self) -> None:
        """Something may be due now."""
        self._wake.set()

    def stop(self, patience_seconds: float) -> None:
        """Claim no more; let what is under way end, for so long. What does not end is recorded as cut off, and due."""
        until = time.monotonic() + patience_seconds
        self._stopped.set()
        self._wake.set()
        self._claiming.join(patience_seconds)
        while self._under_way and time.monotonic() < until:
            time.sleep(0.02)
        for claimed in list(self._under_way.values()):
            cut_off = Outcome(at=self._terms.now(), failure="cut off: this node stopped")
            self._results.put((claimed, cut_off, Next(state=State.DUE, due_at=cut_off.at)))
        self._results.put(None)
        self._recording.join(patience_seconds)

    def _claim_all(self) -> None:
        while not self._stopped.is_set():
            self._wake.clear()
            self._low.clear()
            try:
                is_busy = not self._terms.is_draining() and self._claim_round()
            except Exception as error:  # noqa: BLE001 - the database is away, or what nobody thought of: look again
                log().warning("not claimed", action="claim_failed", reason=_first_line(error))
                is_busy = False
            if is_busy:
                self._low.wait(GATHER_SECONDS)
            else:
                self._wake.wait(self._idle_seconds)
        self._database.end_look_ups()

    def _claim_round(self) -> bool:
        """One look at all receivers; whether anything was claimed."""
        now = self._terms.now()
        due = self._database.look_up(lambda connection: deliveries.due_receivers(connection, now))
        rooms = self._pace.rooms(sample(due, len(due)))  # no receiver is always the last
        if not rooms:
            return False
        sender_of = self._terms.senders()
        with self._database.writing() as connection:
            found = [
                one
                for name, room in rooms.items()
                for one in deliveries.claim(connection, name, now, self._lease, LEASE, room)
            ]
        for one in found:
            self._pace.began(one.receiver)
            self._under_way[one.delivery.id] = one
            self._crew.give(one, sender_of(one.delivery.app))
        self._enough = len(self._under_way) // LOW_WATER
        return bool(found)

    def _deliver(self, claimed: Claimed, sender: Sender) -> None:
        """One attempt. Whatever goes wrong here becomes an outcome: a delivery is never lost with its thread."""
        outcome = self._attempt(claimed, sender)
        then = after(claimed.delivery, outcome, self._terms.schedule, uniform(0.8, 1.2))
        self._results.put((claimed, outcome, then))
        self._under_way.pop(claimed.delivery.id, None)
        self._pace.ended(claimed.receiver, outcome.milliseconds / 1000, is_answered=outcome.status > 0)
        self._wake.set()
        if len(self._under_way) <= self._enough:
            self._low.set()

    def _attempt(self, claimed: Claimed, sender: Sender) -> Outcome:
        delivery, now = claimed.delivery, self._terms.now()
        if claimed.claims > MOST_CLAIMS:
            return Outcome(at=now, failure=f"claimed {claimed.claims} times and never finished")
        if sender.key is None:
            return Outcome(at=now, failure="the app has no living access key to sign with")
        try:
            headers = notices.headers(
                delivery.url,
                delivery.body,
                ak=sender.key.ak,
                sk=sender.key.sk,
                now=now,
                delivery_id=delivery.id,
                host_with_port=self._terms.host_with_port,
            )
            return self._poster.post(
                delivery.url,
                headers,
                delivery.body,
                allowed_prefixes=sender.prefixes,
                private_hosts=sender.private_hosts,
            )
        except Exception as error:  # noqa: BLE001 - an attempt that fails in a way nobody thought of is still an attempt
            log().exception("attempt failed", action="delivery_failed", delivery=delivery.id)
            return Outcome(at=self._terms.now(), failure=f"internal error: {type(error).__name__}")

    def _record_all(self) -> None:
        """Results that come close together are written together: one commit for many."""
        while True:
            batch = [self._results.get()]
            self._stopped.wait(GATHER_SECONDS)
            while len(batch) < BATCH and not self._results.empty():
                batch.append(self._results.get())
            self._record([one for one in batch if one is not None])
            if None in batch:
                return

    def _record(self, batch: list[Result]) -> None:
        """Write results, again and again while the database is away. One that it cannot take holds up no others."""
        while batch:
            try:
                with self._database.writing() as connection:
                    deliveries.record(connection, batch)
                break
            except (DataError, IntegrityError) as error:
                if len(batch) > 1:
                    for one in batch:
                        self._record([one])
                    return
                log().error("not recorded", action="record_failed", reason=_first_line(error))
                return
            except Exception as error:  # noqa: BLE001 - the database is away, or what nobody thought of
                log().warning("not recorded yet", action="record_failed", reason=_first_line(error))
                if self._stopped.wait(self._idle_seconds):
                    return
        for claimed, outcome, then in batch:
            _log(claimed, outcome, then)


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0]


def _log(claimed: Claimed, outcome: Outcome, then: Next) -> None:
    log().info(
        "attempted",
        action="delivery_attempted",
        delivery=claimed.delivery.id,
        receiver=claimed.receiver,
        status=outcome.status,
        failure=outcome.failure,
        state=then.state,
        ms=outcome.milliseconds,
    )
