"""The processes that share the listening socket: start them, restart those that die, stop them in order."""

import multiprocessing
import os
import selectors
import signal
import time
from collections.abc import Callable
from multiprocessing.process import BaseProcess

from ccfs.http_server.processes.stop_signals import StopSignals
from ccfs.logs import get_logger

STABLE_SECONDS = 10.0  # a process that lived for so long is restarted at once
FIRST_RESTART_SECONDS = 0.5  # delay of a restart after a short life; it doubles each time
MAX_RESTART_SECONDS = 30.0
KILL_SECONDS = 3.0  # beyond the drain; a process that still lives then is killed


class _Worker:
    """A slot for a process, which is running or will be restarted."""

    def __init__(self) -> None:
        self.process: BaseProcess | None = None
        self.started_at = 0.0
        self.restart_at = 0.0
        self.delay = 0.0


class Supervisor:
    """Runs a function in this number of processes until the program should stop."""

    def __init__(
        self,
        target: Callable[..., None],
        arguments: tuple[object, ...],
        count: int,
        drain_seconds: float,
        on_stop: Callable[[], None],
        on_death: Callable[[int], None],
    ) -> None:
        """The function must be importable: the processes are spawned. SIGTERM makes it return within `drain_seconds`.

        `on_stop` is called once, before the processes are stopped: it closes this process's copy of what they share.
        `on_death` gets the id of a process that died.
        """
        self._on_death = on_death
        self._on_stop = on_stop
        self._context = multiprocessing.get_context("spawn")  # a forked process would inherit database connections
        self._target, self._arguments = target, arguments
        self._workers = [_Worker() for _ in range(count)]
        self._drain_seconds = drain_seconds

    def run(self, signals: StopSignals) -> None:
        """Start the processes, and return once they have ended after a signal."""
        for worker in self._workers:
            self._start(worker)
        while not self._wait(signals):
            for worker in self._workers:
                self._restart_if_dead(worker)
        self._stop()

    def kill(self) -> None:
        """Kill the processes at once."""
        for worker in self._workers:
            if worker.process is not None and worker.process.pid is not None:
                try:
                    os.kill(worker.process.pid, signal.SIGKILL)
                except ProcessLookupError:
                    continue

    def _start(self, worker: _Worker) -> None:
        worker.process = self._context.Process(target=self._target, args=self._arguments, name="web")
        worker.process.start()
        worker.started_at = time.monotonic()

    def _wait(self, signals: StopSignals) -> bool:
        """Wait for a signal, the end of a process, or the time of a restart; return whether to stop."""
        with selectors.DefaultSelector() as selector:
            selector.register(signals.fileno(), selectors.EVENT_READ, data=True)
            for worker in self._workers:
                if worker.process is not None:
                    selector.register(worker.process.sentinel, selectors.EVENT_READ, data=False)
            now = time.monotonic()
            waits = [max(worker.restart_at - now, 0.0) for worker in self._workers if worker.process is None]
            return any(key.data for key, _ in selector.select(min(waits, default=None)))

    def _restart_if_dead(self, worker: _Worker) -> None:
        now = time.monotonic()
        if worker.process is not None and not worker.process.is_alive():
            lived = now - worker.started_at
            worker.delay = (
                0.0
                if lived >= STABLE_SECONDS
                else min(max(worker.delay * 2, FIRST_RESTART_SECONDS), MAX_RESTART_SECONDS)
            )
            worker.restart_at = now + worker.delay
            get_logger().error(
                "web process died",
                action="web_process_died",
                exit_code=worker.process.exitcode,
                restart_seconds=worker.delay,
            )
            self._on_death(worker.process.pid or 0)
            worker.process.close()
            worker.process = None
        if worker.process is None and now >= worker.restart_at:
            self._start(worker)

    def _stop(self) -> None:
        self._on_stop()
        processes = [worker.process for worker in self._workers if worker.process is not None]
        for process in processes:
            process.terminate()
        give_up = time.monotonic() + self._drain_seconds + KILL_SECONDS
        for process in processes:
            process.join(max(give_up - time.monotonic(), 0.0))
            if process.is_alive():
                process.kill()
                process.join()
