"""Legs become rows of calls: callId, devices by number, times, and call_id_num 1, 2, … -1 in the order of the legs.

Legs and queue visits may come in any order and in different runs: the rows of a call are made again from what its lines
said (said.py) whenever more is known of it, so that the end is always the same.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy.engine import Connection

from ccfs.model.call_id import call_id
from ccfs.model.cdr import LAST, Cdr, Device
from ccfs.store import call_counts, cdrs, devices, intake, queue_visits, recordings
from ccfs.store.intake import Awaited
from ccfs.switches.found import Leg, QueueVisit
from ccfs.switches.visits import Times, times, told
from ccfs.work.ingest import said
from ccfs.work.ingest.context import Owner, Run
from ccfs.work.ingest.said import ASTERISK, L, Manner

Visits = Mapping[tuple[str, str], QueueVisit]  # by leg and queue
Kept = Mapping[str, Cdr]  # by line_key
Talks = dict[tuple[str, str], list[tuple[datetime, datetime]]]  # by call and agent


def take_legs(connection: Connection, run: Run, owner: Owner, legs: Sequence[L], manner: Manner[L]) -> None:
    """Keep the legs that are new, and make the rows of their calls again."""
    tied = {other for leg in legs for other in manner.tied(leg)}
    kept = _kept(connection, owner, tied | {leg.switch_call_id for leg in legs}, tied, [leg.begin for leg in legs])
    fresh = list({leg.line_key: leg for leg in legs if leg.line_key not in kept}.values())
    _make(connection, owner, fresh, kept, manner)
    _await(connection, owner, fresh)
    run.tally.known += len(legs) - len(fresh)
    run.tally.cdrs += len(fresh)


def tell_again(connection: Connection, owner: Owner, visits: Visits) -> None:
    """Make rows again whose queue visit became known, or better known, after them."""
    leg_ids = {leg_id for leg_id, _ in visits}
    near = [moment for one in visits.values() for moment in (one.entered, one.rang, one.connected, one.left) if moment]
    _make(connection, owner, [], _kept(connection, owner, leg_ids, leg_ids, near), ASTERISK)


def visits_of(connection: Connection, owner: Owner, leg_ids: Iterable[str]) -> dict[tuple[str, str], QueueVisit]:
    """What is known of the visits of these legs."""
    found = queue_visits.of_legs(connection, owner.app, owner.account.account_id, set(leg_ids))
    return {
        (one.switch_leg_id, one.queue): QueueVisit(**{name: getattr(one, name) for name in QueueVisit.__slots__})
        for one in found
    }


def numbered(rows: Iterable[Cdr]) -> list[Cdr]:
    """The rows of one call in order: call_id_num 1, 2, … -1, each with the device before it: its queue, else the last
    row's device."""
    ordered = sorted(rows, key=lambda row: (row.leg_order, row.line_key))
    result: list[Cdr] = []
    device = int(Device.NONE), 0  # of the row before
    for place, row in enumerate(ordered, 1):
        number = LAST if place == len(ordered) else place
        if row.device_type == Device.AGENT and row.user_wanted_skill_id:
            device = row.pre_device_type, row.pre_device_no
        if (row.call_id_num, row.pre_device_type, row.pre_device_no) != (number, *device):
            row = replace(row, call_id_num=number, pre_device_type=device[0], pre_device_no=device[1])
        device = row.device_type, row.device_no
        result.append(row)
    return result


def _kept(
    connection: Connection, owner: Owner, calls: set[str], legs: set[str], near: Sequence[datetime]
) -> dict[str, Cdr]:
    """The account's rows of these calls, and of the calls of these legs, that a switch's lines made around these times; by
    line."""
    app, mine = owner.app, owner.account.account_id
    names = {call_id(call) for call in calls} | {row.call_id for row in cdrs.of_legs(connection, app, legs, near)}
    found = (row for rows in cdrs.of_calls(connection, app, names, near).values() for row in rows)
    return {row.line_key: row for row in found if row.account_id == mine and row.leg_order}


def _make(connection: Connection, owner: Owner, fresh: Sequence[L], kept: Kept, manner: Manner[L]) -> None:
    """Make the rows again, number their calls, and write what is new or changed."""
    again = [leg for row in kept.values() if (leg := said.leg_of(row, manner))]
    texts = {leg.line_key: said.by(leg, manner) for leg in fresh}
    made = _rows(connection, owner, manner.meet([*again, *fresh]), kept, texts)
    rows = dict(kept) | {row.line_key: row for row in made}
    by_call: dict[str, list[Cdr]] = defaultdict(list)
    for row in rows.values():
        by_call[row.call_id].append(row)
    rows = {row.line_key: row for some in by_call.values() for row in numbered(some)}
    new = [row for key, row in rows.items() if key not in kept]
    changed = [rows[key] for key, old in kept.items() if rows[key] != old]
    cdrs.add(connection, owner.app, new)
    cdrs.change(connection, owner.app, changed)
    other = {row.call_id for row in new} | {one.call_id for row in changed for one in (row, kept[row.line_key])}
    beside = [row for row in kept.values() if row.call_id in other]  # a call counts where its first leg is
    call_counts.changed(connection, owner.app, beside)
    _move(connection, owner, {kept[row.line_key].call_id: row for row in changed})


