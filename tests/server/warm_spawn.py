"""The first process that a forked server spawns is a fork, too: it exists before the server runs, and has imported the program.

It gets what a spawned process gets: the descriptors it is passed, and no others; the environment; the limit of descriptors; its
program's text. Every further process is really spawned, such as the one that replaces a web process that died. So are all
processes of a server with several: the metrics of such a process depend on the environment at the time of the import.
"""

import fcntl
import json
import multiprocessing.util
import os
import resource
import socket
import sys
from collections.abc import Sequence
from typing import Any

FIRST_FREE = 200  # number of descriptor above those that a spawned process is passed
MAX_DESCRIPTORS = 20
MAX_BYTES = 1 << 20

_spawn = multiprocessing.util.spawnv_passfds


def prepare() -> str:
    """Fork the process for the first spawn; return in the fork, once it is needed, the text of its program, else an empty text."""
    if sys.argv[1:2] != ["serve"] or os.environ.get("CCFS_WORKERS", "1") != "1":
        return ""
    ours, theirs = socket.socketpair()
    if (child := os.fork()) == 0:
        ours.close()
        return _wait_for_spawn(theirs)
    theirs.close()
    _Parent(ours.detach(), child).replace_spawn()
    return ""


class _Parent:
    """The side of the server. It has the number of its socket's descriptor only: a server that spawns nothing never closes it."""

    def __init__(self, line: int, child: int) -> None:
        self._line, self._child = line, child

    def replace_spawn(self) -> None:
        """Let the fork be what multiprocessing spawns next."""
        multiprocessing.util.spawnv_passfds = self._spawn_child

    def _spawn_child(self, path: bytes, args: Sequence[Any], passfds: Sequence[int]) -> int:
        texts = [os.fsdecode(argument) for argument in args]
        if "--multiprocessing-fork" not in texts:  # multiprocessing's own helper
            return int(_spawn(path, args, passfds))
        multiprocessing.util.spawnv_passfds = _spawn
        numbers = sorted(map(int, passfds))
        message = {
            "program": texts[texts.index("-c") + 1],
            "descriptors": numbers,
            "environment": dict(os.environ),
            "limit": resource.getrlimit(resource.RLIMIT_NOFILE),
        }
        with socket.socket(fileno=self._line) as line:
            socket.send_fds(line, [json.dumps(message).encode() + b"\n"], numbers)
        return self._child


def _wait_for_spawn(line: socket.socket) -> str:
    text, descriptors, _, _ = socket.recv_fds(line, MAX_BYTES, MAX_DESCRIPTORS)
    while text and not text.endswith(b"\n"):
        text += line.recv(MAX_BYTES)
    if not text:  # the server ended before
        os._exit(0)
    line.close()
    message = json.loads(text)
    _move_descriptors(descriptors, message["descriptors"])
    os.environ.clear()
    os.environ.update(message["environment"])
    resource.setrlimit(resource.RLIMIT_NOFILE, message["limit"])
    sys.argv = ["-c", "--multiprocessing-fork"]
    return str(message["program"])


def _move_descriptors(have: Sequence[int], wanted: Sequence[int]) -> None:
    """Give descriptors the numbers that they have in the parent."""
    high = [fcntl.fcntl(descriptor, fcntl.F_DUPFD, FIRST_FREE) for descriptor in have]
    for descriptor in have:
        os.close(descriptor)
    for descriptor, number in zip(high, wanted, strict=True):
        os.dup2(descriptor, number)
        os.close(descriptor)
