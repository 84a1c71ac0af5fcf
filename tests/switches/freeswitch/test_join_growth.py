"""The channels of one call are joined in time that grows with their number, whatever their records say of each other."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import cache
from typing import Any

import pytest

from ccfs.switches.freeswitch import ChannelLeg, join_call_legs, join_call_talks
from ccfs.switches.freeswitch.callflow import Talk
from ccfs.switches.freeswitch.join_legs import _ChannelTrees
from tests.growth import grows_linearly
from tests.switches.freeswitch.read_samples import parse_channels, read_sample

MANY = 4000  # channels of one call


@cache
def _parse_sample() -> ChannelLeg:
    [leg] = parse_channels(read_sample("same-call.json"))
    return leg


def build_leg(number: int, leg_id: str, parent: str, **values: Any) -> ChannelLeg:
    """A channel that was created at the second of that number."""
    leg = _parse_sample()
    begin = leg.begin + timedelta(seconds=number)
    own: dict[str, Any] = {"source_key": str(number), "begin": begin, "answer": begin, "end": begin, "bridged_to": ""}
    return replace(leg, switch_leg_id=leg_id, switch_call_id=parent, **{**own, **values})


def build_chain(count: int) -> list[ChannelLeg]:
    return [build_leg(number, f"{number:06}", f"{max(number - 1, 0):06}") for number in range(count)]


def build_chain_from_its_end(count: int) -> list[ChannelLeg]:
    return build_chain(count)[::-1]


def build_ring(count: int) -> list[ChannelLeg]:
    return [build_leg(number, f"{number:06}", f"{(number - 1) % count:06}") for number in range(count)]


def build_bridges(count: int) -> list[ChannelLeg]:
    """Channels without parents, each bridged to the next, as in CSV."""
    return [build_leg(number, f"{number:06}", f"{number:06}", bridged_to=f"{number + 1:06}") for number in range(count)]


def build_bridges_from_their_end(count: int) -> list[ChannelLeg]:
    return build_bridges(count)[::-1]


def build_star(count: int) -> list[ChannelLeg]:
    return [build_leg(number, f"{number:06}", "000000") for number in range(count)]


def build_repeated_first(count: int) -> list[ChannelLeg]:
    """Many channels with the call's own id, by callers of their own, and as many others that no rule finds an agent in."""
    firsts = [build_leg(number, "a", "a", caller_no=str(number), direction="") for number in range(count // 2)]
    others: dict[str, Any] = {
        "caller_no": "1",
        "caller_agent": "",
        "callee_agent": "",
        "is_b_leg": False,
        "direction": "",
    }
    return firsts + [build_leg(count + number, f"b{number}", "a", **others) for number in range(count // 2)]


SHAPES = [
    build_chain,
    build_chain_from_its_end,
    build_ring,
    build_bridges,
    build_bridges_from_their_end,
    build_star,
    build_repeated_first,
]


@pytest.mark.parametrize("build", SHAPES, ids=lambda build: build.__name__.removeprefix("build_"))
def test_joining_is_linear(build: Callable[[int], list[ChannelLeg]]) -> None:
    assert len({leg.switch_call_id for leg in join_call_legs(build(100))}) == 1
    assert grows_linearly(join_call_legs, build, MANY, rounds=1)


def build_mailboxes(count: int) -> list[ChannelLeg]:
    """Channels with the call's own id, each answered by a mailbox after many talks."""
    talks = tuple(Talk(f"b{number}", "1002", False, number, number) for number in range(10))
    return [build_leg(number, "a", "a", mailbox_agent="1001", talks=talks) for number in range(count)]


@pytest.mark.parametrize("build", [build_star, build_repeated_first, build_mailboxes])
def test_splitting_into_talks_is_linear(build: Callable[[int], list[ChannelLeg]]) -> None:
    assert grows_linearly(join_call_talks, build, MANY // 4, rounds=1)


def test_the_root_of_a_hundred_thousand_channels_is_found() -> None:
    for is_ring in (False, True):
        chain = {number: number - 1 for number in range(1, 100_000)}
        trees = _ChannelTrees(
            {f"{one:06}": f"{other:06}" for one, other in chain.items()} | ({"000000": "099999"} if is_ring else {})
        )
        assert {trees.find_root(f"{number:06}") for number in range(99_999, -1, -1)} == {"000000"}


def test_a_ring_with_chains_is_one_call_of_its_smallest_member() -> None:
    ring = build_ring(3)
    chains = [
        build_leg(number, f"z{number}", "000002" if number == 10 else f"z{number - 1}") for number in (10, 11, 12)
    ]
    for legs in (ring + chains, chains[::-1] + ring):
        assert {leg.switch_call_id for leg in join_call_legs(legs)} == {"000000"}
