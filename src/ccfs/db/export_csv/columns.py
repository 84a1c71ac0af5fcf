"""Where each column of an index file comes from: its table, its kind of value, and the order of the rows. No SQL here.

What the cells must look like is said by `wire.columns`; a test holds every line of both engines against it.
"""

from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

import sqlalchemy as sa

from ccfs.db import schema
from ccfs.model.exports.export import ExportTable
from ccfs.model.exports.index_columns import AGENT_OPR_COLUMNS, AGENT_SKILL_COLUMNS, CALL_COLUMNS, RECORD_COLUMNS

CALL_EXTRA_COLUMNS: Final = 5  # columns 22 to 26 of call.csv are ours: the manual's table breaks off before


class ValueFormat(Enum):
    """How a value is written."""

    DEVELOPER = auto()  # no column: the app's AK
    TEXT = auto()
    BACKSLASHED_TEXT = auto()  # text in which "/" becomes "\"
    NUMBER = auto()
    LOCAL_TIME = auto()  # an instant on the account's wall clock
    UTC_TIME = auto()  # an instant on UTC's


@dataclass(frozen=True, slots=True)
class ColumnSpec:
    """One column of a file: the column of the table and how its values are written."""

    name: str
    format: ValueFormat


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportSource:
    """A table whose rows are the lines of a file."""

    table: sa.Table
    column_names: tuple[str, ...]  # of the file
    time_column: str  # the instant that a window looks at; rows are in its order
    tie_breakers: tuple[str, ...]  # and, where it is the same, in the order of these; no two rows are alike in them

    def list_column_specs(self, *, with_tail: bool) -> list[ColumnSpec]:
        """The file's columns in order."""
        return [
            self.get_column_spec(_TABLE_COLUMN_NAMES.get(name, name)) for name in self.get_header(with_tail=with_tail)
        ]

    def get_header(self, *, with_tail: bool) -> tuple[str, ...]:
        """The names of the file's columns in order."""
        return (
            self.column_names[:-CALL_EXTRA_COLUMNS]
            if self.column_names == CALL_COLUMNS and not with_tail
            else self.column_names
        )

    def get_column_spec(self, name: str) -> ColumnSpec:
        """A column of the table, or the developer's."""
        if name in _SPECIAL_FORMATS:
            return ColumnSpec(name, _SPECIAL_FORMATS[name])
        kind = self.table.c[name].type
        if isinstance(kind, schema.Instant):
            return ColumnSpec(name, ValueFormat.LOCAL_TIME)
        return ColumnSpec(name, ValueFormat.NUMBER if isinstance(kind, sa.Integer) else ValueFormat.TEXT)


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
