"""Conferences: everybody talks once, while somebody else is there, and those who met have one call."""

import itertools
import time
from dataclasses import replace

from ccfs.model.calls.cdr import DeviceType
from ccfs.switches.asterisk.legs.cdr_legs import AsteriskLeg
from ccfs.switches.asterisk.legs.conferences import MAX_MEETING_LEGS, join_conferences
from ccfs.switches.asterisk.legs.join_legs import join_call_legs
from tests.switches.asterisk.test_join_legs import TRUNK, make_leg

ANN, BO = "PJSIP/1001-0000003d", "PJSIP/1002-0000003e"


def make_seat(
    channel: str, other: str, begin: int, end: int, *, room: str = "900", app: str = "ConfBridge", call: str = ""
) -> AsteriskLeg:
    """Return a line of a participant, or of a pair of them; each participant has a call of its own."""
    number = channel[6:10] if "/1" in channel else "02079460123"
    leg_id = call or {TRUNK: "1705311000.44", ANN: "1705311000.48", BO: "1705311000.49"}.get(
        channel, f"1705311000.{number}"
    )
    leg = make_leg(
        channel, other, begin, begin, end, src=number, dst=room, lastapp=app, lastdata=f"{room},default_bridge",
        linkedid=leg_id,
    )  # fmt: skip
    return replace(leg, switch_leg_id=leg_id)


# As Asterisk 20 writes a conference of three: pairs, and 0 seconds for the last; a pair may begin before its second came.
PAIRS = [make_seat(TRUNK, ANN, 6, 13), make_seat(TRUNK, BO, 7, 13), make_seat(ANN, BO, 7, 14), make_seat(BO, "", 8, 8)]
ALONE = [
    make_seat(TRUNK, "", 6, 13, app="MeetMe"),
    make_seat(ANN, "", 7, 14, app="MeetMe"),
    make_seat(BO, "", 8, 14, app="MeetMe"),
]


def list_talks(legs: list[AsteriskLeg]) -> dict[str, tuple[int, int]]:
    """Return the second of the minute in which each one's talk begins and ends; each has one talk at most."""
    talks = [
        (leg.agent or "outside", leg.answer.second, leg.end.second)
        for leg in legs
        if leg.answer and leg.answer < leg.end
    ]
    assert len(talks) == len({who for who, _, _ in talks})
    return {who: (begin, end) for who, begin, end in talks}


def test_pairs_are_united_in_whatever_order_the_lines_come() -> None:
    for legs in (PAIRS, ALONE):
        for order in itertools.permutations(legs):
            joined = join_call_legs(order)
            assert list_talks(joined) == {"outside": (7, 13), "1001": (7, 14), "1002": (8, 14)}
            assert {leg.switch_call_id for leg in joined} == {"1705311000.44"}  # of the caller from outside
            assert {leg.call_type for leg in joined} == {0}


def test_other_lines_of_those_who_met_are_of_the_same_call() -> None:
    menu = make_leg(ANN, "", 0, 1, 3, lastapp="Playback", linkedid="1705311000.48", src="1001")
    assert {leg.switch_call_id for leg in join_call_legs([menu, *PAIRS])} == {"1705311000.44"}


def test_nobody_talks_before_a_second_one_comes() -> None:
    joined = join_conferences([make_seat(ANN, "", 0, 50, app="MeetMe"), make_seat(TRUNK, "", 20, 30, app="MeetMe")])
    assert list_talks(joined) == {"1001": (20, 30), "outside": (20, 30)}
    assert {leg.switch_call_id for leg in joined} == {"1705311000.44"}


def test_a_participant_of_whom_nothing_else_is_known_keeps_the_talk() -> None:
    [joined] = join_conferences([make_seat(ANN, "", 5, 50)])
    assert (joined.agent, joined.answer, joined.switch_call_id) == ("1001", joined.begin, "1705311000.48")


def test_callers_whom_an_agent_meets_one_after_the_other_keep_their_calls() -> None:
    seats = [make_seat(ANN, "", 0, 59, app="MeetMe")]
    seats += [
        make_seat(f"PJSIP/line-0000004{n}", "", n * 10, n * 10 + 5, app="MeetMe", call=f"1705311000.6{n}")
        for n in (1, 2)
    ]
    joined = join_conferences(seats)
    assert [leg.switch_call_id for leg in joined] == ["1705311000.48", "1705311000.61", "1705311000.62"]


def test_one_room_at_two_times_and_two_rooms_at_one_time_are_two_conferences() -> None:
    for later, room in ((30, "900"), (0, "901")):
        seats = [make_seat(ANN, "", 1, 9), make_seat(TRUNK, "", 1 + later, 9 + later, room=room)]
        assert [leg.switch_call_id for leg in join_conferences(seats)] == ["1705311000.48", "1705311000.44"]


def test_a_phone_without_a_line_of_its_own_talks_on_the_first_that_reaches_it() -> None:
    joined = join_call_legs([make_seat(TRUNK, ANN, 6, 13), make_seat(TRUNK, BO, 7, 13)])
    assert {leg.agent for leg in joined if leg.answer and leg.device_type == DeviceType.AGENT} == {"1001", "1002"}


def test_a_room_of_very_many_lines_stays_as_it_is() -> None:
    seats = [make_seat(ANN, BO, number % 50, 59) for number in range(MAX_MEETING_LEGS + 1)]
    assert join_conferences(seats) == seats
    start = time.process_time()
    assert len(join_conferences(seats[1:])) == MAX_MEETING_LEGS
    assert time.process_time() - start < 5
