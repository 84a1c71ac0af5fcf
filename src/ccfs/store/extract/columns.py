"""Where each column of an index file comes from: its table, its kind of value, and the order of the rows. No SQL here.

What the cells must look like is said by `wire.columns`; a test holds every line of both engines against it.
"""

from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

import sqlalchemy as sa

from ccfs.model.columns import AGENT_OPR, AGENT_SKILL, CALL, RECORD
from ccfs.model.export import Table
from ccfs.store import schema

CALL_TAIL: Final = 5  # columns 22 to 26 of call.csv are ours: the manual's table breaks off before


class As(Enum):
    """How a value is written."""

    DEVELOPER = auto()  # no column: the app's AK
    TEXT = auto()
    BACKSLASHES = auto()  # text in which "/" becomes "\"
    NUMBER = auto()
    LOCAL = auto()  # an instant on the account's wall clock
    UTC = auto()  # an instant on UTC's


@dataclass(frozen=True, slots=True)
class Cell:
    """One column of a file: the column of the table and how its values are written."""

    name: str
    kind: As


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A table whose rows are the lines of a file."""

    table: sa.Table
    columns: tuple[str, ...]  # of the file
    moment: str  # the instant that a window looks at; rows are in its order
    then: tuple[str, ...]  # and, where it is the same, in the order of these; no two rows are alike in them

    def cells(self, *, with_tail: bool) -> list[Cell]:
        """The file's columns in order."""
        return [self.cell(_RENAMED.get(name, name)) for name in self.header(with_tail=with_tail)]

    def header(self, *, with_tail: bool) -> tuple[str, ...]:
        """The names of the file's columns in order."""
        return self.columns[:-CALL_TAIL] if self.columns == CALL and not with_tail else self.columns

    def cell(self, name: str) -> Cell:
        """A column of the table, or the developer's."""
        if name in _SPECIAL:
            return Cell(name, _SPECIAL[name])
        kind = self.table.c[name].type
        if isinstance(kind, schema.Instant):
            return Cell(name, As.LOCAL)
        return Cell(name, As.NUMBER if isinstance(kind, sa.Integer) else As.TEXT)


_SPECIAL: Final = {
    "developer": As.DEVELOPER,
    "developer_id": As.DEVELOPER,
    "original_file_name": As.BACKSLASHES,
    "update_time": As.UTC,
}
_RENAMED: Final = {
    "begin_time": "begin",
    "end_time": "end",
    "callIn_out": "call_direction",
    "skillInfo_sn": "skill_info_sn",
}
SOURCES: Final[dict[Table, Source]] = {
    "call": Source(
        table=schema.cdrs,
        columns=CALL,
        moment="begin",
        then=("call_id", "call_id_num", "line_key", "account_id"),
    ),
    "record": Source(table=schema.recordings, columns=RECORD, moment="call_begin", then=("call_id", "file_name")),
    "agentOprInfo": Source(table=schema.agent_operations, columns=AGENT_OPR, moment="begin", then=("id",)),
    "agentSkillInfo": Source(
        table=schema.agent_skill_changes, columns=AGENT_SKILL, moment="operate_time", then=("id",)
    ),
}
