"""Parse index files of CC-FS: detect the kind of a file and its columns, yield its rows.

A file may have a header row (public clients skip the first row, the manual shows none). The header decides the kind, else
the file's name, else the number of cells and their values.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias
from zoneinfo import ZoneInfo

from ccfs.model.exports.index_columns import (
    AGENT_OPR_WIDTHS,
    AGENT_SKILL_WIDTHS,
    CALL_WIDTHS,
    DATE_WIDTH,
    RECORD_WIDTHS,
)
from ccfs.switches.ccfs.csv_lexer import (
    MAX_RECORD_LINES,
    DecodedLine,
    LineReader,
    SupportsReadline,
    iter_records,
    split_cells,
)
from ccfs.switches.ccfs.rows import (
    IndexRecord,
    RowFields,
    parse_agent_operation,
    parse_agent_skill_change,
    parse_cdr,
    parse_indexed_recording,
)
from ccfs.switches.records import UnreadableLine

ZoneLookup: TypeAlias = Callable[[str], ZoneInfo | None]  # the zone of an account by its id, None if it is unknown

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}")
_FILE_NAME = re.compile(r"(?:^|[_/\\])(call|record|agentoprinfo|agentskillinfo)(?:_[0-9]+)?\.csv", re.IGNORECASE)
_MIN_HEADER_NAMES = 3  # of known columns that make a row a header


class UnknownAccount(UnreadableLine):
    """A row of an account that the app does not have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexRow:
    """One parsed row, and its app."""

    developer: str  # the app's AK as the row has it
    row: IndexRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class _IndexKind:
    name: str  # in file names, in lower case
    widths: Mapping[str, int]  # columns in order
    cell_counts: frozenset[int]  # numbers of cells that a row without a header may have
    parse_row: Callable[[RowFields], IndexRecord]
    developer_column: str = "developer_id"  # the column that names the app


@dataclass(frozen=True, slots=True, kw_only=True)
class _IndexLayout:
    """The columns of one file."""

    kind: _IndexKind
    columns: tuple[str, ...]  # names by position; "" for an unknown column
    has_header: bool


_CALL = _IndexKind(
    name="call",
    widths=CALL_WIDTHS,
    cell_counts=frozenset(range(19, 27)),
    parse_row=parse_cdr,
    developer_column="developer",
)
_RECORD = _IndexKind(
    name="record",
    widths=RECORD_WIDTHS,
    cell_counts=frozenset(range(13, 19)),
    parse_row=parse_indexed_recording,
    developer_column="developer",
)
_OPR = _IndexKind(
    name="agentoprinfo", widths=AGENT_OPR_WIDTHS, cell_counts=frozenset({21}), parse_row=parse_agent_operation
)
_SKILL = _IndexKind(
    name="agentskillinfo", widths=AGENT_SKILL_WIDTHS, cell_counts=frozenset({16}), parse_row=parse_agent_skill_change
)
_KINDS = (_CALL, _RECORD, _OPR, _SKILL)
_CALL_DOCUMENTED_COLUMNS = 21  # columns of call.csv that the manual names; the rest are ours in files of exactly 26


def parse_index(
    file: SupportsReadline, *, name: str, zone_of: ZoneLookup
) -> Iterator[tuple[int, IndexRow | UnreadableLine]]:
    """Yield every row of an index file with its line number, or an UnreadableLine in its place. Raise nothing.

    `file` is open for reading bytes; `name` is its name, or its name in the zip. Blank lines are skipped. A file of no
    known kind yields one UnreadableLine at line 1; an empty file yields nothing.
    """
    lines = LineReader(file)
    if lines.peek(0) is None:
        return
    layout = _detect_layout(lines, name)
    if layout is None:
        yield 1, UnreadableLine("the file is not an index file of CC-FS")
        return
    if layout.has_header:
        lines.skip()
    for number, cells in iter_records(lines, len(layout.columns)):
        yield number, cells if isinstance(cells, UnreadableLine) else _parse_row(cells, layout, zone_of)


