"""Talks of a call that no channel's own record reports, and talks that end before their channel does.

By default, FreeSWITCH logs only a-legs, and FusionPBX does not change this. The callflow of the caller's channel then
shows with whom it talked and when. It also shows this if the other channel is logged under another call, that of a
consultation before a transfer.
"""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import blake2b

from ccfs.model.calls.cdr import CallType, DeviceType, LeaveReason
from ccfs.switches.freeswitch.callflow import Talk
from ccfs.switches.freeswitch.roles import ChannelLeg

_CLOCK_STEP = timedelta(seconds=1)  # of a CDR's times


def build_joined_parts(leg: ChannelLeg, known: Collection[str]) -> list[ChannelLeg]:
    """Return a leg for each talk with a caller whose call this channel joined, if the caller has no record.

    Without b-legs, FreeSWITCH does not log a caller who was picked up, retrieved from a parking slot, or transferred
    after a consultation, because bridging turned the caller's channel into a b-leg. The part belongs to the caller's
    call, under the caller's uuid.
    """
    return [_build_joined_part(leg, talk) for talk in list_joined_talks(leg, known)]


def list_joined_talks(leg: ChannelLeg, known: Collection[str]) -> list[Talk]:
    """Return the channel's talks with callers whose call it joined and who have no record."""
    if leg.queue or not _find_joining_agent(leg):
        return []
    return [talk for talk in leg.talks if talk.caller and talk.peer not in known]


def _find_joining_agent(leg: ChannelLeg) -> str:
    return leg.caller_agent if leg.direction == "inbound" else leg.callee_agent


def _build_joined_part(leg: ChannelLeg, talk: Talk) -> ChannelLeg:
    part, agent = _build_part(leg, talk), _find_joining_agent(leg)
    return replace(
        part,
        order=(min(leg.order[0], float(talk.begin)), 0.0, part.source_key),  # the caller's own channel
        switch_call_id=talk.peer,
        switch_leg_id=talk.peer,
        caller_no=talk.caller,
        caller_name="",
        callee_no=talk.callee,
        device_type=DeviceType.AGENT,
        device_name=agent,
        agent=agent,
        call_type=_find_joined_type(talk),
        leave_reason={"recv_bye": LeaveReason.AGENT_HUNG_UP, "send_bye": LeaveReason.USER_HUNG_UP}.get(
            leg.hangup_by, LeaveReason.NORMAL
        ),
    )


def _find_joined_type(talk: Talk) -> CallType:
    return CallType.INBOUND if talk.is_outside else CallType.INTERNAL


def split_talks(root: ChannelLeg | None, members: Sequence[ChannelLeg], known: Collection[str]) -> list[ChannelLeg]:
    """Return the legs of a call, with a leg for each of the first channel's talks that no other channel reports."""
    if root is None:
        return [_end_before_joining(leg, list_joined_talks(leg, known)) for leg in members]
    present = {leg.switch_leg_id for leg in members}
    has_phone = any(leg.agent for leg in members if leg.switch_leg_id != root.switch_leg_id)
    split: list[ChannelLeg] = []
    for leg in members:
        if leg.switch_leg_id == root.switch_leg_id:
            split += _split_root(leg if has_phone else _exclude_mailbox(leg), present, known)
        else:
            split.append(_trim_child(leg, root, present))
    return split


def _split_root(root: ChannelLeg, present: Collection[str], known: Collection[str]) -> list[ChannelLeg]:
    """Return the leg of the call's first channel, and one for each of its talks that is not reported elsewhere."""
    joined = list_joined_talks(root, known)  # of other calls
    own = [talk for talk in root.talks if talk not in joined]
    if joined and root.talks[-1] == joined[-1]:
        first_joined = next(talk for talk in joined if not own or talk.begin >= own[-1].begin)
        root = replace(root, end=min(root.end, _to_instant(first_joined.begin)))
    if not own:
        return [replace(root, answer=None)] if joined else [root]
    absent = [talk for talk in own if talk.peer not in present]
    if root.call_type == CallType.OUTBOUND:
        rest = [talk for talk in absent if talk != own[0]]
    elif len(absent) < len(own):
        rest = absent
    else:
        return [_narrow_root(root, own[0], is_last=len(own) == 1), *(_build_part(root, talk) for talk in own[1:])]
    return [_begin_with_talk(root, own[0]), *(_build_part(root, talk) for talk in rest)]


def _end_before_joining(leg: ChannelLeg, joined: Sequence[Talk]) -> ChannelLeg:
    """Return the leg of a channel up to its talk with the caller whose call it joined.

    A consultation before a transfer is not part of the caller's call.
    """
    if not joined:
        return leg
    end = min(_to_instant(joined[0].begin), leg.end)
    is_consultation = leg.switch_call_id == joined[-1].peer
    is_answered = leg.answer is not None and leg.answer < end and not is_consultation
    call_type = _find_joined_type(joined[0]) if is_consultation else leg.call_type
    return replace(leg, call_type=call_type, answer=leg.answer if is_answered else None, end=end)


