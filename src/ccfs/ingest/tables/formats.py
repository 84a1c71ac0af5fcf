"""Convert rows of Asterisk's tables to CSV lines with a header, as its parsers read from exported tables."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ccfs.db.switch_tables.pages import ColumnChoice, RawRow
from ccfs.db.switch_tables.structure import ColumnKind, TableStructure, UnusableTable
from ccfs.ingest.tables.cells import decode_cell, decode_time, format_csv_line
from ccfs.ingest.tables.related import RelatedTables
from ccfs.switches.asterisk import queue_log_table
from ccfs.switches.asterisk.cdr_files.cdr import AsteriskCdrRow
from ccfs.switches.asterisk.cdr_files.columns import normalize_names

TextRow = dict[str, str]  # values by the names that the parser knows
PAGE_ROWS = 2000  # rows of one query


LineBuilder = Callable[[Sequence[TextRow], RelatedTables], list[bytes | None]]  # None: the row is not finished


def _join_values(row: TextRow) -> str:
    return "\x1f".join(row.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class TableFormat:
    """How the rows of one table become lines."""

    names: tuple[str, ...]  # of the chosen columns, as the parser knows them
    columns: tuple[ColumnChoice, ...]
    times: tuple[str, ...]  # columns by which the table can be read, the best first
    build_lines: LineBuilder
    header: bytes = b""  # line that names the columns
    prefers_id: bool = False  # rows are added in the order of what happened
    page_rows: int = PAGE_ROWS
    identify: Callable[[TextRow], str] = _join_values  # what of a row never changes


def plan_cdr_table(structure: TableStructure) -> TableFormat:
    """Return the format of a `cdr` table: FreePBX's, or that of Asterisk's cdr_mysql, cdr_pgsql and cdr_adaptive_odbc.

    Raise UnusableTable if its columns are not enough to build a call.
    """
    own_names = tuple(structure.columns)
    known = normalize_names(own_names)
    chosen = [pair for pair in zip(own_names, known, strict=True) if pair[1] in AsteriskCdrRow._fields]
    if "start" not in known or "disposition" not in known:
        raise UnusableTable(
            f"the table {structure.table} has no CDRs: it lacks calldate or start, or disposition; name another with ?table="
        )
    starts = [own for own, name in chosen if name == "start"]
    more = [name for name in ("calldate", "start") if name in structure.columns]
    names = tuple(name for _, name in chosen)
    return TableFormat(
        names=names,
        header=format_csv_line(names),
        build_lines=build_csv_lines,
        columns=_choose(structure, [own for own, _ in chosen]),
        times=tuple(dict.fromkeys([*starts, *more])),
    )


def plan_queue_table(structure: TableStructure) -> TableFormat:
    """Return the format of the realtime table `queue_log`. Raise UnusableTable if the table is not a queue log."""
    known = {queue_log_table.get_column(name): name for name in reversed(structure.columns)}
    if missing := [name for name in queue_log_table.REQUIRED_COLUMNS if name not in known]:
        raise UnusableTable(f"the table {structure.table} is no queue log: it lacks {', '.join(missing)}")
    names = [name for name in queue_log_table.COLUMNS if name in known]
    return TableFormat(
        names=tuple(names),
        header=format_csv_line(names),
        build_lines=build_csv_lines,
        columns=_choose(structure, [known[name] for name in names]),
        times=(known["time"],),
        prefers_id=True,
    )


def build_csv_lines(rows: Sequence[TextRow], _related: RelatedTables) -> list[bytes | None]:
    """Return rows as lines of CSV."""
    return [format_csv_line([*row.values()]) for row in rows]


def decode_row(names: Sequence[str], columns: Sequence[ColumnChoice], row: RawRow, encoding: str) -> TextRow:
    """Return a row's values as text, by the parser's names."""
    return {
        name: decode_time(value)
        if choice.column.kind in (ColumnKind.TIME, ColumnKind.INSTANT)
        else decode_cell(value, choice.column.charset, encoding)
        for name, choice, value in zip(names, columns, row, strict=True)
    }


def _choose(structure: TableStructure, names: Sequence[str]) -> tuple[ColumnChoice, ...]:
    return tuple(ColumnChoice(column=structure.columns[name]) for name in names)
