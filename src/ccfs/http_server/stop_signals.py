"""SIGTERM, SIGINT and SIGHUP: the first one stops the program in order, the second one at once.

The interpreter's own handlers run in the main thread only, and not before it wakes up. A signal that the kernel hands to another
thread while the main thread waits for a lock is then never acted on. Here the handler in C writes the signal's number to a pipe,
in whichever thread it runs, and a thread of its own reads it.
"""

import os
import signal
import socket
import threading
from collections.abc import Callable

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class StopSignals:
    """Watches for signals from its creation onwards. It must be created in the main thread."""

    def __init__(self, on_second: Callable[[int], None]) -> None:
        """`on_second` ends the program; it runs in another thread than the main one."""
        self._on_second = on_second
        self._reader, self._writer = socket.socketpair()
        self._writer.setblocking(False)
        self._stop_reader, self._stop_writer = os.pipe()
        self.received = 0  # the first signal
        for number in STOP_SIGNALS:
            signal.signal(number, _ignore)
        signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        threading.Thread(target=self._watch, name="signals", daemon=True).start()

    def fileno(self) -> int:
        """Return a descriptor that is readable once the program should stop."""
        return self._stop_reader

    def stop(self) -> None:
        """Stop the program as the first signal does."""
        os.write(self._stop_writer, b"x")

    def _watch(self) -> None:
        while numbers := self._reader.recv(64):
            for number in numbers:
                if number not in STOP_SIGNALS:
                    continue
                if self.received:
                    self._on_second(number)
                self.received = number
                self.stop()


def _ignore(_number: int, _frame: object) -> None:
    """Do nothing. Without a handler, the signal would end the program, and the pipe would receive nothing."""
