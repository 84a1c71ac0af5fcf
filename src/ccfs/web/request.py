"""A request as handlers see it, built from the server's scope, and its body, read up to a limit."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Any, Protocol

from granian import rsgi

from ccfs.model.errors import RequestTooLarge
from ccfs.protocol.signature import parse_query

ClientDisconnected: type[Exception] = rsgi.ProtocolClosed  # type: ignore[attr-defined]  # the client disconnected
Networks = tuple[IPv4Network | IPv6Network, ...]
DRAIN_LIMIT_BYTES = 64 << 20  # bytes beyond the limit that are read before the response is sent


class RsgiScope(Protocol):
    """The used parts of Granian's RSGI scope."""

    method: str
    path: str
    query_string: str
    client: str
    authority: str | None
    scheme: str
    headers: Any


@dataclass(frozen=True, kw_only=True)
class Request:
    """A request without its body."""

    id: str  # in logs and in the response's X-Request-Id
    method: str
    path: str
    query: str  # raw
    headers: Mapping[str, str]  # lower-case names
    peer_address: str  # address and port of the peer of the connection
    scheme: str = "http"  # of that connection; a client of a proxy may use another

    @cached_property
    def query_params(self) -> dict[str, str]:
        """The query's parameters, decoded as the signature decodes them; the first of a repeated name counts."""
        pairs = reversed(parse_query(self.query))
        return {name.decode(errors="replace"): value.decode(errors="replace") for name, value in pairs}

    @cached_property
    def cookies(self) -> dict[str, str]:
        """The request's cookies; the first of a repeated name counts."""
        cookies: dict[str, str] = {}
        for part in self.headers.get("cookie", "").replace(",", ";").split(";"):
            name, _, value = part.strip().partition("=")
            cookies.setdefault(name, value)
        return cookies

    def is_from(self, trusted: Networks) -> bool:
        """Return whether the peer of the connection is in one of the networks."""
        address = _parse_address(self.peer_address.rpartition(":")[0])
        return address is not None and _is_in_networks(address, trusted)

    def get_origin(self, trusted: Networks) -> str:
        """Return the scheme and Host that the client used. A trusted proxy may report the scheme."""
        return f"{self._client_scheme(trusted)}://{self.headers.get('host', '')}"

    def is_secure(self, trusted: Networks) -> bool:
        """Return whether the client's connection is TLS, to us or, as a trusted proxy reports, to the proxy."""
        return self._client_scheme(trusted) == "https"

    def _client_scheme(self, trusted: Networks) -> str:
        forwarded = self.headers.get("x-forwarded-proto", "").partition(",")[0].strip().lower()
        return forwarded if forwarded in ("http", "https") and self.is_from(trusted) else self.scheme

    def get_client_address(self, trusted: Networks) -> str:
        """Return the client's address: the peer, or the last address that trusted proxies report and that is none of them.

        An IPv6 client counts by its /64, which is what one household or machine has.
        """
        address = _parse_address(self.peer_address.rpartition(":")[0])
        if trusted:
            hops = self.headers.get("x-forwarded-for", "").split(",")
            while address is not None and hops and _is_in_networks(address, trusted):
                previous = _parse_address(hops.pop())
                if previous is None:
                    break
                address = previous
        return _format_client_address(address) if address else self.peer_address


@lru_cache(4096)
def _parse_address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text.strip().strip("[]"))
    except ValueError:
        return None
    return address.ipv4_mapped or address if isinstance(address, IPv6Address) else address


@lru_cache(4096)
def _format_client_address(address: IPv4Address | IPv6Address) -> str:
    return str(IPv6Network((address, 64), strict=False) if isinstance(address, IPv6Address) else address)


@lru_cache(4096)
def _is_in_networks(address: IPv4Address | IPv6Address, networks: Networks) -> bool:
    return any(address.version == network.version and address in network for network in networks)


def build_request(scope: RsgiScope, request_id: str) -> Request:
    """Return the request of a scope. HTTP/2 has no Host header: its authority replaces it."""
    headers: dict[str, str] = {}
    for name, value in scope.headers.items():
        headers[name] = f"{headers[name]},{value}" if name in headers else value
    if "host" not in headers and scope.authority:
        headers["host"] = scope.authority
    return Request(
        id=request_id,
        method=scope.method,
        path=scope.path,
        query=scope.query_string,
        headers=headers,
        peer_address=scope.client,
        scheme=scope.scheme,
    )


async def read_body(request: Request, protocol: Any, limit: int) -> bytes:
    """Return the body; raise RequestTooLarge beyond `limit` bytes, ClientDisconnected if the client disconnects.

    A body that is too large is read and dropped, up to DRAIN_LIMIT_BYTES: most clients read the response after sending all.
    """
    announced = request.headers.get("content-length", "")
    length = int(announced) if announced.isdigit() else 0
    if announced and length <= limit:
        body: bytes = await protocol()
        return body
    if length > limit + DRAIN_LIMIT_BYTES:
        raise RequestTooLarge(f"{limit} bytes")
    chunks, size = [], 0
    async for chunk in protocol:
        size += len(chunk)
        if size <= limit:
            chunks.append(chunk)
        elif size > limit + DRAIN_LIMIT_BYTES:
            break
    if max(size, length) > limit:
        raise RequestTooLarge(f"{limit} bytes")
    return b"".join(chunks)


async def drain_body(request: Request, protocol: Any, limit: int) -> None:
    """Read and drop the body of a rejected request, up to DRAIN_LIMIT_BYTES.

    A client that is rejected while it sends sees a broken connection. A load balancer takes that for a dead node, and
    would stop using the node for every client.
    """
    if request.headers.get("content-length", "0") == "0" and "transfer-encoding" not in request.headers:
        return
    size = 0
    async for chunk in protocol:
        size += len(chunk)
        if size > limit + DRAIN_LIMIT_BYTES:
            break
