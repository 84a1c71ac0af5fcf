"""Callback URLs: parsing, rejected URLs, and bound prefixes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccfs.model.exports.callback_url import list_private_hosts, matches_any_prefix, parse_callback_url


def matches_prefix(url: str, prefix: str) -> bool:
    """Whether the text is a callback URL that begins with the prefix."""
    callback_url = parse_callback_url(url)
    return callback_url is not None and matches_any_prefix(callback_url, [prefix])


@pytest.mark.parametrize(
    ("text", "scheme", "host", "port", "target"),
    [
        ("https://cb.example.com:8000/x?y=1", "https", "cb.example.com", 8000, "/x?y=1"),
        ("HTTP://CB.Example.com", "http", "cb.example.com", 80, "/"),
        ("https://cb.example.com?y=1", "https", "cb.example.com", 443, "/?y=1"),
        ("http://192.0.2.7:0080/", "http", "192.0.2.7", 80, "/"),
        ("http://[2001:DB8:0:0::1]:8080/cb", "http", "2001:db8::1", 8080, "/cb"),
        ("https://例え.テスト/a%20b", "https", "xn--r8jz45g.xn--zckzah", 443, "/a%20b"),
        ("http://１２７．０．０．１/", "http", "127.0.0.1", 80, "/"),  # full-width digits are digits
        ("http://ccfs_worker:8000/", "http", "ccfs_worker", 8000, "/"),
        ("https://a.example/x?to=..%2Fy/../z", "https", "a.example", 443, "/x?to=..%2Fy/../z"),
        ("https://a.example/..x/x../...", "https", "a.example", 443, "/..x/x../..."),
    ],
)
def test_a_callback_url_is_parsed_and_normalised(text: str, scheme: str, host: str, port: int, target: str) -> None:
    url = parse_callback_url(text)
    assert url
    assert (url.scheme, url.host, url.port, url.target) == (scheme, host, port, target)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "cb.example.com/x",
        "ftp://a.example/",
        "//a.example/",
        "httpſ://a.example/",  # a long s, which equals s where case is ignored
        "https://a　b.example/",
        "http:a.example/",
        "http:///x",
        "https://user@a.example/",
        "https://user:secret@a.example/",
        "https://a.example@evil.example/",
        "https://a.example\\@evil.example/",
        "https://a.example\\.evil.example/",
        "https://a.example/#part",
        "https://a.example:0/",
        "https://a.example:65536/",
        "https://a.example:x/",
        "https://a.example:/",
        "https://a.example:+80/",
        "https://a.example:８０/",
        "https://a..example/",
        "https://.a.example/",
        "https://a.example./",
        "https://-a.example/",
        "https://a%2eexample/",
        "https://a℀b.example/",  # normalises to "a/c"
        "https://straße.example/",  # strasse.example by IDNA 2003, xn--strae-oqa.example by IDNA 2008
        "https://[::1/",
        "https://::1/",
        "https://[fe80::1%25eth0]/",
        "https://[1.2.3.4]/",
        "http://2130706433/",
        "http://0x7f000001/",
        "http://127.1/",
        "http://0177.0.0.1/",
        "http://127.0.0.1.5/",
        "http://a.example.1/",
        "https://a.example/x y",
        "https://a.example/x\n",
        "\thttps://a.example/",
        "https://a.example/x\\y",
        "https://a.example/路",
        "https://a.example/cb/../admin",
        "https://a.example/cb/./x",
        "https://a.example/cb/%2e%2E/admin",
        "https://a.example/cb/.%2e/admin",
        "https://a.example/cb/..%2fadmin",
        "https://a.example/cb/..%5cadmin",
        "https://a.example/cb/%252e%252e/admin",
        "https://a.example/cb/..;x=1/admin",
        "https://a.example/cb/..",
        "https://a.example/" + "x" * 5000,
        "https://" + "a" * 64 + ".example/",
        "https://" + "a." * 130 + "example/",
    ],
)
def test_a_callback_url_that_could_be_read_in_two_ways_is_rejected(text: str) -> None:
    assert parse_callback_url(text) is None
    assert not matches_prefix(text, text)


@pytest.mark.parametrize(
    ("url", "prefix"),
    [
        ("https://a.example.com/cb", "https://a.example.com"),
        ("https://a.example.com", "https://a.example.com/"),
        ("https://a.example.com?x=1", "https://a.example.com"),
        ("HTTPS://A.Example.COM:443/cb", "https://a.example.com/"),
        ("https://a.example.com/cb", "https://a.example.com:443/cb"),
        ("https://a.example.com/cb/x?y", "https://a.example.com/cb/"),
        ("https://a.example.com/cbx", "https://a.example.com/cb"),
        ("https://a.example.com/cb?app=1&x=2", "https://a.example.com/cb?app=1&"),
        ("http://[0:0::1]:80/", "http://[::1]/"),
        ("https://例え.テスト/", "https://xn--r8jz45g.xn--zckzah/"),
    ],
)
def test_a_callback_url_that_begins_with_the_prefix_matches(url: str, prefix: str) -> None:
    assert matches_prefix(url, prefix)


@pytest.mark.parametrize(
    ("url", "prefix"),
    [
        ("https://a.example.com.evil.org/", "https://a.example.com"),
        ("https://a.example.com@evil.org/", "https://a.example.com"),
        ("https://a.example.comevil.org/", "https://a.example.com"),
        ("https://a.example.com:4430/", "https://a.example.com:443"),
        ("https://a.example.com:8443/", "https://a.example.com"),
        ("http://a.example.com/", "https://a.example.com"),
        ("http://a.example.com:443/", "https://a.example.com"),
        ("https://b.a.example.com/", "https://a.example.com"),
        ("https://a.example.com/other", "https://a.example.com/cb"),
        ("https://a.example.com/CB", "https://a.example.com/cb"),
        ("https://a.example.com/cb", "https://a.example.com/cb/"),
        ("https://a.example.com/cb/%2e%2e/x", "https://a.example.com/cb/"),
        ("http://127.0.0.1:9001/", "http://127.0.0.1:9000/"),
        ("http://127.0.0.2:9000/", "http://127.0.0.1:9000/"),
        ("http://localhost:9000/", "http://127.0.0.1:9000/"),
        ("http://[::ffff:127.0.0.1]:9000/", "http://127.0.0.1:9000/"),
        ("https://a.example.com/", "https://"),
        ("https://a.example.com/", ""),
    ],
)
def test_any_other_callback_url_does_not_match_the_prefix(url: str, prefix: str) -> None:
    assert not matches_prefix(url, prefix)


def test_a_callback_url_needs_to_match_one_of_several_prefixes() -> None:
    url = parse_callback_url("https://a.example/cb")
    assert url
    assert matches_any_prefix(url, ["", "https://b.example/", "https://a.example/"])
    assert not matches_any_prefix(url, ["https://b.example/"])
    assert not matches_any_prefix(url, [])


def test_private_hosts_are_those_of_prefixes_bound_as_private() -> None:
    prefixes = {"http://callbacks.internal:8000/a/": True, "https://[FD00::1]/": True, "https://b.example/": False}
    assert list_private_hosts(prefixes) == {"callbacks.internal:8000", "[fd00::1]:443"}


@pytest.mark.parametrize(
    ("text", "header"),
    [
        ("https://a.example:443/", "a.example"),
        ("https://a.example:80/", "a.example:80"),
        ("http://[::1]:80/", "[::1]"),
        ("http://[::1]:8080/", "[::1]:8080"),
    ],
)
def test_the_host_header_leaves_out_the_schemes_own_port(text: str, header: str) -> None:
    url = parse_callback_url(text)
    assert url
    assert url.host_header == header


@given(st.text(st.sampled_from("ahtps:/.@\\?#%2e5cf[]1:0xE例．。 \n"), max_size=24))
def test_a_parsed_callback_url_parses_to_the_same_again(rest: str) -> None:
    url = parse_callback_url("https://" + rest)
    if url:
        reparsed = parse_callback_url(f"{url.scheme}://{url.host_port}{url.target}")
        assert reparsed == url
        assert not set(url.host) & set("@/\\?#% ")


@given(st.text(st.sampled_from("ahtps:/.@\\?#%2e5cf[]1:0xE例．。 \n"), max_size=24))
def test_no_text_after_a_prefix_without_a_path_changes_the_host(rest: str) -> None:
    prefix = "https://a.example.com"
    url = parse_callback_url(prefix + rest)
    assert matches_prefix(prefix + rest, prefix) == (url is not None and (url.host, url.port) == ("a.example.com", 443))
