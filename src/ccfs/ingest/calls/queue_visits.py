"""Queue visits: find those of legs, and merge their halves."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from sqlalchemy.engine import Connection

from ccfs.db.tenant.calls import member_names, queue_visits
from ccfs.db.tenant.calls.queue_visits import QueueVisitRow
from ccfs.ingest.context import CallOwner
from ccfs.switches.asterisk.queue_log import combine_visits
from ccfs.switches.records import QueueVisit

VisitsByLeg = Mapping[tuple[str, str], QueueVisit]  # by leg and queue


def find_visits(connection: Connection, owner: CallOwner, leg_ids: Iterable[str]) -> VisitsByLeg:
    """Return the stored visits of these legs, with agents' numbers where known."""
    names = member_names.list_numbers(connection, owner.app, owner.account.account_id)
    rows = queue_visits.find_by_leg_ids(connection, owner.app, owner.account.account_id, set(leg_ids))
    visits = [QueueVisit(**{name: getattr(row, name) for name in QueueVisit.__slots__}) for row in rows]
    return {
        (visit.switch_leg_id, visit.queue): replace(visit, agent=names.get(visit.agent, visit.agent))
        for visit in visits
    }


def merge_visits(connection: Connection, owner: CallOwner, visits: Sequence[QueueVisit]) -> VisitsByLeg:
    """Merge these visits into the stored ones. Return those that changed."""
    known = find_visits(connection, owner, (visit.switch_leg_id for visit in visits))
    merged: dict[tuple[str, str], QueueVisit] = {}
    for visit in visits:
        key = (visit.switch_leg_id, visit.queue)
        before = merged.get(key) or known.get(key)
        merged[key] = combine_visits(before, visit) if before else visit
    changed = {key: visit for key, visit in merged.items() if known.get(key) != visit}
    rows = [
        QueueVisitRow(**{name: getattr(visit, name) for name in QueueVisitRow.__slots__}) for visit in changed.values()
    ]
    queue_visits.upsert(connection, owner.app, owner.account.account_id, rows)
    return changed
