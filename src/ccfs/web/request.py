"""A request as handlers see it, and its body, read up to a limit."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

from ccfs.http_server.connections.addresses import Networks, format_client_address, is_in_networks, parse_address
from ccfs.http_server.errors import BodyTooLarge, BudgetExhausted
from ccfs.http_server.exchange import Exchange
from ccfs.http_server.responses.pacing import Pacer
from ccfs.model.errors import RequestTooLarge, ServerBusy
from ccfs.protocol.signature import parse_query


def _attach_nothing(_pacer: Pacer, _on_end: Callable[[], None]) -> None:
    pass


@dataclass(frozen=True, kw_only=True)
class Request:
    """A request without its body."""

    id: str  # in logs and in the response's X-Request-Id
    method: str
    path: str  # exactly as sent, percent-encoded
    query: str  # exactly as sent
    headers: Mapping[str, str]  # lower-case names
    peer_address: str  # address and port of the peer of the connection
    scheme: str = "http"  # of that connection; a client of a proxy may use another
    # Lets the response share a rate, and calls back once the response is over.
    attach: Callable[[Pacer, Callable[[], None]], None] = _attach_nothing

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
        address = parse_address(self.peer_address.rpartition(":")[0])
        return address is not None and is_in_networks(address, trusted)

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
        """Return the client's address: the peer, or the last address reported by trusted proxies that is not a proxy itself.

        An IPv6 client counts by its /64, which is what one household or machine has.
        """
        address = parse_address(self.peer_address.rpartition(":")[0])
        if trusted:
            hops = self.headers.get("x-forwarded-for", "").split(",")
            while address is not None and hops and is_in_networks(address, trusted):
                previous = parse_address(hops.pop())
                if previous is None:
                    break
                address = previous
        return format_client_address(address) if address else self.peer_address


def build_request(exchange: Exchange, request_id: str) -> Request:
    """Return the request of an exchange."""
    head = exchange.head
    return Request(
        id=request_id,
        method=head.method,
        path=head.path,
        query=head.query,
        headers=head.headers,
        peer_address=exchange.peer_address,
        scheme=exchange.scheme,
        attach=exchange.attach,
    )


async def read_body(exchange: Exchange, limit: int, *owners: str) -> bytes:
    """Return the body, which counts against the budget of its owners: an address, an app.

    Raise RequestTooLarge beyond `limit` bytes, ServerBusy if the budget is exhausted, ClientDisconnected if the body does
    not arrive. The server drops a body that nobody reads.
    """
    try:
        return await exchange.read_body(limit, owners)
    except BodyTooLarge:
        raise RequestTooLarge(f"{limit} bytes") from None
    except BudgetExhausted:
        raise ServerBusy from None
