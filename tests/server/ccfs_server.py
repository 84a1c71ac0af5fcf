"""The real `ccfs serve` for a test: started for a block, its log read, ended by SIGTERM. No request is made here."""

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ccfs
from ccfs import settings
from ccfs.server.node import Node
from tests.ports import get_free_port
from tests.server.forked_processes import ForkedProcess, ServerProcess

START_SECONDS = 180  # where the machine is busy
LOG_SECONDS = 30
DRAIN_SECONDS = 8  # what `ccfs serve` gives to what is under way
PATIENT_SETTINGS = {
    "s3_timeout_seconds": 20,
    "s3_retries": 20,
}  # the test's own node: only the server is to be impatient
PROGRAM = "from ccfs.cli import main; main()"  # works in any environment, installed or not


@dataclass(frozen=True, slots=True, kw_only=True)
class CcfsServer:
    """A server that listens on loopback, and the node that it serves."""

    port: int
    node: Node
    process: ServerProcess
    log: Path

    @property
    def host(self) -> str:
        """The Host header of honest clients."""
        return f"127.0.0.1:{self.port}"

    def connect(self, timeout: float = 60) -> socket.socket:
        """A fresh connection."""
        return socket.create_connection(("127.0.0.1", self.port), timeout)

    def kill(self) -> None:
        """All its processes at once, as a machine dies."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def read_log(self) -> str:
        """All that the process wrote."""
        return self.log.read_text(errors="replace")

    def read_log_lines(self, action: str) -> list[dict[str, Any]]:
        """The log's JSON lines of an action, oldest first."""
        lines: list[dict[str, Any]] = [
            json.loads(line) for line in self.read_log().splitlines() if line.startswith("{") and line.endswith("}")
        ]
        return [line for line in lines if line.get("action") == action]

    def wait_for_log_line(self, action: str, **wanted: object) -> dict[str, Any]:
        """The newest line of the action with these values; an answer comes before its line, so this waits a little."""
        give_up = time.monotonic() + LOG_SECONDS
        while time.monotonic() < give_up:
            if found := [line for line in self.read_log_lines(action) if wanted.items() <= line.items()]:
                return found[-1]
            time.sleep(0.02)
        raise AssertionError(f"no line {action} {wanted} in the log")


@contextmanager
def run_server(data: Path, program: str = PROGRAM, port: int = 0, **given: object) -> Iterator[CcfsServer]:
    """A server over the data folder, with settings by name, until the block ends; RuntimeError with its log.

    `port`: for one that is to stand where another one died.
    """
    data.mkdir(parents=True, exist_ok=True)
    node = Node(
        settings.load_settings({}, data=data, **given | (PATIENT_SETTINGS if "s3_timeout_seconds" in given else {}))
    )
    _ = node.database, node.secret_box, node.disk  # made here, so that two do not make them at once
    port = port or get_free_port()
    log = data / f"web-{port}.log"  # several servers may share a folder
    process = ForkedProcess(program, ["serve", "--listen", f"127.0.0.1:{port}"], _build_environment(data, given), log)
    server = CcfsServer(port=port, node=node, process=process, log=log)
    try:
        _wait_until_ready(server)
        yield server
    finally:
        process.terminate()
        try:
            process.wait(DRAIN_SECONDS + 5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        node.database.close()


def _build_environment(data: Path, given: dict[str, object]) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(settings.PREFIX)}
    chosen = {settings.PREFIX + name.upper(): str(value) for name, value in given.items()}
    source = str(Path(ccfs.__file__).parents[1])
    return {**kept, **chosen, "CCFS_DATA": str(data), "PYTHONPATH": source, "PYTHONWARNINGS": "default"}


def _wait_until_ready(server: CcfsServer) -> None:
    give_up = time.monotonic() + START_SECONDS
    while server.process.poll() is None and time.monotonic() < give_up:
        with suppress(OSError), server.connect() as connection:
            connection.sendall(b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
            if connection.recv(15).startswith(b"HTTP/1.1 200"):
                return
        time.sleep(0.02)
    raise RuntimeError(f"the server did not start:\n{server.read_log()}")
