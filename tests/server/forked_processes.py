"""Servers as forks of one process that has imported the program: starting Python and importing takes longest.

A fork is a process like any other, with its own session, environment and log. So is its web process (tests/server/warm_spawn.py).
tests/cli/command.py does the same for commands.
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
from tests.server import warm_spawn

ROOT = Path(__file__).parents[2]
_lock = Lock()  # one command at a time


class ServerProcess(Protocol):
    """The methods of a server's process that tests use; subprocess.Popen has them, too."""

    pid: int
    returncode: int | None

    def poll(self) -> int | None:
        """Return the exit code, None while it runs."""
        ...

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the exit code; raise TimeoutExpired."""
        ...

    def send_signal(self, sig: int) -> None:
        """Send a signal, unless it has exited."""
        ...

    def terminate(self) -> None:
        """Send SIGTERM."""
        ...

    def kill(self) -> None:
        """Send SIGKILL."""
        ...


class ForkedProcess:
    """A process that runs the text of a program with arguments, and writes its output to a log."""

    def __init__(self, program: str, arguments: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        self.returncode: int | None = None
        command = {"program": program, "arguments": [*arguments], "environment": dict(environment), "log": str(log)}
        self.pid = int(_send_command(command))

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


def _send_command(command: dict[str, Any]) -> Any:
    with _lock:
        parent = _start_fork_server()
        assert parent.stdin
        assert parent.stdout
        parent.stdin.write(json.dumps(command) + "\n")
        parent.stdin.flush()
        return json.loads(parent.stdout.readline())


@cache
def _start_fork_server() -> subprocess.Popen[str]:
    """Start the process that forks; it exits when its standard input ends."""
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
        start_new_session=True,  # it survives Ctrl-C, so that servers are stopped in order
    )
    atexit.register(parent.communicate)
    return parent


def _fork_for_each_line() -> str:
    """Fork for each command; return in the forks only, with the program to run."""
    gc.freeze()  # otherwise garbage collection in a fork copies all objects
    for line in sys.stdin:
        command = json.loads(line)
        if "ended" in command:
            number, status = os.waitpid(command["ended"], os.WNOHANG)
            result = os.waitstatus_to_exitcode(status) if number else None
        elif (result := os.fork()) == 0:
            return _set_up_child(command)
        print(json.dumps(result), flush=True)
    os._exit(0)


def _set_up_child(command: dict[str, Any]) -> str:
    os.setsid()
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # the tests may run under nohup
    os.environ.clear()
    os.environ.update(command["environment"])
    sys.argv = ["ccfs", *command["arguments"]]
    nothing = os.open(os.devnull, os.O_RDONLY)
    log = os.open(command["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    for number, target in enumerate((nothing, log, log)):
        os.dup2(target, number)
    sys.modules["__main__"] = ModuleType("__main__")  # otherwise processes that it spawns would import this file
    return warm_spawn.prepare() or str(command["program"])


if __name__ == "__main__":
    exec(_fork_for_each_line(), {"__name__": "__main__"})  # noqa: S102 - as python -c does
