"""Servers as forks of one process that has imported the program: to start Python and import takes longer than all else.

A fork is a process like any other, with a session, an environment and a log of its own. What it spawns starts from nothing,
as always. tests/cli/command.py does the same for commands, which end by themselves.
"""

import atexit
import gc
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from threading import Lock
from types import ModuleType
from typing import Any, Protocol

import ccfs.cli.serve
import ccfs.server.web_process

ROOT = Path(__file__).parents[2]
_lock = Lock()  # one asks at a time


class ServerProcess(Protocol):
    """What a test may do with a server's process; a subprocess.Popen is one, too."""

    pid: int
    returncode: int | None

    def poll(self) -> int | None:
        """The exit code, if it has ended."""
        ...

    def wait(self, timeout: float | None = None) -> int:
        """The exit code; raises TimeoutExpired."""
        ...

    def send_signal(self, sig: int) -> None:
        """A signal, if it has not ended."""
        ...

    def terminate(self) -> None:
        """SIGTERM."""
        ...

    def kill(self) -> None:
        """SIGKILL."""
        ...


class ForkedProcess:
    """A process that runs a program text with arguments, its output in a log."""

    def __init__(self, program: str, arguments: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        self.returncode: int | None = None
        ask = {"program": program, "arguments": [*arguments], "environment": dict(environment), "log": str(log)}
        self.pid = int(_send_command(ask))

    def poll(self) -> int | None:
        """See Process."""
        if self.returncode is None:
            self.returncode = _send_command({"ended": self.pid})
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """See Process."""
        give_up = time.monotonic() + timeout if timeout is not None else float("inf")
        while (code := self.poll()) is None:
            if time.monotonic() > give_up:
                raise subprocess.TimeoutExpired("a fork", timeout or 0)
            time.sleep(0.02)
        return code

    def send_signal(self, sig: int) -> None:
        """See Process."""
        if self.poll() is None:
            os.kill(self.pid, sig)

    def terminate(self) -> None:
        """See Process."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """See Process."""
        self.send_signal(signal.SIGKILL)


def _send_command(ask: dict[str, Any]) -> Any:
    with _lock:
        parent = _start_fork_server()
        assert parent.stdin
        assert parent.stdout
        parent.stdin.write(json.dumps(ask) + "\n")
        parent.stdin.flush()
        return json.loads(parent.stdout.readline())


@cache
def _start_fork_server() -> subprocess.Popen[str]:
    """The process that forks; it ends when nobody can ask it any more."""
    source = str(Path(ccfs.cli.__file__).parents[2])
    environment = {**os.environ, "PYTHONPATH": f"{source}:{ROOT}", "PYTHONWARNINGS": "default"}
    command = [sys.executable, "-m", "tests.server.forked_processes"]
    parent = subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,  # it outlives a Ctrl-C, so that servers are ended in order
    )
    atexit.register(parent.communicate)
    return parent


def _fork_for_each_line() -> str:
    """Returns in the forks only: the program that each is to run."""
    gc.freeze()  # else each fork copies all objects when it looks at them
    for line in sys.stdin:
        ask = json.loads(line)
        if "ended" in ask:
            number, status = os.waitpid(ask["ended"], os.WNOHANG)
            answer = os.waitstatus_to_exitcode(status) if number else None
        elif (answer := os.fork()) == 0:
            return _set_up_child(ask)
        print(json.dumps(answer), flush=True)
    os._exit(0)


def _set_up_child(ask: dict[str, Any]) -> str:
    os.setsid()
    os.environ.clear()
    os.environ.update(ask["environment"])
    sys.argv = ["ccfs", *ask["arguments"]]
    nothing = os.open(os.devnull, os.O_RDONLY)
    log = os.open(ask["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    for number, target in enumerate((nothing, log, log)):
        os.dup2(target, number)
    sys.modules["__main__"] = ModuleType("__main__")  # or what it spawns would import this file
    program: str = ask["program"]
    return program


if __name__ == "__main__":
    exec(_fork_for_each_line(), {"__name__": "__main__"})  # noqa: S102 - as python -c does
