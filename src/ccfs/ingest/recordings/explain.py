"""Explain why a recording has no call: a switch that crashes during a call leaves a recording and a queue log, but no CDR."""

from sqlalchemy.engine import Connection

from ccfs.ingest.calls.queue_visits import find_visits
from ccfs.ingest.context import CallOwner
from ccfs.ingest.recordings.match import NO_CDR, RecordingMatch

_LOST_CDR = (
    "no CDR of this account matches this recording, but the queue log has its call: {call}. The switch may have been stopped"
    " before it wrote the CDR; every run retries it"
)


def explain_unmatched(connection: Connection, owner: CallOwner, match: RecordingMatch) -> str:
    """Return the reason, with what the queue log reports about the call."""
    visits = find_visits(connection, owner, match.ids).values() if match.ids and match.reason == NO_CDR else ()
    for visit in visits:
        facts = [f"queue {visit.queue}"]
        facts += [f"agent {visit.agent}"] if visit.agent else []
        begin = visit.entered_at or visit.connected_at
        facts += [f"since {begin:%Y-%m-%d %H:%M:%S} UTC"] if begin else []
        return _LOST_CDR.format(call=", ".join(facts))
    return match.reason
