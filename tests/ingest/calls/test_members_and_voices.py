"""Who a queue's member is, and whose a recording is: after pick-ups, forwards and transfers, and if nobody answered."""

import os

import pytest

from ccfs.db import schema
from ccfs.model.calls.agent_operation import AgentOperationType
from tests.ingest.calls.test_asterisk_manners import ANN, BEGIN, CALLER, CY, DIAL, OUTGOING, QUEUE, TRUNK, Switch
from tests.ingest.ingest_site import CreateSite, make_wav

HALF = "Local/2001@agents-00000007"
MEMBER = ("Dial", "SIP/2001,60")


@pytest.fixture(params=[True, False], ids=["linkedid", "18 columns"])
def switch(create_site: CreateSite, request: pytest.FixtureRequest) -> Switch:
    """A switch in São Paulo whose account is in Shanghai."""
    return Switch(create_site(zone="Asia/Shanghai"), has_linkedid=request.param)


def add_log_of_talk(switch: Switch, at: int, *, leg: int = 1) -> None:
    """Ann is connected at `at` by the queue log, whoever took the call."""
    switch.add_event(1, f"ENTERQUEUE||{CALLER}|1", leg=leg)
    switch.add_event(at, f"CONNECT|{at - 1}|{BEGIN}.3|{at - 1}", "Ann Lee", leg=leg)
    switch.add_event(at + 20, f"COMPLETECALLER|{at - 1}|20|1", "Ann Lee", leg=leg)


def test_a_colleague_who_picks_up_behind_a_local_member_does_not_become_the_member(switch: Switch) -> None:
    switch.add_line(TRUNK, f"{HALF};1", 1, (0, 9, 29), QUEUE)
    switch.add_line(f"{HALF};2", ANN, 3, (1, 9, 9), MEMBER, dst="2001")
    switch.add_line(f"{HALF};2", CY, 3, (9, 9, 29), MEMBER, dst="2001")
    add_log_of_talk(switch, 9)
    switch.add_event(60, "PAUSE|lunch", "Ann Lee", leg=0)
    switch.ingest()
    assert (switch.list_talks(), switch.list_unanswered()) == ({"2003": 20.0}, {"2001"})
    assert set(switch.site.read_rows(schema.agent_operations, "agent_id")) == {"2001"}


def test_a_colleague_who_picks_up_from_a_direct_member_does_not_become_the_member(switch: Switch) -> None:
    switch.add_line(TRUNK, ANN, 1, (0, 0, 9), QUEUE)
    switch.add_line(TRUNK, CY, 1, (9, 9, 29), QUEUE)
    add_log_of_talk(switch, 9)
    switch.ingest()
    assert (switch.list_talks(), switch.list_unanswered()) == ({"2003": 20.0}, {"2001"})
    assert set(switch.site.read_rows(schema.agent_operations, "agent_id")) == {"2001"}


def test_the_phone_to_which_a_member_forwards_is_not_the_member(switch: Switch) -> None:
    forward = "Local/2003@phones-00000008"
    switch.add_line(TRUNK, ANN, 1, (0, None, 1), QUEUE)
    switch.add_line(TRUNK, f"{forward};1", 1, (1, 9, 29), QUEUE)
    switch.add_line(f"{forward};2", CY, 3, (1, 9, 29), ("Dial", "SIP/2003,20"), dst="2003")
    add_log_of_talk(switch, 9)
    switch.ingest()
    assert switch.list_talks() == {"2003": 20.0}
    assert set(switch.site.read_rows(schema.agent_operations, "agent_id")) == {"2001"}


def test_a_local_member_after_one_who_did_not_answer_is_the_phone_that_answered(switch: Switch) -> None:
    local = "Local/2003@agents-00000009"
    switch.add_line(TRUNK, ANN, 1, (0, None, 4), QUEUE)
    switch.add_line(TRUNK, f"{local};1", 1, (5, 9, 29), QUEUE)
    switch.add_line(f"{local};2", CY, 3, (5, 9, 29), ("Dial", "SIP/2003,60"), dst="2003")
    switch.add_event(1, f"ENTERQUEUE||{CALLER}|1")
    switch.add_event(4, "RINGNOANSWER|4000", "Ann Lee")
    switch.add_event(9, f"CONNECT|8|{BEGIN}.3|4", "Cy Day")
    switch.add_event(29, "COMPLETECALLER|8|20|1", "Cy Day")
    switch.ingest()
    assert switch.list_talks() == {"2003": 20.0}
    assert set(switch.site.read_rows(schema.agent_operations, "agent_id", "op_type")) == {
        ("2001", AgentOperationType.BUSY),
        ("2003", AgentOperationType.TALKING),
        ("2003", AgentOperationType.AFTER_CALL),
    }


