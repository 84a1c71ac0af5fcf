"""Records that wait for their tenant: each comes back from its row as it was parsed."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from ccfs.ingest.files.tail_reader import NumberedLine
from ccfs.ingest.tenants.call_records import build_leg_record, from_row, to_row
from ccfs.switches.freeswitch import ChannelLeg
from ccfs.switches.freeswitch.callflow import Talk
from tests.switches.freeswitch.read_samples import parse_channels, read_sample

TALK = Talk(peer="peer", number="1002", is_outside=False, begin=1705311042, end=1705311060)


@pytest.mark.parametrize("name", ["same-call.xml", "queue-answered.member.json", "outbound.xml"])
def test_a_record_comes_back_as_it_was_parsed(name: str) -> None:
    line = NumberedLine(name, 1, b"raw")
    channels = parse_channels(read_sample(name))
    assert channels
    for channel in channels:
        leg = replace(channel, talks=(TALK,), queue_entries=(("600", 1705311042),), end=datetime.now(UTC))
        row = to_row(build_leg_record(line, leg), "no tenant rule matches")
        assert json.loads(row.record)
        [restored] = from_row(row).items
        assert restored == leg
        assert isinstance(restored, ChannelLeg)
        assert (restored.talks, restored.queue_entries) == ((TALK,), (("600", 1705311042),))
        assert isinstance(restored.talks[0], Talk)


def test_a_record_keeps_the_key_of_its_row() -> None:
    """Else records of another release, whose keys differ, would be tried again for ever."""
    [channel] = parse_channels(read_sample("same-call.xml"))
    row = replace(to_row(build_leg_record(NumberedLine("a", 1, b""), channel), "no rule"), source_key="older")
    assert from_row(row).source_key == "older"
