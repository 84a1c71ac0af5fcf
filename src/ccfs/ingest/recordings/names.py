"""Generate a recording's names in the interface's form (spec, section 6). They are unique in the app."""

import re
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.engine import Connection

from ccfs.db.tenant import recordings
from ccfs.ingest.context import CallOwner
from ccfs.model.calls.call import Direction, classify_direction
from ccfs.model.calls.cdr import Cdr

NODE_ID = "0"  # nodeId of the index name; a node of a CTI pool in CC-FS
DRIVE_LETTER = "Y"
_UNSAFE_CHARACTERS = re.compile(r"[^A-Za-z0-9._-]")


@dataclass(frozen=True, slots=True)
class RecordingNames:
    """Both names of one recording."""

    file_name: str
    original_file_name: str


def get_direction(call_type: int) -> int:
    """Return the recording index's call type: 0 inbound, 1 outbound. An internal call is outbound for its agent."""
    return 0 if classify_direction(call_type) is Direction.INBOUND else 1


def assign_names(connection: Connection, owner: CallOwner, row: Cdr, begin: datetime, extension: str) -> RecordingNames:
    """Return names that no recording of the app has: HHmmss and a digit, more digits where ten are not enough."""
    local = begin.astimezone(owner.account.zoneinfo)
    tenth = local.microsecond // 100_000
    for number in range(10_000):
        stem = f"{local:%H%M%S}{(tenth + number) % 10}" + (f"{number // 10:02d}" if number >= 10 else "")
        names = _build_names(owner, row, f"{local:%Y%m%d}", stem, extension)
        if _is_free(connection, owner, names):
            return names
    raise OverflowError("ten thousand recordings of one agent in one second")


def _build_names(owner: CallOwner, row: Cdr, date: str, stem: str, extension: str) -> RecordingNames:
    agent = _UNSAFE_CHARACTERS.sub("_", row.agent_id).strip(".") or "0"
    index_name = f"/{NODE_ID}/{row.cc_id}/record/{owner.app.ak}/{row.account_id}/{date}/{agent}/{stem}{extension}"
    original = ".V3" if extension == ".wav" else extension
    direction = get_direction(row.call_type)
    return RecordingNames(index_name, f"{DRIVE_LETTER}:/{row.vdn_id}/{direction}/{date}/{agent}/{stem}{original}")


def _is_free(connection: Connection, owner: CallOwner, names: RecordingNames) -> bool:
    return not (
        recordings.has_file_name(connection, owner.app, names.file_name)
        or recordings.has_original_name(connection, owner.app, names.original_file_name)
    )
