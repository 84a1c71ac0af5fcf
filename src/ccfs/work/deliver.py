"""Announcing: due deliveries are claimed, sent and recorded. Each attempt leaves its row; what follows it is decided by
model/delivery. Receivers do not wait for each other: a fast one may have many posts under way, a slow or unknown one has
one, and all slow ones together no more than half of the threads.
"""

import queue
import secrets
import threading
from collections import Counter
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import uniform
from typing import Protocol

from sqlalchemy.exc import SQLAlchemyError

from ccfs.logs import log
from ccfs.model.delivery import Next, Outcome, Schedule, after
from ccfs.model.tenancy import AccessKey
from ccfs.store import deliveries
from ccfs.store.db import Database
from ccfs.store.deliveries import Claimed
from ccfs.wire import notices

LEASE = timedelta(seconds=120)  # longer than any attempt lasts, its recording included
THREADS = 64
FAST = 1.0  # seconds: receivers that answer in less may have AT_ONCE posts under way
AT_ONCE = 16
MOST_CLAIMS = 10  # without one recorded attempt: whoever tries it dies of it
BATCH = 500  # results in one transaction
IDLE_SECONDS = 1.0  # between looks, when nothing is known to be due


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
    sender_of: Callable[[int], Sender]  # by app
    now: Callable[[], datetime]


class Pace:
    """How fast receivers answer, and what is under way to each. Used by one thread at a time, under its lock."""

    def __init__(self, threads: int) -> None:
        self.lock = threading.Lock()
        self._threads = threads
        self._seconds: dict[str, float] = {}
        self._under_way: Counter[str] = Counter()

    def room(self, receiver: str) -> int:
        """How many more posts the receiver may have under way."""
        with self.lock:
            free = self._threads - self._under_way.total()
            if self._is_fast(receiver):
                return min(AT_ONCE - self._under_way[receiver], free)
            slow = sum(count for name, count in self._under_way.items() if not self._is_fast(name))
            return min(1 - self._under_way[receiver], self._threads // 2 - slow, free)

    def began(self, receiver: str, count: int) -> None:
        """Posts to the receiver are under way."""
        with self.lock:
            self._under_way[receiver] += count

    def ended(self, receiver: str, seconds: float | None) -> None:
        """A post ended after so long; None if it was not sent."""
        with self.lock:
            self._under_way[receiver] -= 1
            if self._under_way[receiver] <= 0:
                del self._under_way[receiver]
            if seconds is not None:
                self._seconds[receiver] = seconds

    @property
    def idle(self) -> bool:
        """Whether nothing is under way."""
        with self.lock:
            return self._under_way.total() == 0

    def _is_fast(self, receiver: str) -> bool:
        return self._seconds.get(receiver, FAST) < FAST


class Announcer:
    """Claims, sends and records for as long as it runs; several processes may do so on one database."""

    def __init__(self, database: Database, poster: Poster, terms: Terms, threads: int = THREADS) -> None:
        self._database = database
        self._poster = poster
        self._terms = terms
        self._lease = secrets.token_hex(8)
        self._pace = Pace(threads)
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="deliver")
        self._results: queue.SimpleQueue[tuple[Claimed, Outcome, Next] | None] = queue.SimpleQueue()
        self._wake = threading.Event()
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
        """Claim no more; let what is under way end and be recorded, for so long. What does not end is due again when
        its lease ends, under the same id."""
        self._stopped.set()
        self._wake.set()
        self._claiming.join()
        waited = threading.Event()
        for _ in range(round(patience_seconds * 20)):
            if self._pace.idle:
                break
            waited.wait(0.05)
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._results.put(None)
        self._recording.join(patience_seconds)

    def _claim_all(self) -> None:
        while not self._stopped.is_set():
            self._wake.clear()
            try:
                is_busy = self._claim_round()
            except SQLAlchemyError as error:
                log().warning("database away", action="claim_failed", reason=str(error).splitlines()[0])
                is_busy = False
            if not is_busy:
                self._wake.wait(IDLE_SECONDS)

    def _claim_round(self) -> bool:
        """One look at all receivers; whether anything was claimed."""
        now = self._terms.now()
        with self._database.reading() as connection:
            rooms = {name: self._pace.room(name) for name in deliveries.due_receivers(connection, now)}
        if not any(room > 0 for room in rooms.values()):
            return False
        with self._database.writing() as connection:
            found = [
                one
                for name, room in rooms.items()
                if room > 0
                for one in deliveries.claim(connection, name, now, self._lease, LEASE, room)
            ]
        for one in found:
            self._pace.began(one.receiver, 1)
            self._pool.submit(self._deliver, one)
        return bool(found)

    def _deliver(self, claimed: Claimed) -> None:
        """One attempt. Whatever goes wrong here becomes an outcome: a delivery is never lost with its thread."""
        seconds = None
        try:
            outcome = self._attempt(claimed)
            seconds = outcome.milliseconds / 1000 if outcome.status else max(outcome.milliseconds / 1000, FAST)
            then = after(claimed.delivery, outcome, self._terms.schedule, uniform(0.8, 1.2))
            self._results.put((claimed, outcome, then))
        finally:
            self._pace.ended(claimed.receiver, seconds)
            self._wake.set()

    def _attempt(self, claimed: Claimed) -> Outcome:
        delivery, now = claimed.delivery, self._terms.now()
        if claimed.claims > MOST_CLAIMS:
            return Outcome(at=now, failure=f"claimed {claimed.claims} times and never finished")
        try:
            sender = self._terms.sender_of(delivery.app)
            if sender.key is None:
                return Outcome(at=now, failure="the app has no living access key to sign with")
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
            while len(batch) < BATCH and not self._results.empty():
                batch.append(self._results.get())
            self._record([one for one in batch if one is not None])
            if None in batch:
                return

    def _record(self, batch: list[tuple[Claimed, Outcome, Next]]) -> None:
        while batch:
            try:
                with self._database.writing() as connection:
                    deliveries.record(connection, batch)
            except SQLAlchemyError as error:
                log().warning("database away", action="record_failed", reason=str(error).splitlines()[0])
                if self._stopped.wait(IDLE_SECONDS):
                    return
            else:
                for claimed, outcome, then in batch:
                    _log(claimed, outcome, then)
                return


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
