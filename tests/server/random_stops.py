"""Signals at random moments to `ccfs serve` and its web processes: each is acted on, and nothing is left behind."""

import os
import random
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from ccfs.http_server.processes.stop_signals import STOP_SIGNALS
from tests.ports import get_free_port
from tests.server.ccfs_server import PROGRAM, build_environment
from tests.server.forked_processes import ForkedProcess
from tests.waiting import wait_until

END_SECONDS = 30  # after a signal, on a busy machine; an idle server drains in a fraction of a second
MAX_AGE_SECONDS = 3.0  # of a server that gets its signal; it listens after about one


def list_descendants(pid: int) -> list[int]:
    """Return all processes below a process."""
    children: list[int] = []
    with suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            children += map(int, (task / "children").read_text().split())
    return [*children, *(below for child in children for below in list_descendants(child))]


def is_running(pid: int) -> bool:
    """Return whether a process exists and is no zombie."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    return False


def signal_random_thread(pid: int, number: signal.Signals) -> None:
    """Send a signal to any thread of a process, if it still runs."""
    with suppress(OSError):
        threads = [int(task.name) for task in Path(f"/proc/{pid}/task").iterdir()]
        os.kill(random.choice(threads), number)


def stop_once(data: Path, **options: Any) -> float:
    """Start a server, signal it at a random moment, and return how long it took to end. Raise AssertionError if it did not."""
    environment, log = build_environment(data, options), data / "stops.log"
    process = ForkedProcess(PROGRAM, ["serve", "--listen", f"127.0.0.1:{get_free_port()}"], environment, log)
    below: list[int] = []
    try:
        time.sleep(random.uniform(0, MAX_AGE_SECONDS))
        below = list_descendants(process.pid)
        for child in random.sample(below, k=min(len(below), random.randrange(3))):  # these are not for web processes
            signal_random_thread(child, random.choice((signal.SIGINT, signal.SIGHUP)))
        below = list_descendants(process.pid)
        began = time.monotonic()
        signal_random_thread(process.pid, random.choice(STOP_SIGNALS))
        try:
            process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"a signal was not acted on:\n{log.read_text()}") from None
        seconds = time.monotonic() - began
        wait_until(lambda: not any(map(is_running, below)))
        return seconds
    finally:
        for pid in (process.pid, *filter(is_running, below)):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
