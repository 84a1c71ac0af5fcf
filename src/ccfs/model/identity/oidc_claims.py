"""What a sign-in service claims of somebody, and the roles that follow from it. Pure rules; no token is checked here."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from ccfs.model.identity.user import Role


def is_https_or_local(address: str) -> bool:
    """Whether nobody on the way reads what goes there: https, or plain within this machine. No query, no fragment."""
    parts = urlsplit(address)
    is_here = parts.scheme == "http" and parts.hostname in ("localhost", "127.0.0.1", "::1")
    return bool(parts.hostname) and not parts.query and not parts.fragment and (parts.scheme == "https" or is_here)


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleRule:
    """Who has the value in the claim has the role."""

    value: str
    role: Role
    ak: str = ""  # of this app only
    account_id: str = ""  # of this account of the app only


def parse_role_rule(text: str) -> RoleRule:
    """The rule that `value=role`, `value=role@AK` or `value=role@AK/account` says; raises ValueError.

    The value may be percent-encoded, for blanks and commas separate rules.
    """
    value, _, given = text.rpartition("=")
    name, _, where = given.partition("@")
    ak, _, account_id = where.partition("/")
    if not value or name not in list(Role):
        raise ValueError(f"{text} is not value=role, with a role of {', '.join(Role)}")
    role = Role(name)
    if bool(ak) == (role is Role.OPERATOR) and role is not Role.AUDITOR:
        raise ValueError(f"{text}: an operator is everywhere; an {role} is of an app, value={role}@AK")
    return RoleRule(value=unquote(value), role=role, ak=ak, account_id=account_id)


def get_claim(claims: Mapping[str, Any], name: str) -> Any:
    """A claim by its name, or by a path with dots, like `realm_access.roles`; None if it is not there."""
    if name in claims:
        return claims[name]
    first, _, rest = name.partition(".")
    below = claims.get(first) if rest else None
    return get_claim(below, rest) if isinstance(below, Mapping) else None


def find_matching_rules(rules: Iterable[RoleRule], claims: Mapping[str, Any], name: str) -> list[RoleRule]:
    """The rules that fit what the claim of that name holds: a text, or a list of them."""
    found = get_claim(claims, name)
    values = {found} if isinstance(found, str) else {one for one in found or () if isinstance(one, str)}
    return [one for one in rules if one.value in values]


def get_username(claims: Mapping[str, Any], name: str) -> str:
    """Whose name the claim says; empty if it says none, or an address that the service has not verified."""
    found = get_claim(claims, name)
    if name == "email" and claims.get("email_verified") is not True:
        return ""
    return found if isinstance(found, str) else ""
