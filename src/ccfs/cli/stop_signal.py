"""Stopping a long command by SIGTERM or SIGINT."""

import os
import select
import signal
from types import FrameType


class StopSignal:
    """Whether a signal has asked the command to stop. A second one ends the process at once.

    A threading.Event would not do: its set(), in a handler, takes a lock that the wait() which it interrupts may hold. The
    signal's number is written to a pipe, whichever thread gets it, and ends a wait that begins just then, too.
    """

    def __init__(self) -> None:
        self._is_set = False
        self._reader = -1  # of the pipe, which lasts as long as the process

    def catch(self) -> None:
        """Catch SIGTERM and SIGINT from now on. Call it in the main thread."""
        self._reader, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._handle)

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        if self._is_set:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        self._is_set = True

    def is_set(self) -> bool:
        """Return whether a signal has arrived."""
        return self._is_set

    def wait(self, seconds: float) -> bool:
        """Wait so long, or until a signal arrives. Return whether one has arrived."""
        poll = select.poll()
        if self._reader >= 0:
            poll.register(self._reader, select.POLLIN)
        if not self._is_set and poll.poll(seconds * 1000):
            os.read(self._reader, 4096)
        return self._is_set
