"""A thread that does one due thing after the other. What is due, and how it is claimed and done, is the subclass's."""

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import ClassVar

from ccfs.logs import get_logger


class WorkerInterrupted(Exception):
    """The worker is stopping, or lost its lease: what it was at is another one's."""


class Worker:
    """Does what is due for as long as it runs; several may run on one database."""

    THREAD_NAME: ClassVar[str]  # of its thread
    IDLE_SECONDS: ClassVar[float]  # between looks, when nothing is due
    FAILURE_LOG: ClassVar[tuple[str, str]]  # what the log says, and its action, where not even a claim can be had

    def __init__(self, is_draining: Callable[[], bool]) -> None:
        """`is_draining` tells whether to begin no other."""
        self._is_draining = is_draining
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name=self.THREAD_NAME, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self, patience_seconds: float = 5.0) -> None:
        """Begin no other; what is under way is handed back. What does not end in time is due when its lease ends."""
        self._stopped.set()
        self._thread.join(patience_seconds)

    def run_once(self) -> bool:
        """Do what is due; whether there was anything."""
        raise NotImplementedError

    def _run(self) -> None:
        while not self._stopped.is_set():
            is_busy = False
            try:
                is_busy = not self._is_draining() and self.run_once()
            except Exception as error:  # noqa: BLE001 - the database is away, or what nobody thought of: look again
                said, action = self.FAILURE_LOG
                with suppress(OSError, ValueError):  # whoever read the log is gone: the work is not
                    get_logger().warning(said, action=action, reason=f"{type(error).__name__}: {error}"[:200])
            if not is_busy:
                self._stopped.wait(self.IDLE_SECONDS)
