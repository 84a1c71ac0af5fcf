"""Child processes that are killed: forked from a process that has imported everything, so that kills hit their work."""

import multiprocessing
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

END_SECONDS = 300  # of a child that is not killed

Begin = Callable[[], None]  # a child calls it where its work begins: kills come after that


class Child:
    """A process that calls `target(begin, *arguments)`, with its output appended to a log."""

    def __init__(self, log: Path, target: Callable[..., None], *arguments: Any, has_threads: bool = False) -> None:
        """`target` is a function at the top of its module. This process must have closed its database connections.

        `has_threads`: the threads of an S3 client here would not survive a fork, so a server that has imported the target forks.
        """
        method = "forkserver" if has_threads else "fork"
        context: Any = multiprocessing.get_context(method)
        if has_threads:
            context.set_forkserver_preload([_find_module(target)])
        self._began, began = context.Pipe(duplex=False)
        self._process: BaseProcess = context.Process(target=_run, args=(began, log, target, arguments), daemon=True)
        self._process.start()
        began.close()
        self._began.recv()
        self._started = time.monotonic()
        self.seconds = 0.0  # of its work, once it has ended

    def kill_after(self, seconds: float) -> bool:
        """Kill the child when it has worked for so long. Return whether it was still at work. It may be called again."""
        self._process.join(max(self._started + seconds - time.monotonic(), 0))
        self.seconds = self.seconds or time.monotonic() - self._started
        if self._process.is_alive():
            self._process.kill()
        self._process.join()
        self._began.close()
        return self._process.exitcode == -signal.SIGKILL

    def wait(self) -> float:
        """Let the child end. Return the seconds of its work. Raise RuntimeError if it fails or takes too long."""
        if self.kill_after(END_SECONDS) or self._process.exitcode:
            raise RuntimeError(f"a child ended with {self._process.exitcode} after {self.seconds:.0f} s")
        return self.seconds


class KillWindow:
    """The time within which children are killed: that of their work, which changes with the load of the machine."""

    def __init__(self, seconds: float) -> None:
        """`seconds` is the time of an undisturbed child."""
        self.seconds = seconds

    def kill(self, child: Child, generator: random.Random) -> bool:
        """Kill a child at a random moment. Return whether it was still at work."""
        is_killed = child.kill_after(generator.uniform(0, self.seconds))
        self.seconds = 1.02 * self.seconds if is_killed else max(child.seconds, 0.8 * self.seconds)
        return is_killed


def _find_module(target: Callable[..., None]) -> str:
    """Return the name of the function's module, even if that is run as a program."""
    spec = sys.modules[target.__module__].__spec__
    return spec.name if spec else target.__module__


def _run(began: Connection, log: Path, target: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    with open(log, "ab", buffering=0) as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    target(lambda: began.send(True), *arguments)
