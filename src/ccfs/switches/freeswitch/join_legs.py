"""Join the channels of a call."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace

from ccfs.model.calls.cdr import CallType, DeviceType
from ccfs.switches.freeswitch.legs import ChannelLeg


def join_call_legs(channels: Iterable[ChannelLeg]) -> list[ChannelLeg]:
    """Return the channels in their order, those of one call under the uuid of its first one.

    A channel names its parent, but not its parent's: chains are followed as far as the given channels reach. In CSV only
    the a-leg names the other (bleg_uuid): a channel without a parent becomes the child of one that was bridged to it.
    Where the agent has a channel, the caller's no longer counts for the agent. All channels get the first one's call type.
    Joined channels may be joined with others later; the result does not depend on the order.
    """
    legs = list(channels)
    parents = _find_parents(legs)
    roots = {leg.switch_leg_id: _find_root(leg.switch_leg_id, parents) for leg in legs}
    members: dict[str, list[ChannelLeg]] = defaultdict(list)
    for leg in legs:
        members[roots[leg.switch_leg_id]].append(leg)
    return [_adjust_leg(leg, roots[leg.switch_leg_id], members[roots[leg.switch_leg_id]]) for leg in legs]


def _find_parents(legs: Iterable[ChannelLeg]) -> dict[str, str]:
    """Return the parent of each channel that has one."""
    by_id = {leg.switch_leg_id: leg for leg in legs}
    parents = {leg.switch_leg_id: leg.switch_call_id for leg in legs if leg.switch_call_id != leg.switch_leg_id}
    for leg in legs:
        peer = by_id.get(leg.bridged_to)
        if peer is None or peer.switch_leg_id in parents or peer.begin < leg.begin:
            continue
        if _find_root(leg.switch_leg_id, parents) != peer.switch_leg_id:
            parents[peer.switch_leg_id] = leg.switch_leg_id
    return parents


def _find_root(leg_id: str, parents: dict[str, str]) -> str:
    """Return the end of a chain of parents; of a ring, which only damaged records have, its smallest member."""
    seen = [leg_id]
    while (parent := parents.get(seen[-1])) is not None:
        if parent in seen:
            return min(seen[seen.index(parent) :])
        seen.append(parent)
    return seen[-1]


def _adjust_leg(leg: ChannelLeg, root: str, members: list[ChannelLeg]) -> ChannelLeg:
    """Return a channel as its call's other channels change it."""
    if leg.switch_leg_id != root:
        return _adjust_child_leg(leg, root, next((member for member in members if member.switch_leg_id == root), None))
    leg = replace(leg, switch_call_id=root)
    counts_for_agent = leg.device_type == DeviceType.AGENT and leg.call_type != CallType.OUTBOUND
    agent_legs = (leg for leg in members if leg.switch_leg_id != root and leg.device_type == DeviceType.AGENT)
    if counts_for_agent and any(agent_leg.agent == leg.agent for agent_leg in agent_legs):
        return replace(leg, device_type=DeviceType.FLOW, device_name=leg.context, agent="")
    return leg


def _adjust_child_leg(leg: ChannelLeg, root: str, first: ChannelLeg | None) -> ChannelLeg:
    """Return a child channel. One that seemed to be an agent's own outbound call is only the far side of the call."""
    was_first = leg.switch_call_id == leg.switch_leg_id
    if was_first and leg.device_type == DeviceType.AGENT and leg.call_type == CallType.OUTBOUND:
        leg = replace(leg, device_type=DeviceType.FLOW, device_name=leg.context, agent="")
    call_type = leg.call_type if first is None else first.call_type
    return replace(leg, switch_call_id=root, call_type=call_type, order=(leg.order[0], 1.0, leg.switch_leg_id))
