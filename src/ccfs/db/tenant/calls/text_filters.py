"""The texts of a call search as conditions on CDRs: values that the search index knows, else a comparison of each CDR.

A text that few values match is looked up by these values, along an index of the CDRs. One that many values match, such as
an area code, is common: a walk along the window finds enough calls, and compares the folded column of each CDR.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import Connection

from ccfs.db import schema
from ccfs.db.no_index import NoIndex
from ccfs.db.tenant.calls import search_index
from ccfs.db.tenant.calls.search_index import COLUMNS, ValueKind
from ccfs.model.calls.search import CallSearch
from ccfs.model.calls.search_text import (
    SearchTerm,
    fold_number,
    list_number_terms,
    list_start_terms,
    list_whole_terms,
    list_word_terms,
    split_texts,
)
from ccfs.model.identity.tenancy import App

MAX_VALUES: Final = 1000  # of numbers or names, by which one text is looked up
MAX_NAMED_VALUES: Final = 20_000  # of agents or queues, of which an account has few: more match nothing
_LEG = schema.cdrs
_CDRS_PER_VALUE = {  # roughly, and only as compared with each other
    ValueKind.CALLER: 1,
    ValueKind.NAME: 2,
    ValueKind.AGENT: 200,
    ValueKind.CALLEE: 1000,
    ValueKind.QUEUE: 5000,
}
_KEY_COLUMNS = {
    ValueKind.CALLER: _LEG.c.caller_key,
    ValueKind.CALLEE: _LEG.c.callee_key,
    ValueKind.NAME: _LEG.c.name_key,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnMatch:
    """How one column of a CDR matches a text."""

    kind: ValueKind
    values: tuple[str, ...] | None  # that match; None: too many to list
    terms: tuple[SearchTerm, ...]
    is_sqlite: bool

    def build_condition(self, *, no_index: bool) -> sa.ColumnElement[bool]:
        """Return the condition on the column."""
        column: Any = _LEG.c[COLUMNS[self.kind]]
        condition: sa.ColumnElement[bool]
        if self.values is None:
            key = _KEY_COLUMNS[self.kind]
            return sa.or_(*(key.like(term.pattern) for term in self.terms))
        column = NoIndex(column) if no_index else column
        if len(self.values) == 1:
            condition = column == self.values[0]
        elif self.is_sqlite:  # one parameter, whatever their number
            listed = sa.func.json_each(json.dumps(self.values)).table_valued("value")
            condition = column.in_(sa.select(listed.c.value))
        else:
            condition = column == sa.any_(sa.literal(list(self.values), postgresql.ARRAY(sa.Text)))
        return condition


@dataclass(frozen=True, slots=True, kw_only=True)
class TextFilter:
    """A text of the search: it matches a CDR if one of its columns does."""

    matches: tuple[ColumnMatch, ...]

    @property
    def is_listed(self) -> bool:
        """Whether the values of each column are known, so that indexes find the CDRs."""
        return all(match.values is not None for match in self.matches)

    @property
    def can_match(self) -> bool:
        """Whether any CDR can match."""
        return any(match.values is None or match.values for match in self.matches)

    @property
    def weight(self) -> int:
        """How many CDRs may match, compared with another text."""
        return sum(_CDRS_PER_VALUE[match.kind] * len(match.values or ()) for match in self.matches)

    @property
    def paths(self) -> tuple[ColumnMatch, ...]:
        """The columns by which the CDRs are found, if `is_listed`."""
        return tuple(match for match in self.matches if match.values)

    def build_condition(self) -> sa.ColumnElement[bool]:
        """Return the condition for a CDR that another index has found."""
        return sa.or_(
            sa.false(), *(match.build_condition(no_index=True) for match in self.matches if match.values != ())
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedSearch(CallSearch):
    """A search whose texts are resolved to values."""

    texts: tuple[TextFilter, ...]

    @property
    def can_match(self) -> bool:
        """Whether any call can match."""
        return all(text.can_match for text in self.texts)

    @property
    def path(self) -> TextFilter | None:
        """The text by which CDRs are found, which few CDRs have; None: they are found by another index."""
        return min((text for text in self.texts if text.is_listed), key=lambda text: text.weight, default=None)


def resolve(connection: Connection, app: App, search: CallSearch) -> ResolvedSearch:
    """Return the search with its texts resolved by the search index of its account."""
    if isinstance(search, ResolvedSearch):
        return search
    resolver = _Resolver(connection, app, search.account_id)
    texts = [
        (resolver.match_caller, search.caller_no),
        (resolver.match_anything, search.any_text),
        (resolver.match_agent, search.agent_id),
        (resolver.match_callee, search.callee_no),
        (resolver.match_queue, search.queue),
    ]
    filters = tuple(TextFilter(matches=tuple(match(split_texts(text)))) for match, text in texts if text.strip())
    values = {field.name: getattr(search, field.name) for field in fields(CallSearch)}
    return ResolvedSearch(**values, texts=filters)


class _Resolver:
    """Resolves texts to the values of one account."""

    def __init__(self, connection: Connection, app: App, account_id: str) -> None:
        self._connection, self._app, self._account_id = connection, app, account_id

    def match_caller(self, texts: list[str]) -> Iterator[ColumnMatch]:
        yield self._match_numbers(ValueKind.CALLER, texts)
        if names := [text for text in texts if not fold_number(text)]:
            yield self._match(ValueKind.NAME, [term for name in names for term in list_word_terms(name)])

    def match_callee(self, texts: list[str]) -> Iterator[ColumnMatch]:
        yield self._match_numbers(ValueKind.CALLEE, texts)

    def match_agent(self, texts: list[str]) -> Iterator[ColumnMatch]:
        yield self._match_named(ValueKind.AGENT, texts)

    def match_queue(self, texts: list[str]) -> Iterator[ColumnMatch]:
        yield self._match_named(ValueKind.QUEUE, texts)

    def match_anything(self, texts: list[str]) -> Iterator[ColumnMatch]:
        yield from self.match_caller(texts)
        yield from self.match_callee(texts)
        yield from self.match_agent(texts)
        yield from self.match_queue(texts)

    def _match_numbers(self, kind: ValueKind, texts: list[str]) -> ColumnMatch:
        return self._match(kind, [term for text in texts for term in list_number_terms(text)])

    def _match_named(self, kind: ValueKind, texts: list[str]) -> ColumnMatch:
        """Match names as a whole or, if the account has no such name, from their beginning or that of a word."""
        terms: list[SearchTerm] = []
        for text in texts:
            whole = list_whole_terms(text)
            terms += whole if self._find(kind, whole, MAX_NAMED_VALUES) else list_start_terms(text)
        return self._match(kind, terms)

    def _match(self, kind: ValueKind, terms: list[SearchTerm]) -> ColumnMatch:
        is_common_possible = kind in _KEY_COLUMNS
        values = self._find(kind, terms, MAX_VALUES if is_common_possible else MAX_NAMED_VALUES)
        if values is None and not is_common_possible:
            values = []
        return ColumnMatch(
            kind=kind,
            values=None if values is None else tuple(values),
            terms=tuple(terms),
            is_sqlite=self._connection.dialect.name == "sqlite",
        )

    def _find(self, kind: ValueKind, terms: list[SearchTerm], limit: int) -> list[str] | None:
        return search_index.find_values(self._connection, self._app, self._account_id, kind, terms, limit)
