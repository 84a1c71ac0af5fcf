"""Runs `ccfs` commands as processes and returns their exit code, stdout and stderr.

Starting Python and importing the program takes a second, so one process does that and forks for each command.
"""

import atexit
import gc
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from ccfs.cli import call, deliveries, ingest, location, main, nodes, serve, tenancy, trust, users
from ccfs.db.migrations import versioning

PRELOADED_MODULES = (
    call,
    deliveries,
    ingest,
    location,
    nodes,
    serve,
    tenancy,
    trust,
    users,
    versioning,
)  # imported once for all forks
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandResult:
    """Exit code and output of a command."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The JSON object on stdout. Fails if the command failed or printed anything else."""
        assert self.code == 0, self.err
        assert self.out.count("\n") == 1
        return json.loads(self.out)


def run_ccfs(*arguments: object, settings: Mapping[str, str] | None = None, folder: Path = ROOT) -> CommandResult:
    """Run one command in `folder` with these settings only, not those of the environment."""
    [result] = run_in_parallel([arguments], settings=settings, folder=folder)
    return result


def run_in_parallel(
    commands: Sequence[Sequence[object]], *, settings: Mapping[str, str] | None = None, folder: Path = ROOT
) -> list[CommandResult]:
    """Run several commands concurrently and return their results."""
    server = _start_fork_server()
    assert server.stdin
    assert server.stdout
    common = {"settings": dict(settings or {}), "folder": str(folder)}
    server.stdin.write(json.dumps([{"arguments": [*map(str, command)], **common} for command in commands]) + "\n")
    server.stdin.flush()
    return [CommandResult(**result) for result in json.loads(server.stdout.readline())]


@cache
def _start_fork_server() -> subprocess.Popen[str]:
    """Start the process that forks. It ends with the tests."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("CCFS_")}
    environment = {**inherited, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}", "NO_COLOR": "1", "COLUMNS": "200"}
    command = [sys.executable, "-m", "tests.cli.command"]
    server = subprocess.Popen(
        command, cwd=ROOT, env=environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    atexit.register(server.communicate)
    return server


def _fork_for_each_line() -> None:
    """Fork a child for each command of each line. Return in the children only, set up for their commands."""
    gc.freeze()  # else garbage collection copies all objects in each fork
    for line in sys.stdin:
        with ExitStack() as stack:
            children = []
            for command in json.loads(line):
                out, err = stack.enter_context(TemporaryFile()), stack.enter_context(TemporaryFile())
                children.append((os.fork(), out, err))
                if children[-1][0] == 0:
                    _set_up_child(command, out.fileno(), err.fileno())
                    return
            print(json.dumps([_wait_for_child(*child) for child in children]), flush=True)
    os._exit(0)


def _wait_for_child(child: int, out: Any, err: Any) -> dict[str, Any]:
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return {"code": code, "out": _read_text(out), "err": _read_text(err)}


def _set_up_child(command: dict[str, Any], out: int, err: int) -> None:
    os.environ.update(command["settings"])
    os.chdir(command["folder"])
    sys.argv = ["ccfs", *command["arguments"]]
    with open(os.devnull) as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(out, 1)
    os.dup2(err, 2)


def _read_text(file: Any) -> str:
    file.seek(0)
    return str(file.read(), "utf-8")


if __name__ == "__main__":
    _fork_for_each_line()
    main()
