"""Apps, access keys, accounts, VDNs. Secrets are in AccessKey only, and never in its repr."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

DEFAULT_ZONE = "Asia/Shanghai"
MAX_VDN_ID = 2**31 - 1  # an int of the interface


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """A developer's application. `ak` is the appId of the interface and stays the same when keys rotate."""

    id: int  # apps.id
    ak: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessKey:
    """One AK/SK pair of an app. Several may be active at a time, under one AK or several."""

    id: int
    app: App
    ak: str
    sk: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An enterprise of one app."""

    account_id: str
    zone: str = DEFAULT_ZONE  # IANA name; times on the wire are in it

    @property
    def zoneinfo(self) -> ZoneInfo:
        """The zone's rules."""
        return ZoneInfo(self.zone)


@dataclass(frozen=True, slots=True, kw_only=True)
class Vdn:
    """A virtual call centre of one account."""

    vdn_id: int
    cc_id: int
    account_id: str


def is_account_id(text: str) -> bool:
    """Whether a text can name an account: 1 to 20 ASCII characters without blank, comma, quote and slash."""
    return 0 < len(text) <= 20 and text.isascii() and text.isprintable() and not set(text) & set('/\\," ')


def is_time_zone(name: str) -> bool:
    """Whether it is an IANA time zone."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # unknown, no name of a zone, a folder of zones
        return False
    return True


def query_zone(accounts: Mapping[str, Account], account_id: str) -> ZoneInfo:
    """Return the zone of an app's query: that of the account, if the query names one; else the one that all accounts share, or the
    default. Raise KeyError for an unknown account."""
    if account_id:
        return accounts[account_id].zoneinfo
    zones = {account.zone for account in accounts.values()}
    return ZoneInfo(zones.pop() if len(zones) == 1 else DEFAULT_ZONE)


def select_signing_keys(active: Iterable[AccessKey]) -> dict[int, AccessKey]:
    """Return the key that signs the callbacks of each app, by apps.id: its newest under its own AK, else its newest."""
    by_rank = sorted(active, key=lambda key: (key.ak == key.app.ak, key.id))
    return {key.app.id: key for key in by_rank}
