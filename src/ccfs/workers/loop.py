"""The work loop: does what is due, in a thread beside the web processes. What is due is found elsewhere."""

import threading
from collections.abc import Callable
from contextlib import suppress

from ccfs.logs import get_logger


class WorkLoop:
    """Runs steps again and again until it is stopped; a step that fails is reported and tried again next time."""

    def __init__(self, steps: list[tuple[str, Callable[[], object]]], seconds: float) -> None:
        """`steps` are (name, action), run in turn every `seconds`."""
        self._steps = steps
        self._seconds = seconds
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="work", daemon=True)

    def start(self) -> None:
        """Begin, at once."""
        self._thread.start()

    def is_stopped(self) -> bool:
        """Whether a step that takes long should end early."""
        return self._stopped.is_set()

    def stop(self) -> None:
        """Let the step that runs end, and begin no other."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._stopped.is_set():
            for name, step in self._steps:
                if not self._stopped.is_set():
                    self._run_step(name, step)
            self._stopped.wait(self._seconds)

    def _run_step(self, name: str, step: Callable[[], object]) -> None:
        try:
            step()
        except Exception:  # noqa: BLE001  of whatever kind: the other steps go on
            with suppress(OSError, ValueError):  # whoever read the log is gone: the work is not
                get_logger().exception("step failed", action="work_failed", step=name)
