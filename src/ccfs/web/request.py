"""One request as handlers see it: made from the server's scope, its body read to a limit. No rule of CC-FS lives here."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Any, Protocol

from granian import rsgi

from ccfs.model.errors import RequestTooLarge
from ccfs.protocol.signature import parse_query

ClientDisconnected: type[Exception] = rsgi.ProtocolClosed  # type: ignore[attr-defined]  # the client has left
Networks = tuple[IPv4Network | IPv6Network, ...]
DRAIN_LIMIT_BYTES = 64 << 20  # bytes beyond the limit that are read before the answer


class RsgiScope(Protocol):
    """The parts of Granian's RSGI scope that are read."""

    method: str
    path: str
    query_string: str
    client: str
    authority: str | None
    scheme: str
    headers: Any


@dataclass(frozen=True, kw_only=True)
class Request:
    """What was asked, without its body."""

    id: str  # names the request in logs and in the answer's X-Request-Id
    method: str
    path: str
    query: str  # raw
    headers: Mapping[str, str]  # lower-case names
    peer_address: str  # address and port of the other end of the connection
    scheme: str = "http"  # of that connection: a proxy before us may speak another

    @cached_property
    def query_params(self) -> dict[str, str]:
        """The query's parameters, read as the signature reads them; the first of a repeated name counts."""
        pairs = reversed(parse_query(self.query))
        return {name.decode(errors="replace"): value.decode(errors="replace") for name, value in pairs}

    @cached_property
    def cookies(self) -> dict[str, str]:
        """The request's cookies; of a repeated name the first."""
        found: dict[str, str] = {}
        for part in self.headers.get("cookie", "").replace(",", ";").split(";"):
            name, _, value = part.strip().partition("=")
            found.setdefault(name, value)
        return found

    def is_from(self, trusted: Networks) -> bool:
        """Whether the other end of the connection is in one of the networks."""
        address = _parse_address(self.peer_address.rpartition(":")[0])
        return address is not None and _is_in_networks(address, trusted)

    def get_origin(self, trusted: Networks) -> str:
        """Scheme and Host by which the client reached us; of the scheme, a trusted proxy's word counts."""
        return f"{self._client_scheme(trusted)}://{self.headers.get('host', '')}"

    def is_secure(self, trusted: Networks) -> bool:
        """Whether the client's own connection is TLS: ours, or as a trusted proxy says."""
        return self._client_scheme(trusted) == "https"

    def _client_scheme(self, trusted: Networks) -> str:
        told = self.headers.get("x-forwarded-proto", "").partition(",")[0].strip().lower()
        return told if told in ("http", "https") and self.is_from(trusted) else self.scheme

    def get_client_address(self, trusted: Networks) -> str:
        """The client's address: the peer, or what trusted proxies say. Behind them, the last one that none vouches for.

        An IPv6 client counts by its /64, which is what one household or machine has.
        """
        address = _parse_address(self.peer_address.rpartition(":")[0])
        if trusted:
            hops = self.headers.get("x-forwarded-for", "").split(",")
            while address is not None and hops and _is_in_networks(address, trusted):
                further = _parse_address(hops.pop())
                if further is None:
                    break
                address = further
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
    """The request of a scope. HTTP/2 has no Host header: the authority stands for it."""
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
    """The whole body; raises TooLarge if it is longer than `limit` bytes, ProtocolClosed if its sender leaves.

    What is too large is read and dropped, to a point: most clients look for an answer only when all is sent.
    """
    announced = request.headers.get("content-length", "")
    length = int(announced) if announced.isdigit() else 0
    if announced and length <= limit:
        body: bytes = await protocol()
        return body
    if length > limit + DRAIN_LIMIT_BYTES:
        raise RequestTooLarge(f"{limit} bytes")
    pieces, size = [], 0
    async for piece in protocol:
        size += len(piece)
        if size <= limit:
            pieces.append(piece)
        elif size > limit + DRAIN_LIMIT_BYTES:
            break
    if max(size, length) > limit:
        raise RequestTooLarge(f"{limit} bytes")
    return b"".join(pieces)


async def drain_body(request: Request, protocol: Any, limit: int) -> None:
    """Read and drop what nobody wants, to a point. Who is refused in the middle of sending sees a broken connection, and a
    balancer takes that for a node that died: it would ask none of them any more, for anybody."""
    if request.headers.get("content-length", "0") == "0" and "transfer-encoding" not in request.headers:
        return
    size = 0
    async for piece in protocol:
        size += len(piece)
        if size > limit + DRAIN_LIMIT_BYTES:
            break
