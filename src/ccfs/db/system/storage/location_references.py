"""Everything that still refers to a location, so that nothing is removed on which a file depends."""

from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ccfs.db import schema
from ccfs.db.system.jobs import location_moves
from ccfs.model.blobs.location_move import LocationMove
from ccfs.model.exports.export import ExportState

MAX_COUNTED: Final = 10_000  # rows that a count reads; one is enough to keep the location


@dataclass(frozen=True, slots=True, kw_only=True)
class LocationReferences:
    """Rows that refer to a location; each number is MAX_COUNTED at most."""

    recordings: int
    voice_files: int
    exports: int
    orphans: int  # files to be deleted, or copies under way
    moves: tuple[LocationMove, ...]  # unfinished ones

    @property
    def is_any(self) -> bool:
        """Whether anything refers to the location."""
        return any((self.recordings, self.voice_files, self.exports, self.orphans, self.moves))


def find_references(connection: Connection, location_id: str) -> LocationReferences:
    """Return what refers to a location."""
    is_ready = schema.exports.c.state == sa.literal_column(
        f"'{ExportState.READY}'"
    )  # a literal, as in the partial index
    moves = location_moves.list_moves(connection)
    return LocationReferences(
        recordings=_count(connection, schema.recordings, location_id),
        voice_files=_count(connection, schema.voice_files, location_id),
        exports=_count(connection, schema.exports, location_id, is_ready),
        orphans=_count(connection, schema.orphaned_blobs, location_id),
        moves=tuple(move for move in moves if move.is_unfinished and location_id in (move.source, move.target)),
    )


def _count(connection: Connection, table: sa.Table, location_id: str, *conditions: sa.ColumnElement[bool]) -> int:
    rows: sa.Select[Any] = sa.select(table.c.location_id).where(table.c.location_id == location_id, *conditions)
    counted = rows.limit(MAX_COUNTED).subquery()
    return int(connection.execute(sa.select(sa.func.count()).select_from(counted)).scalar_one())
