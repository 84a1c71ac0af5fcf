"""Attacks by audio that is played, by callback receivers, and on TLS."""

import os
import resource
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlencode

from ccfs.workers.callbacks.http_client import CallbackHttpClient
from tests import receivers
from tests.certificates import create_identity
from tests.http_server.test_tls import PROGRAM, write_pair
from tests.ports import get_free_port
from tests.soak.attacks.api_rows import AUDIO_BOMBS
from tests.soak.attacks.site import Attack, AttackSite, receive_all
from tests.two_tenants import add_recording
from tests.waiting import wait_until

MAX_ANSWER_SECONDS = 60.0
MAX_CLIENT_GROWTH_MB = 64


def play_audio_bombs(site: AttackSite) -> str:
    """Play, draw and convert recordings that lie about themselves."""
    account, count, slowest = f"{site.tenant.ak}/acme-account", 0, 0.0
    for number, (kind, data) in enumerate(AUDIO_BOMBS.items()):
        name = f"/0/1/r/bomb-{number}"
        add_recording(site.server.node, site.tenant.app, data, name, f"Y:/bomb/{number}", call_id=f"bomb-{number}")
        for page in ("audio", "waveform", "download?format=mp3", "download?format=wav", "download?format=opus"):
            path, _, query = page.partition("?")
            began = time.monotonic()
            reply = site.console.get(f"/console/{path}?{query}&{urlencode({'account': account, 'name': name})}")
            slowest, count = max(slowest, time.monotonic() - began), count + 1
            assert reply.status in (200, 206, 400, 404, 416, 503), (kind, page, reply.status)
            assert len(reply.body) < 64 << 20, (kind, page, len(reply.body))
    assert slowest < MAX_ANSWER_SECONDS, slowest
    return f"{count} requests, the slowest {slowest:.1f} s"


def _answer_with(chunk: bytes, head: bytes = b"") -> receivers.Behaviour:
    """Send a head, then a chunk again and again until the client ends the connection."""

    def behave(connection: socket.socket, receiver: receivers.CallbackReceiver) -> bool:
        with suppress(OSError):
            connection.sendall(head)
            while not receiver.closing.is_set():
                connection.sendall(chunk)
                receiver.sent += len(chunk)
        return False

    return behave


def misbehave_as_receiver(site: AttackSite) -> str:
    """Redirects inwards, endless bodies, heads, 1xx and chunks, challenges, compressed bombs."""
    ok = b"HTTP/1.1 200 OK\r\n"
    behaviours = {
        "redirect to metadata": receivers.respond_with(302, b"", "Location: http://169.254.169.254/latest/"),
        "redirect to the database": receivers.respond_with(307, b"", "Location: http://127.0.0.1:5432/"),
        "digest": receivers.respond_with(401, b"", 'WWW-Authenticate: Digest realm="x", nonce="' + "y" * 9_000 + '"'),
        "1 GB": _answer_with(bytes(1 << 20), ok + b"Content-Length: 1073741824\r\n\r\n"),
        "endless body": _answer_with(bytes(1 << 20), ok + b"\r\n"),
        "endless head": _answer_with(b"X-Y: " + b"z" * 8_000 + b"\r\n", ok),
        "endless header": _answer_with(b"z" * 65_536, ok + b"X: "),
        "endless 100s": _answer_with(b"HTTP/1.1 100 Continue\r\n\r\n"),
        "endless chunks": _answer_with(b"1\r\nx\r\n", ok + b"Transfer-Encoding: chunked\r\n\r\n"),
        "endless status": _answer_with(b"9" * 65_536, b"HTTP/1.1 "),
        "gzip": _answer_with(b"\x1f\x8b\x08" + bytes(1 << 16), ok + b"Content-Encoding: gzip\r\n\r\n"),
        "lengths": _answer_with(b"x", ok + b"Content-Length: 1\r\nContent-Length: 9\r\n\r\n"),
    }
    before, results = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, set()
    for name, behaviour in behaviours.items():
        with receivers.run_receiver(behaviour) as receiver, CallbackHttpClient() as client:
            began = time.monotonic()
            outcome = client.post(receiver.url, {}, b"{}", allowed_prefixes=[receiver.prefix])
            assert time.monotonic() - began < MAX_ANSWER_SECONDS, name
            assert receiver.connections == 1, name
            results.add(outcome.failure or f"status {outcome.status}")
    growth = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) >> 10
    assert growth < MAX_CLIENT_GROWTH_MB, growth
    return f"{len(behaviours)} kinds: {len(results)} results, sender +{growth} MB"


@contextmanager
def run_tls_server() -> Iterator[int]:
    """Run a server that speaks TLS with the usual limits; yield its port."""
    with TemporaryDirectory() as name:
        folder, port = Path(name), get_free_port()
        files = write_pair(folder, create_identity("127.0.0.1"))
        command = [
            sys.executable,
            "-c",
            PROGRAM,
            "serve",
            "--data",
            str(folder / "data"),
            "--listen",
            f"127.0.0.1:{port}",
        ]
        command += ["--tls-cert", files.certificate, "--tls-key", files.key]
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": ":".join(sys.path)}
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
        try:
            wait_until(lambda: _fetch_health(port) == b"HTTP/1.1 200")
            yield port
        finally:
            process.terminate()
            process.wait(20)


def _fetch_health(port: int) -> bytes:
    context = ssl._create_unverified_context()
    with (
        suppress(OSError),
        socket.create_connection(("127.0.0.1", port), 30) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as secure,
    ):
        secure.sendall(b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        return secure.recv(12)
    return b""


def attack_tls(site: AttackSite) -> str:
    """Slow handshakes, empty records, records of one byte, garbage, storms of handshakes."""
    hello = b"\x16\x03\x01\x00\x05\x01\x00\x01\xfc\x03"
    with run_tls_server() as port, ExitStack() as stack:
        held = [stack.enter_context(_connect_from(port, number)) for number in range(site.scale(600, 20))]
        for number, connection in enumerate(held):
            kind = (hello, b"\x16\x03\x01\x00\x00" * 5_000, b"\x16\x03\x01\x00\x01\x01" * 3, os.urandom(3_000), b"")[
                number % 5
            ]
            with suppress(OSError):
                connection.sendall(kind)
        began = time.monotonic()
        assert _fetch_health(port) == b"HTTP/1.1 200"
        waited = time.monotonic() - began
        with ThreadPoolExecutor(8) as pool:
            healthy = list(pool.map(lambda _: _fetch_health(port), range(site.scale(1_000, 20))))
        assert set(healthy) == {b"HTTP/1.1 200"}
        began = time.monotonic()
        if not site.is_quick:
            for connection in held:
                connection.settimeout(40)
                with suppress(ConnectionResetError):
                    receive_all(connection)
        ended = time.monotonic() - began
    return f"{len(held)} held: an honest handshake took {waited * 1000:.0f} ms; {len(healthy)} more; all ended after {ended:.0f} s"


def _connect_from(port: int, number: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), 30, (f"127.0.3.{number % 8 + 1}", 0))


ATTACKS = (
    Attack(name="playing audio with false headers", run=play_audio_bombs, is_short=False),
    Attack(name="callback receivers: redirects, endless responses", run=misbehave_as_receiver),
    Attack(name="TLS: slow, empty and broken handshakes", run=attack_tls, is_short=False),
)