def test_two_names_at_once_and_one_phone_name_nobody(switch: Switch) -> None:
    switch.add_line(TRUNK, ANN, 1, (0, None, 9), QUEUE)
    switch.add_event(0, f"ENTERQUEUE||{CALLER}|1")
    for name in ("Ann Lee", "Bo Hu"):
        switch.add_event(9, "RINGNOANSWER|9000", name)
    switch.add_event(20, "ABANDON|1|1|20")
    switch.ingest()
    assert set(switch.site.read_rows(schema.agent_operations, "agent_id")) == {"Ann Lee", "Bo Hu"}


def list_recording_agents(switch: Switch) -> list[str]:
    return list(switch.site.read_rows(schema.recordings, "agent_id"))


@pytest.mark.parametrize("named", ["2024-01-15/rec-1.wav", ""])
def test_a_recording_of_a_call_that_nobody_answered_is_of_no_agent(switch: Switch, named: str) -> None:
    switch.add_line(TRUNK, ANN, 1, (0, None, 9), QUEUE, userfield=named)
    switch.add_event(0, f"ENTERQUEUE||{CALLER}|1")
    switch.add_event(9, "ABANDON|1|1|9")
    switch.site.write_recording(named or f"{BEGIN}.1.wav", make_wav(1, 9))
    assert switch.ingest()["recordings"] == 1
    assert list_recording_agents(switch) == [""]


def test_a_recording_of_a_call_out_that_nobody_answered_is_of_the_agent_who_called(switch: Switch) -> None:
    switch.add_line(ANN, TRUNK, 1, (0, None, 9), ("Dial", "SIP/carrier/02079460124,20"), src="2001", dst="02079460124")
    switch.site.write_recording(f"{BEGIN}.1.wav", make_wav(1, 9))
    assert switch.ingest()["recordings"] == 1
    assert list_recording_agents(switch) == ["2001"]


@pytest.mark.parametrize(("number", "agents"), [("2003", ["2003"]), ("02079460124", [""])])
def test_a_recording_that_began_after_an_agent_left_is_not_of_that_agent(
    switch: Switch, number: str, agents: list[str]
) -> None:
    dialled = CY if agents[0] else "SIP/carrier-00000013"
    switch.add_line(TRUNK, ANN, 1, (0, 2, 12), DIAL, dst="2001", userfield="after.wav")
    switch.add_line(TRUNK, dialled, 1, (12, 12, 40), ("Dial", f"SIP/{number},20"), dst=number, userfield="after.wav")
    path = switch.site.write_recording("after.wav", make_wav(1, 26))
    os.utime(path, (BEGIN + 40, BEGIN + 40))
    assert switch.ingest()["recordings"] == 1
    assert list_recording_agents(switch) == agents


def test_a_colleague_who_is_asked_through_a_local_channel_that_stays_talks_from_the_transfer_on(switch: Switch) -> None:
    asked = "Local/2003@phones-0000000a"
    switch.add_line(TRUNK, ANN, 1, (0, 2, 12), DIAL, dst="2001")
    switch.add_line(ANN, f"{asked};1", 2, (12, 12, 20), ("AppDial", OUTGOING), src="2001", dst="")
    switch.add_line(TRUNK, f"{asked};1", 1, (12, 12, 40), DIAL, dst="2001")
    switch.add_line(f"{asked};1", "", 4, (20, 20, 40), ("", ""), src="2003", dst="2003")
    switch.add_line(f"{asked};2", CY, 5, (12, 14, 40), ("Dial", "SIP/2003,20"), dst="2003")
    switch.ingest(log=False)
    assert switch.list_talks() == {"2001": 18.0, "2003": 20.0}
