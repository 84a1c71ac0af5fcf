"""The one SELECT of an extract, in words that both engines share. What they say differently is a Wording's."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

from ccfs.model.export import Filter
from ccfs.model.tenancy import App
from ccfs.model.window import Window
from ccfs.store.extract.clocks import Clock
from ccfs.store.extract.columns import As, Cell, Source

FILTERED = ("agent_id", "call_id", "caller_no", "callee_no")


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Which rows of which app, and how to write them."""

    app: App
    source: Source
    cells: list[Cell]
    window: Window
    filter: Filter
    clocks: tuple[Clock, ...]  # at least one

    @property
    def asked(self) -> dict[str, str]:
        """The given parts of the filter for which the table has a column, the account apart."""
        given = {name: getattr(self.filter, name) for name in FILTERED}
        return {name: value for name, value in given.items() if value and name in self.source.table.c}


def name(column: str) -> str:
    """A column as SQL writes it; "end" is a word of SQL."""
    return f'"{column}"'


class Wording(ABC):
    """How an engine says it. Values go by name, never into the text."""

    collation: str  # after a text: sort by bytes

    def select(self, question: Question, line: str) -> str:
        """The statement. `line` is what it selects."""
        source = question.source
        moment = name(source.moment)
        where = [f'"app" = {self.value("app")}', self.among("accounts")]
        where += [f"{moment} >= {self.value('begin')}", f"{moment} < {self.value('end')}"]
        where += [f"{self._comparable(source.cell(one))} = {self.value(one)}" for one in question.asked]
        order = [moment, *(term for one in source.then for term in self._order(source.cell(one)))]
        return f"SELECT {line} FROM {source.table.name} WHERE {' AND '.join(where)} ORDER BY {', '.join(order)}"

    def values(self, question: Question) -> dict[str, Any]:
        """The values that the statement names."""
        accounts = [account for clock in question.clocks for account in clock.accounts]
        of_clocks = {f"clock{number}": list(clock.accounts) for number, clock in enumerate(question.clocks)}
        zones = {f"zone{number}": clock.zone.key for number, clock in enumerate(question.clocks)}
        plain = {"app": question.app.id, "developer": question.app.ak}
        window = {"begin": question.window.begin, "end": question.window.end}
        return {**plain, **window, "accounts": accounts, **of_clocks, **zones, **question.asked}

    def local(self, cell: Cell, clocks: tuple[Clock, ...]) -> str:
        """The time of a column on the clock of the row's account."""
        times = [self._on_clock(cell, clock, number) for number, clock in enumerate(clocks)]
        if len(times) == 1:
            return times[0]
        others = " ".join(f"WHEN {self.among(f'clock{number}')} THEN {time}" for number, time in enumerate(times[:-1]))
        return f"CASE {others} ELSE {times[-1]} END"

    def _on_clock(self, cell: Cell, clock: Clock, number: int) -> str:
        column = name(cell.name)
        cases = [
            f"WHEN {column} >= {self.instant(step.begin)} AND {column} < {self.instant(step.end)}"
            f" THEN {self.shifted(column, step.shift)}"
            for step in clock.steps
        ]
        far = self.far(column, self.value(f"zone{number}"))
        return f"CASE WHEN {column} IS NULL THEN NULL {' '.join(cases)} ELSE {far} END"

    def _comparable(self, cell: Cell) -> str:
        return f"CAST({name(cell.name)} AS TEXT)" if cell.kind is As.NUMBER else name(cell.name)

    def _order(self, cell: Cell) -> list[str]:
        if cell.kind is As.NUMBER:  # call_id_num: the last row has -1
            return [f"{name(cell.name)} < 0", name(cell.name)]
        return [f"{name(cell.name)}{self.collation}"]

    @abstractmethod
    def value(self, key: str) -> str:
        """A value by name."""

    @abstractmethod
    def among(self, key: str) -> str:
        """That the row's account is in a list of values by name."""

    @abstractmethod
    def instant(self, moment: Any) -> str:
        """A constant instant."""

    @abstractmethod
    def shifted(self, column: str, shift: Any) -> str:
        """The text of a column's instant with that shift from UTC."""

    @abstractmethod
    def far(self, column: str, zone: str) -> str:
        """The text of a column's instant, at any time, in a zone given by a value."""