def _narrow_root(root: ChannelLeg, talk: Talk, *, is_last: bool) -> ChannelLeg:
    """Return the leg of a channel whose other side is not logged, limited to its first talk."""
    queue = _find_queue(root, talk)
    narrowed = replace(root, answer=_to_instant(talk.begin), end=_find_end(root, talk))
    if queue:
        narrowed = replace(narrowed, queue=queue, first_queue="" if queue != root.queue else root.first_queue)
        narrowed = replace(narrowed, device_type=DeviceType.QUEUE, device_name=queue, agent=talk.number)
    elif talk.number:
        narrowed = replace(narrowed, device_type=DeviceType.AGENT, device_name=talk.number, agent=talk.number)
    return narrowed if is_last else replace(narrowed, leave_reason=LeaveReason.TRANSFERRED_OUT)


def _build_part(root: ChannelLeg, talk: Talk) -> ChannelLeg:
    """Return the leg of one talk of the first channel."""
    begin, queue, number = _to_instant(talk.begin), _find_queue(root, talk), root.talks.index(talk)
    key = blake2b(f"{root.source_key}\x1f{number}".encode(), digest_size=16).hexdigest()
    is_last = talk == root.talks[-1]
    device = (DeviceType.AGENT, talk.number) if talk.number else (DeviceType.FLOW, root.context)
    return replace(
        root,
        source_key=key,
        part_of=root.switch_leg_id,
        begin=begin,
        answer=begin,
        end=_find_end(root, talk),
        device_type=device[0],
        device_name=device[1],
        agent=talk.number,
        queue=queue,
        first_queue="",
        order=(float(talk.begin), 2.0, f"{root.switch_leg_id} {number}"),
        recordings=(),
        leave_reason=_find_last_reason(root) if is_last else LeaveReason.TRANSFERRED_OUT,
    )


def _find_last_reason(root: ChannelLeg) -> int:
    """Return who ended the last talk, according to the first channel's record."""
    if root.call_type != CallType.OUTBOUND and root.hangup_by in ("recv_bye", "send_bye"):
        return LeaveReason.USER_HUNG_UP if root.hangup_by == "recv_bye" else LeaveReason.AGENT_HUNG_UP
    return LeaveReason.NORMAL


def _find_queue(root: ChannelLeg, talk: Talk) -> str:
    """Return the queue that led to a talk: the one entered last, unless the channel has talked since."""
    if not root.queue:
        return ""
    before = [name for name, second in root.queue_entries if second <= talk.begin]
    if not root.queue_entries:
        return root.queue if talk == root.talks[0] else ""
    earlier = [other for other in root.talks if other.begin < talk.begin]
    entered = [second for _, second in root.queue_entries if second <= talk.begin]
    return before[-1] if before and not any(other.begin >= entered[-1] for other in earlier) else ""


def _begin_with_talk(root: ChannelLeg, talk: Talk) -> ChannelLeg:
    """Return the leg of a calling agent. The talk begins when the other party answers, not the program's call."""
    if root.call_type == CallType.OUTBOUND and root.device_type == DeviceType.AGENT and root.answer:
        return replace(root, answer=max(root.answer, _to_instant(talk.begin)))
    return root


def _trim_child(leg: ChannelLeg, root: ChannelLeg, present: set[str]) -> ChannelLeg:
    """Return a further channel's leg limited to the talk of this call, without talks before the caller and with other calls."""
    if not leg.talks or leg.answer is None:
        return _mark_transfer(leg, root)
    peers = [talk.peer for talk in leg.talks]
    begin, end = leg.answer, leg.end
    if root.switch_leg_id in peers and peers[0] != root.switch_leg_id:  # a consultation before the transfer
        begin = max(begin, _to_instant(leg.talks[peers.index(root.switch_leg_id)].begin))
    if peers[-1] not in present:  # another call's caller
        end = max((_find_end(leg, talk) for talk in leg.talks if talk.peer in present), default=end)
    return _mark_transfer(replace(leg, answer=begin, end=max(begin, end)), root)


def _mark_transfer(leg: ChannelLeg, root: ChannelLeg) -> ChannelLeg:
    """Return the leg of an agent who passed the caller to somebody else as transferred."""
    if leg.answer is None or not leg.agent or not any(talk.peer == leg.switch_leg_id for talk in root.talks):
        return leg
    goes_on = any(_to_instant(talk.begin) >= leg.end - _CLOCK_STEP for talk in root.talks)
    return replace(leg, leave_reason=LeaveReason.TRANSFERRED_OUT) if goes_on else leg


def _exclude_mailbox(root: ChannelLeg) -> ChannelLeg:
    """Return the leg of a caller whom a mailbox answered: the phone that rang before is not logged and did not talk."""
    if not root.mailbox_agent or root.answer is None or root.queue:
        return root
    agent = root.mailbox_agent
    return replace(
        root,
        device_type=DeviceType.AGENT,
        device_name=agent,
        agent=agent,
        answer=None,
        end=root.answer,
        leave_reason=LeaveReason.AGENT_NO_ANSWER,
    )


def _find_end(leg: ChannelLeg, talk: Talk) -> datetime:
    return min(max(_to_instant(talk.end), _to_instant(talk.begin)), leg.end) if talk.end else leg.end


def _to_instant(second: int) -> datetime:
    return datetime.fromtimestamp(second, UTC)
