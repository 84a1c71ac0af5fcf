"""The one SELECT of an extract, in words that both engines share. What they say differently is a Wording's."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

from ccfs.db.export_csv.columns import ColumnSpec, ExportSource, ValueFormat
from ccfs.db.export_csv.zone_offsets import ZoneOffsets
from ccfs.model.exports.export import ExportFilter
from ccfs.model.exports.time_window import TimeWindow
from ccfs.model.identity.tenancy import App

FILTER_COLUMNS = ("agent_id", "call_id", "caller_no", "callee_no")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportQuery:
    """Which rows of which app, and how to write them."""

    app: App
    source: ExportSource
    column_specs: list[ColumnSpec]
    window: TimeWindow
    filter: ExportFilter
    zone_offsets: tuple[ZoneOffsets, ...]  # at least one

    @property
    def filter_values(self) -> dict[str, str]:
        """The given parts of the filter for which the table has a column, the account apart."""
        given = {name: getattr(self.filter, name) for name in FILTER_COLUMNS}
        return {name: value for name, value in given.items() if value and name in self.source.table.c}


def quote_name(column: str) -> str:
    """A column as SQL writes it; "end" is a word of SQL."""
    return f'"{column}"'


class SqlDialect(ABC):
    """How an engine says it. Values go by name, never into the text."""

    collation: str  # after a text: sort by bytes

    def build_select(self, question: ExportQuery, line: str) -> str:
        """The statement. `line` is what it selects."""
        source = question.source
        moment = quote_name(source.time_column)
        where = [f'"app" = {self.placeholder("app")}', self.account_condition("accounts")]
        where += [f"{moment} >= {self.placeholder('begin')}", f"{moment} < {self.placeholder('end')}"]
        where += [
            f"{self._as_text(source.get_column_spec(one))} = {self.placeholder(one)}" for one in question.filter_values
        ]
        order = [
            moment,
            *(term for one in source.tie_breakers for term in self._order_terms(source.get_column_spec(one))),
        ]
        return f"SELECT {line} FROM {source.table.name} WHERE {' AND '.join(where)} ORDER BY {', '.join(order)}"

    def build_parameters(self, question: ExportQuery) -> dict[str, Any]:
        """The values that the statement names."""
        accounts = [account for clock in question.zone_offsets for account in clock.accounts]
        of_clocks = {f"clock{number}": list(clock.accounts) for number, clock in enumerate(question.zone_offsets)}
        zones = {f"zone{number}": clock.zone.key for number, clock in enumerate(question.zone_offsets)}
        plain = {"app": question.app.id, "developer": question.app.ak}
        window = {"begin": question.window.begin, "end": question.window.end}
        return {**plain, **window, "accounts": accounts, **of_clocks, **zones, **question.filter_values}

    def format_local_time(self, cell: ColumnSpec, clocks: tuple[ZoneOffsets, ...]) -> str:
        """The time of a column on the clock of the row's account."""
        times = [self._format_with_offsets(cell, clock, number) for number, clock in enumerate(clocks)]
        if len(times) == 1:
            return times[0]
        others = " ".join(
            f"WHEN {self.account_condition(f'clock{number}')} THEN {time}" for number, time in enumerate(times[:-1])
        )
        return f"CASE {others} ELSE {times[-1]} END"

    def _format_with_offsets(self, cell: ColumnSpec, clock: ZoneOffsets, number: int) -> str:
        column = quote_name(cell.name)
        cases = [
            f"WHEN {column} >= {self.instant_literal(step.begin)} AND {column} < {self.instant_literal(step.end)}"
            f" THEN {self.format_with_offset(column, step.utc_offset)}"
            for step in clock.periods
        ]
        far = self.format_in_zone(column, self.placeholder(f"zone{number}"))
        return f"CASE WHEN {column} IS NULL THEN NULL {' '.join(cases)} ELSE {far} END"

    def _as_text(self, cell: ColumnSpec) -> str:
        return f"CAST({quote_name(cell.name)} AS TEXT)" if cell.format is ValueFormat.NUMBER else quote_name(cell.name)

    def _order_terms(self, cell: ColumnSpec) -> list[str]:
        if cell.format is ValueFormat.NUMBER:  # call_id_num: the last row has -1
            return [f"{quote_name(cell.name)} < 0", quote_name(cell.name)]
        return [f"{quote_name(cell.name)}{self.collation}"]

    @abstractmethod
    def placeholder(self, key: str) -> str:
        """A value by name."""

    @abstractmethod
    def account_condition(self, key: str) -> str:
        """That the row's account is in a list of values by name."""

    @abstractmethod
    def instant_literal(self, moment: Any) -> str:
        """A constant instant."""

    @abstractmethod
    def format_with_offset(self, column: str, shift: Any) -> str:
        """The text of a column's instant with that shift from UTC."""

    @abstractmethod
    def format_in_zone(self, column: str, zone: str) -> str:
        """The text of a column's instant, at any time, in a zone given by a value."""
