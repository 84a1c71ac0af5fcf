"""Apps, access keys, accounts and VDNs. Only AccessKey contains secrets, and its repr never shows them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

DEFAULT_ZONE = "Asia/Shanghai"
DEFAULT_SERVICE_LEVEL_SECONDS = 20
DEFAULT_AFTER_CALL_SECONDS = 60
MAX_AFTER_CALL_SECONDS = 24 * 3600
MAX_VDN_ID = 2**31 - 1  # an int of the interface


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """A developer's application. `ak` is the appId of the interface and stays the same when keys rotate."""

    id: int  # apps.id
    ak: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessKey:
    """An AK/SK pair of an app. Several may be active at the same time, with the same AK or different ones."""

    id: int
    app: App
    ak: str
    sk: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class UnreadableKey:
    """An active access key whose SK none of the node keys decrypts."""

    id: int
    app: App
    ak: str
    is_damaged: bool  # otherwise another node key encrypted it

    def describe(self) -> str:
        """Return which key it is, for an operator."""
        return f"the SK of app {self.app.ak}, key {self.id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An enterprise that belongs to an app."""

    account_id: str
    zone: str = DEFAULT_ZONE  # IANA name; times on the wire are in it
    service_level_seconds: int = DEFAULT_SERVICE_LEVEL_SECONDS  # waiting time within which a call should be answered
    after_call_seconds: int = DEFAULT_AFTER_CALL_SECONDS  # after-call work counts for so long at most
    allows_links: bool = False  # by which people without an account hear recordings

    @property
    def zoneinfo(self) -> ZoneInfo:
        """The account's time zone."""
        return ZoneInfo(self.zone)


@dataclass(frozen=True, slots=True, kw_only=True)
class Vdn:
    """A virtual call centre that belongs to an account."""

    vdn_id: int
    cc_id: int
    account_id: str


def is_account_id(text: str) -> bool:
    """Return whether a text can be an account id: 1 to 20 ASCII characters without spaces, commas, quotes and slashes.

    It is also the name of a folder, so it is not just dots.
    """
    is_short = 0 < len(text) <= 20 and bool(text.strip("."))
    return is_short and text.isascii() and text.isprintable() and not set(text) & set('/\\," ')


def is_time_zone(name: str) -> bool:
    """Return whether the text is an IANA time zone."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # unknown, no name of a zone, a folder of zones
        return False
    return True


def query_zone(accounts: Mapping[str, Account], account_id: str) -> ZoneInfo:
    """Return the time zone of an app's query.

    If the query names an account, it is the zone of that account. Otherwise it is the zone that all accounts share, or
    the default. Raises KeyError for an unknown account.
    """
    if account_id:
        return accounts[account_id].zoneinfo
    zones = {account.zone for account in accounts.values()}
    return ZoneInfo(zones.pop() if len(zones) == 1 else DEFAULT_ZONE)


def select_signing_keys(active: Iterable[AccessKey]) -> dict[int, AccessKey]:
    """Return the key that signs each app's callbacks, by apps.id.

    It is the newest key under the app's own AK, or else the app's newest key.
    """
    by_rank = sorted(active, key=lambda key: (key.ak == key.app.ak, key.id))
    return {key.app.id: key for key in by_rank}
