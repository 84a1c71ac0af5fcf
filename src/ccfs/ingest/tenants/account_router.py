"""The router of one account without tenant rules. It finds the tenant of a call by the switch's own names."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from ipaddress import ip_address

from ccfs.ingest.context import CallOwner
from ccfs.ingest.tenants.routers import UNKNOWN, Owner, Unknown
from ccfs.switches.tenant_rules import CallFacts

_SHARED_CONTEXTS = frozenset(  # of FreeSWITCH, whoever its tenants are
    {"public", "default", "features", "internal", "external", "inbound", "outbound", "local"}
)
_LETTER = re.compile("[^\\W\\d_]")  # an account code without one is a phone's or a customer's number


@dataclass(kw_only=True)
class AccountRouter:
    """Assigns all calls to one account, unless the switch has domains that name its tenants.

    In that case, the account has the domain that is named after it (acme.example.com for acme), or the only one. If no
    domain is named after it, account codes distinguish the tenants, provided that one of them is. For calls without a
    domain, contexts work in the same way.
    """

    owner: CallOwner
    source: str  # the switch
    domains: frozenset[str] = frozenset()  # of the account, as `list_names` returns them
    foreign: frozenset[str] = frozenset()  # of other accounts, or of calls that are unassigned
    _seen: set[str] = field(default_factory=set)

    def learn_domains(self, names: Iterable[str]) -> frozenset[str]:
        """Learn the tenant names of the switch. Return those that turn out to be the account's."""
        self._seen.update(name for name in names if name and not _is_address(name))
        own = frozenset(filter(self.is_named_for_account, self._seen))
        domains = {name for name in self._seen if not _get_kind(name)}
        has_domain = any(not _get_kind(name) for name in own | self.domains)
        if not has_domain and len(domains) == 1 and not domains & self.foreign:
            own |= domains
        new = own - self.domains
        self.domains |= new
        return new

    def is_named_for_account(self, name: str) -> bool:
        """Return whether a name is the account's id or begins with it: acme.example.com, or the context acme-in."""
        account_id, value = self.owner.account.account_id.lower(), name.removeprefix(f"{_get_kind(name)} ")
        separator = value.removeprefix(account_id)[:1]
        return value.startswith(account_id) and (not separator or separator in ("._-" if _get_kind(name) else "."))

    def is_domain_of_account(self, name: str) -> bool:
        """Return whether a name is a domain named after the account."""
        return not _get_kind(name) and self.is_named_for_account(name)

    @property
    def default_owner(self) -> CallOwner | None:
        """The account, as long as the switch names no other tenant."""
        others = {name for name in (self._seen | self.foreign) - self.domains if self._counts(name)}
        return None if others else self.owner

    def find_name(self, facts: CallFacts, domain: str) -> str:
        """Return the domain, unless it is the only one and not named after the account; otherwise account code or context.

        The latter count only if one of them is named after the account.
        """
        if domain and not _is_address(domain) and (domain not in self.domains or self.is_named_for_account(domain)):
            return domain
        return next((name for name in list_names(facts, domain) if self._counts(name)), "")

    def find_owner(self, facts: CallFacts, domain: str) -> CallOwner | None:
        """Return the account if the name belongs to it."""
        return self.owner if self.find_name(facts, domain) in self.domains else None

    def may_follow_call(self, facts: CallFacts, domain: str) -> bool:
        """Return whether the line names no tenant, so that it belongs to the tenant of its call."""
        return not self.find_name(facts, domain)

    def find_folder_owner(self, name: str) -> Owner | Unknown | None:
        """Return the account if the folder is named after one of its domains, UNKNOWN for another tenant's domain."""
        if name.lower() in self.domains:
            return self.owner
        return UNKNOWN if name.lower() in self._seen | self.foreign else None

    def list_owners(self) -> tuple[CallOwner]:
        """Return the account."""
        return (self.owner,)

    def describe(self, facts: CallFacts, domain: str) -> str:
        """Return the reason for having no owner, with the names."""
        name = self.find_name(facts, domain)
        if not name:
            return "the switch has several domains, and neither this line nor its call names one; see --tenants"
        account_id = self.owner.account.account_id
        own = f"has the calls of {', '.join(sorted(self.domains)[:3])}" if self.domains else "is named by no domain"
        kind = "" if _get_kind(name) else "domain "
        return f"the call is of the {kind}{name}, and account {account_id} {own}; see --tenants"

    def _counts(self, name: str) -> bool:
        """Return whether a name identifies a tenant: domains do, other kinds only if the account has a name of that kind.

        Addresses count if the switch has domains.
        """
        kind = _get_kind(name)
        is_domain = not kind and not _is_address(name)
        return is_domain or any(_get_kind(own) == kind for own in self.domains)


def list_names(facts: CallFacts, domain: str) -> list[str]:
    """Return the lower-case names that may identify a call's tenant: `accountcode …`, domain, `context …`, address.

    An address is the weakest: it is the switch's own, unless the switch has domains.
    """
    has_domain = bool(domain) and not _is_address(domain)
    codes = _list_texts(facts, "accountcode")
    contexts = [] if has_domain else _list_texts(facts, "context")
    return [*codes, domain, *contexts] if has_domain else [*codes, *contexts, *filter(None, [domain])]


def _list_texts(facts: CallFacts, kind: str) -> list[str]:
    values = [value.lower() for fact, value in facts if fact == kind]
    return [f"{kind} {value}" for value in values if _LETTER.search(value) and value not in _SHARED_CONTEXTS]


def _get_kind(name: str) -> str:
    """Return the kind of a name, "" for a domain."""
    return name.partition(" ")[0] if " " in name else ""


def _is_address(name: str) -> bool:
    try:
        ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True
