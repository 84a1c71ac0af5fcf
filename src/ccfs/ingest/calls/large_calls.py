"""Limit the number of lines of a call. Only damaged files exceed the limit.

Each new line of a call rebuilds all of its rows. If all lines of a file had the same id, the time would grow with the
square of the file's size.
"""

from collections.abc import Sequence
from typing import Final

from sqlalchemy.engine import Connection

from ccfs.db.tenant.calls import cdrs
from ccfs.db.tenant.ingest.ingest_state import IngestRejection
from ccfs.ingest.calls.leg_source import L, LegMerger
from ccfs.ingest.context import CallOwner, IngestRun
from ccfs.ingest.files.tail_reader import NumberedLine
from ccfs.model.calls.call_id import to_call_id

# Rows of a call, to whole batches. A queue that rings twenty phones for an hour writes some 5,000 lines.
MAX_CALL_LEGS: Final = 10_000
TOO_MANY_LEGS: Final = "call {call_id} has more than {count:,} lines, as if the file were damaged; its further lines in this file are not stored"


def leave_out_large_calls(
    connection: Connection,
    run: IngestRun,
    owner: CallOwner,
    lines: Sequence[tuple[NumberedLine, L]],
    merger: LegMerger[L],
) -> list[L]:
    """Return the legs, without those of calls that have too many rows. Reject each such call once per file."""
    if not lines:
        return []
    related = {leg_id for _, leg in lines for leg_id in merger.related_ids(leg)}
    call_ids = {to_call_id(name) for name in related | {leg.switch_call_id for _, leg in lines}}
    begins = [leg.begin for _, leg in lines]
    large = cdrs.find_large_calls(connection, owner.app, call_ids, related, begins, MAX_CALL_LEGS)
    if not large:
        return [leg for _, leg in lines]
    large_by_leg = {leg_id: call_id for call_id, leg_ids in large.items() for leg_id in leg_ids}
    kept, left_out = list[L](), dict[tuple[str, str], None]()
    for line, leg in lines:
        names = (leg.switch_call_id, *merger.related_ids(leg))
        found = (large_by_leg.get(name) or to_call_id(name) for name in names)
        if call_id := next((candidate for candidate in found if candidate in large), ""):
            left_out[line.file, call_id] = None
        else:
            kept.append(leg)
    reasons = [(file, TOO_MANY_LEGS.format(call_id=call_id, count=MAX_CALL_LEGS)) for file, call_id in left_out]
    run.reject(connection, owner.app, [IngestRejection(file=file, line=0, reason=reason) for file, reason in reasons])
    return kept
