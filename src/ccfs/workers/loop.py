"""A loop that runs steps periodically in a thread."""

import threading
from collections.abc import Callable
from contextlib import suppress

from sqlalchemy.exc import OperationalError

from ccfs.logs import get_logger
from ccfs.model.blobs.errors import LocationUnreachable
from ccfs.workers.pulse import Pulse


class WorkLoop:
    """Runs steps until it is stopped. If a step fails, the error is logged and the step is retried in the next round."""

    def __init__(
        self,
        steps: list[tuple[str, Callable[[], object]]],
        seconds: float,
        max_silence_seconds: float | None = None,
        max_stop_seconds: float | None = None,
    ) -> None:
        """`steps` are (name, action), run in order; `seconds` is the pause between two rounds.

        `max_silence_seconds`: after so long without a round, the loop counts as stuck. `max_stop_seconds`: how long
        `stop` waits for a step that does no harm if the process ends during it; None: until it has ended.
        """
        self._steps = steps
        self._seconds = seconds
        self._max_stop_seconds = max_stop_seconds
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="work", daemon=True)
        self.pulse = Pulse(steps[0][0], self._thread, max_silence_seconds)

    def start(self) -> None:
        """Start the thread; the first round begins immediately."""
        self._thread.start()

    def is_stopped(self) -> bool:
        """Return whether a long-running step should end early."""
        return self._stopped.is_set()

    def stop(self) -> None:
        """Wait for the current step to end, or for the maximum time, and start no further ones."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join(self._max_stop_seconds)

    def _run(self) -> None:
        while not self._stopped.is_set():
            self.pulse.beat()
            for name, step in self._steps:
                if not self._stopped.is_set():
                    self._run_step(name, step)
            self._stopped.wait(self._seconds)

    def _run_step(self, name: str, step: Callable[[], object]) -> None:
        try:
            step()
        except (OperationalError, LocationUnreachable) as error:  # of the database; a traceback would tell no more
            with suppress(OSError, ValueError):
                reason = str(error).partition("\n")[0]
                get_logger().warning("step failed", action="step_failed", step=name, reason=reason)
        except Exception:  # noqa: BLE001  of any kind: the other steps go on
            with suppress(OSError, ValueError):  # nobody reads the log any more
                get_logger().exception("step failed", action="step_failed", step=name)
