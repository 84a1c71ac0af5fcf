"""Console users, their roles, and the permissions that the roles give."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum, auto
from typing import Final

from ccfs.model.identity.names import MAX_NAME_LENGTH
from ccfs.model.identity.preferences import Preferences

MIN_PASSWORD_LENGTH: Final = 10
MAX_PASSWORD_LENGTH: Final = 200  # hashing takes time by length


class Role(StrEnum):
    """A set of permissions, granted globally, for an app, or for one account of an app."""

    OPERATOR = auto()  # always global
    ADMINISTRATOR = auto()
    EXPORTER = auto()
    EVALUATOR = auto()
    LISTENER = auto()
    AUDITOR = auto()
    AGENT = auto()  # always for one agent of an account


class Permission(StrEnum):
    """A kind of action that roles can allow."""

    SEARCH = auto()  # search and view calls
    LISTEN = auto()  # play recordings
    DOWNLOAD = auto()  # download recordings
    SHARE = auto()  # make links by which people without an account hear a recording
    EXPORT = auto()  # view and retry exports and callbacks
    EVALUATE = auto()  # score calls, and see the scores of others
    VIEW_OWN_EVALUATIONS = auto()  # of the agent that the role names
    ADMINISTER = auto()  # accounts and keys of an app
    AUDIT = auto()  # read the audit log
    OPERATE = auto()  # users, apps, trusted certificates, ingest, settings


ROLE_PERMISSIONS: Final[dict[Role, frozenset[Permission]]] = {
    Role.OPERATOR: frozenset(Permission) - {Permission.VIEW_OWN_EVALUATIONS},
    Role.ADMINISTRATOR: frozenset(
        {
            *(Permission.SEARCH, Permission.LISTEN, Permission.DOWNLOAD, Permission.SHARE, Permission.EXPORT),
            *(Permission.EVALUATE, Permission.ADMINISTER),
        }
    ),
    Role.EXPORTER: frozenset(
        {Permission.SEARCH, Permission.LISTEN, Permission.DOWNLOAD, Permission.SHARE, Permission.EXPORT}
    ),
    Role.EVALUATOR: frozenset({Permission.SEARCH, Permission.LISTEN, Permission.EVALUATE}),
    Role.LISTENER: frozenset({Permission.SEARCH, Permission.LISTEN}),
    Role.AUDITOR: frozenset({Permission.AUDIT}),
    Role.AGENT: frozenset({Permission.VIEW_OWN_EVALUATIONS}),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """A role and its scope: global, an app, or one of its accounts."""

    role: Role
    app: int | None = None  # apps.id; None: global
    account_id: str = ""  # empty: every account of the app
    agent_id: str = ""  # of the role agent: which of the account's agents the user is

    def covers(self, permission: Permission, app: int | None, account_id: str) -> bool:
        """Return whether it gives a permission in an account, in the whole app (""), or globally (None)."""
        in_scope = self.app is None or (self.app == app and self.account_id in ("", account_id))
        return in_scope and permission in ROLE_PERMISSIONS[self.role]


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A console user."""

    id: int
    name: str
    grants: tuple[Grant, ...] = field(default=())
    has_password: bool = False
    has_second_factor: bool = False
    is_linked: bool = False  # to an OIDC subject
    is_disabled: bool = False
    last_seen_at: datetime | None = field(default=None, compare=False)  # to the minute; None: never
    preferences: Preferences = field(default_factory=Preferences)

    def has_permission(self, permission: Permission, app: int | None, account_id: str = "") -> bool:
        """Return whether the user has the permission in an account, in the whole app (""), or globally (None)."""
        return any(grant.covers(permission, app, account_id) for grant in self.grants)

    def has_permission_anywhere(self, permission: Permission) -> bool:
        """Return whether the user has the permission in any scope."""
        return any(permission in ROLE_PERMISSIONS[grant.role] for grant in self.grants)

    def list_agent_ids(self, app: int, account_id: str) -> list[str]:
        """Return the agents of an account that the user is, by roles."""
        own = [grant for grant in self.grants if grant.role is Role.AGENT and grant.app == app]
        return [grant.agent_id for grant in own if grant.account_id == account_id and grant.agent_id]

    def list_allowed_accounts(self, permission: Permission, app: int, accounts: Iterable[str]) -> list[str]:
        """Return the app's accounts in which the user has the permission, in the given order."""
        return [account for account in accounts if self.has_permission(permission, app, account)]


def clean_name(text: str) -> str | None:
    """Return a user name in its stored, lower-case form; None unless it has 1 to 64 letters, digits and ``._@-``."""
    name = text.strip().lower()
    is_valid = 0 < len(name) <= MAX_NAME_LENGTH and all(
        character.isascii() and (character.isalnum() or character in "._@-") for character in name
    )
    return name if is_valid else None


def is_valid_password(password: str) -> bool:
    """Return whether the password has an allowed length."""
    return MIN_PASSWORD_LENGTH <= len(password) <= MAX_PASSWORD_LENGTH
