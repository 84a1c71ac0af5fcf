"""Join the channels of a call."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from ccfs.switches.freeswitch.roles import ChannelLeg, assign_roles
from ccfs.switches.freeswitch.talk_parts import build_joined_parts, list_joined_talks, split_talks


def join_call_legs(channels: Iterable[ChannelLeg]) -> list[ChannelLeg]:
    """Return the channels in their order, with those of a call under the uuid of its first channel.

    A channel names its parent, but not the parent's parent: chains are followed through the given channels. In CSV,
    only the a-leg names the other (bleg_uuid): a channel without a parent becomes the child of one to which it was
    bridged. `assign_roles` assigns their roles. All channels get the first one's call type. Joined channels may be
    joined with others later. The result does not depend on the order.
    """
    legs = list(channels)
    trees = _build_trees(legs)
    roots = {leg.switch_leg_id: trees.find_root(leg.switch_leg_id) for leg in legs}
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
        for leg in split_talks(
            next((member for member in members if member.switch_leg_id == root), None), members, known
        )
    ]
    return split + [part for leg in legs for part in build_joined_parts(leg, known)]


class _ChannelTrees:
    """Channels and their parents. Each search shortens the chain that it followed, so that many searches need few steps."""

    def __init__(self, parents: Mapping[str, str]) -> None:
        self._parents = dict(parents)

    def has_parent(self, leg_id: str) -> bool:
        """Return whether a channel has a parent, or is one of a ring."""
        return leg_id in self._parents

    def set_parent(self, leg_id: str, parent: str) -> None:
        """Give a parent to a channel that has none."""
        self._parents[leg_id] = parent

    def find_root(self, leg_id: str) -> str:
        """Return the end of a chain of parents; of a ring, which only damaged records have, its smallest member."""
        chain: dict[str, None] = {}  # in order
        current = leg_id
        while (parent := self._parents.get(current, current)) != current:
            if current in chain:
                members = list(chain)
                current = min(members[members.index(current) :])
                break
            chain[current] = None
            current = parent
        self._parents |= dict.fromkeys(chain, current)
        return current


def _build_trees(legs: Sequence[ChannelLeg]) -> _ChannelTrees:
    """Return the channels with their parents."""
    by_id = {leg.switch_leg_id: leg for leg in legs}
    parents = {leg.switch_leg_id: leg.switch_call_id for leg in legs if leg.switch_call_id != leg.switch_leg_id}
    for leg in legs:
        joined = list_joined_talks(leg, by_id)
        has_parent = leg.switch_leg_id in parents
        if joined and (parents[leg.switch_leg_id] not in by_id if has_parent else len(leg.talks) == 1):
            parents[leg.switch_leg_id] = joined[-1].peer
    trees = _ChannelTrees(parents)
    for leg in legs:
        peer = by_id.get(leg.bridged_to)
        if peer is None or trees.has_parent(peer.switch_leg_id) or peer.begin < leg.begin:
            continue
        if trees.find_root(leg.switch_leg_id) != peer.switch_leg_id:
            trees.set_parent(peer.switch_leg_id, leg.switch_leg_id)
    return trees


def _join_call(root: str, members: list[ChannelLeg]) -> list[ChannelLeg]:
    """Return the channels of one call under the call's id and with their roles."""
    renamed = [
        replace(leg, switch_call_id=root)
        if leg.switch_leg_id == root
        else replace(leg, switch_call_id=root, order=(leg.order[0], 1.0, leg.switch_leg_id))
        for leg in members
    ]
    return assign_roles(next((leg for leg in renamed if leg.switch_leg_id == root), None), renamed)
