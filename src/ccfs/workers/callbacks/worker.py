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

from ccfs.db.engine import Database
from ccfs.db.tenant import deliveries
from ccfs.db.tenant.deliveries import ClaimedDelivery
from ccfs.logs import get_logger
from ccfs.model.exports.delivery import AttemptOutcome, DeliveryState, RetryDecision, RetrySchedule, decide_next
from ccfs.model.identity.tenancy import AccessKey
from ccfs.protocol import callbacks
from ccfs.workers.callbacks.limiter import ConcurrencyLimiter

LEASE = timedelta(seconds=120)  # longer than any attempt lasts, its recording included
MAX_THREADS = 256  # at most; they wait for receivers, nearly all of the time
MAX_CLAIMS = 10  # without one recorded attempt: whoever tries it dies of it
BATCH_SIZE = 500  # results in one transaction
BATCH_WAIT_SECONDS = 0.02  # so that claims and results come in batches: a transaction costs more than what it holds
LOW_WATER_DIVISOR = 2  # of what was claimed, this part may be under way still when more is claimed before that time
IDLE_SECONDS = 1.0  # between looks, when nothing is known to be due

AttemptResult = tuple[ClaimedDelivery, AttemptOutcome, RetryDecision]


class HttpPoster(Protocol):
    """What sends: work/egress."""

    def post(
        self,
        url: str,
        headers: dict[str, str],
        body: bytes,
        *,
        allowed_prefixes: Collection[str],
        private_hosts: Collection[str],
    ) -> AttemptOutcome:
        """One post, one outcome."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackIdentity:
    """Who announces: the app's newest key, and where it may announce to."""

    key: AccessKey | None
    prefixes: Collection[str]
    private_hosts: Collection[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryConfig:
    """How deliveries are made, as far as an operator sets it."""

    schedule: RetrySchedule
    host_with_port: bool
    load_identities: Callable[
        [], Callable[[int], CallbackIdentity]
    ]  # asked once for many deliveries: gives the sender of each app
    now: Callable[[], datetime]
    is_draining: Callable[[], bool] = lambda: False  # whether to claim no more


class DaemonPool:
    """Daemon threads on demand. Unlike those of a ThreadPoolExecutor nobody waits for them when the process ends: a
    receiver that hangs does not hold up a shutdown."""

    def __init__(self, work: Callable[[ClaimedDelivery, CallbackIdentity], None]) -> None:
        self._work = work
        self._idle = threading.Semaphore(0)
        self._tasks: queue.SimpleQueue[tuple[ClaimedDelivery, CallbackIdentity]] = queue.SimpleQueue()

    def submit(self, claimed: ClaimedDelivery, sender: CallbackIdentity) -> None:
        """Let a thread do it, a new one if none is idle."""
        self._tasks.put((claimed, sender))
        if not self._idle.acquire(blocking=False):
            threading.Thread(target=self._run, name="deliver", daemon=True).start()

    def _run(self) -> None:
        while True:
            self._work(*self._tasks.get())
            self._idle.release()


class CallbackWorker:
    """Claims, sends and records for as long as it runs; several processes may do so on one database."""

    def __init__(
        self,
        database: Database,
        poster: HttpPoster,
        terms: DeliveryConfig,
        *,
        threads: int = MAX_THREADS,
        idle_seconds: float = IDLE_SECONDS,
    ) -> None:
        self._idle_seconds = idle_seconds
        self._database = database
        self._poster = poster
        self._config = terms
        self._lease_id = secrets.token_hex(8)
        self._limiter = ConcurrencyLimiter(threads)
        self._pool = DaemonPool(self._deliver)
        self._in_flight: dict[str, ClaimedDelivery] = {}
        self._low_water = 0  # under way: as soon as there are no more, more are claimed
        self._results: queue.SimpleQueue[AttemptResult | None] = queue.SimpleQueue()
        self._wake = threading.Event()
        self._low_water_reached = threading.Event()
        self._stopped = threading.Event()
        self._claim_thread = threading.Thread(target=self._claim_loop, name="claim", daemon=True)
        self._record_thread = threading.Thread(target=self._record_loop, name="record", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._record_thread.start()
        self._claim_thread.start()

    def wake(self) -> None:
        """Something may be due now."""
        self._wake.set()

    def stop(self, patience_seconds: float) -> None:
        """Claim no more; let what is under way end, for so long. What does not end is recorded as cut off, and due."""
        until = time.monotonic() + patience_seconds
        self._stopped.set()
        self._wake.set()
        self._claim_thread.join(patience_seconds)
        while self._in_flight and time.monotonic() < until:
            time.sleep(0.02)
        for claimed in list(self._in_flight.values()):
            cut_off = AttemptOutcome(attempted_at=self._config.now(), failure="cut off: this node stopped")
            self._results.put((claimed, cut_off, RetryDecision(state=DeliveryState.DUE, due_at=cut_off.attempted_at)))
        self._results.put(None)
        self._record_thread.join(patience_seconds)

    def _claim_loop(self) -> None:
        while not self._stopped.is_set():
            self._wake.clear()
            self._low_water_reached.clear()
            try:
                is_busy = not self._config.is_draining() and self._claim_batch()
            except Exception as error:  # noqa: BLE001 - the database is away, or what nobody thought of: look again
                get_logger().warning("not claimed", action="claim_failed", reason=_summarize_error(error))
                is_busy = False
            if is_busy:
                self._low_water_reached.wait(BATCH_WAIT_SECONDS)
            else:
                self._wake.wait(self._idle_seconds)
        self._database.close_thread_connection()

    def _claim_batch(self) -> bool:
        """One look at all receivers; whether anything was claimed."""
        now = self._config.now()
        due = self._database.autocommit_read(lambda connection: deliveries.list_due_receivers(connection, now))
        rooms = self._limiter.get_available_slots(sample(due, len(due)))  # no receiver is always the last
        if not rooms:
            return False
        sender_of = self._config.load_identities()
        with self._database.write_transaction() as connection:
            found = [
                one
                for name, room in rooms.items()
                for one in deliveries.claim(connection, name, now, self._lease_id, LEASE, room)
            ]
        for one in found:
            self._limiter.mark_started(one.receiver)
            self._in_flight[one.delivery.id] = one
            self._pool.submit(one, sender_of(one.delivery.app))
        self._low_water = len(self._in_flight) // LOW_WATER_DIVISOR
        return bool(found)

    def _deliver(self, claimed: ClaimedDelivery, sender: CallbackIdentity) -> None:
        """One attempt. Whatever goes wrong here becomes an outcome: a delivery is never lost with its thread."""
        outcome = self._attempt(claimed, sender)
        then = decide_next(claimed.delivery, outcome, self._config.schedule, uniform(0.8, 1.2))
        self._results.put((claimed, outcome, then))
        self._in_flight.pop(claimed.delivery.id, None)
        self._limiter.mark_finished(claimed.receiver, outcome.milliseconds / 1000, is_answered=outcome.status > 0)
        self._wake.set()
        if len(self._in_flight) <= self._low_water:
            self._low_water_reached.set()

    def _attempt(self, claimed: ClaimedDelivery, sender: CallbackIdentity) -> AttemptOutcome:
        delivery, now = claimed.delivery, self._config.now()
        if claimed.claims > MAX_CLAIMS:
            return AttemptOutcome(attempted_at=now, failure=f"claimed {claimed.claims} times and never finished")
        if sender.key is None:
            return AttemptOutcome(attempted_at=now, failure="the app has no living access key to sign with")
        try:
            headers = callbacks.build_headers(
                delivery.url,
                delivery.body,
                ak=sender.key.ak,
                sk=sender.key.sk,
                now=now,
                delivery_id=delivery.id,
                host_with_port=self._config.host_with_port,
            )
            return self._poster.post(
                delivery.url,
                headers,
                delivery.body,
                allowed_prefixes=sender.prefixes,
                private_hosts=sender.private_hosts,
            )
        except Exception as error:  # noqa: BLE001 - an attempt that fails in a way nobody thought of is still an attempt
            get_logger().exception("attempt failed", action="delivery_failed", delivery=delivery.id)
            return AttemptOutcome(attempted_at=self._config.now(), failure=f"internal error: {type(error).__name__}")

    def _record_loop(self) -> None:
        """Results that come close together are written together: one commit for many."""
        while True:
            batch = [self._results.get()]
            self._stopped.wait(BATCH_WAIT_SECONDS)
            while len(batch) < BATCH_SIZE and not self._results.empty():
                batch.append(self._results.get())
            self._record([one for one in batch if one is not None])
            if None in batch:
                return

    def _record(self, batch: list[AttemptResult]) -> None:
        """Write results, again and again while the database is away. One that it cannot take holds up no others."""
        while batch:
            try:
                with self._database.write_transaction() as connection:
                    deliveries.save_results(connection, batch)
                break
            except (DataError, IntegrityError) as error:
                if len(batch) > 1:
                    for one in batch:
                        self._record([one])
                    return
                get_logger().error("not recorded", action="record_failed", reason=_summarize_error(error))
                return
            except Exception as error:  # noqa: BLE001 - the database is away, or what nobody thought of
                get_logger().warning("not recorded yet", action="record_failed", reason=_summarize_error(error))
                if self._stopped.wait(self._idle_seconds):
                    return
        for claimed, outcome, then in batch:
            _log_attempt(claimed, outcome, then)


def _summarize_error(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0]


def _log_attempt(claimed: ClaimedDelivery, outcome: AttemptOutcome, then: RetryDecision) -> None:
    get_logger().info(
        "attempted",
        action="delivery_attempted",
        delivery=claimed.delivery.id,
        receiver=claimed.receiver,
        status=outcome.status,
        failure=outcome.failure,
        state=then.state,
        ms=outcome.milliseconds,
    )
