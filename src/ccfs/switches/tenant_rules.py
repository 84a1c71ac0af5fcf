"""Rules that assign the calls of one switch to several tenants: parse their file, find the rule of a call.

The file is CSV, one rule a line: `fact,value,app,account,vdn`. A value is exact, or ends with `*` and matches what begins
so. Upper and lower case are equal. The first rule that matches counts. An empty app is that of the command line.
"""

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

FACTS: Final = ("domain", "context", "accountcode", "did", "queue")
MAX_RULES: Final = 100_000
MAX_VALUE_LENGTH: Final = 256  # characters of a fact that are compared

CallFacts: TypeAlias = tuple[tuple[str, str], ...]  # names of FACTS with their values; a name may repeat

_COLUMNS = ("fact", "value", "app", "account", "vdn")


class InvalidRules(ValueError):
    """A file of tenant rules that cannot be used. The text is the reason that an operator sees."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantRule:
    """One line of the file."""

    line: int
    fact: str
    value: str  # in lower case, without the final `*`
    is_prefix: bool
    ak: str  # of the app; empty: that of the command line
    account_id: str
    vdn_id: int


class TenantRules:
    """Rules in the order of their file."""

    def __init__(self, rules: Sequence[TenantRule]) -> None:
        self.rules = tuple(rules)
        self._positions: dict[tuple[str, str, bool], int] = {}
        for position, rule in enumerate(self.rules):
            self._positions.setdefault((rule.fact, rule.value, rule.is_prefix), position)

    def find_rule(self, facts: CallFacts) -> TenantRule | None:
        """Return the first rule that one of the facts matches, or None."""
        positions = [position for fact, value in facts for position in self._list_positions(fact, value)]
        return self.rules[min(positions)] if positions else None

    def _list_positions(self, fact: str, value: str) -> list[int]:
        text = value[:MAX_VALUE_LENGTH].lower()
        keys = [(fact, text, False), *((fact, text[:length], True) for length in range(len(text) + 1))]
        return [self._positions[key] for key in keys if key in self._positions]


def parse_rules(text: str) -> TenantRules:
    """Return the rules of a file. Blank lines, comments (`#`) and a header are skipped. Raise InvalidRules."""
    rules = []
    for number, line in enumerate(text.removeprefix("\ufeff").splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        cells = _split_cells(number, line)
        if tuple(cell.lower() for cell in cells) == _COLUMNS:
            continue
        rules.append(_parse_rule(number, cells))
        if len(rules) > MAX_RULES:
            raise InvalidRules(f"has more than {MAX_RULES} rules")
    return TenantRules(rules)


def _split_cells(number: int, line: str) -> list[str]:
    try:
        return [cell.strip() for cell in next(csv.reader([line], skipinitialspace=True))]
    except csv.Error as error:
        raise InvalidRules(f"line {number}: {error}") from None


def collect_facts(pairs: Iterable[tuple[str, str]]) -> CallFacts:
    """Return the facts that have a value, each once."""
    return tuple(dict.fromkeys((fact, value[:MAX_VALUE_LENGTH]) for fact, value in pairs if value))


def describe_facts(facts: CallFacts) -> str:
    """Return the facts for an operator: what a rule could match."""
    return ", ".join(f"{fact} {value}" for fact, value in facts) or "without any fact"


def _parse_rule(number: int, cells: Sequence[str]) -> TenantRule:
    if len(cells) != len(_COLUMNS):
        raise InvalidRules(f"line {number} has {len(cells)} cells, not {','.join(_COLUMNS)}")
    fact, value, ak, account_id, vdn = cells
    if fact.lower() not in FACTS:
        raise InvalidRules(f"line {number}: {fact!r} is none of {', '.join(FACTS)}")
    if not value or "*" in value[:-1] or len(value) > MAX_VALUE_LENGTH:
        raise InvalidRules(f"line {number}: the value must be a name, or the begin of one with a final *")
    if not account_id or not (vdn.isascii() and vdn.isdigit() and len(vdn) < 11):
        raise InvalidRules(f"line {number}: an account and the number of its VDN are required")
    return TenantRule(
        line=number,
        fact=fact.lower(),
        value=value.removesuffix("*").lower(),
        is_prefix=value.endswith("*"),
        ak=ak,
        account_id=account_id,
        vdn_id=int(vdn),
    )
