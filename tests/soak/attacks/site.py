"""A server with two tenants, a console user and an honest client, for attacks; and what an attack cost the others."""

import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from ccfs.db.system.console import passwords, users
from ccfs.model.identity.user import Grant, Role
from tests.api.api_client import ApiClient, create_client
from tests.console.console_client import PASSWORD, ConsoleClient
from tests.http_server.hostile_clients import measure_memory_mb
from tests.server.ccfs_server import CcfsServer, run_server
from tests.two_tenants import BEGIN, Tenant, create_two_tenants

HONEST_PAUSE_SECONDS = 0.02
WAIT_SECONDS = 60.0


@dataclass(frozen=True, kw_only=True)
class AttackSite:
    """What an attack has at hand: a server, a tenant's key and a user's session."""

    server: CcfsServer
    tenant: Tenant
    client: ApiClient
    console: ConsoleClient
    is_quick: bool

    def scale(self, full: int, quick: int) -> int:
        """Return a count for the kind of run."""
        return quick if self.is_quick else full

    def send(self, data: bytes, wait: float = WAIT_SECONDS, source: str = "127.0.3.1") -> bytes:
        """Send bytes on a new connection; return what arrives until the server ends it. A reset is an end."""
        with self.connect(source, wait) as connection:
            with suppress(BrokenPipeError, ConnectionResetError):
                connection.sendall(data)
            return receive_all(connection)

    def connect(self, source: str = "127.0.3.1", wait: float = WAIT_SECONDS) -> socket.socket:
        """Return a connection from a loopback address."""
        return socket.create_connection(("127.0.0.1", self.server.port), wait, (source, 0))


@dataclass(frozen=True, kw_only=True)
class Attack:
    """One kind of attack. `run` raises AssertionError if it does harm, and returns what happened in a few words."""

    name: str
    run: Callable[[AttackSite], str]
    is_short: bool = True  # whether scripts/test has the time for it


@dataclass(kw_only=True)
class Cost:
    """What an attack cost."""

    outcome: str = ""
    seconds: float = 0.0
    growth_mb: int = 0
    honest_seconds: list[float] = field(default_factory=list)
    honest_errors: Counter[str] = field(default_factory=Counter)

    @property
    def longest_wait_ms(self) -> float:
        """The longest wait of the honest client."""
        return max(self.honest_seconds, default=0.0) * 1000


def receive_all(connection: socket.socket) -> bytes:
    """Return what arrives until the connection ends, in order or by a reset."""
    received = bytearray()
    with suppress(ConnectionResetError):
        while piece := connection.recv(1 << 16):
            received += piece
    return bytes(received)


def list_statuses(received: bytes) -> list[str]:
    """Return the statuses of the responses in what arrived."""
    return [part[:3].decode() for part in received.split(b"HTTP/1.1 ")[1:]]


@contextmanager
def run_attack_site(folder: Path, *, is_quick: bool = False) -> Iterator[AttackSite]:
    """Run a server with one web process."""
    with run_server(folder, lock_failures=0, log_requests="false") as server:
        tenant = create_two_tenants(server.node).acme
        with server.node.database.write_transaction() as connection:
            user = users.add(connection, "olga", passwords.hash_password(PASSWORD), BEGIN)
            users.grant_role(connection, user, Grant(role=Role.OPERATOR))
            users.grant_role(connection, user, Grant(role=Role.LISTENER, app=tenant.app.id))
        console = ConsoleClient(server=server)
        assert console.sign_in("olga").status == 303
        yield AttackSite(
            server=server,
            tenant=tenant,
            client=create_client(server, tenant),
            console=console,
            is_quick=is_quick,
        )


def measure_attack(site: AttackSite, attack: Attack) -> Cost:
    """Run an attack beside an honest client, and return what it cost."""
    cost, done = Cost(), threading.Event()
    before = measure_memory_mb(site.server)
    watchers = [
        threading.Thread(target=_request_honestly, args=(site, cost, done)),
        threading.Thread(target=_watch_memory, args=(site, cost, done, before)),
    ]
    for watcher in watchers:
        watcher.start()
    began = time.monotonic()
    try:
        cost.outcome = attack.run(site)
    finally:
        cost.seconds = time.monotonic() - began
        time.sleep(0.1)
        done.set()
        for watcher in watchers:
            watcher.join()
    return cost


def _watch_memory(site: AttackSite, cost: Cost, done: threading.Event, before: int) -> None:
    while not done.wait(0.1):
        cost.growth_mb = max(cost.growth_mb, measure_memory_mb(site.server) - before)


def _request_honestly(site: AttackSite, cost: Cost, done: threading.Event) -> None:
    name = site.tenant.only_recording.file_name
    expected = site.tenant.audio_by_name[name]
    while not done.wait(HONEST_PAUSE_SECONDS):
        began = time.monotonic()
        try:
            reply = site.client.request("downloadRecordFile", {"fileName": name})
            if reply.status != 200 or reply.body != expected:
                cost.honest_errors[f"{reply.status}"] += 1
        except OSError as error:
            cost.honest_errors[repr(error)] += 1
        cost.honest_seconds.append(time.monotonic() - began)
