"""Killed processes of a server: none is left over, the port and the lock are free, requests of other processes go on."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.api.api_client import create_client, send_request
from tests.http_server.test_processes import list_children
from tests.ports import get_free_port
from tests.server.ccfs_server import PROGRAM, build_environment, run_server
from tests.server.forked_processes import ForkedProcess
from tests.server.random_stops import is_running, list_descendants
from tests.server.test_drain import FILE_NAME, build_file_request, receive_first, receive_rest
from tests.two_tenants import add_recording, create_two_tenants
from tests.waiting import wait_until

ORPHAN_SECONDS = 20  # on a busy machine
LARGE_BYTES = 40 << 20


@pytest.mark.parametrize("workers", [1, 2])
def test_web_processes_end_with_a_killed_main_process(tmp_path: Path, workers: int) -> None:
    port = get_free_port()
    with run_server(tmp_path, port=port, workers=workers) as server:
        wait_until(lambda: len(list_children(server.process.pid)) == workers)
        below = list_descendants(server.process.pid)
        os.kill(server.process.pid, signal.SIGKILL)
        server.process.wait()
        wait_until(lambda: not any(map(is_running, below)), ORPHAN_SECONDS)
        assert server.is_refusing()
    with run_server(tmp_path, port=port, workers=workers) as again:
        assert send_request(again, "GET", "/readyz").status == 200


def test_a_main_process_that_is_killed_while_it_starts_leaves_nothing(tmp_path: Path) -> None:
    for _ in range(2):
        with run_server(tmp_path, workers=2) as server:
            below = list_descendants(server.process.pid)  # the second web process is still importing
            os.kill(server.process.pid, signal.SIGKILL)
            server.process.wait()
            wait_until(lambda below=below: not any(map(is_running, below)), ORPHAN_SECONDS)  # type: ignore[misc]


def test_requests_of_other_web_processes_go_on_when_one_is_killed(tmp_path: Path) -> None:
    with run_server(tmp_path, workers=2) as server:
        member = create_two_tenants(server.node).acme
        add_recording(server.node, member.app, bytes(LARGE_BYTES), FILE_NAME, "Y:/4/0", call_id="1602728619-900")
        wait_until(lambda: len(list_children(server.process.pid)) == 2)
        wait_until(lambda: all(map(is_serving, list_children(server.process.pid))))
        downloads = [server.connect() for _ in range(16)]
        for download in downloads:
            download.sendall(build_file_request(server, member))
        announced = [receive_first(download) for download in downloads]
        victim = max(list_children(server.process.pid), key=count_sockets)
        os.kill(victim, signal.SIGKILL)
        whole = 0
        for download, (size, promised) in zip(downloads, announced, strict=True):
            with download:
                try:
                    whole += size + receive_rest(download) == promised
                except ConnectionResetError:
                    continue
        served_by_others = len(downloads) - whole
        assert whole >= 1
        assert served_by_others >= 1
        client = create_client(server, member)
        codes = [client.request("downloadRecord", {"callId": "x"}).result_code for _ in range(20)]
        assert codes == ["0300012"] * 20
        wait_until(lambda: len(list_children(server.process.pid)) == 2)
        assert victim not in list_children(server.process.pid)


def is_serving(pid: int) -> bool:
    """Return whether a web process has an event loop, which waits for connections."""
    return any(os.readlink(path) == "anon_inode:[eventpoll]" for path in Path(f"/proc/{pid}/fd").iterdir())


def count_sockets(pid: int) -> int:
    """Return how many sockets a process has."""
    return sum(os.readlink(path).startswith("socket:") for path in Path(f"/proc/{pid}/fd").iterdir())


@contextmanager
def foreign_program(host: str) -> Iterator[int]:
    """A program that listens on a port and shares it with everybody; yield the port."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind((host, 0))
        other.listen()
        yield other.getsockname()[1]


@pytest.mark.parametrize(
    ("host", "listen"), [("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "127.0.0.1"), ("::1", "[::1]"), ("::", "[::1]")]
)
def test_a_port_of_a_foreign_program_is_one_line(tmp_path: Path, host: str, listen: str) -> None:
    with foreign_program(host) as port:
        assert (
            serve_in_vain(tmp_path, f"{listen}:{port}")
            == f"ccfs: cannot listen on {listen}:{port}: Address already in use"
        )


@pytest.mark.parametrize(
    ("listen", "reason"),
    [
        ("192.0.2.1:8480", "Cannot assign requested address"),
        ("[2001:db8::1]:8480", "Cannot assign requested address"),
        ("nowhere.invalid:8480", "not known"),
    ],
)
def test_an_address_that_is_not_local_is_one_line(tmp_path: Path, listen: str, reason: str) -> None:
    line = serve_in_vain(tmp_path, listen)
    assert line.startswith(f"ccfs: cannot listen on {listen}: ")
    assert reason in line or "resolution" in line


def test_a_port_without_the_right_to_it_is_one_line() -> None:
    program = "from ccfs.http_server.processes.listener import bind_socket\ntry:\n bind_socket('127.0.0.1', 81)\nexcept Exception as e: print(e)"
    drop = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--"] if os.geteuid() == 0 else []
    listing = subprocess.run(
        [*drop, sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert listing.stdout.strip() == "cannot listen on 127.0.0.1:81: Permission denied", listing.stderr


def test_of_servers_that_start_at_once_on_one_port_one_serves(tmp_path: Path) -> None:
    address, started = f"127.0.0.1:{get_free_port()}", list[ForkedProcess]()
    for name in "abc":
        (tmp_path / name).mkdir()
        environment = build_environment(tmp_path / name, {})
        started.append(ForkedProcess(PROGRAM, ["serve", "--listen", address], environment, tmp_path / name / "log"))
    try:
        wait_until(lambda: [process.poll() for process in started].count(1) == 2)
        [name] = [name for name, process in zip("abc", started, strict=True) if process.poll() is None]
        wait_until(lambda: "ccfs listens on" in (tmp_path / name / "log").read_text())
        for other in set("abc") - {name}:
            lines = (tmp_path / other / "log").read_text().splitlines()
            assert lines[-1] == f"ccfs: cannot listen on {address}: Address already in use"
            assert not any("listens on" in line or "Traceback" in line for line in lines)
    finally:
        for process in started:
            process.terminate()
            process.wait(60)


def serve_in_vain(data: Path, listen: str) -> str:
    """Run `ccfs serve` where it cannot listen; return its only line."""
    command = [
        sys.executable,
        "-c",
        "from ccfs.cli import main; main()",
        "serve",
        "--data",
        str(data),
        "--listen",
        listen,
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    [line] = done.stderr.splitlines()
    return line
