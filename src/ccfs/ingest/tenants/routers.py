"""Routers: find the tenant of a call by the facts of its line."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from functools import cached_property
from typing import Protocol

from ccfs.ingest.context import CallOwner
from ccfs.switches.tenant_rules import CallFacts, TenantRule, TenantRules, describe_facts, is_domain_name

NO_RULE = "no tenant rule matches: "  # begin of the reason; the call's facts follow


class Ignored(Enum):
    """The owner of calls that a rule ignores."""

    IGNORED = auto()


class Unknown(Enum):
    """The owner of folders named after a domain without an owner."""

    UNKNOWN = auto()


IGNORED, UNKNOWN = Ignored.IGNORED, Unknown.UNKNOWN
Owner = CallOwner | Ignored


class CallRouter(Protocol):
    """Finds the owner of a call."""

    @property
    def default_owner(self) -> CallOwner | None:
        """The owner of calls whose lines identify no tenant."""

    def find_name(self, facts: CallFacts, domain: str) -> str:
        """Return the switch's own name of a line's tenant; "" if it has none."""

    def find_owner(self, facts: CallFacts, domain: str) -> Owner | None:
        """Return the owner of a line with these facts; None if they identify none."""

    def may_follow_call(self, facts: CallFacts, domain: str) -> bool:
        """Return whether a line without an owner belongs to the owner of its call: it names no tenant itself."""

    def list_owners(self) -> Collection[CallOwner]:
        """Return every owner."""

    def describe(self, facts: CallFacts, domain: str) -> str:
        """Return the reason why a line has no owner."""

    def find_folder_owner(self, name: str) -> Owner | Unknown | None:
        """Return the owner after whom a recordings folder is named; UNKNOWN for a domain without an owner."""


@dataclass(frozen=True, kw_only=True)
class TenantRouter:
    """The tenant rules, and the owner of each."""

    rules: TenantRules
    owners: Mapping[int, CallOwner]  # by the rule's line

    @property
    def default_owner(self) -> None:
        """None: a call that no rule matches belongs to nobody."""
        return

    @property
    def digest(self) -> str:
        """The digest of the rules."""
        return self.rules.digest

    def find_name(self, facts: CallFacts, domain: str) -> str:
        """Return the domain."""
        return domain

    def find_owner(self, facts: CallFacts, domain: str = "") -> Owner | None:
        """Return the owner of the first rule that one of the facts matches."""
        return self._get_owner(self.rules.find_rule(facts))

    def find_folder_owner(self, name: str) -> Owner | Unknown | None:
        """Return the owner of the first rule with exactly this value, for any fact. For a domain, use the rule of its calls.

        A rule for all domains does not count: it would match every folder with a dot in its name.
        """
        rule = self.rules.find_exact_rule(name)
        if rule is None and is_domain_name(name) and "domain" in self._kinds:
            rule = self.rules.find_rule((("domain", name),))
            if rule is None or not rule.value:
                return UNKNOWN
        return self._get_owner(rule)

    def may_follow_call(self, facts: CallFacts, domain: str = "") -> bool:
        """Return False for a domain or account code without a rule, if others have rules: a tenant is missing."""
        has_code = any(fact == "accountcode" for fact, _ in facts)
        return not (domain and "domain" in self._kinds) and not (has_code and "accountcode" in self._kinds)

    @cached_property
    def _kinds(self) -> frozenset[str]:
        return frozenset(rule.fact for rule in self.rules.rules)

    def _get_owner(self, rule: TenantRule | None) -> Owner | None:
        if rule is None:
            return None
        return IGNORED if rule.is_ignored else self.owners[rule.line]

    @cached_property
    def _distinct_owners(self) -> tuple[CallOwner, ...]:
        return tuple(dict.fromkeys(self.owners.values()))

    def list_owners(self) -> tuple[CallOwner, ...]:
        """Return each account and VDN once."""
        return self._distinct_owners

    def describe(self, facts: CallFacts, domain: str = "") -> str:
        """Return the reason, with the facts that a rule could match."""
        return NO_RULE + describe_facts(facts)


def group_by_app(owners: Iterable[CallOwner]) -> list[list[CallOwner]]:
    """Return the owners of each app."""
    groups: dict[int, list[CallOwner]] = defaultdict(list)
    for owner in owners:
        groups[owner.app.id].append(owner)
    return list(groups.values())
