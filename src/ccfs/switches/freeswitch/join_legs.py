"""Channels that belong together: what only the channels of one call, seen side by side, can tell. Pure."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace

from ccfs.model.calls.cdr import CallType, DeviceType
from ccfs.switches.freeswitch.legs import ChannelLeg


def join_call_legs(channels: Iterable[ChannelLeg]) -> list[ChannelLeg]:
    """The same channels in their order, those of one call under the uuid of its first one.

    A channel says who made it, but not who made that one: chains are followed as far as the channels at hand reach. In
    CSV only the a-leg names the other (bleg_uuid): a channel that nobody made is taken in by one that was bridged to it.
    Where the agent's own channel is there, too, the caller's stops standing for the agent; and all take the first
    channel's call type. Channels that have met may meet others later: what was settled stays.
    """
    found = list(channels)
    parents = _find_parents(found)
    roots = {leg.switch_leg_id: _find_root(leg.switch_leg_id, parents) for leg in found}
    members: dict[str, list[ChannelLeg]] = defaultdict(list)
    for leg in found:
        members[roots[leg.switch_leg_id]].append(leg)
    return [_adjust_leg(leg, roots[leg.switch_leg_id], members[roots[leg.switch_leg_id]]) for leg in found]


def _find_parents(found: Iterable[ChannelLeg]) -> dict[str, str]:
    """Channel to the channel that it belongs under."""
    by_id = {leg.switch_leg_id: leg for leg in found}
    parents = {leg.switch_leg_id: leg.switch_call_id for leg in found if leg.switch_call_id != leg.switch_leg_id}
    for leg in found:
        other = by_id.get(leg.bridged_to)
        if other is None or other.switch_leg_id in parents or other.begin < leg.begin:
            continue
        if _find_root(leg.switch_leg_id, parents) != other.switch_leg_id:
            parents[other.switch_leg_id] = leg.switch_leg_id
    return parents


def _find_root(leg_id: str, parents: dict[str, str]) -> str:
    """The end of a chain of parents; of a ring, which only damaged records make, its smallest member."""
    seen = [leg_id]
    while (parent := parents.get(seen[-1])) is not None:
        if parent in seen:
            return min(seen[seen.index(parent) :])
        seen.append(parent)
    return seen[-1]


def _adjust_leg(leg: ChannelLeg, root: str, members: list[ChannelLeg]) -> ChannelLeg:
    """A channel as its call's other channels let it be seen."""
    if leg.switch_leg_id != root:
        return _adjust_child_leg(leg, root, next((member for member in members if member.switch_leg_id == root), None))
    leg = replace(leg, switch_call_id=root)
    stands_for_agent = leg.device_type == DeviceType.AGENT and leg.call_type != CallType.OUTBOUND
    others = (member for member in members if member.switch_leg_id != root and member.device_type == DeviceType.AGENT)
    if stands_for_agent and any(other.agent == leg.agent for other in others):
        return replace(leg, device_type=DeviceType.FLOW, device_name=leg.context, agent="")
    return leg


def _adjust_child_leg(leg: ChannelLeg, root: str, first: ChannelLeg | None) -> ChannelLeg:
    """A channel that another one made. One that seemed to be a call of its own by an agent is but the far side of it."""
    was_first = leg.switch_call_id == leg.switch_leg_id
    if was_first and leg.device_type == DeviceType.AGENT and leg.call_type == CallType.OUTBOUND:
        leg = replace(leg, device_type=DeviceType.FLOW, device_name=leg.context, agent="")
    call_type = leg.call_type if first is None else first.call_type
    return replace(leg, switch_call_id=root, call_type=call_type, order=(leg.order[0], 1.0, leg.switch_leg_id))
