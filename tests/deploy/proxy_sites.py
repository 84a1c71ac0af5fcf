"""One node without a proxy, behind nginx and behind HAProxy, each configured as in deploy/."""

import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.deploy.haproxy_balancer import run_haproxy
from tests.deploy.nginx_balancer import run_nginx
from tests.server.ccfs_server import CcfsServer, run_server
from tests.two_tenants import TwoTenants, create_two_tenants

PROXIES = ("nginx", "haproxy")
WAYS = ("direct", *PROXIES)
OUTSIDE, OTHER_OUTSIDE = "127.0.0.2", "127.0.0.3"  # clients; /metrics is open to 127.0.0.1
NO_CHANGES: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxySite:
    """The node, its tenants and its proxies."""

    node: CcfsServer
    tenants: TwoTenants
    proxies: dict[str, tuple[CcfsServer, int]]  # plain port as a server, and TLS port

    def get_server(self, way: str) -> CcfsServer:
        """Return the server that clients of a way see."""
        return self.node if way == "direct" else self.proxies[way][0]

    def send(self, way: str, request: bytes, source: str = OUTSIDE) -> bytes:
        """Send bytes from an address, and return what arrives until the connection ends."""
        with socket.create_connection(("127.0.0.1", self.get_server(way).port), 30, (source, 0)) as connection:
            return exchange_bytes(connection, request)

    def send_tls(self, way: str, request: bytes, protocol: str) -> bytes:
        """Send bytes over TLS with an application protocol (ALPN), and return what arrives until there is a pause."""
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_alpn_protocols([protocol])
        with (
            socket.create_connection(("127.0.0.1", self.proxies[way][1]), 30, (OUTSIDE, 0)) as connection,
            context.wrap_socket(connection, server_hostname="127.0.0.1") as wrapped,
        ):
            assert wrapped.selected_alpn_protocol() == protocol
            return exchange_bytes(wrapped, request, 0.7)


def exchange_bytes(connection: socket.socket, request: bytes, seconds: float = 30) -> bytes:
    """Send a request; return what arrives until the connection ends or is silent for so long."""
    connection.settimeout(seconds)
    received = b""
    try:
        connection.sendall(request)
        while piece := connection.recv(1 << 16):
            received += piece
    except OSError:
        return received
    return received


@contextmanager
def run_proxy_site(
    folder: Path,
    nginx_changes: Mapping[str, str] = NO_CHANGES,
    haproxy_changes: Mapping[str, str] = NO_CHANGES,
    **options: Any,
) -> Iterator[ProxySite]:
    """Run the site until the block ends; `options` are settings of the node."""
    with ExitStack() as stack:
        node = stack.enter_context(run_server(folder / "data", trusted_proxies="127.0.0.1", **options))
        nginx = stack.enter_context(run_nginx(folder / "nginx", [node], changes=dict(nginx_changes)))
        haproxy = stack.enter_context(run_haproxy(folder / "haproxy", [node], changes=dict(haproxy_changes)))
        yield ProxySite(node=node, tenants=create_two_tenants(node.node), proxies={"nginx": nginx, "haproxy": haproxy})
