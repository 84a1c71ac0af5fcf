"""Build the rows of legs: callId, devices by number, times; and number the rows of a call."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from sqlalchemy.engine import Connection

from ccfs.db.tenant.calls import device_numbers
from ccfs.ingest.calls import leg_source
from ccfs.ingest.calls.agent_choice import TimedLeg
from ccfs.ingest.context import CallOwner
from ccfs.model.calls.call_id import to_call_id
from ccfs.model.calls.cdr import LAST_LEG, Cdr, DeviceType
from ccfs.switches.queue_merge import CdrTimes
from ccfs.switches.records import Leg

RowsByKey = Mapping[str, Cdr]  # by source_key
DeviceNumbers = Mapping[tuple[int, str], int]  # by type and name


def build_rows(
    connection: Connection,
    owner: CallOwner,
    timed_legs: Sequence[TimedLeg],
    saved: RowsByKey,
    facts: Mapping[str, str],
) -> list[Cdr]:
    """Return rows without numbers. A leg that has a `saved` row stays in its VDN.

    `facts` maps the source_key of new and completed legs to their facts.
    """
    devices = _collect_devices(leg for leg, _ in timed_legs)
    numbers = device_numbers.assign_numbers(connection, owner.app, owner.account.account_id, devices)
    rows = []
    for leg, times in timed_legs:
        old = saved.get(leg.source_key)
        new_facts = facts.get(leg.source_key, "")
        leg_facts = leg_source.get_stored_facts(old) if old and not new_facts else new_facts
        row = _build_row(owner, leg, times, numbers, leg_source.format_leg_order(leg, leg_facts))
        rows.append(replace(row, cc_id=old.cc_id, vdn_id=old.vdn_id) if old else row)
    return rows


def number_legs(rows: Iterable[Cdr]) -> list[Cdr]:
    """Return the rows of one call in order, with call_id_num 1, 2, … -1, each with the device before it.

    The device before an agent's is its queue, if it has one; else it is the device of the row before.
    """
    ordered = sorted(rows, key=lambda row: (row.leg_order, row.source_key))
    numbered: list[Cdr] = []
    device = int(DeviceType.NONE), 0  # of the row before
    for position, row in enumerate(ordered, 1):
        number = LAST_LEG if position == len(ordered) else position
        if row.device_type == DeviceType.AGENT and row.user_wanted_skill_id:
            device = row.pre_device_type, row.pre_device_no
        if (row.call_id_num, row.pre_device_type, row.pre_device_no) != (number, *device):
            row = replace(row, call_id_num=number, pre_device_type=device[0], pre_device_no=device[1])
        device = row.device_type, row.device_no
        numbered.append(row)
    return numbered


def _build_row(owner: CallOwner, leg: Leg, times: CdrTimes, numbers: DeviceNumbers, leg_order: str) -> Cdr:
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
        wait_begin=times.wait_begin,
        wait_end=times.wait_end,
        ack_begin=times.ack_begin,
        ack_end=times.ack_end,
        call_begin=times.call_begin,
        call_end=times.call_end,
        device_type=leg.device_type,
        device_no=numbers.get((leg.device_type, leg.device_name), 0),
        call_type=leg.call_type,
        release_cause=leg.release_cause,
        pre_device_type=DeviceType.QUEUE if by_queue else DeviceType.NONE,
        pre_device_no=numbers.get((DeviceType.QUEUE, leg.queue), 0) if by_queue else 0,
        leave_reason=leg.leave_reason,
        user_wanted_skill_id=(leg.first_queue or leg.queue)[:64],
        current_skill_id=leg.queue[:64],
        caller_name=leg.caller_name,
        switch_call_id=leg.switch_call_id,
        switch_leg_id=leg.switch_leg_id,
        leg_order=leg_order,
        source_key=leg.source_key,
    )


def _collect_devices(legs: Iterable[Leg]) -> set[tuple[int, str]]:
    devices = set()
    for leg in legs:
        devices |= {(int(DeviceType.QUEUE), leg.queue), (int(leg.device_type), leg.device_name)}
    return {(device_type, name) for device_type, name in devices if name}
