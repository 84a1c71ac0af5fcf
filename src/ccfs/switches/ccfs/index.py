"""Index files of CC-FS: which kind a file is, which column is where, and its rows one by one.

Header rows may be there or not (public clients skip the first row, the manual shows none). What tells the kind: the
header, else the file's name, else the number of cells and what is in them.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias
from zoneinfo import ZoneInfo

from ccfs.model.columns import AGENT_OPR_WIDTHS, AGENT_SKILL_WIDTHS, CALL_WIDTHS, DATE, RECORD_WIDTHS
from ccfs.switches.ccfs.lines import MOST_LINES, Line, Lines, Source, cells, records
from ccfs.switches.ccfs.rows import Fields, Row, agent_operation, agent_skill_change, cdr, indexed_recording
from ccfs.switches.found import UnreadableLine

ZoneOf: TypeAlias = Callable[[str], ZoneInfo | None]  # the zone of an account by its id, None if it is unknown

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}")
_NAME = re.compile(r"(?:^|[_/\\])(call|record|agentoprinfo|agentskillinfo)(?:_[0-9]+)?\.csv", re.IGNORECASE)
_FEWEST_NAMES = 3  # of known columns that make a row a header


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """One row that was read, and whose it is."""

    developer: str  # the app's AK as the row has it
    row: Row


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kind:
    name: str  # in file names, in lower case
    widths: Mapping[str, int]  # columns in order
    lengths: frozenset[int]  # numbers of cells that a row without a header may have
    row: Callable[[Fields], Row]
    developer: str = "developer_id"  # the column that names the app


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shape:
    """How the rows of one file are laid out."""

    kind: _Kind
    columns: tuple[str, ...]  # names by position; "" for a column that nobody knows
    has_header: bool


_CALL = _Kind(name="call", widths=CALL_WIDTHS, lengths=frozenset(range(19, 27)), row=cdr, developer="developer")
_RECORD = _Kind(
    name="record",
    widths=RECORD_WIDTHS,
    lengths=frozenset(range(13, 19)),
    row=indexed_recording,
    developer="developer",
)
_OPR = _Kind(name="agentoprinfo", widths=AGENT_OPR_WIDTHS, lengths=frozenset({21}), row=agent_operation)
_SKILL = _Kind(name="agentskillinfo", widths=AGENT_SKILL_WIDTHS, lengths=frozenset({16}), row=agent_skill_change)
_KINDS = (_CALL, _RECORD, _OPR, _SKILL)
_CALL_CERTAIN = 21  # columns of call.csv that the manual names; what follows is ours in files of exactly 26


def read(file: Source, *, name: str, zone_of: ZoneOf) -> Iterator[tuple[int, Taken | UnreadableLine]]:
    """Every row of an index file with the number of its line, or why it cannot be read; nothing is raised.

    `file` is open for reading bytes; `name` is its name, or its name in the zip. Blank lines are passed over. A file of
    no known kind is one UnreadableLine at line 1; an empty file is nothing at all.
    """
    lines = Lines(file)
    if lines.peek(0) is None:
        return
    shape = _shape(lines, name)
    if shape is None:
        yield 1, UnreadableLine("the file is none of CC-FS's index files")
        return
    if shape.has_header:
        lines.take()
    for number, found in records(lines, len(shape.columns)):
        yield number, found if isinstance(found, UnreadableLine) else _taken(found, shape, zone_of)


def _taken(found: list[str], shape: _Shape, zone_of: ZoneOf) -> Taken | UnreadableLine:
    values = {column: value for column, value in zip(shape.columns, found, strict=True) if column}
    fields = Fields(shape.kind.name, values, shape.kind.widths)
    try:
        account = fields.needed("account_id")
        if (zone := zone_of(account)) is None:
            return UnreadableLine(f"account {account} is unknown")
        fields.zone = zone
        return Taken(developer=fields.text(shape.kind.developer), row=shape.kind.row(fields))
    except UnreadableLine as why:
        return why


def _shape(lines: Lines, name: str) -> _Shape | None:
    """The shape that the header tells, else the first of some lines that fits a kind."""
    named = _named(name)
    for ahead in range(MOST_LINES):
        row = _cells_or_none(lines.peek(ahead))
        if row is None:
            continue
        if ahead == 0 and (shape := _by_header(row, named)):
            return shape
        if kind := _by_cells(row, named):
            return _Shape(kind=kind, columns=_positions(kind, len(row)), has_header=False)
    return None


def _cells_or_none(line: Line | None) -> list[str] | None:
    try:
        return cells(line) if isinstance(line, str) and line else None
    except UnreadableLine:
        return None


def _named(name: str) -> _Kind | None:
    found = _NAME.search(name)
    return next((kind for kind in _KINDS if found and kind.name == found[1].lower()), None)


def _by_header(row: list[str], named: _Kind | None) -> _Shape | None:
    """The kind that shares most names with a header row; the file's name where two share as many."""
    folded = [_folded(cell) for cell in row]
    shared = {kind.name: sum(_folded(column) in folded for column in kind.widths) for kind in _KINDS}
    kind = max(_KINDS, key=lambda kind: (shared[kind.name], kind is named))
    if shared[kind.name] < _FEWEST_NAMES:
        return None
    known = {_folded(column): column for column in kind.widths}
    return _Shape(kind=kind, columns=tuple(known.pop(cell, "") for cell in folded), has_header=True)


def _folded(name: str) -> str:
    """account_id, ACCOUNT_ID and accountId are one name."""
    return name.strip().lower().replace("_", "").replace(" ", "")


def _by_cells(row: list[str], named: _Kind | None) -> _Kind | None:
    """The kind that a row without a header can be: by the file's name, else by where its dates are."""
    if named:
        return named if len(row) in named.lengths else None
    fitting = [kind for kind in _KINDS if len(row) in kind.lengths and _dates_fit(row, kind)]
    return fitting[0] if len(fitting) == 1 else None


def _dates_fit(row: list[str], kind: _Kind) -> bool:
    """Whether cells that should be dates are dates or empty, at least one a date, and no other cell is a date."""
    is_date = [_DATE.fullmatch(cell.strip()) is not None for cell in row]
    should = [kind.widths[column] == DATE for column in _positions(kind, len(row)) if column]
    return any(is_date) and all(
        date == expected or (expected and not cell.strip())
        for date, expected, cell in zip(is_date, should, row, strict=False)
    )


def _positions(kind: _Kind, length: int) -> tuple[str, ...]:
    names = tuple(kind.widths)[:length]
    if kind is _CALL and _CALL_CERTAIN < length < len(kind.widths):
        return names[:_CALL_CERTAIN] + ("",) * (length - _CALL_CERTAIN)
    return names
