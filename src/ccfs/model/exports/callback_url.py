"""Callback URLs and the prefixes that operators bind.

The parser is deliberately stricter than RFC 3986. It rejects anything that two programs could interpret differently (a
user before the host, backslashes, `2130706433` for 127.0.0.1, dot segments in any encoding), so that callbacks go to
exactly the host that was compared with the bound prefix.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import unquote

Address = IPv4Address | IPv6Address

DEFAULT_PORTS = {"http": 80, "https": 443}

_URL = re.compile(
    r"""(?P<scheme>https?)://
    (?P<host>\[[0-9a-f:.]+\]|[^\[\]:/?\#@\\%\s]+)
    (?: :(?P<port>[0-9]{1,5}) )?
    (?P<target> (?:[/?][!"$-\[\]-~]*)? )   # printable ASCII without blank, "#" and backslash
    """,
    re.ASCII | re.IGNORECASE | re.VERBOSE,
)
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMERIC_LABEL = re.compile(
    r"[0-9]+|0x[0-9a-f]*"
)  # as the last label: an IPv4 address to inet_aton, a name to other parsers
_IDNA_DEVIATION = re.compile("[\u00df\u03c2\u200c\u200d]")  # IDNA 2003 and 2008 encode these differently
_MAX_HOST_LENGTH = 253
_MAX_URL_LENGTH = 4096  # characters of a URL; the manual names no limit


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackUrl:
    """A URL, or a bound URL prefix, parsed and normalised."""

    scheme: str  # http or https
    host: str  # lower case and ASCII: a name, or an address in its shortest form and without brackets
    port: int  # the scheme's default where none is given
    target: str  # path and query as given, with the slash that begins every path

    @property
    def address(self) -> Address | None:
        """The host as an IP address; None if it is a name."""
        try:
            return ip_address(self.host)
        except ValueError:
            return None

    @property
    def host_port(self) -> str:
        """host:port, which identifies private hosts: `callbacks.internal:8000`, `[fd00::1]:443`."""
        return f"{self._bracketed_host}:{self.port}"

    @property
    def host_header(self) -> str:
        """The Host header, which includes the port only if it is not the scheme's default."""
        return self._bracketed_host if self.port == DEFAULT_PORTS[self.scheme] else self.host_port

    @property
    def _bracketed_host(self) -> str:
        return f"[{self.host}]" if ":" in self.host else self.host


@lru_cache(4096)
def parse_callback_url(text: str) -> CallbackUrl | None:
    """Return the parsed URL; None if callbacks to it are never allowed, whatever is bound."""
    match = _URL.fullmatch(text) if len(text) <= _MAX_URL_LENGTH else None
    if not match or _has_dot_segments(match["target"].partition("?")[0]):
        return None
    scheme, host = match["scheme"].lower(), _normalise_host(match["host"])
    port = int(match["port"] or DEFAULT_PORTS[scheme])
    if not (host and 0 < port < 65536):
        return None
    target = match["target"] if match["target"].startswith("/") else "/" + match["target"]
    return CallbackUrl(scheme=scheme, host=host, port=port, target=target)


def matches_any_prefix(url: CallbackUrl, prefixes: Collection[str]) -> bool:
    """Return whether the URL begins with one of the prefixes, with the same scheme, host and port.

    A prefix without a path matches the whole host. Otherwise path and query are compared literally: `/cb` matches
    `/cb`, `/cb/x` and `/cbx`, but `/cb/` matches only URLs in that folder.
    """
    return any(bound is not None and _starts_with(url, bound) for bound in map(parse_callback_url, prefixes))


def list_private_hosts(prefixes: Mapping[str, bool]) -> frozenset[str]:
    """Return the host:port of the prefixes whose value is True, which may resolve to private addresses."""
    bound = [parse_callback_url(prefix) for prefix, may_be_private in prefixes.items() if may_be_private]
    return frozenset(url.host_port for url in bound if url)


def _starts_with(url: CallbackUrl, bound: CallbackUrl) -> bool:
    is_same_site = (url.scheme, url.host, url.port) == (bound.scheme, bound.host, bound.port)
    return is_same_site and url.target.startswith(bound.target)


def _normalise_host(text: str) -> str:
    """Return the normalised host; "" if it is invalid."""
    try:
        if text.startswith("["):
            return str(IPv6Address(text[1:-1]))
        name = text if text.isascii() else _to_ascii(text)
        return (
            str(IPv4Address(name))
            if _NUMERIC_LABEL.fullmatch(name.lower().rpartition(".")[2])
            else _normalise_name(name.lower())
        )
    except ValueError:
        return ""


def _to_ascii(name: str) -> str:
    if _IDNA_DEVIATION.search(name):
        raise ValueError(name)
    return name.encode("idna").decode("ascii")


def _normalise_name(name: str) -> str:
    is_name = len(name) <= _MAX_HOST_LENGTH and all(_LABEL.fullmatch(label) for label in name.split("."))
    return name if is_name else ""


def _has_dot_segments(path: str) -> bool:
    """Return whether a server could interpret a path segment as `.` or `..`, however many times it is encoded."""
    while (decoded := unquote(path, errors="replace")) != path:
        path = decoded
    segments = re.split(r"[/\\]", path)
    return any(segment.partition(";")[0] in (".", "..") for segment in segments)
