"""Processes of a server: the port and the data folder are its own, signals end it, a dead web process is replaced."""

import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ccfs.http_server.processes.stop_signals import STOP_SIGNALS, StopSignals
from tests.api.api_client import send_request
from tests.http_server.hostile_clients import wait_for_end
from tests.ports import get_free_port
from tests.server.ccfs_server import DRAIN_SECONDS, CcfsServer, run_server
from tests.waiting import wait_until

HEALTH = b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n"
PROGRAM = "from ccfs.cli import main; main()"


def run_serve(data: Path, port: int) -> subprocess.CompletedProcess[str]:
    """Run `ccfs serve` where it cannot start."""
    command = [sys.executable, "-c", PROGRAM, "serve", "--data", str(data), "--listen", f"127.0.0.1:{port}"]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def list_children(pid: int) -> list[int]:
    """Return the web processes of a server."""
    children = [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    helper = b"resource_tracker"  # of multiprocessing
    return [child for child in children if helper not in Path(f"/proc/{child}/cmdline").read_bytes()]


def list_threads(pid: int) -> list[int]:
    """Return the threads of a process, the main one first."""
    return sorted(int(task.name) for task in Path(f"/proc/{pid}/task").iterdir())


def test_a_taken_port_is_one_line_and_exit_code_1(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        done = run_serve(tmp_path, port)
    assert done.returncode == 1
    assert done.stderr.strip().splitlines() == [f"ccfs: cannot listen on 127.0.0.1:{port}: Address already in use"]
    assert "listens" not in done.stderr + done.stdout


def test_a_port_that_others_share_is_taken_all_the_same(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0), reuse_port=True) as other:
        assert run_serve(tmp_path, other.getsockname()[1]).returncode == 1


def test_nobody_can_share_the_port_of_a_server(tmp_path: Path) -> None:
    with run_server(tmp_path) as server, socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        with pytest.raises(OSError, match="in use"):
            other.bind(("127.0.0.1", server.port))


def test_two_servers_do_not_use_one_data_folder(tmp_path: Path) -> None:
    with run_server(tmp_path):
        done = run_serve(tmp_path, get_free_port())
    assert done.returncode == 1
    assert "another ccfs serve uses the data folder" in done.stderr


def test_servers_that_share_their_data_folder_say_so(tmp_path: Path) -> None:
    with run_server(tmp_path, shared_data=True) as one, run_server(tmp_path, shared_data=True) as two:
        assert [send_request(server, "GET", "/readyz").status for server in (one, two)] == [200, 200]
        assert run_serve(tmp_path, get_free_port()).returncode == 1


def test_a_server_that_was_killed_leaves_no_lock(tmp_path: Path) -> None:
    with run_server(tmp_path) as server:
        server.kill()
    with run_server(tmp_path) as again:
        assert send_request(again, "GET", "/healthz").status == 200


@pytest.mark.parametrize("number", STOP_SIGNALS)
def test_a_signal_to_any_thread_stops_the_server(tmp_path: Path, number: signal.Signals) -> None:
    with run_server(tmp_path) as server:
        threads = list_threads(server.process.pid)
        assert len(threads) > 3
        os.kill(threads[-1], number)  # the kernel prefers the thread that is named
        assert server.process.wait(DRAIN_SECONDS + 5) == 0


def test_a_second_signal_ends_the_server_at_once(tmp_path: Path) -> None:
    with run_server(tmp_path, http_first_byte_seconds=60, http_head_seconds=60) as server, server.connect() as held:
        held.sendall(b"GET /healthz HTTP/1.1\r\n")  # a drain waits for the rest
        send_request(server, "GET", "/healthz")
        children = list_children(server.process.pid)
        server.process.terminate()
        wait_until(server.is_refusing)
        assert server.process.poll() is None
        began = time.monotonic()
        server.process.terminate()
        assert server.process.wait(5) != 0
        assert time.monotonic() - began < 3
        wait_until(lambda: not any(Path(f"/proc/{child}").exists() for child in children))


def test_idle_connections_are_closed_when_the_server_stops(tmp_path: Path) -> None:
    with run_server(tmp_path) as server, server.connect() as idle, server.connect() as silent:
        idle.sendall(HEALTH)
        assert idle.recv(1 << 12).endswith(b'{"status":"ok"}')
        server.process.terminate()
        assert wait_for_end(idle)[0] == b""
        assert wait_for_end(silent)[0] == b""
        assert server.process.wait(DRAIN_SECONDS) == 0


def test_a_web_process_that_dies_is_replaced(tmp_path: Path) -> None:
    with run_server(tmp_path, workers=2) as server:
        wait_until(lambda: len(list_children(server.process.pid)) == 2)
        first = list_children(server.process.pid)
        os.kill(first[0], signal.SIGKILL)
        assert server.wait_for_log_line("web_process_died", exit_code=-9)["restart_seconds"] > 0
        wait_until(lambda: len(set(list_children(server.process.pid)) - {first[0]}) == 2)
        assert [send_request(server, "GET", "/healthz").status for _ in range(20)] == [200] * 20


def test_all_web_processes_serve_the_port(tmp_path: Path) -> None:
    with run_server(tmp_path, workers=2) as server:
        wait_until(lambda: len(list_children(server.process.pid)) == 2)
        for child in list_children(server.process.pid):
            os.kill(child, signal.SIGSTOP)
            try:
                wait_until(lambda: is_healthy(server))
            finally:
                os.kill(child, signal.SIGCONT)


def is_healthy(server: CcfsServer) -> bool:
    """Return whether a request is answered soon: a stopped process may have accepted the connection."""
    with server.connect(1) as connection:
        connection.sendall(HEALTH)
        try:
            return connection.recv(100).startswith(b"HTTP/1.1 200")
        except TimeoutError:
            return False


@contextmanager
def watch_signals() -> Iterator[tuple[StopSignals, list[int]]]:
    """Watch for signals in this process; undo that at the end."""
    before = {number: signal.getsignal(number) for number in STOP_SIGNALS}
    second: list[int] = []
    try:
        yield StopSignals(second.append), second
    finally:
        signal.set_wakeup_fd(-1)
        for number, handler in before.items():
            signal.signal(number, handler)


def test_thousands_of_signals_at_random_moments_are_all_acted_on() -> None:
    """The main thread takes and releases a lock meanwhile, which a handler in Python could wait for for ever."""
    event, count = threading.Event(), 1500
    with watch_signals() as (signals, second):
        for number in range(count):
            threading.Timer(random.random() / 1000, os.kill, (os.getpid(), random.choice(STOP_SIGNALS))).start()
            give_up = time.monotonic() + 30
            while bool(signals.received) + len(second) <= number:
                event.wait(0.0005)
                assert time.monotonic() < give_up
        assert len(second) == count - 1
