"""The real `ccfs serve` for tests: started for a block, its log parsed, stopped by SIGTERM."""

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
from tests import databases
from tests.ports import get_free_port
from tests.server.forked_processes import ForkedProcess, ServerProcess

START_SECONDS = 180  # on a busy machine
LOG_SECONDS = 30
DRAIN_SECONDS = 8  # grace period of `ccfs serve` for requests under way
PATIENT_SETTINGS = {
    "s3_timeout_seconds": 20,
    "s3_retries": 20,
}  # of the test's own node: only the server has short timeouts
PROGRAM = "from ccfs.cli import main; main()"  # works whether or not ccfs is installed
SLOW_STEP_MS = int(
    os.environ.get("SLOW_STEP_MS", "100")
)  # CPU time that no step of an event loop may take: a busy machine's


@dataclass(frozen=True, slots=True, kw_only=True)
class CcfsServer:
    """A server that listens on loopback, and its node."""

    port: int
    node: Node
    process: ServerProcess
    log: Path

    @property
    def host(self) -> str:
        """The Host header of ordinary clients."""
        return f"127.0.0.1:{self.port}"

    def connect(self, timeout: float = 60) -> socket.socket:
        """Return a new connection."""
        return socket.create_connection(("127.0.0.1", self.port), timeout)

    def is_refusing(self) -> bool:
        """Return whether nobody listens on the port any more."""
        try:
            self.connect().close()
        except ConnectionRefusedError:
            return True
        return False

    def kill(self) -> None:
        """Kill all its processes at once, as when a machine fails."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def read_log(self) -> str:
        """Return all output of the process."""
        return self.log.read_text(errors="replace")

    def read_log_lines(self, action: str) -> list[dict[str, Any]]:
        """Return the log's JSON lines of an action, oldest first."""
        lines: list[dict[str, Any]] = [
            json.loads(line) for line in self.read_log().splitlines() if line.startswith("{") and line.endswith("}")
        ]
        return [line for line in lines if line.get("action") == action]

    def wait_for_log_line(self, action: str, seconds: float = LOG_SECONDS, **values: object) -> dict[str, Any]:
        """Wait for a line of the action with these values, and return the newest. A response is sent before it is logged."""
        give_up = time.monotonic() + seconds
        while time.monotonic() < give_up:
            if lines := [line for line in self.read_log_lines(action) if values.items() <= line.items()]:
                return lines[-1]
            time.sleep(0.02)
        raise AssertionError(f"no line {action} {values} in the log")


@contextmanager
def run_server(data: Path, program: str = PROGRAM, port: int = 0, **options: object) -> Iterator[CcfsServer]:
    """Run a server on the data folder, with settings by name, until the block ends; RuntimeError contains its log.

    `port`: to replace a server that was killed.
    """
    if "database_url" not in options:
        databases.create_sqlite(data)
    data.mkdir(parents=True, exist_ok=True)
    node = Node(
        settings.load_settings({}, data=data, **options | (PATIENT_SETTINGS if "s3_timeout_seconds" in options else {}))
    )
    _ = node.database, node.secret_box, node.disk  # created here, so that two processes do not create them at once
    options = {"http_slow_step_ms": SLOW_STEP_MS, **options}
    port = port or get_free_port()
    log = data / f"web-{port}.log"  # several servers may share a folder
    process = ForkedProcess(program, ["serve", "--listen", f"127.0.0.1:{port}"], build_environment(data, options), log)
    server = CcfsServer(port=port, node=node, process=process, log=log)
    try:
        wait_until_started(server)
        yield server
    finally:
        process.terminate()
        try:
            process.wait(DRAIN_SECONDS + 5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        node.database.close()
    if slow_steps := server.read_log_lines("event_loop_blocked"):
        raise AssertionError(f"steps of the event loop took long, which blocks all other clients: {slow_steps}")


def build_environment(data: Path, options: dict[str, object]) -> dict[str, str]:
    """Return the environment of a server on the data folder, with settings by name."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(settings.PREFIX)}
    options = {"speech_analysis": False, **options}  # takes processor time from other tests
    chosen = {settings.PREFIX + name.upper(): str(value) for name, value in options.items()}
    source = str(Path(ccfs.__file__).parents[1])
    return {**inherited, **chosen, "CCFS_DATA": str(data), "PYTHONPATH": source, "PYTHONWARNINGS": "default"}


def wait_until_started(server: CcfsServer) -> None:
    """Wait until the server answers; RuntimeError contains its log."""
    give_up = time.monotonic() + START_SECONDS
    while server.process.poll() is None and time.monotonic() < give_up:
        with suppress(OSError), server.connect() as connection:
            connection.sendall(b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
            if connection.recv(15).startswith(b"HTTP/1.1 200"):
                return
        time.sleep(0.02)
    raise RuntimeError(f"the server did not start:\n{server.read_log()}")
