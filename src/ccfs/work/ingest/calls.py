"""Legs become rows of calls: callId, devices by number, times, and call_id_num 1, 2, … -1 in the order of the legs."""

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


def take_legs(connection: Connection, run: Run, owner: Owner, legs: Sequence[Leg]) -> None:
    """Keep the legs that are new, and number their calls anew."""
    by_call = _by_call(legs)
    kept = _kept(connection, owner, by_call)
    known = {row.cdr.line_key for rows in kept.values() for row in rows}
    fresh = list({leg.line_key: leg for leg in legs if leg.line_key not in known}.values())
    run.tally.known += len(legs) - len(fresh)
    visits = visits_of(connection, owner, (leg.switch_leg_id for leg in fresh if leg.queue))
    told_legs = [told(leg, visits.get((leg.switch_leg_id, leg.queue))) for leg in fresh]
    numbers = devices.numbers(connection, owner.app, owner.account.account_id, _devices(told_legs))
    rows = [row_of(owner, leg, visits.get((leg.switch_leg_id, leg.queue)), numbers) for leg in told_legs]
    _number(connection, owner, rows, kept)
    intake.await_recordings(connection, owner.app, list(_awaited(owner, told_legs)))
    run.tally.cdrs += len(rows)


def visits_of(connection: Connection, owner: Owner, leg_ids: Iterable[str]) -> dict[tuple[str, str], QueueVisit]:
    """What is known of the visits of these legs."""
    found = queue_visits.of_legs(connection, owner.app, owner.account.account_id, set(leg_ids))
    return {
        (one.switch_leg_id, one.queue): QueueVisit(**{name: getattr(one, name) for name in QueueVisit.__slots__})
        for one in found
    }


def tell_again(connection: Connection, owner: Owner, visits: Visits) -> None:
    """Write rows anew whose queue visit became known, or better known, after them."""
    leg_ids = {leg_id for leg_id, _ in visits}
    of_calls = cdrs.of_calls(connection, owner.app, {call_id(leg_id) for leg_id in leg_ids})
    rows = [row for found in of_calls.values() for row in found] + cdrs.of_legs(connection, owner.app, leg_ids)
    changed = []
    for row in rows:
        visit = visits.get((row.cdr.switch_leg_id, row.cdr.user_wanted_skill_id))
        if visit is None or row.cdr.account_id != owner.account.account_id:
            continue
        leg = told(_leg_of(row.cdr), visit)
        numbers = devices.numbers(connection, owner.app, owner.account.account_id, _devices([leg]))
        new = replace(row_of(owner, leg, visit, numbers), call_id_num=row.cdr.call_id_num)
        if new.pre_device_type == Device.NONE:
            new = replace(new, pre_device_type=row.cdr.pre_device_type, pre_device_no=row.cdr.pre_device_no)
        if new != row.cdr:
            changed.append(KeptCdr(row.id, new))
    cdrs.change(connection, owner.app, changed)


def row_of(owner: Owner, leg: Leg, visit: QueueVisit | None, numbers: Mapping[tuple[int, str], int]) -> Cdr:
    """The leg as a row that is not numbered yet."""
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
        **{name: getattr(spans, name) for name in type(spans).__slots__},
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
        leg_order="\t".join(_sortable(part) for part in leg.order),
        line_key=leg.line_key,
    )


def numbered(rows: Sequence[Cdr]) -> list[Cdr]:
    """The rows of one call in order: call_id_num 1, 2, … -1, each with the device before it."""
    ordered = sorted(rows, key=lambda row: (row.leg_order, row.line_key))
    result: list[Cdr] = []
    for place, row in enumerate(ordered, 1):
        row = replace(row, call_id_num=LAST if place == len(ordered) else place)
        if result and row.pre_device_type == Device.NONE:
            row = replace(row, pre_device_type=result[-1].device_type, pre_device_no=result[-1].device_no)
        result.append(row)
    return result


def _by_call(legs: Sequence[Leg]) -> set[str]:
    return {call_id(leg.switch_call_id) for leg in legs}


def _kept(connection: Connection, owner: Owner, call_ids: set[str]) -> dict[str, list[KeptCdr]]:
    found = cdrs.of_calls(connection, owner.app, call_ids)
    mine = owner.account.account_id
    return {name: [row for row in rows if row.cdr.account_id == mine] for name, rows in found.items()}


def _number(connection: Connection, owner: Owner, rows: Sequence[Cdr], kept: Mapping[str, list[KeptCdr]]) -> None:
    by_call: dict[str, list[Cdr]] = defaultdict(list)
    for row in rows:
        by_call[row.call_id].append(row)
    fresh, changed = [], []
    for name, some in by_call.items():
        before = {row.cdr.line_key: row for row in kept.get(name, ())}
        for row in numbered([*some, *(row.cdr for row in before.values())]):
            old = before.get(row.line_key)
            if old is None:
                fresh.append(row)
            elif old.cdr != row:
                changed.append(KeptCdr(old.id, row))
    cdrs.add(connection, owner.app, fresh)
    cdrs.change(connection, owner.app, changed)


def _devices(legs: Iterable[Leg]) -> set[tuple[int, str]]:
    queues = {(int(Device.QUEUE), leg.queue) for leg in legs if leg.queue}
    return queues | {(int(leg.device_type), leg.device_name) for leg in legs if leg.device_name}


def _awaited(owner: Owner, legs: Iterable[Leg]) -> Iterable[Awaited]:
    for leg in legs:
        for path in leg.recordings:
            name = path.replace("\\", "/").rpartition("/")[2]
            yield Awaited(
                account_id=owner.account.account_id, name=name, call_id=call_id(leg.switch_call_id), since=leg.end
            )


def _sortable(part: float | str) -> str:
    return part if isinstance(part, str) else f"{part:020.3f}"


def _leg_of(cdr: Cdr) -> Leg:
    """The leg again, as far as `told` and `times` look at it."""
    ends = [moment for moment in (cdr.call_end, cdr.ack_end, cdr.wait_end) if moment]
    answered: datetime | None = cdr.call_begin
    return Leg(
        switch_call_id=cdr.switch_call_id,
        switch_leg_id=cdr.switch_leg_id,
        line_key=cdr.line_key,
        caller_no=cdr.caller_no,
        caller_name=cdr.caller_name,
        callee_no=cdr.callee_no,
        begin=cdr.begin,
        answer=answered,
        end=max(ends, default=cdr.begin),
        device_type=cdr.device_type,
        device_name=cdr.agent_id or str(cdr.device_no or ""),
        agent=cdr.agent_id,
        queue=cdr.user_wanted_skill_id,
        call_type=cdr.call_type,
        release_cause=cdr.release_cause,
        leave_reason=cdr.leave_reason,
        order=tuple(cdr.leg_order.split("\t")),
    )
