"""The addresses that callbacks may be sent to, based on the IANA special-purpose address registries.

Any app may call public addresses. For internal addresses, the operator must explicitly allow the host. All other
addresses (link-local ones, which cloud providers use for metadata services, multicast, documentation, tunnels) are
never contacted by name.
"""

from collections.abc import Collection
from enum import Enum
from ipaddress import IPv4Address, IPv4Network, IPv6Network, ip_address

from ccfs.model.exports.callback_url import Address, CallbackUrl


class AddressScope(Enum):
    """The addresses that a callback may connect to."""

    PUBLIC = "public"  # only public addresses
    INTERNAL = "internal"  # and internal ones: for names that the operator permitted, and localhost
    LITERAL = "literal"  # the address that the operator wrote into the bound prefix, whatever it is


def get_address_scope(url: CallbackUrl, private_hosts: Collection[str]) -> AddressScope:
    """Return the scope of a URL that begins with a bound prefix.

    `private_hosts` has the format of CallbackUrl.host_port.
    """
    if url.address:
        return AddressScope.LITERAL  # its bound prefix names this address
    return AddressScope.INTERNAL if url.host == "localhost" or url.host_port in private_hosts else AddressScope.PUBLIC


def can_connect(address: str, scope: AddressScope) -> bool:
    """Return whether a socket may connect to the address, in the format used by getaddrinfo and getpeername."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    return (
        scope is AddressScope.LITERAL or is_public(parsed) or (scope is AddressScope.INTERNAL and is_internal(parsed))
    )


def is_public(address: Address) -> bool:
    """Return whether the address is public."""
    address = _unwrap_ipv4(address)
    if isinstance(address, IPv4Address):
        return not _is_in(address, _INTERNAL_V4) and not _is_in(address, _SPECIAL_V4)
    return address in _GLOBAL_V6 and not _is_in(address, _SPECIAL_V6)


def is_internal(address: Address) -> bool:
    """Return whether the address belongs to this machine or to a private network."""
    address = _unwrap_ipv4(address)
    if isinstance(address, IPv4Address):
        return _is_in(address, _INTERNAL_V4)
    return _is_in(address, _INTERNAL_V6)


def _unwrap_ipv4(address: Address) -> Address:
    """Return the IPv4 address embedded in an IPv6 address: mapped, or for NAT64 under its well-known prefix.

    Addresses under the local NAT64 prefix 64:ff9b:1::/48 also embed an IPv4 address, but only their network knows where
    (RFC 8215). They count as neither public nor internal. The same applies to the tunnels 6to4 and Teredo, which nobody
    needs any more.
    """
    if isinstance(address, IPv4Address):
        return address
    is_translated = address in _NAT64
    return address.ipv4_mapped or (IPv4Address(int(address) & 0xFFFFFFFF) if is_translated else address)


def _is_in(address: Address, networks: Collection[IPv4Network | IPv6Network]) -> bool:
    return any(address in network for network in networks)


def _parse_v4_networks(*networks: str) -> tuple[IPv4Network, ...]:
    return tuple(map(IPv4Network, networks))


def _parse_v6_networks(*networks: str) -> tuple[IPv6Network, ...]:
    return tuple(map(IPv6Network, networks))


_INTERNAL_V4 = _parse_v4_networks(
    "127.0.0.0/8",  # loopback
    "10.0.0.0/8",  # private, RFC 1918
    "172.16.0.0/12",
    "192.168.0.0/16",
    "100.64.0.0/10",  # behind a carrier's NAT
)
_SPECIAL_V4 = _parse_v4_networks(
    "0.0.0.0/8",  # this host; Linux treats it as loopback
    "169.254.0.0/16",  # link-local
    "192.0.0.0/24",  # protocol assignments
    "192.0.2.0/24",  # documentation
    "198.51.100.0/24",
    "203.0.113.0/24",
    "192.88.99.0/24",  # 6to4 relays
    "198.18.0.0/15",  # benchmarks
    "224.0.0.0/4",  # multicast
    "240.0.0.0/4",  # reserved, broadcast
)
_GLOBAL_V6 = IPv6Network("2000::/3")  # the rest is loopback, link-local, multicast, … or unassigned
_INTERNAL_V6 = _parse_v6_networks("::1/128", "fc00::/7", "fec0::/10")  # loopback, unique local, site-local
_SPECIAL_V6 = _parse_v6_networks(
    "2001::/23",  # protocol assignments, Teredo and ORCHID among them
    "2001:db8::/32",  # documentation
    "3fff::/20",
    "2002::/16",  # 6to4
)
_NAT64 = IPv6Network("64:ff9b::/96")
