"""Threads that process due jobs: `Worker` is the loop, `JobWorker` and `Job` process jobs from a queue."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import ClassVar

from sqlalchemy.engine import Connection

from ccfs.db.engine import Database
from ccfs.db.job_queue import ClaimedJob, JobQueue
from ccfs.logs import get_logger
from ccfs.workers.pulse import Pulse


class WorkerInterrupted(Exception):
    """The worker is stopping, or has lost its lease to another worker."""


class Worker:
    """A thread that calls `run_once` until it is stopped. Several workers may share a database."""

    THREAD_NAME: ClassVar[str]
    IDLE_SECONDS: ClassVar[float]  # between two calls when nothing is due

    def __init__(self, is_draining: Callable[[], bool]) -> None:
        """While `is_draining` returns True, the worker starts nothing new."""
        self._is_draining = is_draining
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name=self.THREAD_NAME, daemon=True)
        self.pulse = Pulse(self.THREAD_NAME, self._thread)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self, timeout_seconds: float = 5.0) -> None:
        """Start no further jobs and release the current one.

        A job that does not end in time is due when its lease expires.
        """
        self._stopped.set()
        self._thread.join(timeout_seconds)

    def run_once(self) -> bool:
        """Process whatever is due and return whether there was anything to do."""
        raise NotImplementedError

    def _run(self) -> None:
        while not self._stopped.is_set():
            is_busy = False
            self.pulse.beat()
            try:
                is_busy = not self._is_draining() and self.run_once()
            except Exception as error:  # noqa: BLE001 - the database is down, or a bug: the worker goes on
                with suppress(OSError, ValueError):  # nobody reads the log any more
                    reason = f"{type(error).__name__}: {error}"[:200]
                    get_logger().warning(
                        "could not claim a job", action="claim_failed", worker=self.THREAD_NAME, reason=reason
                    )
            if not is_busy:
                self._stopped.wait(self.IDLE_SECONDS)


class Job:
    """A claimed job. Subclasses do the work in `run` and decide in `handle_failure` whether to retry."""

    QUEUE: ClassVar[JobQueue]
    KIND: ClassVar[str]  # names the job's id in log lines

    def __init__(self, database: Database, claimed: ClaimedJob) -> None:
        self._database = database
        self._job = claimed

    @property
    def attempts(self) -> int:
        """Number of claims so far, including this one."""
        return self._job.attempts

    def run(self) -> None:
        """Do the work. Raises WorkerInterrupted if the worker is stopping or the lease has been lost."""
        raise NotImplementedError

    def handle_interrupt(self) -> None:
        """Release the job so that another worker can claim it."""
        raise NotImplementedError

    def handle_failure(self, error: Exception) -> None:
        """Release the job for a retry, or mark it failed."""
        raise NotImplementedError

    def release(self, due_at: datetime, error: str, **values: object) -> None:
        """End the lease and make the job due at `due_at`."""
        with self._best_effort_transaction() as connection:
            if self.QUEUE.release(connection, self._job, due_at, error, **values):
                self._clean_up(connection)

    def mark_failed(self, error: str) -> None:
        """End the lease and leave the job failed until an operator retries it."""
        with self._best_effort_transaction() as connection:
            if self.QUEUE.mark_failed(connection, self._job, error):
                self._clean_up(connection)

    def _clean_up(self, connection: Connection) -> None:
        """Delete anything left by an unsuccessful attempt, in the same transaction that ends its lease."""

    @contextmanager
    def _best_effort_transaction(self) -> Iterator[Connection]:
        """A transaction that may fail, because the lease ends anyway."""
        try:
            with self._database.write_transaction() as connection:
                yield connection
        except Exception:  # noqa: BLE001 - of any kind: the worker goes on
            ids = {self.KIND: self._job.job_id}
            get_logger().exception("could not release a job", action="release_failed", **ids)


class JobWorker(Worker):
    """Processes the jobs of a queue one after another."""

    def __init__(self, is_draining: Callable[[], bool], max_attempts: int) -> None:
        """A job that was claimed more often than `max_attempts` is marked failed: its workers died with it."""
        super().__init__(is_draining)
        self._max_attempts = max_attempts

    def claim(self) -> Job | None:
        """Claim the next due job."""
        raise NotImplementedError

    @staticmethod
    def _has_due_job(database: Database, queue: JobQueue, now: datetime) -> bool:
        """Return whether a job is due. Without one, claiming would only keep other writers waiting."""
        with database.read_transaction() as connection:
            return bool(queue.list_due_groups(connection, now))

    def run_once(self) -> bool:
        """Process the next due job and return whether there was one."""
        job = self.claim()
        if job is None:
            return False
        if job.attempts > self._max_attempts:
            job.mark_failed(f"claimed {job.attempts} times and never finished")
            return True
        try:
            job.run()
        except WorkerInterrupted:
            job.handle_interrupt()
        except Exception as error:  # noqa: BLE001 - whatever stops one job must not stop the others
            job.handle_failure(error)
        return True
