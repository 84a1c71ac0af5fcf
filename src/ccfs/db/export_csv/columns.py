"""The source of each column of an index file: its table, column and value format, and the order of the rows.

The interface defines the cells; a test compares every line from both engines with them.
"""

from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

import sqlalchemy as sa

from ccfs.db import schema
from ccfs.model.exports.export import ExportTable
from ccfs.model.exports.index_columns import AGENT_OPR_COLUMNS, AGENT_SKILL_COLUMNS, CALL_COLUMNS, RECORD_COLUMNS

CALL_EXTRA_COLUMNS: Final = 5  # columns 22 to 26 of call.csv are ours, because the manual's table breaks off after 21


class ValueFormat(Enum):
    """The format of a value."""

    DEVELOPER = auto()  # no column: the app's AK
    TEXT = auto()
    BACKSLASHED_TEXT = auto()  # text in which "/" becomes "\"
    NUMBER = auto()
    LOCAL_TIME = auto()  # an instant in the account's zone
    UTC_TIME = auto()  # an instant in UTC


@dataclass(frozen=True, slots=True)
class ColumnSpec:
    """A column of a file: the table's column, and the format of its values."""

    name: str
    format: ValueFormat


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportSource:
    """The table whose rows are the lines of a file."""

    table: sa.Table
    column_names: tuple[str, ...]  # of the file
    time_column: str  # compared with the window; rows are in its order
    tie_breakers: tuple[str, ...]  # order of rows of the same instant; unique together

    def list_column_specs(self, *, with_tail: bool) -> list[ColumnSpec]:
        """Return the file's columns in order."""
        header = self.get_header(with_tail=with_tail)
        return [self.get_column_spec(_TABLE_COLUMN_NAMES.get(name, name)) for name in header]

    def get_header(self, *, with_tail: bool) -> tuple[str, ...]:
        """Return the names of the file's columns in order."""
        has_tail = self.column_names == CALL_COLUMNS
        return self.column_names if with_tail or not has_tail else self.column_names[:-CALL_EXTRA_COLUMNS]

    def get_column_spec(self, name: str) -> ColumnSpec:
        """Return the spec for a column of the table, or for the developer column."""
        if name in _SPECIAL_FORMATS:
            return ColumnSpec(name, _SPECIAL_FORMATS[name])
        column_type = self.table.c[name].type
        if isinstance(column_type, schema.Instant):
            return ColumnSpec(name, ValueFormat.LOCAL_TIME)
        return ColumnSpec(name, ValueFormat.NUMBER if isinstance(column_type, sa.Integer) else ValueFormat.TEXT)


_SPECIAL_FORMATS: Final = {
    "developer": ValueFormat.DEVELOPER,
    "developer_id": ValueFormat.DEVELOPER,
    "original_file_name": ValueFormat.BACKSLASHED_TEXT,
    "update_time": ValueFormat.UTC_TIME,
}
_TABLE_COLUMN_NAMES: Final = {
    "begin_time": "begin",
    "end_time": "end",
    "callIn_out": "call_direction",
    "skillInfo_sn": "skill_info_sn",
}
EXPORT_SOURCES: Final[dict[ExportTable, ExportSource]] = {
    "call": ExportSource(
        table=schema.cdrs,
        column_names=CALL_COLUMNS,
        time_column="begin",
        tie_breakers=("call_id", "call_id_num", "source_key", "account_id"),
    ),
    "record": ExportSource(
        table=schema.recordings,
        column_names=RECORD_COLUMNS,
        time_column="call_begin",
        tie_breakers=("call_id", "file_name"),
    ),
    "agentOprInfo": ExportSource(
        table=schema.agent_operations, column_names=AGENT_OPR_COLUMNS, time_column="begin", tie_breakers=("id",)
    ),
    "agentSkillInfo": ExportSource(
        table=schema.agent_skill_changes,
        column_names=AGENT_SKILL_COLUMNS,
        time_column="operate_time",
        tie_breakers=("id",),
    ),
}
