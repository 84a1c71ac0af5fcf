"""Legs become rows of calls: callId, devices by number, times, and call_id_num 1, 2, … -1 in the order of the legs.

Legs and queue visits may come in any order and in different runs: a row keeps what its line said itself (see `_said`), so
that it can be made again whenever more is known of its call, and the end is always the same.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy.engine import Connection

from ccfs.model.call_id import call_id
from ccfs.model.cdr import LAST, Cdr, Device
from ccfs.store import cdrs, devices, intake, queue_visits
from ccfs.store.cdrs import KeptCdr
from ccfs.store.intake import Awaited
from ccfs.switches.found import Leg, QueueVisit
from ccfs.switches.visits import times, told
from ccfs.work.ingest.context import Owner, Run

Visits = Mapping[tuple[str, str], QueueVisit]  # by leg and queue
Kept = Mapping[str, Sequence[KeptCdr]]  # by callId


def take_legs(connection: Connection, run: Run, owner: Owner, legs: Sequence[Leg]) -> None:
    """Keep the legs that are new, and number their calls anew."""
    kept = _kept(connection, owner, {call_id(leg.switch_call_id) for leg in legs})
    known = {row.cdr.line_key for rows in kept.values() for row in rows}
    fresh = list({leg.line_key: leg for leg in legs if leg.line_key not in known}.values())
    visits = visits_of(connection, owner, (leg.switch_leg_id for leg in fresh if leg.queue))
    _write(connection, owner, _rows(connection, owner, fresh, visits), kept)
    intake.await_recordings(connection, owner.app, list(_awaited(owner, fresh)))
    run.tally.known += len(legs) - len(fresh)
    run.tally.cdrs += len(fresh)


def visits_of(connection: Connection, owner: Owner, leg_ids: Iterable[str]) -> dict[tuple[str, str], QueueVisit]:
    """What is known of the visits of these legs."""
    found = queue_visits.of_legs(connection, owner.app, owner.account.account_id, set(leg_ids))
    return {
        (one.switch_leg_id, one.queue): QueueVisit(**{name: getattr(one, name) for name in QueueVisit.__slots__})
        for one in found
    }


def tell_again(connection: Connection, owner: Owner, visits: Visits) -> None:
    """Make rows again whose queue visit became known, or better known, after them."""
    leg_ids = {leg_id for leg_id, _ in visits}
    names = {call_id(leg_id) for leg_id in leg_ids}
    names |= {row.cdr.call_id for row in cdrs.of_legs(connection, owner.app, leg_ids)}
    kept = _kept(connection, owner, names)
    queued = (row.cdr for rows in kept.values() for row in rows if row.cdr.user_wanted_skill_id)
    legs = [leg for leg in map(_leg_of, queued) if (leg.switch_leg_id, leg.queue) in visits]
    vdns = {row.cdr.line_key: row.cdr for rows in kept.values() for row in rows}  # the run may be for another VDN
    rows = [
        replace(row, cc_id=vdns[row.line_key].cc_id, vdn_id=vdns[row.line_key].vdn_id)
        for row in _rows(connection, owner, legs, visits)
    ]
    _write(connection, owner, rows, kept)


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


def _kept(connection: Connection, owner: Owner, call_ids: set[str]) -> dict[str, list[KeptCdr]]:
    """The account's rows of these calls that a switch's lines made; those that came numbered stay as they came."""
    found = cdrs.of_calls(connection, owner.app, call_ids)
    mine = owner.account.account_id
    return {
        name: [row for row in rows if row.cdr.account_id == mine and row.cdr.leg_order] for name, rows in found.items()
    }


def _rows(connection: Connection, owner: Owner, legs: Iterable[Leg], visits: Visits) -> list[Cdr]:
    """Rows that are not numbered yet."""
    pairs = [(leg, visits.get((leg.switch_leg_id, leg.queue))) for leg in legs]
    told_legs = [told(leg, visit) for leg, visit in pairs]
    numbers = devices.numbers(connection, owner.app, owner.account.account_id, _devices(told_legs))
    return [_row(owner, leg, after, visit, numbers) for (leg, visit), after in zip(pairs, told_legs, strict=True)]


def _row(owner: Owner, said: Leg, leg: Leg, visit: QueueVisit | None, numbers: Mapping[tuple[int, str], int]) -> Cdr:
    """`said`: the leg as its line has it; `leg`: with what the queue visit tells."""
    spans = times(leg, visit)
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
        leg_order="\t".join([*(_sortable(part) for part in leg.order), _said(said)]),
        line_key=leg.line_key,
    )


def _write(connection: Connection, owner: Owner, rows: Sequence[Cdr], kept: Kept) -> None:
    """Number the calls that these rows are of, and write what is new or changed."""
    by_call: dict[str, dict[str, Cdr]] = defaultdict(dict)
    for row in rows:
        by_call[row.call_id][row.line_key] = row
    fresh, changed = [], []
    for name, some in by_call.items():
        before = {row.cdr.line_key: row for row in kept.get(name, ())}
        whole = {key: one.cdr for key, one in before.items()} | some
        for row in numbered(whole.values()):
            old = before.get(row.line_key)
            if old is None:
                fresh.append(row)
            elif old.cdr != row:
                changed.append(KeptCdr(old.id, row))
    cdrs.add(connection, owner.app, fresh)
    cdrs.change(connection, owner.app, changed)


def _devices(legs: Iterable[Leg]) -> set[tuple[int, str]]:
    found = set()
    for leg in legs:
        found |= {(int(Device.QUEUE), leg.queue), (int(leg.device_type), leg.device_name)}
    return {(kind, name) for kind, name in found if name}


def _awaited(owner: Owner, legs: Iterable[Leg]) -> Iterable[Awaited]:
    for leg in legs:
        for path in leg.recordings:
            name = path.replace("\\", "/").rpartition("/")[2]
            yield Awaited(
                account_id=owner.account.account_id, name=name, call_id=call_id(leg.switch_call_id), since=leg.end
            )


def _sortable(part: float | str) -> str:
    return part if isinstance(part, str) else f"{part:020.3f}"


def _said(leg: Leg) -> str:
    """What a queue visit may overrule, as the line itself had it; nothing where no queue is concerned. No tab is in it."""
    if not leg.queue:
        return ""
    answer = leg.answer and leg.answer.isoformat()
    device = [int(leg.device_type), leg.device_name, leg.agent, leg.queue]
    return json.dumps([answer, leg.end.isoformat(), *device, int(leg.leave_reason)])


def _leg_of(row: Cdr) -> Leg:
    """The leg of a row with a queue again, as its line had it."""
    *order, said = row.leg_order.split("\t")
    answer, end, device_type, device_name, agent, queue, leave_reason = json.loads(said)
    return Leg(
        switch_call_id=row.switch_call_id,
        switch_leg_id=row.switch_leg_id,
        line_key=row.line_key,
        caller_no=row.caller_no,
        caller_name=row.caller_name,
        callee_no=row.callee_no,
        begin=row.begin,
        answer=datetime.fromisoformat(answer) if answer else None,
        end=datetime.fromisoformat(end),
        device_type=device_type,
        device_name=device_name,
        agent=agent,
        queue=queue,
        call_type=row.call_type,
        release_cause=row.release_cause,
        leave_reason=leave_reason,
        order=tuple(order),
    )
