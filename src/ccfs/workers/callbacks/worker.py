"""Callback jobs: a worker claims due deliveries, posts them and records each attempt.

model/exports/delivery.py decides what happens after an attempt, and limiter.py limits the concurrent posts per
app and receiver.
"""

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
from ccfs.db.system.jobs import callback_jobs
from ccfs.db.system.jobs.callback_jobs import AttemptResult, ClaimedDelivery
from ccfs.logs import get_logger
from ccfs.model.exports.delivery import AttemptOutcome, DeliveryState, RetryDecision, RetrySchedule, decide_next
from ccfs.model.identity.tenancy import AccessKey
from ccfs.protocol import callbacks
from ccfs.workers.callbacks.limiter import ConcurrencyLimiter
from ccfs.workers.pulse import Pulse

MAX_SILENCE_SECONDS = 600.0  # between two claims, each of which may wait for the database
LEASE = timedelta(seconds=120)  # longer than any attempt with its recording
MAX_THREADS = 256  # they spend nearly all of the time waiting for receivers
MAX_CLAIMS = 10  # claims without a recorded attempt: a worker that tries the delivery dies
BATCH_SIZE = 500  # results in one transaction
BATCH_WAIT_SECONDS = 0.02  # claims and results are batched, because a transaction costs more than its rows
LOW_WATER_DIVISOR = 2  # the next claim waits until at most this part of the claimed deliveries is in flight
IDLE_SECONDS = 1.0  # between two claims when nothing is known to be due


class HttpPoster(Protocol):
    """Interface for sending callbacks, implemented by CallbackHttpClient."""

    def post(
        self,
        url: str,
        headers: dict[str, str],
        body: bytes,
        *,
        allowed_prefixes: Collection[str],
        private_hosts: Collection[str],
    ) -> AttemptOutcome:
        """Post once and return the outcome."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackIdentity:
    """The key and the bound prefixes with which callbacks of an app are sent."""

    key: AccessKey | None  # its newest
    prefixes: Collection[str]  # of URLs that it may call
    private_hosts: Collection[str]


class IdentityDirectory(Protocol):
    """Looks up the identities under which apps send callbacks."""

    def refresh(self) -> None:
        """Load the current keys and prefixes."""
        ...

    def for_app(self, app: int) -> CallbackIdentity:
        """Return the identity of an app as of the last refresh."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryConfig:
    """Configuration of the callback worker."""

    schedule: RetrySchedule
    host_with_port: bool
    identities: IdentityDirectory
    now: Callable[[], datetime]
    is_draining: Callable[[], bool] = lambda: False  # whether to claim no more


class DaemonPool:
    """Daemon threads, started on demand.

    Unlike a ThreadPoolExecutor, the process does not wait for these threads when it exits: a receiver that hangs does
    not delay shutdown.
    """

    def __init__(self, work: Callable[[ClaimedDelivery, CallbackIdentity], None]) -> None:
        self._work = work
        self._idle = threading.Semaphore(0)
        self._tasks: queue.SimpleQueue[tuple[ClaimedDelivery, CallbackIdentity]] = queue.SimpleQueue()

    def submit(self, claimed: ClaimedDelivery, sender: CallbackIdentity) -> None:
        """Pass a delivery to an idle thread, or to a new one."""
        self._tasks.put((claimed, sender))
        if not self._idle.acquire(blocking=False):
            threading.Thread(target=self._run, name="deliver", daemon=True).start()

    def _run(self) -> None:
        while True:
            self._work(*self._tasks.get())
            self._idle.release()


