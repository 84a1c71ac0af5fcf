"""Legs become rows of calls: callId, devices by number, times, and call_id_num 1, 2, … -1 in the order of the legs.

Legs and queue visits may come in any order and in different runs: the rows of a call are made again from what its lines
said (said.py) whenever more is known of it, so that the end is always the same.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy.engine import Connection

from ccfs.db.tenant import call_statistics, cdrs, device_numbers, ingest_state, queue_visits, recordings
from ccfs.db.tenant.ingest_state import ExpectedRecording
from ccfs.ingest import leg_source
from ccfs.ingest.context import CallOwner, IngestRun
from ccfs.ingest.leg_source import ASTERISK_MERGER, L, LegMerger
from ccfs.model.calls.call_id import to_call_id
from ccfs.model.calls.cdr import LAST_LEG, Cdr, DeviceType
from ccfs.switches.queue_merge import CdrTimes, apply_visit, compute_cdr_times
from ccfs.switches.records import Leg, QueueVisit

VisitsByLeg = Mapping[tuple[str, str], QueueVisit]  # by leg and queue
RowsByKey = Mapping[str, Cdr]  # by line_key
TalksByAgent = dict[tuple[str, str], list[tuple[datetime, datetime]]]  # by call and agent


def save_legs(
    connection: Connection, run: IngestRun, owner: CallOwner, legs: Sequence[L], manner: LegMerger[L]
) -> None:
    """Keep the legs that are new, and make the rows of their calls again."""
    tied = {other for leg in legs for other in manner.related_ids(leg)}
    kept = _find_saved_rows(
        connection, owner, tied | {leg.switch_call_id for leg in legs}, tied, [leg.begin for leg in legs]
    )
    fresh = list({leg.source_key: leg for leg in legs if leg.source_key not in kept}.values())
    _rebuild(connection, owner, fresh, kept, manner)
    _expect_recordings(connection, owner, fresh)
    run.result.duplicates += len(legs) - len(fresh)
    run.result.cdrs += len(fresh)


def rebuild_for_visits(connection: Connection, owner: CallOwner, visits: VisitsByLeg) -> None:
    """Make rows again whose queue visit became known, or better known, after them."""
    leg_ids = {leg_id for leg_id, _ in visits}
    near = [
        moment
        for one in visits.values()
        for moment in (one.entered_at, one.rang_at, one.connected_at, one.left_at)
        if moment
    ]
    _rebuild(connection, owner, [], _find_saved_rows(connection, owner, leg_ids, leg_ids, near), ASTERISK_MERGER)


def find_visits(connection: Connection, owner: CallOwner, leg_ids: Iterable[str]) -> dict[tuple[str, str], QueueVisit]:
    """What is known of the visits of these legs."""
    found = queue_visits.find_by_leg_ids(connection, owner.app, owner.account.account_id, set(leg_ids))
    return {
        (one.switch_leg_id, one.queue): QueueVisit(**{name: getattr(one, name) for name in QueueVisit.__slots__})
        for one in found
    }


def number_legs(rows: Iterable[Cdr]) -> list[Cdr]:
    """The rows of one call in order: call_id_num 1, 2, … -1, each with the device before it: its queue, else the last
    row's device."""
    ordered = sorted(rows, key=lambda row: (row.leg_order, row.source_key))
    result: list[Cdr] = []
    device = int(DeviceType.NONE), 0  # of the row before
    for place, row in enumerate(ordered, 1):
        number = LAST_LEG if place == len(ordered) else place
        if row.device_type == DeviceType.AGENT and row.user_wanted_skill_id:
            device = row.pre_device_type, row.pre_device_no
        if (row.call_id_num, row.pre_device_type, row.pre_device_no) != (number, *device):
            row = replace(row, call_id_num=number, pre_device_type=device[0], pre_device_no=device[1])
        device = row.device_type, row.device_no
        result.append(row)
    return result


