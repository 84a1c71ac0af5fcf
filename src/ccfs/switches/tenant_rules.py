"""Rules that assign the calls of one switch to several tenants: parse their file, find the rule for a call.

The file is CSV with one rule per line: `fact,value,app,account,vdn`. A value matches exactly or, if it ends with `*`,
as a prefix. Upper and lower case differ, except in domains: Asterisk may have a context `Acme` beside `acme`. The first
matching rule applies. An empty app means that of the command line; calls of the account `-` are ignored.
"""

import csv
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from typing import Final, TypeAlias

FACTS: Final = ("domain", "context", "accountcode", "did", "queue")
MAX_RULES: Final = 100_000
MAX_VALUE_LENGTH: Final = 256  # characters of a fact that are compared
NO_ACCOUNT: Final = "-"

CallFacts: TypeAlias = tuple[tuple[str, str], ...]  # names of FACTS with their values; a name may repeat

_DOMAIN_NAME = re.compile(r"(?=.*[a-z])[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63}){1,16}", re.IGNORECASE | re.ASCII)
_COLUMNS = ("fact", "value", "app", "account", "vdn")


class InvalidRules(ValueError):
    """A file of tenant rules that cannot be used. The text is the reason that an operator sees."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantRule:
    """One line of the file."""

    line: int
    fact: str
    value: str  # as `normalize_value` returns it, without the final `*`
    is_prefix: bool
    ak: str  # of the app; empty: that of the command line
    account_id: str
    vdn_id: int

    @property
    def is_ignored(self) -> bool:
        """Whether calls that match belong to no tenant here."""
        return self.account_id == NO_ACCOUNT


class TenantRules:
    """Rules in the order of their file."""

    def __init__(self, rules: Sequence[TenantRule]) -> None:
        self.rules = tuple(rules)
        self._positions: dict[tuple[str, str, bool], int] = {}
        lengths: dict[str, set[int]] = defaultdict(set)
        for position, rule in enumerate(self.rules):
            self._positions.setdefault((rule.fact, rule.value, rule.is_prefix), position)
            if rule.is_prefix:
                lengths[rule.fact].add(len(rule.value))
        self._prefix_lengths = {fact: sorted(some) for fact, some in lengths.items()}

    @cached_property
    def digest(self) -> str:
        """32 hex digits, equal for two files with equal rules."""
        return blake2b(repr([_get_identity(rule) for rule in self.rules]).encode(), digest_size=16).hexdigest()

    def find_rule(self, facts: CallFacts) -> TenantRule | None:
        """Return the first rule that one of the facts matches, or None."""
        positions = [position for fact, value in facts for position in self._list_positions(fact, value)]
        return self.rules[min(positions)] if positions else None

    def find_exact_rule(self, value: str) -> TenantRule | None:
        """Return the first rule with this value of any fact, or None."""
        keys = [(fact, normalize_value(fact, value), False) for fact in FACTS]
        positions = [self._positions[key] for key in keys if key in self._positions]
        return self.rules[min(positions)] if positions else None

    def _list_positions(self, fact: str, value: str) -> list[int]:
        text = normalize_value(fact, value)
        keys = [(fact, text, False)]
        keys += [(fact, text[:length], True) for length in self._prefix_lengths.get(fact, ()) if length <= len(text)]
        return [self._positions[key] for key in keys if key in self._positions]


def normalize_value(fact: str, value: str) -> str:
    """Return the form in which two values of a fact are compared."""
    text = value[:MAX_VALUE_LENGTH]
    if fact == "domain":
        return text.lower()
    return text.removeprefix("+") if fact == "did" else text


def parse_rules(text: str) -> TenantRules:
    """Return the rules of a file. Blank lines, comments (`#`) and a header are skipped. Raise InvalidRules."""
    rules: list[TenantRule] = []
    lines: dict[tuple[str, str, bool], TenantRule] = {}
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        cells = _split_cells(number, line)
        if tuple(cell.lower() for cell in cells) == _COLUMNS:
            continue
        rule = _parse_rule(number, cells)
        first = lines.setdefault((rule.fact, rule.value, rule.is_prefix), rule)
        if _get_identity(first) != _get_identity(rule):
            raise InvalidRules(f"line {number}: line {first.line} assigns the same {rule.fact} to another tenant")
        rules.append(rule)
        if len(rules) > MAX_RULES:
            raise InvalidRules(f"has more than {MAX_RULES} rules")
    return TenantRules(rules)


def collect_facts(pairs: Iterable[tuple[str, str]]) -> CallFacts:
    """Return the facts that have a value, each once."""
    return tuple(dict.fromkeys((fact, value[:MAX_VALUE_LENGTH]) for fact, value in pairs if value))


def is_domain_name(text: str) -> bool:
    """Return whether a text is a domain name rather than an address."""
    return len(text) <= MAX_VALUE_LENGTH and _DOMAIN_NAME.fullmatch(text) is not None


def describe_facts(facts: CallFacts) -> str:
    """Return the facts that a rule could match, for an operator."""
    return ", ".join(f"{fact} {value}" for fact, value in facts) or "without any fact"


def _get_identity(rule: TenantRule) -> tuple[object, ...]:
    return rule.fact, rule.value, rule.is_prefix, rule.ak, rule.account_id, rule.vdn_id


def _split_cells(number: int, line: str) -> list[str]:
    try:
        return [cell.strip() for cell in next(csv.reader([line.strip()], skipinitialspace=True, strict=True))]
    except csv.Error as error:
        raise InvalidRules(f"line {number}: {error}") from None


def _parse_rule(number: int, cells: Sequence[str]) -> TenantRule:
    if len(cells) != len(_COLUMNS):
        raise InvalidRules(f"line {number} has {len(cells)} cells, not {','.join(_COLUMNS)}")
    fact, value, ak, account_id, vdn = cells
    if fact.lower() not in FACTS:
        raise InvalidRules(f"line {number}: {fact!r} is none of {', '.join(FACTS)}")
    if not value or "*" in value[:-1] or len(value) > MAX_VALUE_LENGTH:
        raise InvalidRules(f"line {number}: the value must be a name, or the begin of one with a final *")
    has_vdn = vdn.isascii() and vdn.isdigit() and len(vdn) < 11
    if account_id == NO_ACCOUNT and (ak or vdn):
        raise InvalidRules(f"line {number}: the account - has neither app nor VDN")
    if account_id != NO_ACCOUNT and not (account_id and has_vdn):
        raise InvalidRules(f"line {number}: an account and the number of its VDN are required")
    return TenantRule(
        line=number,
        fact=fact.lower(),
        value=normalize_value(fact.lower(), value.removesuffix("*")),
        is_prefix=value.endswith("*"),
        ak=ak,
        account_id=account_id,
        vdn_id=int(vdn) if vdn else 0,
    )
