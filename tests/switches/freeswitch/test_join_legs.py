"""Channels of one call are joined across files and formats."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccfs.model.calls.cdr import CallType, DeviceType
from ccfs.switches.freeswitch import find_channel_ids, join_call_legs
from tests.switches.freeswitch.read_samples import parse_channels, read_sample


def test_a_channel_has_one_source_key_in_all_three_formats() -> None:
    of_csv, of_json, of_xml = parse_channels(*(read_sample(f"same-call.{kind}") for kind in ("csv", "json", "xml")))
    assert of_csv.source_key == of_json.source_key == of_xml.source_key
    assert of_json == of_xml
    assert replace(of_csv, order=of_json.order) == of_json


def test_different_channels_have_different_source_keys() -> None:
    keys = [leg.source_key for leg in parse_channels(read_sample("master.csv"), read_sample("transfer.jsonl"))]
    assert len(set(keys)) == len(keys)


def test_an_operators_own_id_may_be_used_again_on_another_day() -> None:
    data = b'{"variables":{"uuid":"job-1","start_epoch":"%d","end_epoch":"1751554900"}}'
    [first, second] = parse_channels(data % 1751554800, data % 1751554801)
    assert first.source_key != second.source_key


def test_channels_of_different_files_are_joined() -> None:
    far, near = parse_channels(read_sample("outbound.far.xml"), read_sample("outbound.xml"))
    met_far, met_near = join_call_legs([far, near])
    assert met_far.switch_call_id == met_near.switch_call_id == near.switch_leg_id
    assert (met_near.agent, met_near.call_type, met_far.call_type) == ("1002", CallType.OUTBOUND, CallType.OUTBOUND)


def test_a_queues_leg_stays_the_queues_when_the_agent_has_a_channel() -> None:
    legs = join_call_legs(
        parse_channels(read_sample("queue-answered.agent.json"), read_sample("queue-answered.member.json"))
    )
    assert [leg.device_type for leg in legs] == [DeviceType.AGENT, DeviceType.QUEUE]


def test_the_callers_leg_does_not_count_for_an_agent_who_has_a_channel() -> None:
    to_1003, to_1001, caller = parse_channels(read_sample("transfer.jsonl"))
    assert (caller.device_type, caller.agent) == (DeviceType.FLOW, "")
    assert (to_1003.device_type, to_1001.device_type) == (DeviceType.AGENT, DeviceType.AGENT)
    [alone] = parse_channels(read_sample("transfer.jsonl").splitlines()[-1])
    assert (alone.device_type, alone.agent) == (DeviceType.AGENT, "1003")


def test_a_chain_of_channels_is_followed_to_its_first() -> None:
    [leg] = parse_channels(read_sample("same-call.json"))
    chain = [replace(leg, switch_leg_id=name, switch_call_id=by) for name, by in ("cb", "ba", "aa")]
    assert {leg.switch_call_id for leg in join_call_legs(chain)} == {"a"}


def test_an_inbound_call_that_is_forwarded_to_a_mobile_stays_inbound() -> None:
    [far] = parse_channels(read_sample("outbound.far.xml"))
    [near] = parse_channels(read_sample("same-call.json"))
    near = replace(near, switch_leg_id=far.switch_call_id, switch_call_id=far.switch_call_id)
    assert [leg.call_type for leg in join_call_legs([far, near])] == [CallType.INBOUND, CallType.INBOUND]


def test_both_sides_of_an_outbound_call_in_csv_have_one_agent() -> None:
    """In CSV only the a-leg names the other, which looks like another call of that agent."""
    near = parse_channels(read_sample("master.csv"))[5]
    far = replace(near, switch_leg_id="far", switch_call_id="far", source_key="far")
    met_far, met_near = join_call_legs([far, replace(near, bridged_to="far")])
    assert (met_far.switch_call_id, met_far.device_type, met_far.agent) == (near.switch_leg_id, DeviceType.FLOW, "")
    assert (met_near.device_type, met_near.agent) == (DeviceType.AGENT, "1002")


@pytest.mark.parametrize("name", ["master.csv", "transfer.jsonl", "queue-answered.agent.json", "outbound.far.xml"])
def test_joined_channels_stay_unchanged_when_joined_again(name: str) -> None:
    joined = parse_channels(read_sample(name), read_sample("queue-answered.member.json"))
    assert join_call_legs(join_call_legs(joined)) == join_call_legs(joined)


@given(st.data())
def test_no_graph_of_channels_raises(data: st.DataObject) -> None:
    """Channels with any links keep their order, and those of one call get one uuid."""
    [leg] = parse_channels(read_sample("same-call.json"))
    names = st.sampled_from("abcde")
    drawn = data.draw(st.lists(st.tuples(names, names, names), unique_by=lambda ids: ids[0]))
    legs = [replace(leg, switch_leg_id=a, switch_call_id=b, bridged_to=c) for a, b, c in drawn]
    joined = join_call_legs(legs)
    assert [joined_leg.switch_leg_id for joined_leg in joined] == [leg.switch_leg_id for leg in legs]
    call_by_leg: dict[str, str] = {joined_leg.switch_leg_id: joined_leg.switch_call_id for joined_leg in joined}
    for leg in legs:
        assert call_by_leg.get(leg.switch_call_id, call_by_leg[leg.switch_leg_id]) == call_by_leg[leg.switch_leg_id]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("B4A3D6A2-7D0E-4C0B-9A55-0B4C6F1D2E01.wav", ("b4a3d6a2-7d0e-4c0b-9a55-0b4c6f1d2e01",)),
        (
            "2025_1001_b4a3d6a2-7d0e-4c0b-9a55-0b4c6f1d2e01-c7d1b0f4-51c8-4e7e-8a39-55d0c1b7aa02.mp3",
            ("b4a3d6a2-7d0e-4c0b-9a55-0b4c6f1d2e01", "c7d1b0f4-51c8-4e7e-8a39-55d0c1b7aa02"),
        ),
        ("b4a3d6a2-7d0e-4c0b-9a55-0b4c6f1d2e01/msg.wav", ("b4a3d6a2-7d0e-4c0b-9a55-0b4c6f1d2e01",)),
        (r"C:\rec\b4a3d6a2-7d0e-4c0b-9a55-0b4c6f1d2e01\msg.wav", ("b4a3d6a2-7d0e-4c0b-9a55-0b4c6f1d2e01",)),
        ("b4a3d6a27d0e4c0b9a550b4c6f1d2e01/out/msg.wav", ("b4a3d6a2-7d0e-4c0b-9a55-0b4c6f1d2e01",)),
        ("fb4a3d6a2-7d0e-4c0b-9a55-0b4c6f1d2e01.wav", ("b4a3d6a2-7d0e-4c0b-9a55-0b4c6f1d2e01",)),
        ("queue600b4a3d6a2-7d0e-4c0b-9a55-0b4c6f1d2e011705311042.wav", ("b4a3d6a2-7d0e-4c0b-9a55-0b4c6f1d2e01",)),
        ("B4A3D6A27D0E4C0B9A550B4C6F1D2E01.mp3", ("b4a3d6a2-7d0e-4c0b-9a55-0b4c6f1d2e01",)),
        (
            "a1b4a3d6a27d0e4c0b9a550b4c6f1d2e01.wav",
            ("a1b4a3d6-a27d-0e4c-0b9a-550b4c6f1d2e", "b4a3d6a2-7d0e-4c0b-9a55-0b4c6f1d2e01"),
        ),
        ("2025/1001.wav", ()),
    ],
)
def test_the_channels_in_a_recordings_name_are_found(name: str, expected: tuple[str, ...]) -> None:
    assert find_channel_ids(name) == expected
