"""Addresses of clients: parsing them, grouping them, and finding them in networks."""

from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Address = IPv4Address | IPv6Address
Networks = tuple[IPv4Network | IPv6Network, ...]


@lru_cache(4096)
def parse_address(text: str) -> Address | None:
    """Parse an address such as `192.0.2.1`, `[2001:db8::1]` or `fe80::1%eth0`. Return None if it is invalid."""
    try:
        address = ip_address(text.strip().strip("[]").partition("%")[0])
    except ValueError:
        return None
    return address.ipv4_mapped or address if isinstance(address, IPv6Address) else address


@lru_cache(4096)
def format_client_address(address: Address) -> str:
    """Return the address by which a client is counted. For IPv6, this is the /64 that one household or machine has."""
    return str(IPv6Network((address, 64), strict=False) if isinstance(address, IPv6Address) else address)


@lru_cache(4096)
def is_in_networks(address: Address, networks: Networks) -> bool:
    """Return whether the address is in one of the networks."""
    return any(address.version == network.version and address in network for network in networks)
