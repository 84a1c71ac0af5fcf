"""Joined lines of one call: agents who talked, agents whose phone rang in vain, direction, transfers."""

import itertools
import time
import zlib

import pytest

from ccfs.model.calls.cdr import CallType, DeviceType, LeaveReason
from ccfs.switches.asterisk.cdr_files.cdr import AsteriskCdrRow
from ccfs.switches.asterisk.channels import AgentMatcher
from ccfs.switches.asterisk.legs.cdr_legs import AsteriskLeg, build_leg
from ccfs.switches.asterisk.legs.join_legs import MAX_JOINED_LEGS, join_call_legs

TRUNK, QUEUE_HALF, PHONE_HALF = (
    "PJSIP/line-00000001",
    "Local/1001@from-queue-00000001;1",
    "Local/1001@from-queue-00000001;2",
)


def make_leg(channel: str, dialled: str, begin: int, answer: int | None, end: int, **columns: str) -> AsteriskLeg:
    """Return the leg of a line; times are seconds of one minute."""
    usual = {
        "src": "02079460123",
        "dst": "600",
        "dcontext": "from-trunk",
        "clid": "<02079460123>",
        "uniqueid": f"1705311000.{100 + zlib.crc32(channel.encode()) % 10**6}",
        "linkedid": "1705311000.1",
        "lastapp": "Dial",
        "lastdata": "PJSIP/1001,20",
        "sequence": str(begin),
    }
    if channel in (TRUNK, columns.get("first")):
        usual["uniqueid"] = "1705311000.1"
    columns.pop("first", None)
    stamps = {
        name: f"2024-01-15 09:30:{value:02}"
        for name, value in (("start", begin), ("answer", answer), ("end", end))
        if value is not None
    }
    talk = 0 if answer is None else end - answer
    row = AsteriskCdrRow(
        **usual | stamps | columns,
        channel=channel,
        dstchannel=dialled,
        duration=str(end - begin),
        billsec=str(talk),
        disposition="NO ANSWER" if answer is None else "ANSWERED",
    )
    return build_leg(row, "UTC", AgentMatcher())


def make_queue_leg(dialled: str, begin: int, answer: int | None, end: int, **columns: str) -> AsteriskLeg:
    return make_leg(TRUNK, dialled, begin, answer, end, lastapp="Queue", lastdata="600,t", **columns)


def summarize(legs: list[AsteriskLeg]) -> tuple[dict[str, int], set[str], set[int]]:
    """Return seconds of talk by agent, agents whose phone rang in vain, and the directions; check every order of the lines."""
    summaries = []
    for order in itertools.islice(itertools.permutations(legs), 24):
        talks: dict[str, int] = {}
        joined = join_call_legs(order)
        for leg in joined:
            if leg.agent and leg.answer and leg.end > leg.answer:
                talks[leg.agent] = talks.get(leg.agent, 0) + int((leg.end - leg.answer).total_seconds())
        rang = {leg.agent for leg in joined if leg.device_type == DeviceType.AGENT} - set(talks)
        summaries.append((talks, rang, {leg.call_type for leg in joined}))
    assert all(summary == summaries[0] for summary in summaries)
    return summaries[0]


