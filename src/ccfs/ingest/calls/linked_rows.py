"""Rows of calls with different ids that shared channels or conferences show to be the same call."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from sqlalchemy.engine import Connection

from ccfs.db.tenant.calls import cdrs, leg_links
from ccfs.db.tenant.calls.leg_links import LegLink
from ccfs.ingest.calls import leg_source
from ccfs.ingest.calls.large_calls import MAX_CALL_LEGS
from ccfs.ingest.calls.leg_source import L, LegMerger
from ccfs.ingest.context import CallOwner
from ccfs.model.calls.cdr import Cdr

_MAX_ROUNDS = 20  # calls that are linked through others; more are those of a damaged file


def save_links(connection: Connection, owner: CallOwner, legs: Iterable[L], merger: LegMerger[L]) -> None:
    """Store the links of new legs."""
    if merger.list_links is None:
        return
    links = [LegLink(link, leg.begin, leg.end, leg.source_key) for leg in legs for link in merger.list_links(leg)]
    leg_links.add(connection, owner.app, owner.account.account_id, links)


def restore_linked_legs(
    connection: Connection, owner: CallOwner, saved: Mapping[str, Cdr], fresh: Sequence[L], merger: LegMerger[L]
) -> tuple[dict[str, Cdr], list[L]]:
    """Return the saved rows by source_key, extended by the calls linked to them or to the fresh legs.

    Also return the legs of these rows as their lines reported them. Links to calls with too many rows are not followed.
    """
    rows, legs = dict(saved), _restore_legs(saved.values(), merger)
    due, links = [*fresh, *legs], {leg.switch_call_id for leg in fresh}
    for _ in range(_MAX_ROUNDS):
        if merger.list_links is not None:
            links |= {link for leg in due for link in merger.list_links(leg)}
        if merger.list_links is None or not links:
            break
        new = _find_linked_rows(connection, owner, due, links, rows)
        rows |= new
        due, links = _restore_legs(new.values(), merger), set()
        legs += due
    return rows, legs


def _find_linked_rows(
    connection: Connection, owner: CallOwner, legs: Sequence[L], links: Iterable[str], known: Mapping[str, Cdr]
) -> dict[str, Cdr]:
    first, last = min(leg.begin for leg in legs), max(leg.end for leg in legs)
    found = leg_links.find_legs(connection, owner.app, owner.account.account_id, links, first, last)
    begins = {key: begin for key, begin in found.items() if key not in known}
    near = list(begins.values())
    call_ids = cdrs.find_call_ids(connection, owner.app, begins)
    call_ids -= cdrs.find_large_calls(connection, owner.app, call_ids, (), near, MAX_CALL_LEGS).keys()
    rows = find_rows(connection, owner, call_ids, near)
    return {key: row for key, row in rows.items() if key not in known}


def _restore_legs(rows: Iterable[Cdr], merger: LegMerger[L]) -> list[L]:
    return [leg for row in rows if (leg := leg_source.restore_leg(row, merger))]


def find_rows(
    connection: Connection, owner: CallOwner, call_ids: Iterable[str], near: Sequence[datetime]
) -> dict[str, Cdr]:
    """Return the account's rows of these calls near these times, by source_key.

    Rows that were not built from a switch's line are left out.
    """
    calls = cdrs.find_by_call_ids(connection, owner.app, call_ids, near).values()
    return {
        row.source_key: row
        for call in calls
        for row in call
        if row.account_id == owner.account.account_id and row.leg_order
    }