def _move(connection: Connection, owner: Owner, calls: Mapping[str, Cdr]) -> None:
    """Recordings go with their call where it was found to be a part of another."""
    for old, row in calls.items():
        if old != row.call_id:
            recordings.move(connection, owner.app, owner.account.account_id, old, row.call_id, row.begin)
            intake.move(connection, owner.app, owner.account.account_id, old, row.call_id)


def _rows(connection: Connection, owner: Owner, legs: Sequence[Leg], kept: Kept, texts: Mapping[str, str]) -> list[Cdr]:
    """Rows that are not numbered yet; one that is kept stays in its VDN."""
    visits = visits_of(connection, owner, (leg.switch_leg_id for leg in legs if leg.queue))
    talks = _talks(legs, kept)
    known = [_known(leg, visits.get((leg.switch_leg_id, leg.queue)), talks) for leg in legs]
    numbers = devices.numbers(connection, owner.app, owner.account.account_id, _devices(leg for leg, _ in known))
    rows = []
    for leg, spans in known:
        old = kept.get(leg.line_key)
        order = said.leg_order(leg, said.kept(old) if old else texts[leg.line_key])
        row = _row(owner, leg, spans, numbers, order)
        rows.append(replace(row, cc_id=old.cc_id, vdn_id=old.vdn_id) if old else row)
    return rows


def _talks(legs: Iterable[Leg], kept: Kept) -> Talks:
    """When agents talked on legs of their own."""
    talks: Talks = defaultdict(list)
    for row in kept.values():
        if row.device_type == Device.AGENT and row.call_begin and row.call_end and not row.user_wanted_skill_id:
            talks[row.switch_call_id, row.agent_id].append((row.begin, row.call_end))
    for leg in legs:
        if leg.device_type == Device.AGENT and leg.answer:
            talks[leg.switch_call_id, leg.agent].append((leg.begin, leg.end))
    return talks


def _known(leg: Leg, visit: QueueVisit | None, talks: Talks) -> tuple[Leg, Times]:
    """The leg and its times with what its queue visit tells. A queue's leg stands for the agent who answered, unless the
    agent has a leg of its own in the call: then it tells of the waiting only."""
    after = told(leg, visit)
    spans = times(after, visit)
    if leg.device_type == Device.QUEUE and after.device_type == Device.AGENT and visit and visit.connected:
        own = talks.get((leg.switch_call_id, after.agent), [])
        if any(begin <= visit.connected <= end for begin, end in own):
            waited = Times(wait_begin=spans.wait_begin, wait_end=spans.ack_end)
            return replace(leg, leave_reason=after.leave_reason), waited
    return after, spans


def _row(owner: Owner, leg: Leg, spans: Times, numbers: Mapping[tuple[int, str], int], order: str) -> Cdr:
    by_queue = leg.queue and leg.device_type == Device.AGENT
    return Cdr(
        account_id=owner.account.account_id,
        cc_id=str(owner.vdn.cc_id),
        vdn_id=str(owner.vdn.vdn_id),
        call_id=call_id(leg.switch_call_id),
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
        pre_device_type=Device.QUEUE if by_queue else Device.NONE,
        pre_device_no=numbers.get((Device.QUEUE, leg.queue), 0) if by_queue else 0,
        leave_reason=leg.leave_reason,
        user_wanted_skill_id=leg.queue[:64],
        current_skill_id=leg.queue[:64],
        caller_name=leg.caller_name,
        switch_call_id=leg.switch_call_id,
        switch_leg_id=leg.switch_leg_id,
        leg_order=order,
        line_key=leg.line_key,
    )


def _devices(legs: Iterable[Leg]) -> set[tuple[int, str]]:
    found = set()
    for leg in legs:
        found |= {(int(Device.QUEUE), leg.queue), (int(leg.device_type), leg.device_name)}
    return {(kind, name) for kind, name in found if name}


def _await(connection: Connection, owner: Owner, legs: Iterable[Leg]) -> None:
    """Expect the recordings that these legs name, unless they came with another leg of their call."""
    app, account = owner.app, owner.account.account_id
    awaited = [
        Awaited(
            account_id=account,
            name=_base(path),
            call_id=call_id(leg.switch_call_id),
            since=leg.end,
            line_key=leg.line_key,
        )
        for leg in legs
        for path in leg.recordings
    ]
    if awaited:
        calls, times = {one.call_id for one in awaited}, [one.since for one in awaited]
        here = recordings.source_names(connection, app, account, calls, times)
        intake.await_recordings(connection, app, [one for one in awaited if (one.call_id, one.name) not in here])


def _base(path: str) -> str:
    return path.replace("\\", "/").rpartition("/")[2]
