"""Join the channels of a call."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace

from ccfs.switches.freeswitch.roles import ChannelLeg, assign_roles
from ccfs.switches.freeswitch.talk_parts import build_joined_parts, list_joined_talks, split_talks


def join_call_legs(channels: Iterable[ChannelLeg]) -> list[ChannelLeg]:
    """Return the channels in their order, those of one call under the uuid of its first one.

    A channel names its parent, but not its parent's: chains are followed as far as the given channels reach. In CSV only
    the a-leg names the other (bleg_uuid): a channel without a parent becomes the child of one that was bridged to it.
    `assign_roles` assigns their roles. All channels get the first one's call type.
    Joined channels may be joined with others later; the result does not depend on the order.
    """
    legs = list(channels)
    parents = _find_parents(legs)
    roots = {leg.switch_leg_id: _find_root(leg.switch_leg_id, parents) for leg in legs}
    positions: dict[str, list[int]] = defaultdict(list)
    for position, leg in enumerate(legs):
        positions[roots[leg.switch_leg_id]].append(position)
    for root, of_call in positions.items():
        joined = _join_call(root, [legs[position] for position in of_call])
        for position, leg in zip(of_call, joined, strict=True):
            legs[position] = leg
    return legs


def join_call_talks(channels: Iterable[ChannelLeg]) -> list[ChannelLeg]:
    """Return the joined channels with the times of their talks in their call, and a leg for each talk that only the first
    channel of a call reports (`talk_parts`)."""
    legs = join_call_legs(channels)
    known = {leg.switch_leg_id for leg in legs}
    calls: dict[str, list[ChannelLeg]] = defaultdict(list)
    for leg in legs:
        calls[leg.switch_call_id].append(leg)
    split = [
        leg
        for root, members in calls.items()
        for leg in split_talks(next((one for one in members if one.switch_leg_id == root), None), members, known)
    ]
    return split + [part for leg in legs for part in build_joined_parts(leg, known)]


def _find_parents(legs: Iterable[ChannelLeg]) -> dict[str, str]:
    """Return the parent of each channel that has one."""
    by_id = {leg.switch_leg_id: leg for leg in legs}
    parents = {leg.switch_leg_id: leg.switch_call_id for leg in legs if leg.switch_call_id != leg.switch_leg_id}
    for leg in legs:
        joined = list_joined_talks(leg, by_id)
        has_parent = leg.switch_leg_id in parents
        if joined and (parents[leg.switch_leg_id] not in by_id if has_parent else len(leg.talks) == 1):
            parents[leg.switch_leg_id] = joined[-1].peer
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


def _join_call(root: str, members: list[ChannelLeg]) -> list[ChannelLeg]:
    """Return the channels of one call under the call's id and with their roles."""
    renamed = [
        replace(leg, switch_call_id=root)
        if leg.switch_leg_id == root
        else replace(leg, switch_call_id=root, order=(leg.order[0], 1.0, leg.switch_leg_id))
        for leg in members
    ]
    return assign_roles(next((leg for leg in renamed if leg.switch_leg_id == root), None), renamed)
