"""Addresses that a callback may be sent to. The cases are those of the IANA special-purpose registries, with their edges."""

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccfs.model.exports.callback_url import CallbackUrl, parse_callback_url
from ccfs.workers.callbacks.address_policy import AddressScope, can_connect, get_address_scope, is_internal, is_public

PUBLIC = [
    "1.1.1.1",
    "9.255.255.255",
    "11.0.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "126.255.255.255",
    "128.0.0.1",
    "169.253.255.255",
    "172.15.255.255",
    "172.32.0.0",
    "192.0.1.0",
    "192.167.255.255",
    "198.17.255.255",
    "198.20.0.0",
    "223.255.255.255",
    "2606:4700:4700::1111",
    "2a00:1450:4001:81b::200e",
    "2001:200::1",
    "::ffff:1.1.1.1",
    "64:ff9b::1.1.1.1",
]
INTERNAL = [
    "127.0.0.1",
    "127.255.255.255",
    "10.0.0.0",
    "10.255.255.255",
    "172.16.0.0",
    "172.31.255.255",
    "192.168.0.1",
    "100.64.0.0",
    "100.127.255.255",
    "::1",
    "fc00::1",
    "fdff:ffff::1",
    "fec0::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "64:ff9b::127.0.0.1",
    "64:ff9b::a00:1",
]
NEITHER = [
    "0.0.0.0",
    "0.1.2.3",
    "169.254.169.254",
    "192.0.0.1",
    "192.0.0.170",
    "192.0.2.1",
    "192.88.99.1",
    "198.18.0.0",
    "198.19.255.255",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::127.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::169.254.169.254",
    "64:ff9b:1::1.1.1.1",
    "64:ff9b:1:101:1:100::",
    "100::1",
    "2001::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "2001:2::1",
    "2001:10::1",
    "2001:20::1",
    "2001:db8::1",
    "2002:7f00:1::1",
    "2002:101:101::1",
    "3fff::1",
    "4000::1",
    "5f00::1",
    "fe80::1",
    "febf::1",
    "ff02::1",
]


def parse_url(text: str) -> CallbackUrl:
    url = parse_callback_url(text)
    assert url
    return url


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_may_be_called_by_every_app(address: str) -> None:
    assert [can_connect(address, scope) for scope in AddressScope] == [True, True, True]


@pytest.mark.parametrize("address", INTERNAL)
def test_an_internal_address_needs_the_operators_permission(address: str) -> None:
    assert [can_connect(address, scope) for scope in AddressScope] == [False, True, True]


@pytest.mark.parametrize("address", NEITHER)
def test_any_other_address_must_be_bound_literally(address: str) -> None:
    assert [can_connect(address, scope) for scope in AddressScope] == [False, False, True]


def test_an_ipv6_zone_permits_no_address_and_invalid_addresses_are_not_connected_to() -> None:
    assert not can_connect("fe80::1%eth0", AddressScope.INTERNAL)
    assert not can_connect("::1%lo", AddressScope.PUBLIC)
    assert not any(
        can_connect(address, scope) for scope in AddressScope for address in ("", "localhost", "1.1", "1.1.1.1.1")
    )


@pytest.mark.parametrize(
    ("url", "scope"),
    [
        ("https://a.example/", AddressScope.PUBLIC),
        ("https://localhost.example/", AddressScope.PUBLIC),
        ("https://a.localhost/", AddressScope.PUBLIC),
        ("http://localhost:9000/", AddressScope.INTERNAL),
        ("http://LOCALHOST/", AddressScope.INTERNAL),
        ("http://callbacks.internal:8000/", AddressScope.INTERNAL),
        ("http://callbacks.internal:8001/", AddressScope.PUBLIC),
        ("http://127.0.0.1/", AddressScope.LITERAL),
        ("http://[::1]/", AddressScope.LITERAL),
    ],
)
def test_a_name_may_resolve_to_internal_addresses_only_if_its_host_and_port_are_private(
    url: str, scope: AddressScope
) -> None:
    assert get_address_scope(parse_url(url), {"callbacks.internal:8000"}) is scope


@given(st.integers(0, 2**32 - 1))
def test_an_ipv4_address_is_classified_alike_in_every_ipv6_form(number: int) -> None:
    address = IPv4Address(number)
    for embedded in (IPv6Address(0xFFFF << 32 | number), IPv6Address(0x64FF9B << 96 | number)):
        assert (is_public(embedded), is_internal(embedded)) == (is_public(address), is_internal(address))


@given(st.one_of(st.integers(0, 2**32 - 1).map(IPv4Address), st.integers(0, 2**128 - 1).map(IPv6Address)))
def test_no_address_is_both_public_and_internal_and_python_agrees_on_public_ones(
    address: IPv4Address | IPv6Address,
) -> None:
    assert not (is_public(address) and is_internal(address))
    if isinstance(address, IPv4Address) and is_public(address):
        assert address.is_global
        assert not address.is_multicast


def test_python_agrees_on_ipv4_networks_except_where_the_registries_are_open() -> None:
    exceptions = {"192.88.99.1", "192.0.0.170", "224.0.0.1", "239.255.255.255"}  # global to Python
    for text in (*INTERNAL, *NEITHER):
        address = ip_address(text)
        if isinstance(address, IPv4Address) and text not in exceptions:
            assert not address.is_global
