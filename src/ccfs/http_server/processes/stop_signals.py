"""SIGTERM, SIGINT and SIGHUP: the first one stops the program in order, the second one at once.

The interpreter's own handlers run in the main thread only, and not before it wakes up. A signal that the kernel hands to another
thread while the main thread waits for a lock is then never acted on. Here the handler in C writes the signal's number to a pipe,
in whichever thread it runs, and a thread of its own reads it.
"""

import os
import select
import signal
import socket
import threading
from collections.abc import Callable

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def watch_signals(on_signal: Callable[[int], None], handler: Callable[[int, object], None]) -> None:
    """Call `on_signal` in a thread of its own for each stop signal, and `handler` in the main thread, sooner or later.

    Call it in the main thread. It replaces an earlier watch. A SIGHUP that is ignored, as by nohup, stays ignored.
    """
    reader, writer = socket.socketpair()
    writer.setblocking(False)

    def watch() -> None:
        with writer:
            while numbers := reader.recv(64):
                for number in numbers:
                    if number in STOP_SIGNALS:
                        on_signal(number)

    threading.Thread(target=watch, name="signals", daemon=True).start()
    signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
    for number in STOP_SIGNALS:
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, handler)


def exit_at_once(number: int) -> None:
    """End the process with the status that a shell gives to this signal."""
    os._exit(128 + number)


class StopSignals:
    """Watches for signals from its creation onwards. It must be created in the main thread."""

    def __init__(self, on_second: Callable[[int], None] = exit_at_once) -> None:
        """`on_second` ends the program; it runs in another thread than the main one."""
        self._on_second = on_second
        self._stop_reader, self._stop_writer = os.pipe()
        os.set_blocking(self._stop_writer, False)
        self.received = 0  # the first signal
        watch_signals(self._take, _ignore)

    def fileno(self) -> int:
        """Return a descriptor that is readable once the program should stop."""
        return self._stop_reader

    def is_set(self) -> bool:
        """Return whether the program should stop."""
        return self.wait(0)

    def wait(self, seconds: float) -> bool:
        """Wait for this time or until the program should stop. Return whether it should."""
        poll = select.poll()
        poll.register(self._stop_reader, select.POLLIN)
        return bool(poll.poll(seconds * 1000))

    def stop(self) -> None:
        """Stop the program as the first signal does."""
        os.write(self._stop_writer, b"x")

    def _take(self, number: int) -> None:
        if self.received:
            self._on_second(number)
            return
        self.received = number
        self.stop()


def _ignore(_number: int, _frame: object) -> None:
    """Do nothing. Without a handler, the signal would end the program, and the pipe would receive nothing."""
