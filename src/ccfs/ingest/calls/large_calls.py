"""Calls with very many lines, which only damaged files have: no more lines of them are stored.

All rows of a call are rebuilt with each of its lines. Where one id stands for all calls of a file, that would take a time
that grows with the square of the file.
"""

from collections.abc import Sequence

from sqlalchemy.engine import Connection

from ccfs.db.tenant.calls import cdrs
from ccfs.db.tenant.ingest_state import IngestRejection
from ccfs.ingest.calls.leg_source import L, LegMerger
from ccfs.ingest.context import CallOwner, IngestRun
from ccfs.model.calls.call_id import to_call_id

MAX_CALL_LEGS = 10_000  # rows of a call; a queue that rings twenty phones for an hour writes some 5,000
TOO_MANY_LEGS = f"more than {MAX_CALL_LEGS} lines have the id of this call; its further lines are not stored"


def leave_out_large_calls(
    connection: Connection, run: IngestRun, owner: CallOwner, legs: Sequence[L], merger: LegMerger[L]
) -> list[L]:
    """Return the legs without those of calls that have too many rows. Reject these calls."""
    related = {leg_id for leg in legs for leg_id in merger.related_ids(leg)}
    call_ids = {to_call_id(name) for name in related | {leg.switch_call_id for leg in legs}}
    large = cdrs.find_large_calls(connection, owner.app, call_ids, related, [leg.begin for leg in legs], MAX_CALL_LEGS)
    if not large:
        return list(legs)
    of_large = set[str]().union(*large.values())
    rejections = [IngestRejection(file=f"call {call_id}", line=0, reason=TOO_MANY_LEGS) for call_id in sorted(large)]
    run.reject(connection, owner.app, rejections)
    return [
        leg
        for leg in legs
        if not any(
            name in of_large or to_call_id(name) in large for name in (leg.switch_call_id, *merger.related_ids(leg))
        )
    ]
