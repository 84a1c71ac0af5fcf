"""Callback URLs and the prefixes that operators bind. Text in, text out: no name is resolved and no socket opened here.

The reading is stricter than RFC 3986 on purpose. What two programs could read in two ways (a user before the host,
backslashes, `2130706433` for 127.0.0.1, dot segments in any disguise) is refused, so that what was compared with the
bound prefix is what is connected to.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import unquote

Address = IPv4Address | IPv6Address

PORTS = {"http": 80, "https": 443}

_URL = re.compile(
    r"""(?P<scheme>https?)://
    (?P<host>\[[0-9a-f:.]+\]|[^\[\]:/?\#@\\%\s]+)
    (?: :(?P<port>[0-9]{1,5}) )?
    (?P<target> (?:[/?][!"$-\[\]-~]*)? )   # printable ASCII without blank, "#" and backslash
    """,
    re.ASCII | re.IGNORECASE | re.VERBOSE,
)
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")  # as the last label: an IPv4 address to inet_aton, a name to others
_DEVIANT = re.compile("[\u00df\u03c2\u200c\u200d]")  # IDNA 2003 and 2008 make different names of these
_LONGEST_NAME = 253
_LONGEST = 4096  # characters of a URL; the manual names no limit


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackUrl:
    """A URL, or a bound prefix of URLs, taken apart and normalised."""

    scheme: str  # http or https
    host: str  # lower case and ASCII: a name, or an address in its shortest form and without brackets
    port: int  # the scheme's own where none was written
    target: str  # path and query as they were written, with the slash that begins every path

    @property
    def address(self) -> Address | None:
        """The host, where it is an address and not a name."""
        try:
            return ip_address(self.host)
        except ValueError:
            return None

    @property
    def site(self) -> str:
        """host:port, as private hosts are named: `callbacks.internal:8000`, `[fd00::1]:443`."""
        return f"{self._bracketed}:{self.port}"

    @property
    def host_header(self) -> str:
        """What the Host header says: the port only where it is not the scheme's own."""
        return self._bracketed if self.port == PORTS[self.scheme] else self.site

    @property
    def _bracketed(self) -> str:
        return f"[{self.host}]" if ":" in self.host else self.host


@lru_cache(4096)
def callback_url(text: str) -> CallbackUrl | None:
    """The URL taken apart; None where it is none that callbacks may go to, whatever is bound."""
    match = _URL.fullmatch(text) if len(text) <= _LONGEST else None
    if not match or _climbs(match["target"].partition("?")[0]):
        return None
    scheme, host = match["scheme"].lower(), _host(match["host"])
    port = int(match["port"] or PORTS[scheme])
    if not (host and 0 < port < 65536):
        return None
    target = match["target"] if match["target"].startswith("/") else "/" + match["target"]
    return CallbackUrl(scheme=scheme, host=host, port=port, target=target)


def prefix_matches(url: str, prefix: str) -> bool:
    """Whether the URL begins with the prefix: the same scheme, host and port, and a path that starts alike.

    A prefix without a path stands for the whole host. Otherwise its path and query are compared letter by letter: `/cb`
    matches `/cb`, `/cb/x` and `/cbx`; whoever means the folder binds `/cb/`.
    """
    asked, bound = callback_url(url), callback_url(prefix)
    return asked is not None and bound is not None and _begins(asked, bound)


def is_bound(url: CallbackUrl, prefixes: Collection[str]) -> bool:
    """Whether the URL begins with one of the prefixes."""
    return any(bound is not None and _begins(url, bound) for bound in map(callback_url, prefixes))


def private_hosts(prefixes: Mapping[str, bool]) -> frozenset[str]:
    """The host:port of the prefixes that may lead to private addresses, where the mapping says whether each may."""
    bound = [callback_url(prefix) for prefix, may_be_private in prefixes.items() if may_be_private]
    return frozenset(one.site for one in bound if one)


def _begins(url: CallbackUrl, bound: CallbackUrl) -> bool:
    is_same_site = (url.scheme, url.host, url.port) == (bound.scheme, bound.host, bound.port)
    return is_same_site and url.target.startswith(bound.target)


def _host(text: str) -> str:
    """The host normalised; empty where it is none."""
    try:
        if text.startswith("["):
            return str(IPv6Address(text[1:-1]))
        name = text if text.isascii() else _ascii(text)
        return str(IPv4Address(name)) if _NUMBER.fullmatch(name.lower().rpartition(".")[2]) else _name(name.lower())
    except ValueError:
        return ""


def _ascii(name: str) -> str:
    if _DEVIANT.search(name):
        raise ValueError(name)
    return name.encode("idna").decode("ascii")


def _name(name: str) -> str:
    is_name = len(name) <= _LONGEST_NAME and all(_LABEL.fullmatch(label) for label in name.split("."))
    return name if is_name else ""


def _climbs(path: str) -> bool:
    """Whether some server could read a segment of the path as `.` or `..`, however often it is encoded."""
    while (plain := unquote(path, errors="replace")) != path:
        path = plain
    segments = re.split(r"[/\\]", path)
    return any(segment.partition(";")[0] in (".", "..") for segment in segments)
