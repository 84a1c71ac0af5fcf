"""The status that the main process of a node reports to its web processes: whether workers, database and clocks are well.

It writes a small file every few seconds. A file works while the database does not, and costs no connection.
"""

import json
import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from ccfs.logs import get_logger

FOLDER: Final = "status"  # in the data folder: one file for each main process
WRITE_SECONDS: Final = 2.0
MAX_AGE_SECONDS: Final = 30.0  # of the file; then its writer does not run

StatusCheck = Callable[[], str]


class StatusWriter:
    """A step of the work loop: writes the first reason why this node is not ready."""

    def __init__(self, data: Path, checks: Sequence[StatusCheck]) -> None:
        """`checks` return a reason, empty if all is well."""
        self._path = build_status_path(data, os.getpid())
        self._checks, self._last_reason = checks, ""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        _delete_of_dead_processes(self._path.parent)
        self()

    def __call__(self) -> None:
        """Write the file, in one step. Log the reason whenever it changes."""
        reason = next(filter(None, (check() for check in self._checks)), "")
        if reason != self._last_reason:
            self._last_reason = reason
            if reason:
                get_logger().error("node not ready", action="node_not_ready", reason=reason)
            else:
                get_logger().info("node ready again", action="node_ready")
        temporary = self._path.with_suffix(".new")
        with suppress(OSError):  # a full disk: the file gets old, and so does what it says
            temporary.write_text(json.dumps({"at": time.monotonic(), "reason": reason}))
            temporary.replace(self._path)

    def close(self) -> None:
        """Delete the file."""
        self._path.unlink(missing_ok=True)


def build_status_path(data: Path, process_id: int) -> Path:
    """Return the file of a main process."""
    return data / FOLDER / f"{process_id}.json"


def read_status(path: Path) -> str:
    """Return why the node is not ready, as its main process sees it; empty if it is."""
    try:
        status = json.loads(path.read_text())
        is_old = time.monotonic() - float(status["at"]) > MAX_AGE_SECONDS
    except (OSError, ValueError, KeyError, TypeError):
        return "workers do not respond"
    return "workers do not respond" if is_old else str(status["reason"])


def _delete_of_dead_processes(folder: Path) -> None:
    for path in folder.iterdir():
        with suppress(ValueError, OSError):
            process_id = int(path.name.partition(".")[0])
            try:
                os.kill(process_id, 0)
            except ProcessLookupError:
                path.unlink(missing_ok=True)
