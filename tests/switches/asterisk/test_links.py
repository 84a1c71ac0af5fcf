"""Lines without linkedid are joined by the channels that they share."""

import time
from dataclasses import replace

import pytest

from ccfs.switches.asterisk.legs.cdr_legs import AsteriskLeg
from ccfs.switches.asterisk.legs.join_legs import join_call_legs
from ccfs.switches.asterisk.legs.links import list_links, unite_calls
from tests.switches.asterisk.test_join_legs import (
    CALLS,
    PHONE_HALF,
    QUEUE_HALF,
    TRUNK,
    make_leg,
    make_queue_leg,
    summarize,
)


def unlink(leg: AsteriskLeg) -> AsteriskLeg:
    """Return a leg as a file without linkedids has it."""
    return replace(leg, switch_call_id=leg.switch_leg_id, is_unlinked=True)


@pytest.mark.parametrize("name", CALLS)
def test_a_call_without_linkedids_has_the_same_talk_and_direction(name: str) -> None:
    legs, expected = CALLS[name]
    assert summarize([unlink(leg) for leg in legs]) == expected


def test_united_lines_have_the_id_of_the_channel_that_was_created_first() -> None:
    queue = replace(
        make_queue_leg(QUEUE_HALF, 0, 0, 20), switch_leg_id="pbx-1705311000.65", switch_call_id="pbx-1705311000.65"
    )
    phone = replace(make_leg(PHONE_HALF, "PJSIP/1001-00000002", 0, 5, 20), switch_leg_id="pbx-1705311000.100")
    for order in ([queue, phone], [phone, queue]):
        assert {leg.switch_call_id for leg in unite_calls(map(unlink, order))} == {"pbx-1705311000.65"}


def test_lines_with_linkedids_keep_them() -> None:
    legs = [
        make_leg(TRUNK, "PJSIP/1001-00000002", 0, 4, 10),
        make_leg("PJSIP/1001-00000002", "", 0, 4, 10, linkedid="9"),
    ]
    assert [leg.switch_call_id for leg in unite_calls(legs)] == ["1705311000.1", "9"]
    assert list_links(legs[0]) == ()


@pytest.mark.parametrize(
    ("first", "second", "count"),
    [
        ("PJSIP/1001-00000002", "PJSIP/1001-00000002", 1),
        ("PJSIP/1001-00000002", "PJSIP/1001-00000003", 2),
        ("Local/1001@q-b4c1,1", "Local/1001@q-b4c1,2", 1),
        ("DAHDI/1-1", "DAHDI/1-1", 2),  # the next call has the same name
        ("Local/1001@from-queue", "Local/1001@from-queue", 2),  # cut by another program
    ],
)
def test_only_names_that_no_other_channel_has_are_links(first: str, second: str, count: int) -> None:
    legs = [unlink(make_leg(TRUNK, first, 0, 4, 10)), unlink(make_leg(second, "", 0, 4, 10))]
    assert len({leg.switch_call_id for leg in unite_calls(legs)}) == count


def test_a_name_that_comes_again_after_a_restart_is_another_channel() -> None:
    legs = [make_leg(TRUNK, "PJSIP/1001-00000002", 0, 4, 10), make_leg("PJSIP/1001-00000002", "", 30, 34, 40)]
    assert len({leg.switch_call_id for leg in unite_calls(map(unlink, legs))}) == 2


def test_a_call_that_an_agent_makes_to_ask_back_stays_a_call_of_its_own() -> None:
    asking = make_leg("PJSIP/1001-00000008", "PJSIP/1003-00000005", 10, 12, 30)
    legs = [
        make_leg(TRUNK, "PJSIP/1001-00000002", 0, 4, 20),
        asking,
        make_leg(TRUNK, "PJSIP/1003-00000005", 20, 20, 30),
    ]
    united = unite_calls(map(unlink, legs))
    assert [leg.switch_call_id for leg in united] == ["1705311000.1", asking.switch_leg_id, "1705311000.1"]


def test_time_grows_no_faster_than_the_lines() -> None:
    def measure(count: int) -> float:
        legs = [
            unlink(
                replace(make_leg("Local/1@q-00000001;2", "Local/1@q-00000001;1", 0, 1, 9), switch_leg_id=f"9.{number}")
            )
            for number in range(count)
        ]
        start = time.process_time()
        assert len({leg.switch_call_id for leg in join_call_legs(legs)}) == 1
        return time.process_time() - start

    assert measure(8000) < 40 * max(measure(800), 0.002)