def _find_saved_rows(
    connection: Connection, owner: CallOwner, calls: set[str], legs: set[str], near: Sequence[datetime]
) -> dict[str, Cdr]:
    """The account's rows of these calls, and of the calls of these legs, that a switch's lines made around these times; by
    line."""
    app, mine = owner.app, owner.account.account_id
    names = {to_call_id(call) for call in calls} | {
        row.call_id for row in cdrs.find_by_leg_ids(connection, app, legs, near)
    }
    found = (row for rows in cdrs.find_by_call_ids(connection, app, names, near).values() for row in rows)
    return {row.source_key: row for row in found if row.account_id == mine and row.leg_order}


def _rebuild(
    connection: Connection, owner: CallOwner, fresh: Sequence[L], kept: RowsByKey, manner: LegMerger[L]
) -> None:
    """Make the rows again, number their calls, and write what is new or changed."""
    again = [leg for row in kept.values() if (leg := leg_source.restore_leg(row, manner))]
    texts = {leg.source_key: leg_source.serialize_leg(leg, manner) for leg in fresh}
    made = _build_rows(connection, owner, manner.join_legs([*again, *fresh]), kept, texts)
    rows = dict(kept) | {row.source_key: row for row in made}
    by_call: dict[str, list[Cdr]] = defaultdict(list)
    for row in rows.values():
        by_call[row.call_id].append(row)
    rows = {row.source_key: row for some in by_call.values() for row in number_legs(some)}
    new = [row for key, row in rows.items() if key not in kept]
    changed = [rows[key] for key, old in kept.items() if rows[key] != old]
    cdrs.add(connection, owner.app, new)
    cdrs.update(connection, owner.app, changed)
    other = {row.call_id for row in new} | {one.call_id for row in changed for one in (row, kept[row.source_key])}
    beside = [row for row in kept.values() if row.call_id in other]  # a call counts where its first leg is
    call_statistics.mark_dirty(connection, owner.app, beside)
    _reassign_calls(connection, owner, {kept[row.source_key].call_id: row for row in changed})


def _reassign_calls(connection: Connection, owner: CallOwner, calls: Mapping[str, Cdr]) -> None:
    """Recordings go with their call where it was found to be a part of another."""
    for old, row in calls.items():
        if old != row.call_id:
            recordings.reassign_call(connection, owner.app, owner.account.account_id, old, row.call_id, row.begin)
            ingest_state.reassign_call(connection, owner.app, owner.account.account_id, old, row.call_id)


def _build_rows(
    connection: Connection, owner: CallOwner, legs: Sequence[Leg], kept: RowsByKey, texts: Mapping[str, str]
) -> list[Cdr]:
    """Rows that are not numbered yet; one that is kept stays in its VDN."""
    visits = find_visits(connection, owner, (leg.switch_leg_id for leg in legs if leg.queue))
    talks = _find_talks(legs, kept)
    known = [_merge_visit(leg, visits.get((leg.switch_leg_id, leg.queue)), talks) for leg in legs]
    numbers = device_numbers.assign_numbers(
        connection, owner.app, owner.account.account_id, _collect_devices(leg for leg, _ in known)
    )
    rows = []
    for leg, spans in known:
        old = kept.get(leg.source_key)
        order = leg_source.format_leg_order(leg, leg_source.get_stored_facts(old) if old else texts[leg.source_key])
        row = _build_row(owner, leg, spans, numbers, order)
        rows.append(replace(row, cc_id=old.cc_id, vdn_id=old.vdn_id) if old else row)
    return rows


def _find_talks(legs: Iterable[Leg], kept: RowsByKey) -> TalksByAgent:
    """When agents talked on legs of their own."""
    talks: TalksByAgent = defaultdict(list)
    for row in kept.values():
        if row.device_type == DeviceType.AGENT and row.call_begin and row.call_end and not row.user_wanted_skill_id:
            talks[row.switch_call_id, row.agent_id].append((row.begin, row.call_end))
    for leg in legs:
        if leg.device_type == DeviceType.AGENT and leg.answer:
            talks[leg.switch_call_id, leg.agent].append((leg.begin, leg.end))
    return talks


