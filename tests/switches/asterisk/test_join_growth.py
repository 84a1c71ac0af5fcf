"""The lines of one call are joined quickly, whatever their channels: calls of up to MAX_JOINED_LEGS lines, and larger ones."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ccfs.switches.asterisk.legs.cdr_legs import AsteriskLeg
from ccfs.switches.asterisk.legs.join_legs import MAX_JOINED_LEGS, join_call_legs
from tests.growth import grows_linearly, measure_seconds

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
MAX_SECONDS = 1.0  # of CPU, for the largest call that is joined; eight before, and 0.05 to 0.2 now


def build_leg(number: int, channel: str, dstchannel: str, **values: Any) -> AsteriskLeg:
    """A line of the second of that number."""
    begin = BEGIN + timedelta(seconds=number)
    leg = AsteriskLeg(
        switch_call_id="call",
        switch_leg_id=f"leg-{number}",
        source_key=f"{number:06}",
        caller_no="02079460123",
        callee_no="600",
        begin=begin,
        answer=begin,
        end=begin,
        order=(begin.timestamp(), 0.0, "", channel),
        channel=channel,
        dstchannel=dstchannel,
        app="dial",
        has_talk=True,
    )
    return replace(leg, **values)


def build_one_local_channel(count: int) -> list[AsteriskLeg]:
    return [build_leg(number, "Local/1@a-1;2", "Local/1@a-1;1") for number in range(count)]


def build_ringing_local_channel(count: int) -> list[AsteriskLeg]:
    return [build_leg(number, "Local/1@a-1;2", "Local/1@a-1;1", ringing_agent="1001") for number in range(count)]


def build_queue_of_local_channels(count: int) -> list[AsteriskLeg]:
    values = {"app": "queue", "queue": "sales"}
    return [build_leg(number, "Local/1@a-1;2", "Local/1@a-1;1", **values) for number in range(count)]


def build_chain_of_local_channels(count: int) -> list[AsteriskLeg]:
    return [build_leg(number, f"Local/{number}@a-1;2", f"Local/{number + 1}@a-1;1") for number in range(count)]


def build_ring_of_local_channels(count: int) -> list[AsteriskLeg]:
    return [
        build_leg(number, f"Local/{number}@a-1;2", f"Local/{(number + 1) % count}@a-1;1") for number in range(count)
    ]


def build_one_phone(count: int) -> list[AsteriskLeg]:
    return [build_leg(number, "PJSIP/1-1", f"PJSIP/{number}-1", ringing_agent="1001") for number in range(count)]


SHAPES = [
    build_one_local_channel,
    build_ringing_local_channel,
    build_queue_of_local_channels,
    build_chain_of_local_channels,
    build_ring_of_local_channels,
    build_one_phone,
]


@pytest.mark.parametrize("build", SHAPES, ids=lambda build: build.__name__.removeprefix("build_"))
def test_the_largest_call_that_is_joined_takes_little_time(build: Callable[[int], list[AsteriskLeg]]) -> None:
    assert measure_seconds(join_call_legs, build(MAX_JOINED_LEGS), rounds=1) < MAX_SECONDS
    assert grows_linearly(join_call_legs, build, 16 * MAX_JOINED_LEGS, rounds=1)


@pytest.mark.parametrize("phone", ["", "1001"])
def test_a_long_chain_of_local_channels_is_followed_to_its_phone(phone: str) -> None:
    legs = build_chain_of_local_channels(MAX_JOINED_LEGS)
    legs[-1] = replace(legs[-1], ringing_agent=phone)
    first = join_call_legs([*legs[1:], replace(legs[0], channel="PJSIP/9-1", calling_agent="1009")])[0]
    assert first.is_waiting is bool(phone)
