"""A user's OIDC claims, and the rules that assign roles based on them. oidc_client.py verifies the tokens."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from ccfs.model.identity.user import Role


def is_https_or_local(address: str) -> bool:
    """Return whether a URL is https, or http to this machine, and has no query or fragment."""
    parts = urlsplit(address)
    is_local = parts.scheme == "http" and parts.hostname in ("localhost", "127.0.0.1", "::1")
    return bool(parts.hostname) and not parts.query and not parts.fragment and (parts.scheme == "https" or is_local)


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleRule:
    """Grants the role to users who have the value in the claim."""

    value: str
    role: Role
    ak: str = ""  # of this app only
    account_id: str = ""  # of this account of the app only
    agent_id: str = ""  # of the role agent


def parse_role_rule(text: str) -> RoleRule:
    """Return the rule for `value=role`, `value=role@AK`, `value=role@AK/account` or `value=agent@AK/account/agent`.

    The value may be percent-encoded, because spaces and commas separate rules. Raises ValueError for any other text.
    """
    value, _, grant = text.rpartition("=")
    name, _, scope = grant.partition("@")
    ak, _, account_id = scope.partition("/")
    if not value or name not in list(Role):
        raise ValueError(f"{text} is not value=role, with a role of {', '.join(Role)}")
    role = Role(name)
    if bool(ak) == (role is Role.OPERATOR) and role is not Role.AUDITOR:
        raise ValueError(f"{text}: an operator is global; a rule for another role names an app, value={role}@AK")
    agent_id = ""
    if role is Role.AGENT:
        account_id, _, agent_id = account_id.partition("/")
        if not account_id or not agent_id:
            raise ValueError(f"{text}: a rule for agents names one agent, value=agent@AK/account/agent")
    return RoleRule(value=unquote(value), role=role, ak=ak, account_id=account_id, agent_id=unquote(agent_id))


def get_claim(claims: Mapping[str, Any], name: str) -> Any:
    """Return a claim by its name, or by a dotted path such as `realm_access.roles`; None if it is missing."""
    if name in claims:
        return claims[name]
    first, _, rest = name.partition(".")
    nested = claims.get(first) if rest else None
    return get_claim(nested, rest) if isinstance(nested, Mapping) else None


def find_matching_rules(rules: Iterable[RoleRule], claims: Mapping[str, Any], name: str) -> list[RoleRule]:
    """Return the rules whose value occurs in the claim of that name, which is a string or a list of strings."""
    claim = get_claim(claims, name)
    values = {claim} if isinstance(claim, str) else {value for value in claim or () if isinstance(value, str)}
    return [rule for rule in rules if rule.value in values]


def get_username(claims: Mapping[str, Any], name: str) -> str:
    """Return the user name in the claim; empty if there is none, or if it is an unverified e-mail address."""
    claim = get_claim(claims, name)
    if name == "email" and claims.get("email_verified") is not True:
        return ""
    return claim if isinstance(claim, str) else ""