class CallbackWorker:
    """Claims, posts and records deliveries until it is stopped. Several processes may do so on the same database."""

    def __init__(
        self,
        database: Database,
        poster: HttpPoster,
        config: DeliveryConfig,
        *,
        threads: int = MAX_THREADS,
        idle_seconds: float = IDLE_SECONDS,
    ) -> None:
        self._idle_seconds = idle_seconds
        self._database = database
        self._poster = poster
        self._config = config
        self._lease_id = secrets.token_hex(8)
        self._limiter = ConcurrencyLimiter(threads)
        self._pool = DaemonPool(self._deliver)
        self._in_flight: dict[str, ClaimedDelivery] = {}
        self._low_water = 0  # deliveries in flight at which the next claim follows
        self._results: queue.SimpleQueue[AttemptResult | None] = queue.SimpleQueue()
        self._wake = threading.Event()
        self._low_water_reached = threading.Event()
        self._stopped = threading.Event()
        self._claim_thread = threading.Thread(target=self._claim_loop, name="claim", daemon=True)
        self._record_thread = threading.Thread(target=self._record_loop, name="record", daemon=True)
        self.pulses = (
            Pulse("callbacks", self._claim_thread, MAX_SILENCE_SECONDS),
            Pulse("results", self._record_thread),
        )

    def start(self) -> None:
        """Start the threads."""
        self._record_thread.start()
        self._claim_thread.start()

    def wake(self) -> None:
        """Claim immediately, because a delivery has become due."""
        self._wake.set()

    def stop(self, timeout_seconds: float) -> None:
        """Stop claiming and wait for deliveries in flight.

        Deliveries that do not end in time are recorded as cut off and become due.
        """
        deadline = time.monotonic() + timeout_seconds
        self._stopped.set()
        self._wake.set()
        self._claim_thread.join(timeout_seconds)
        while self._in_flight and time.monotonic() < deadline:
            time.sleep(0.02)
        for claimed in list(self._in_flight.values()):
            outcome = AttemptOutcome(attempted_at=self._config.now(), failure="cut off: this node stopped")
            self._results.put((claimed, outcome, RetryDecision(state=DeliveryState.DUE, due_at=outcome.attempted_at)))
        self._results.put(None)
        self._record_thread.join(timeout_seconds)

    def _claim_loop(self) -> None:
        while not self._stopped.is_set():
            self._wake.clear()
            self.pulses[0].beat()
            self._low_water_reached.clear()
            try:
                is_busy = not self._config.is_draining() and self._claim_batch()
            except Exception as error:  # noqa: BLE001 - the database is down, or a bug: the worker goes on
                reason = _summarize_error(error)
                get_logger().warning(
                    "could not claim deliveries", action="claim_failed", worker="callback", reason=reason
                )
                is_busy = False
            if is_busy:
                self._low_water_reached.wait(BATCH_WAIT_SECONDS)
            else:
                self._wake.wait(self._idle_seconds)
        self._database.close_thread_connection()

    def _claim_batch(self) -> bool:
        """Claim deliveries for all lanes that have free slots, and return whether any were claimed."""
        now = self._config.now()
        due = self._database.autocommit_read(lambda connection: callback_jobs.list_due_lanes(connection, now))
        slots = self._limiter.get_available_slots(sample(due, len(due)))  # shuffled: no lane is always the last
        if not slots:
            return False
        self._config.identities.refresh()
        with self._database.write_transaction() as connection:
            batch = [
                claimed
                for lane, limit in slots.items()
                for claimed in callback_jobs.claim(connection, lane, now, self._lease_id, LEASE, limit)
            ]
        for claimed in batch:
            self._limiter.mark_started(claimed.lane)
            self._in_flight[claimed.delivery.id] = claimed
            self._pool.submit(claimed, self._config.identities.for_app(claimed.delivery.app))
        self._low_water = len(self._in_flight) // LOW_WATER_DIVISOR
        return bool(batch)

    def _deliver(self, claimed: ClaimedDelivery, sender: CallbackIdentity) -> None:
        """Make an attempt. Every error becomes an outcome, so that no delivery is lost if a thread fails."""
        outcome = self._attempt(claimed, sender)
        decision = decide_next(claimed.delivery, outcome, self._config.schedule, uniform(0.8, 1.2))
        self._results.put((claimed, outcome, decision))
        self._in_flight.pop(claimed.delivery.id, None)
        self._limiter.mark_finished(claimed.lane, outcome.milliseconds / 1000, is_answered=outcome.status > 0)
        self._wake.set()
        if len(self._in_flight) <= self._low_water:
            self._low_water_reached.set()

    def _attempt(self, claimed: ClaimedDelivery, sender: CallbackIdentity) -> AttemptOutcome:
        delivery, now = claimed.delivery, self._config.now()
        if claimed.claims > MAX_CLAIMS:
            return AttemptOutcome(attempted_at=now, failure=f"claimed {claimed.claims} times and never finished")
        if sender.key is None:
            return AttemptOutcome(attempted_at=now, failure="the app has no active access key to sign with")
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
        except Exception as error:  # noqa: BLE001 - an attempt that fails by a bug is still an attempt
            get_logger().exception("delivery failed", action="delivery_failed", delivery=delivery.id)
            return AttemptOutcome(attempted_at=self._config.now(), failure=f"internal error: {type(error).__name__}")

    def _record_loop(self) -> None:
        """Record results in batches, with one commit for many results."""
        while True:
            batch = [self._results.get()]
            self._stopped.wait(BATCH_WAIT_SECONDS)
            while len(batch) < BATCH_SIZE and not self._results.empty():
                batch.append(self._results.get())
            self._record([result for result in batch if result is not None])
            if None in batch:
                return

    def _record(self, batch: list[AttemptResult]) -> None:
        """Record results, retrying while the database is unavailable.

        A result that the database rejects does not delay the others.
        """
        while batch:
            try:
                with self._database.write_transaction() as connection:
                    callback_jobs.save_results(connection, batch)
                break
            except (DataError, IntegrityError) as error:
                if len(batch) > 1:
                    for result in batch:
                        self._record([result])
                    return
                get_logger().error("result rejected", action="record_failed", reason=_summarize_error(error))
                return
            except Exception as error:  # noqa: BLE001 - the database is down, or a bug: recording is retried
                get_logger().warning("could not record results", action="record_failed", reason=_summarize_error(error))
                if self._stopped.wait(self._idle_seconds):
                    return
        for claimed, outcome, decision in batch:
            _log_attempt(claimed, outcome, decision)


def _summarize_error(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0]


def _log_attempt(claimed: ClaimedDelivery, outcome: AttemptOutcome, decision: RetryDecision) -> None:
    get_logger().info(
        "delivery attempted",
        action="delivery_attempted",
        delivery=claimed.delivery.id,
        receiver=claimed.receiver,
        status=outcome.status,
        failure=outcome.failure,
        state=decision.state,
        ms=outcome.milliseconds,
    )
