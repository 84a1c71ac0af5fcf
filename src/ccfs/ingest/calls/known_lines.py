"""Separate new legs from lines that are already stored, from the same source or another one.

Equal lines have the same key. Lines that two sources write differently are recognised by the fields that both contain.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Generic

from sqlalchemy.engine import Connection

from ccfs.db.tenant.calls import cdrs
from ccfs.ingest.calls import leg_source
from ccfs.ingest.calls.leg_source import L, LegMerger
from ccfs.ingest.context import CallOwner
from ccfs.model.calls.cdr import Cdr


@dataclass(frozen=True, slots=True, kw_only=True)
class SortedLegs(Generic[L]):
    """The legs of a batch, sorted by whether they are already stored."""

    fresh: list[L]  # new lines
    completed: Mapping[str, L]  # by key: known legs as the lines complete them
    named: list[L]  # known legs of which only this line names the recording
    found_rows: dict[str, Cdr]  # by key: further rows of the calls of completed legs


def sort_legs(
    connection: Connection, owner: CallOwner, legs: Sequence[L], saved: Mapping[str, Cdr], merger: LegMerger[L]
) -> SortedLegs[L]:
    """Sort legs; `saved` maps keys to the stored rows of their calls."""
    unique = {leg.source_key: leg for leg in legs}
    new = [leg for key, leg in unique.items() if key not in saved]
    found = _find_rows_without_ids(connection, owner, new) if new else {}
    known = {key: leg for key, row in {**saved, **found}.items() if (leg := leg_source.restore_leg(row, merger))}
    rivals = [leg for key, leg in known.items() if key not in unique]  # a row of an equal key is that line's
    twins = merger.find_twins(new, rivals)
    pairs = {key: known[key] for key in unique if key in known} | dict(twins)
    completed = merger.find_completed(pairs, unique.values())
    affected = [row for key, row in found.items() if key in completed]
    return SortedLegs(
        fresh=[leg for leg in new if leg.source_key not in twins],
        completed=completed,
        named=_list_named(unique.values(), pairs, completed),
        found_rows=_find_rows_of_calls(connection, owner, affected) if affected else {},
    )


def _list_named(legs: Iterable[L], pairs: Mapping[str, L], completed: Mapping[str, L]) -> list[L]:
    """Return the legs that name a recording of a stored leg that named none, with the stored leg's id."""
    named = []
    for leg in legs:
        if leg.recordings and leg.source_key in pairs and (known := completed.get(pairs[leg.source_key].source_key)):
            named.append(replace(leg, source_key=known.source_key, switch_call_id=known.switch_call_id))
    return named


def _find_rows_of_calls(connection: Connection, owner: CallOwner, rows: Sequence[Cdr]) -> dict[str, Cdr]:
    """Return all rows of the calls to which these rows belong, because the rows of a call are rebuilt together."""
    calls = cdrs.find_by_call_ids(connection, owner.app, {row.call_id for row in rows}, [row.begin for row in rows])
    account_id = owner.account.account_id
    return {row.source_key: row for call in calls.values() for row in call if row.account_id == account_id}


def _find_rows_without_ids(connection: Connection, owner: CallOwner, legs: Sequence[L]) -> dict[str, Cdr]:
    """Return rows that begin at the same time as a leg, if the leg or the row lacks a channel id."""
    app, account_id = owner.app, owner.account.account_id
    begins: dict[bool, set[datetime]] = {True: set(), False: set()}
    for leg in legs:
        begins[bool(leg.switch_leg_id)] |= {leg.begin, leg.begin.replace(microsecond=0)}
    rows = [
        row
        for has_id, instants in begins.items()
        for row in cdrs.find_by_begins(connection, app, account_id, instants, without_leg_id=has_id)
    ]
    return {row.source_key: row for row in rows if row.leg_order}
