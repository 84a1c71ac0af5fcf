"""Rows of talks that only the caller's channel reports, on each database: they go when the other channel's record comes."""

import json
from typing import Any

from ccfs.db import schema
from tests.ingest.ingest_site import IngestSite
from tests.switches.freeswitch.channels import A_LEG, B_LEG, OTHER_LEG, START, make_variables

TALKS = ((B_LEG, "1001", 5, 20), (OTHER_LEG, "1002", 26, 60))


def make_flow(uuid: str, number: str, begin: int, end: int) -> dict[str, Any]:
    party = {"uuid": uuid, "chan_name": f"sofia/internal/{number}@192.0.2.7", "destination_number": number}
    profile = {"caller_id_number": "02079460123", "destination_number": number, "context": "default"}
    times = {"bridged_time": f"{START + begin}000000", "transfer_time": f"{START + end}000000"}
    return {"caller_profile": {**profile, "originatee": {"originatee_caller_profiles": [party]}}, "times": times}


def write_documents(site: IngestSite) -> None:
    """A caller whom 1001 transferred to 1002, and the channels of their phones."""
    caller = make_variables(destination_number="1001", sofia_profile_name="external", answer=5)
    flows = [make_flow(*talk) for talk in reversed(TALKS)]
    site.write_file("caller/a.json", json.dumps({"variables": caller, "callflow": flows}))
    for uuid, number, begin, end in TALKS:
        parties = {"destination_number": number, "direction": "outbound", "originating_leg_uuid": A_LEG}
        variables = make_variables(uuid, start=begin - 2, answer=begin, end=end, **parties)
        site.write_file(f"phones/{uuid}.json", json.dumps({"variables": variables}))


def read_agents(site: IngestSite) -> list[tuple[Any, ...]]:
    return site.read_rows(schema.cdrs, "agent_id", "call_id_num", "switch_leg_id", order="leg_order")


def test_a_row_of_a_talk_goes_when_its_own_channels_record_comes(each_ingest_site: IngestSite) -> None:
    site = each_ingest_site
    write_documents(site)
    assert site.ingest_freeswitch(site.switch_folder / "caller")["cdrs"] == 1  # lines, not rows
    assert read_agents(site) == [("1001", 1, A_LEG), ("1002", -1, A_LEG)]
    assert site.ingest_freeswitch(site.switch_folder / "phones")["cdrs"] == 2
    assert read_agents(site) == [("", 1, A_LEG), ("1001", 2, B_LEG), ("1002", -1, OTHER_LEG)]
    assert site.ingest_freeswitch(site.switch_folder)["cdrs"] == 0
    assert len(read_agents(site)) == 3


def test_records_that_came_before_the_callers_make_the_same_rows(each_ingest_site: IngestSite) -> None:
    site = each_ingest_site
    write_documents(site)
    site.ingest_freeswitch(site.switch_folder / "phones")
    site.ingest_freeswitch(site.switch_folder / "caller")
    assert read_agents(site) == [("", 1, A_LEG), ("1001", 2, B_LEG), ("1002", -1, OTHER_LEG)]