def _merge_visit(leg: Leg, visit: QueueVisit | None, talks: TalksByAgent) -> tuple[Leg, CdrTimes]:
    """The leg and its times with what its queue visit tells. A queue's leg stands for the agent who answered, unless the
    agent has a leg of its own in the call: then it tells of the waiting only."""
    after = apply_visit(leg, visit)
    spans = compute_cdr_times(after, visit)
    if leg.device_type == DeviceType.QUEUE and after.device_type == DeviceType.AGENT and visit and visit.connected_at:
        own = talks.get((leg.switch_call_id, after.agent), [])
        if any(begin <= visit.connected_at <= end for begin, end in own):
            waited = CdrTimes(wait_begin=spans.wait_begin, wait_end=spans.ack_end)
            return replace(leg, leave_reason=after.leave_reason), waited
    return after, spans


def _build_row(owner: CallOwner, leg: Leg, spans: CdrTimes, numbers: Mapping[tuple[int, str], int], order: str) -> Cdr:
    by_queue = leg.queue and leg.device_type == DeviceType.AGENT
    return Cdr(
        account_id=owner.account.account_id,
        cc_id=str(owner.vdn.cc_id),
        vdn_id=str(owner.vdn.vdn_id),
        call_id=to_call_id(leg.switch_call_id),
        agent_id=leg.agent[:32],
        caller_no=leg.caller_no[:26],
        callee_no=leg.callee_no[:26],
        begin=leg.begin,
        wait_begin=spans.wait_begin,
        wait_end=spans.wait_end,
        ack_begin=spans.ack_begin,
        ack_end=spans.ack_end,
        call_begin=spans.call_begin,
        call_end=spans.call_end,
        device_type=leg.device_type,
        device_no=numbers.get((leg.device_type, leg.device_name), 0),
        call_type=leg.call_type,
        release_cause=leg.release_cause,
        pre_device_type=DeviceType.QUEUE if by_queue else DeviceType.NONE,
        pre_device_no=numbers.get((DeviceType.QUEUE, leg.queue), 0) if by_queue else 0,
        leave_reason=leg.leave_reason,
        user_wanted_skill_id=leg.queue[:64],
        current_skill_id=leg.queue[:64],
        caller_name=leg.caller_name,
        switch_call_id=leg.switch_call_id,
        switch_leg_id=leg.switch_leg_id,
        leg_order=order,
        source_key=leg.source_key,
    )


def _collect_devices(legs: Iterable[Leg]) -> set[tuple[int, str]]:
    found = set()
    for leg in legs:
        found |= {(int(DeviceType.QUEUE), leg.queue), (int(leg.device_type), leg.device_name)}
    return {(kind, name) for kind, name in found if name}


def _expect_recordings(connection: Connection, owner: CallOwner, legs: Iterable[Leg]) -> None:
    """Expect the recordings that these legs name, unless they came with another leg of their call."""
    app, account = owner.app, owner.account.account_id
    awaited = [
        ExpectedRecording(
            account_id=account,
            name=_get_base_name(path),
            call_id=to_call_id(leg.switch_call_id),
            since=leg.end,
            source_key=leg.source_key,
        )
        for leg in legs
        for path in leg.recordings
    ]
    if awaited:
        calls, times = {one.call_id for one in awaited}, [one.since for one in awaited]
        here = recordings.list_source_names(connection, app, account, calls, times)
        ingest_state.add_expected_recordings(
            connection, app, [one for one in awaited if (one.call_id, one.name) not in here]
        )


def _get_base_name(path: str) -> str:
    return path.replace("\\", "/").rpartition("/")[2]
