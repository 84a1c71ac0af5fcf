"""The receivers of docs/callbacks.md, run as a reader would run them, with the HTTP client that sends real callbacks."""

import json
import os
import re
import runpy
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import Any

import pytest

from ccfs.model.exports.export import Export, ExportFilter, ExportKind
from ccfs.model.exports.time_window import TimeWindow
from ccfs.protocol import callbacks
from ccfs.workers.callbacks.http_client import CallbackHttpClient
from tests.ports import get_free_port

PAGE = (Path(__file__).parents[2] / "docs" / "callbacks.md").read_text(encoding="utf-8")
AK, SK = "TESTAK0001", "TestSecretKey0001"
RESPONSE_ID = "9239cb50a8384bb0ab503441bf089446"
START_SECONDS = 60


def find_code_block(language: str, word: str) -> str:
    """Return the only code block of the page in that language that contains a word."""
    [block] = [block for block in re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL) if word in block]
    return str(block)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningReceiver:
    """A receiver: its port, and the file to which it appends bodies, one a line."""

    port: int
    file: Path

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.file.read_text().splitlines()] if self.file.exists() else []


@contextmanager
def run_python_receiver(folder: Path, sk: str = SK) -> Iterator[RunningReceiver]:
    """`SK=… python receiver.py PORT >>callbacks.jsonl`."""
    port = get_free_port()
    (folder / "receiver.py").write_text(find_code_block("python", "ThreadingHTTPServer"))
    with (folder / "callbacks.jsonl").open("ab") as output:
        command = [sys.executable, "receiver.py", str(port)]
        server = subprocess.Popen(
            command, cwd=folder, env={"SK": sk}, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.DEVNULL
        )
    try:
        until = time.monotonic() + START_SECONDS
        while server.poll() is None and time.monotonic() < until:
            with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                break
            time.sleep(0.02)
        yield RunningReceiver(port=port, file=folder / "callbacks.jsonl")
    finally:
        server.kill()
        server.wait()


@contextmanager
def run_shell_receiver(folder: Path, sk: str = SK) -> Iterator[RunningReceiver]:
    """`SK=… socat TCP-LISTEN:PORT,fork EXEC:'bash receiver.sh'`: one shell per connection."""
    (folder / "receiver.sh").write_text(find_code_block("bash", "openssl"))

    class Shell(StreamRequestHandler):
        def handle(self) -> None:
            number = self.connection.fileno()
            environment = {"SK": sk, "PATH": os.environ["PATH"]}
            command = ["bash", "receiver.sh"]
            subprocess.run(
                command, cwd=folder, env=environment, stdin=number, stdout=number, stderr=subprocess.DEVNULL, check=True
            )

    with ThreadingTCPServer(("127.0.0.1", 0), Shell) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield RunningReceiver(port=server.server_address[1], file=folder / "callbacks.jsonl")
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(params=[run_python_receiver, run_shell_receiver], ids=["python", "shell"])
def running_receiver(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RunningReceiver]:
    """Each of the page's receivers."""
    start: Callable[[Path], Any] = request.param
    with start(tmp_path) as receiver:
        yield receiver


def build_body(kind: ExportKind = ExportKind.BILL, account_id: str = "") -> bytes:
    now = datetime(2018, 7, 2, 2, 42, 49, tzinfo=UTC)
    export = Export(
        response_id=RESPONSE_ID,
        kind=kind,
        tables=("call",),
        window=TimeWindow(begin=now, end=now),
        filter=ExportFilter(account_id=account_id),
        callback_url="",
        requested_on=date(2018, 7, 2),
        requested_at=now,
    )
    return callbacks.build_body(export)


def send_callback(
    to: RunningReceiver,
    signed: bytes,
    *,
    target: str = "/cb",
    sk: str = SK,
    late: timedelta = timedelta(),
    host_with_port: bool = True,
    body: bytes = b"",
    headers: Mapping[str, str] | None = None,
) -> str:
    """Send a callback and return the outcome, empty for a success. `body` and `headers` replace what was signed."""
    url, now = f"http://127.0.0.1:{to.port}{target}", datetime.now(UTC) - late
    signed_headers = callbacks.build_headers(
        url, signed, ak=AK, sk=sk, now=now, delivery_id=RESPONSE_ID, host_with_port=host_with_port
    )
    with CallbackHttpClient() as client:
        return client.post(url, signed_headers | dict(headers or {}), body or signed, allowed_prefixes=[url]).failure


@pytest.mark.parametrize("kind", ExportKind)
@pytest.mark.parametrize("target", ["/cb", "/ccfs/callbacks?key=a%2Fb&tenant=1"])
@pytest.mark.parametrize("host_with_port", [True, False])
def test_the_documented_receivers_accept_a_callback(
    running_receiver: RunningReceiver, kind: ExportKind, target: str, host_with_port: bool
) -> None:
    body = build_body(kind, account_id="169852")
    assert send_callback(running_receiver, body, target=target, host_with_port=host_with_port) == ""
    assert running_receiver.bodies == [json.loads(body)]


@pytest.mark.parametrize(
    "changed",
    [
        {"body": build_body(account_id="169853")},
        {"sk": "AnotherSecretKey"},
        {"late": timedelta(minutes=16)},
        {"late": timedelta(minutes=-16)},
        {"headers": {"Content-Type": "text/plain"}},
        {"headers": {"Host": "cb.example.com"}},
    ],
)
def test_the_documented_receivers_reject_a_forged_callback(
    running_receiver: RunningReceiver, changed: dict[str, Any]
) -> None:
    assert send_callback(running_receiver, build_body(account_id="169852"), **changed) == "status 401"
    assert running_receiver.bodies == []


def test_the_documented_receivers_reject_an_unsigned_callback(running_receiver: RunningReceiver) -> None:
    assert send_callback(running_receiver, build_body(), headers={"Authorization": "Basic 0123"}) != ""
    assert running_receiver.bodies == []


def test_the_documented_receiver_that_uses_the_library(tmp_path: Path) -> None:
    file = tmp_path / "received.py"
    file.write_text(find_code_block("python", "read_callback"))
    received = runpy.run_path(str(file), {"AK": AK, "SK": SK})["received"]
    body, now = build_body(), datetime.now(UTC)
    headers = callbacks.build_headers(
        "http://a/cb", body, ak=AK, sk=SK, now=now, delivery_id=RESPONSE_ID, host_with_port=True
    )
    assert received("/cb", headers, body) == (200, b'{"resultCode":"0"}')
    assert received("/cb", headers, body + b" ") == (401, b'{"resultCode":"401"}')
