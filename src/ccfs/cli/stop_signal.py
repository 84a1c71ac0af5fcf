"""Stopping commands by SIGTERM, SIGINT or SIGHUP."""

import os
import select
import threading

from ccfs.http_server.processes.stop_signals import StopSignals, watch_signals

UNWIND_SECONDS = 5.0  # longest time in which a command that does not watch for signals may tidy up


def end_on_signals() -> None:
    """Let a signal end the command, which tidies up first; a second one, or a few seconds, end it at once.

    Commands that finish a step before they stop use StopSignal instead.
    """
    seen: list[int] = []

    def on_signal(number: int) -> None:
        if seen:
            os._exit(128 + number)
        seen.append(number)
        threading.Thread(target=end_later, args=(number,), daemon=True).start()

    def end_later(number: int) -> None:
        threading.Event().wait(UNWIND_SECONDS)
        os._exit(128 + number)

    def unwind(number: int, _frame: object) -> None:
        raise SystemExit(128 + number)

    watch_signals(on_signal, unwind)


class StopSignal:
    """Whether a signal has asked the command to stop. A second one ends the process at once, with the status of a shell."""

    def __init__(self) -> None:
        self._signals: StopSignals | None = None

    def catch(self) -> None:
        """Catch signals from now on. Call it in the main thread."""
        self._signals = StopSignals(lambda number: os._exit(128 + number))

    def is_set(self) -> bool:
        """Return whether a signal has arrived."""
        return self._signals is not None and bool(self._signals.received)

    def wait(self, seconds: float) -> bool:
        """Wait for this time or until a signal arrives. Return whether one has arrived."""
        poll = select.poll()
        if self._signals is not None:
            poll.register(self._signals.fileno(), select.POLLIN)
        poll.poll(seconds * 1000)
        return self.is_set()
