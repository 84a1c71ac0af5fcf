"""People: users of the console, their roles, and what those allow. Pure rules; no password and no session lives here."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum, auto
from typing import Final

MIN_PASSWORD_LENGTH: Final = 10
MAX_PASSWORD_LENGTH: Final = 200  # hashing takes time by length
MAX_NAME_LENGTH: Final = 64


class Role(StrEnum):
    """What somebody is; of the whole node, of an app, or of one account of an app."""

    OPERATOR = auto()  # the whole node, always
    ADMINISTRATOR = auto()
    EXPORTER = auto()
    LISTENER = auto()
    AUDITOR = auto()


class Permission(StrEnum):
    """What somebody may do."""

    SEARCH = auto()  # look for calls and at them
    LISTEN = auto()  # play recordings
    DOWNLOAD = auto()  # take recordings away
    EXPORT = auto()  # look at exports and callbacks, and have them sent again
    ADMINISTER = auto()  # accounts and keys of an app
    AUDIT = auto()  # read who did what
    OPERATE = auto()  # people, apps, trust, ingest, settings of the node


ROLE_PERMISSIONS: Final[dict[Role, frozenset[Permission]]] = {
    Role.OPERATOR: frozenset(Permission),
    Role.ADMINISTRATOR: frozenset(
        {Permission.SEARCH, Permission.LISTEN, Permission.DOWNLOAD, Permission.EXPORT, Permission.ADMINISTER}
    ),
    Role.EXPORTER: frozenset({Permission.SEARCH, Permission.LISTEN, Permission.DOWNLOAD, Permission.EXPORT}),
    Role.LISTENER: frozenset({Permission.SEARCH, Permission.LISTEN}),
    Role.AUDITOR: frozenset({Permission.AUDIT}),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """A role somewhere: everywhere, in an app, or in one of its accounts."""

    role: Role
    app: int | None = None  # apps.id; None: everywhere
    account_id: str = ""  # empty: every account of the app

    def covers(self, right: Permission, app: int | None, account_id: str) -> bool:
        """Whether it gives a right in an account, with "" in the whole of an app, with None in the whole node."""
        within = self.app is None or (self.app == app and self.account_id in ("", account_id))
        return within and right in ROLE_PERMISSIONS[self.role]


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """Somebody who can sign in."""

    id: int
    name: str
    grants: tuple[Grant, ...] = field(default=())
    has_second_factor: bool = False
    is_linked: bool = False  # to somebody whom the sign-in service knows
    is_disabled: bool = False

    def has_permission(self, right: Permission, app: int | None, account_id: str = "") -> bool:
        """Whether the user has the right in an account, in the whole of an app (""), or in the whole node (None)."""
        return any(grant.covers(right, app, account_id) for grant in self.grants)

    def has_permission_anywhere(self, right: Permission) -> bool:
        """Whether the user has the right anywhere at all."""
        return any(right in ROLE_PERMISSIONS[grant.role] for grant in self.grants)

    def list_allowed_accounts(self, right: Permission, app: int, accounts: Iterable[str]) -> list[str]:
        """Those of an app's accounts in which the user has the right, in their order."""
        return [account for account in accounts if self.has_permission(right, app, account)]


def clean_name(text: str) -> str | None:
    """A user's name as it is kept: lower case; None if it is none: 1 to 64 of letters, digits and ``._@-``."""
    name = text.strip().lower()
    fits = 0 < len(name) <= MAX_NAME_LENGTH and all(one.isascii() and (one.isalnum() or one in "._@-") for one in name)
    return name if fits else None


def is_valid_password(password: str) -> bool:
    """Whether a password may be one: its length is what matters."""
    return MIN_PASSWORD_LENGTH <= len(password) <= MAX_PASSWORD_LENGTH