def _parse_row(cells: list[str], layout: _IndexLayout, zone_of: ZoneLookup) -> IndexRow | UnreadableLine:
    values = {column: value for column, value in zip(layout.columns, cells, strict=True) if column}
    fields = RowFields(layout.kind.name, values, layout.kind.widths)
    try:
        account = fields.require_text("account_id")
        if (zone := zone_of(account)) is None:
            return UnknownAccount(f"account {account} is unknown")
        fields.zone = zone
        return IndexRow(developer=fields.get_text(layout.kind.developer_column), row=layout.kind.parse_row(fields))
    except UnreadableLine as error:
        return error


def _detect_layout(lines: LineReader, name: str) -> _IndexLayout | None:
    """Return the layout of the header, otherwise of the first lines that fit a kind."""
    named = _find_kind_by_name(name)
    for ahead in range(MAX_RECORD_LINES):
        row = _cells_or_none(lines.peek(ahead))
        if row is None:
            continue
        if ahead == 0 and (layout := _detect_by_header(row, named)):
            return layout
        if kind := _detect_by_cells(row, named):
            return _IndexLayout(kind=kind, columns=_columns_by_position(kind, len(row)), has_header=False)
    return None


def _cells_or_none(line: DecodedLine | None) -> list[str] | None:
    try:
        return split_cells(line) if isinstance(line, str) and line else None
    except UnreadableLine:
        return None


def _find_kind_by_name(name: str) -> _IndexKind | None:
    match = _FILE_NAME.search(name)
    return next((kind for kind in _KINDS if match and kind.name == match[1].lower()), None)


def _detect_by_header(row: list[str], named: _IndexKind | None) -> _IndexLayout | None:
    """Return the layout of the kind with the most names in the header row. The file name decides between equals."""
    folded = [_fold_name(cell) for cell in row]
    shared = {kind.name: sum(_fold_name(column) in folded for column in kind.widths) for kind in _KINDS}
    kind = max(_KINDS, key=lambda kind: (shared[kind.name], kind is named))
    if shared[kind.name] < _MIN_HEADER_NAMES:
        return None
    known = {_fold_name(column): column for column in kind.widths}
    return _IndexLayout(kind=kind, columns=tuple(known.pop(cell, "") for cell in folded), has_header=True)


def _fold_name(name: str) -> str:
    """Fold account_id, ACCOUNT_ID and accountId into one name."""
    return name.strip().lower().replace("_", "").replace(" ", "")


def _detect_by_cells(row: list[str], named: _IndexKind | None) -> _IndexKind | None:
    """Return the kind of a row without a header: by the file name, otherwise by the columns of its dates."""
    if named:
        return named if len(row) in named.cell_counts else None
    fitting = [kind for kind in _KINDS if len(row) in kind.cell_counts and _has_fitting_dates(row, kind)]
    return fitting[0] if len(fitting) == 1 else None


def _has_fitting_dates(row: list[str], kind: _IndexKind) -> bool:
    """Return whether all expected dates are dates or empty, at least one is a date, and no other cell is."""
    is_date = [_DATE.fullmatch(cell.strip()) is not None for cell in row]
    expected_dates = [kind.widths[column] == DATE_WIDTH for column in _columns_by_position(kind, len(row)) if column]
    return any(is_date) and all(
        date == expected or (expected and not cell.strip())
        for date, expected, cell in zip(is_date, expected_dates, row, strict=False)
    )


def _columns_by_position(kind: _IndexKind, length: int) -> tuple[str, ...]:
    names = tuple(kind.widths)[:length]
    if kind is _CALL and _CALL_DOCUMENTED_COLUMNS < length < len(kind.widths):
        return names[:_CALL_DOCUMENTED_COLUMNS] + ("",) * (length - _CALL_DOCUMENTED_COLUMNS)
    return names
