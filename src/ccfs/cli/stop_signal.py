"""Ending commands by SIGTERM, SIGINT or SIGHUP."""

import threading

from ccfs.http_server.processes.stop_signals import exit_at_once, watch_signals

UNWIND_SECONDS = 5.0  # longest time in which a command that does not watch for signals may tidy up


def end_on_signals() -> None:
    """Let a signal end the command, which tidies up first; a second one, or a few seconds, end it at once.

    Commands that finish a step before they stop use StopSignals instead.
    """
    seen: list[int] = []

    def on_signal(number: int) -> None:
        if seen:
            exit_at_once(number)
        seen.append(number)
        threading.Thread(target=end_later, args=(number,), daemon=True).start()

    def end_later(number: int) -> None:
        threading.Event().wait(UNWIND_SECONDS)
        exit_at_once(number)

    def unwind(number: int, _frame: object) -> None:
        raise SystemExit(128 + number)

    watch_signals(on_signal, unwind)