INBOUND, INTERNAL, OUTBOUND = {CallType.INBOUND}, {CallType.INTERNAL}, {CallType.OUTBOUND}
CALLS = {
    "a queue rings a Local channel": (
        [make_queue_leg(QUEUE_HALF, 0, 0, 20), make_leg(PHONE_HALF, "PJSIP/1001-00000002", 1, 5, 20)],
        ({"1001": 15}, set(), INBOUND),
    ),
    "the halves end in Asterisk 1.4's commas": (
        [
            make_queue_leg("Local/1001@from-queue-b4c1,1", 0, 0, 20),
            make_leg("Local/1001@from-queue-b4c1,2", "SIP/1001-09a3f5b8", 1, 5, 20),
        ],
        ({"1001": 15}, set(), INBOUND),
    ),
    "a phone is diverted, and the Local channel stays": (
        [
            make_leg(TRUNK, "Local/1003@from-internal-00000002;1", 0, 4, 10),
            make_leg("Local/1003@from-internal-00000002;2", "PJSIP/1003-00000003", 0, 4, 10),
        ],
        ({"1003": 6}, set(), INBOUND),
    ),
    "Local channels follow one another": (
        [
            make_queue_leg("Local/1001@from-queue-0000000a;1", 0, 0, 20),
            make_leg("Local/1001@from-queue-0000000a;2", "Local/1001@follow-0000000b;1", 0, 8, 20),
            make_leg("Local/1001@follow-0000000b;2", "PJSIP/1001-0000000c", 1, 8, 20),
        ],
        ({"1001": 12}, set(), INBOUND),
    ),
    "nobody answers behind a Local channel": (
        [make_queue_leg(QUEUE_HALF, 0, None, 9), make_leg(PHONE_HALF, "PJSIP/1001-00000002", 1, None, 9)],
        ({}, {"1001"}, INBOUND),
    ),
    "a caller from outside has a short number": (
        [
            make_queue_leg(QUEUE_HALF, 0, 0, 20, src="10086"),
            make_leg(PHONE_HALF, "PJSIP/1001-00000002", 1, 5, 20, src="10086"),
        ],
        ({"1001": 15}, set(), INBOUND),
    ),
    "the agent transfers the call": (
        [
            make_queue_leg(QUEUE_HALF, 0, 0, 40),
            make_leg(PHONE_HALF, "PJSIP/1001-00000002", 1, 5, 20),
            make_leg(PHONE_HALF, "PJSIP/1002-00000003", 20, 22, 40),
        ],
        ({"1001": 15, "1002": 18}, set(), INBOUND),
    ),
    "the agent transfers the call to a number outside": (
        [
            make_queue_leg(QUEUE_HALF, 0, 0, 40),
            make_leg(PHONE_HALF, "PJSIP/1001-00000002", 1, 5, 20),
            make_leg(PHONE_HALF, "PJSIP/line-00000003", 20, 22, 40),
        ],
        ({"1001": 15}, set(), INBOUND),
    ),
    "a colleague picks the call up": (
        [
            make_queue_leg(QUEUE_HALF, 0, 0, 40),
            make_leg(PHONE_HALF, "PJSIP/1001-00000002", 1, 5, 5),
            make_leg(PHONE_HALF, "PJSIP/1004-00000003", 5, 5, 40),
        ],
        ({"1004": 35}, {"1001"}, INBOUND),
    ),
    "lines of dialled channels repeat": (
        [
            make_leg(TRUNK, "PJSIP/1001-00000002", 0, 4, 10),
            make_leg("PJSIP/1001-00000002", "", 0, 4, 10, lastapp="AppDial", lastdata="(Outgoing Line)", dst="*8"),
            make_leg("PJSIP/1002-00000003", "", 0, 4, 10, lastapp="AppQueue", lastdata="(Outgoing Line)"),
        ],
        ({"1001": 6}, set(), INBOUND),
    ),
    "an agent asks a colleague back and hands the call over": (
        [
            make_leg(TRUNK, "PJSIP/1001-00000002", 0, 4, 10),
            make_leg(TRUNK, "Local/1003@from-internal-00000004;1", 10, 10, 20),
            make_leg(TRUNK, "PJSIP/1003-00000005", 20, 20, 30),
            make_leg("PJSIP/1001-00000002", "Local/1003@from-internal-00000004;1", 10, 10, 20, lastapp="AppDial"),
            make_leg("Local/1003@from-internal-00000004;2", "PJSIP/1003-00000005", 10, 12, 20),
        ],
        ({"1001": 16, "1003": 10}, set(), INBOUND),
    ),
    "a program calls the agent and then the number": (
        [
            make_leg(
                "Local/1001@from-internal-00000006;1", "PJSIP/line-00000007", 5, 8, 20, dst="02079460555",
                first="Local/1001@from-internal-00000006;1",
            ),
            make_leg("Local/1001@from-internal-00000006;2", "PJSIP/1001-00000008", 1, 5, 20, src="02079460555"),
        ],
        ({"1001": 12}, set(), OUTBOUND),
    ),
    "an agent's call out goes through a Local channel to a short number": (
        [
            make_leg(
                "PJSIP/1001-00000009", "Local/10086@outbound-0000000a;1", 0, 4, 10, src="1001", dst="10086",
                first="PJSIP/1001-00000009",
            ),
            make_leg("Local/10086@outbound-0000000a;2", "PJSIP/line-0000000b", 0, 4, 10, src="1001", dst="10086"),
        ],
        ({"1001": 6}, set(), OUTBOUND),
    ),
    "an agent calls a queue": (
        [
            make_leg(
                "PJSIP/1004-0000000c", QUEUE_HALF, 0, 0, 20, src="1004", lastapp="Queue", lastdata="600",
                first="PJSIP/1004-0000000c",
            ),
            make_leg(PHONE_HALF, "PJSIP/1001-00000002", 1, 5, 20, src="1004"),
        ],
        ({"1001": 15}, set(), INTERNAL),
    ),
    "a line without a phone follows a call out that failed": (
        [
            make_leg(
                "PJSIP/1001-0000000d", "PJSIP/line-0000000e", 0, None, 1, src="1001", dst="10086",
                first="PJSIP/1001-0000000d",
            ),
            make_leg("PJSIP/1001-0000000d", "", 1, 1, 2, src="1001", dst="10086", lastapp="Hangup", first="PJSIP/1001-0000000d"),
        ],
        ({"1001": 1}, set(), OUTBOUND),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CALLS)
def test_agents_directions_and_talk_are_those_of_the_whole_call(name: str) -> None:
    legs, expected = CALLS[name]
    assert summarize(legs) == expected


def find_reasons(name: str) -> dict[str, int]:
    return {
        leg.agent: leg.leave_reason for leg in join_call_legs(CALLS[name][0]) if leg.device_type == DeviceType.AGENT
    }


def test_an_agent_whose_call_goes_on_to_another_phone_has_transferred_it() -> None:
    for name in ("the agent transfers the call", "the agent transfers the call to a number outside"):
        assert find_reasons(name)["1001"] == LeaveReason.TRANSFERRED_OUT
    assert find_reasons("a colleague picks the call up")["1001"] == LeaveReason.AGENT_NO_ANSWER


def test_a_phone_behind_a_local_channel_has_the_queue_until_the_call_leaves_it() -> None:
    legs = {leg.dstchannel: leg for leg in join_call_legs(CALLS["the agent transfers the call"][0])}
    assert (legs["PJSIP/1001-00000002"].queue, legs["PJSIP/1001-00000002"].queue_leg_id) == ("600", "1705311000.1")
    assert legs["PJSIP/1002-00000003"].queue == ""
    waiting = legs[QUEUE_HALF]
    assert (waiting.device_type, waiting.agent, waiting.is_waiting) == (DeviceType.QUEUE, "1001", True)
    assert (waiting.end - waiting.begin).total_seconds() == 5
    assert next(iter(join_call_legs([make_leg(PHONE_HALF, "PJSIP/1001-2", 1, 5, 9)]))).queue == ""


def test_a_line_to_a_local_channel_whose_second_half_has_no_line_keeps_its_agent() -> None:
    assert summarize([make_queue_leg(QUEUE_HALF, 0, 5, 20)]) == ({"1001": 15}, set(), INBOUND)


def test_local_channels_that_dial_each_other_in_a_ring_are_joined() -> None:
    legs = [
        make_leg("Local/1001@a-00000001;2", "Local/1002@a-00000002;1", 0, 1, 9),
        make_leg("Local/1002@a-00000002;2", "Local/1001@a-00000001;1", 0, 1, 9),
    ]
    assert len(join_call_legs(legs)) == 2


def test_time_grows_no_faster_than_the_lines_of_ordinary_calls() -> None:
    def measure(count: int) -> float:
        legs = [
            leg
            for number in range(count)
            for leg in (
                make_queue_leg(f"Local/1001@q-{number:08x};1", 0, 0, 20, linkedid=f"1705311000.{number}"),
                make_leg(f"Local/1001@q-{number:08x};2", "PJSIP/1001-2", 1, 5, 20, linkedid=f"1705311000.{number}"),
            )
        ]
        start = time.process_time()
        join_call_legs(legs)
        return time.process_time() - start

    assert measure(2000) < 40 * max(measure(200), 0.001)


def test_one_id_of_very_many_lines_costs_no_more_than_their_reading() -> None:
    legs = [make_queue_leg("PJSIP/1001-2", number % 50, number % 50, 59) for number in range(MAX_JOINED_LEGS + 1)]
    assert join_call_legs(legs) == legs
    start = time.process_time()
    assert len(join_call_legs(legs[1:])) == MAX_JOINED_LEGS
    assert time.process_time() - start < 10


def test_lines_without_a_channel_are_of_no_common_channel() -> None:
    legs = [make_leg("", "Agent/6001", 0, 0, 10), make_leg("", "Agent/6002", 10, 10, 30)]
    assert summarize(legs) == ({"6001": 10, "6002": 20}, set(), {CallType.INBOUND})
    assert {leg.leave_reason for leg in join_call_legs(legs)} == {LeaveReason.NORMAL}
