"""The SELECT of an export. SqlDialect has the parts that differ between the engines."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ccfs.db.export_csv.columns import ColumnSpec, ExportSource, ValueFormat
from ccfs.db.export_csv.zone_offsets import ZoneOffsets
from ccfs.model.exports.export import ExportFilter
from ccfs.model.exports.time_window import TimeWindow
from ccfs.model.identity.tenancy import App

FILTER_COLUMNS = ("agent_id", "call_id", "caller_no", "callee_no")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportQuery:
    """The rows of an export, and the format of their lines."""

    app: App
    source: ExportSource
    column_specs: list[ColumnSpec]
    window: TimeWindow
    filter: ExportFilter
    zone_offsets: tuple[ZoneOffsets, ...]  # at least one

    @property
    def filter_values(self) -> dict[str, str]:
        """The filters, except the account, that have a value and for which the table has a column."""
        values = {name: getattr(self.filter, name) for name in FILTER_COLUMNS}
        return {name: value for name, value in values.items() if value and name in self.source.table.c}


def quote_name(column: str) -> str:
    """Return a column's name as SQL requires it; "end" is a keyword."""
    return f'"{column}"'


class SqlDialect(ABC):
    """SQL for one of the engines. Values are passed by name, never in the SQL text."""

    collation: str  # behind a text: sort by bytes

    def build_select(self, query: ExportQuery, line: str) -> str:
        """Return the statement that selects `line`, which is one or more SQL expressions."""
        source = query.source
        time = quote_name(source.time_column)
        where = [f'"app" = {self.placeholder("app")}', self.account_condition("accounts")]
        where += [f"{time} >= {self.placeholder('begin')}", f"{time} < {self.placeholder('end')}"]
        where += [
            f"{self._as_text(source.get_column_spec(name))} = {self.placeholder(name)}" for name in query.filter_values
        ]
        order = [
            time,
            *(term for name in source.tie_breakers for term in self._order_terms(source.get_column_spec(name))),
        ]
        return f"SELECT {line} FROM {source.table.name} WHERE {' AND '.join(where)} ORDER BY {', '.join(order)}"

    def build_parameters(self, query: ExportQuery) -> dict[str, Any]:
        """Return the values for the statement's placeholders."""
        zones = list(enumerate(query.zone_offsets))
        return {
            "app": query.app.id,
            "developer": query.app.ak,
            "begin": query.window.begin,
            "end": query.window.end,
            "accounts": [account for _, offsets in zones for account in offsets.accounts],
            **{f"zone_accounts{number}": list(offsets.accounts) for number, offsets in zones},
            **{f"zone{number}": offsets.zone.key for number, offsets in zones},
            **query.filter_values,
        }

    def format_local_time(self, column: ColumnSpec, zones: tuple[ZoneOffsets, ...]) -> str:
        """Return the SQL for a column's local time in the zone of the row's account."""
        times = [self._format_in_offsets(column, offsets, number) for number, offsets in enumerate(zones)]
        if len(times) == 1:
            return times[0]
        cases = " ".join(
            f"WHEN {self.account_condition(f'zone_accounts{number}')} THEN {time}"
            for number, time in enumerate(times[:-1])
        )
        return f"CASE {cases} ELSE {times[-1]} END"

    def _format_in_offsets(self, column: ColumnSpec, offsets: ZoneOffsets, number: int) -> str:
        name = quote_name(column.name)
        cases = [
            f"WHEN {name} >= {self.instant_literal(period.begin)} AND {name} < {self.instant_literal(period.end)}"
            f" THEN {self.format_with_offset(name, period.utc_offset)}"
            for period in offsets.periods
        ]
        outside = self.format_in_zone(name, self.placeholder(f"zone{number}"))
        return f"CASE WHEN {name} IS NULL THEN NULL {' '.join(cases)} ELSE {outside} END"

    def _as_text(self, column: ColumnSpec) -> str:
        name = quote_name(column.name)
        return f"CAST({name} AS TEXT)" if column.format is ValueFormat.NUMBER else name

    def _order_terms(self, column: ColumnSpec) -> list[str]:
        name = quote_name(column.name)
        if column.format is ValueFormat.NUMBER:  # call_id_num: the last row has -1
            return [f"{name} < 0", name]
        return [f"{name}{self.collation}"]

    @abstractmethod
    def placeholder(self, key: str) -> str:
        """Return the placeholder for a named value."""

    @abstractmethod
    def account_condition(self, key: str) -> str:
        """Return the condition that the row's account is in a list, which is passed as a named value."""

    @abstractmethod
    def instant_literal(self, instant: datetime) -> str:
        """Return a constant instant as SQL."""

    @abstractmethod
    def format_with_offset(self, column: str, offset: timedelta) -> str:
        """Return the SQL for the text of a column's instant at the given UTC offset."""

    @abstractmethod
    def format_in_zone(self, column: str, zone: str) -> str:
        """Return the SQL for the text of a column's instant, in any year, in the zone given by a placeholder."""
