"""Switches of other manners than FreePBX's: direct members under names, unanswered and congested lines, a zone far from the
account's, recordings by hand; and a switch that was killed."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from ccfs.db import schema
from ccfs.model.calls.agent_operation import AgentOperationType
from ccfs.model.calls.cdr import CallType, LeaveReason
from ccfs.model.recordings import wav
from tests.ingest.ingest_site import OLD_TIMESTAMP, CreateSite, IngestSite, make_wav

BEGIN = 1_705_311_042  # 2024-01-15 09:30:42 UTC; 06:30:42 in São Paulo, 17:30:42 in Shanghai
HOURS = -3
CALLER, TRUNK = "02079460123", "SIP/carrier-00000010"
ANN, BO, CY = "SIP/2001-00000011", "SIP/2002-00000012", "SIP/2003-00000013"
QUEUE, DIAL = ("Queue", "sales,tT,,,60"), ("Dial", "SIP/2001,20")
OUTGOING = "(Outgoing Line)"


@dataclass
class Switch:
    """Writes the files of a switch by hand: Master.csv with 18 or 21 columns, and queue_log; times are seconds after BEGIN."""

    site: IngestSite
    has_linkedid: bool = True
    cdr: list[str] = field(default_factory=list)
    log: list[str] = field(default_factory=list)

    def add_line(
        self,
        channel: str,
        dialled: str,
        leg: int,
        times: tuple[int, int | None, int],
        app: tuple[str, str] = DIAL,
        *,
        src: str = CALLER,
        dst: str = "600",
        disposition: str = "",
        userfield: str = "",
    ) -> None:
        begin, answer, end = times
        stamps = ["" if at is None else datetime.fromtimestamp(BEGIN + at + HOURS * 3600, UTC) for at in times]
        start, answered, ended = (at and f"{at:%Y-%m-%d %H:%M:%S}" for at in stamps)
        disposition = disposition or ("NO ANSWER" if answer is None else "ANSWERED")
        talk = 0 if answer is None else end - answer
        fields = ["", src, dst, "incoming", f'""Caller"" <{src}>', channel, dialled, *app, start, answered, ended]
        text = ",".join(f'"{value}"' for value in fields)
        text += f',{end - begin},{talk},"{disposition}","DOCUMENTATION","{BEGIN}.{leg}","{userfield}"'
        self.cdr.append(f'{text},"","{BEGIN}.1",{len(self.cdr)}\n' if self.has_linkedid else f"{text}\n")

    def add_event(self, at: int, event: str, member: str = "NONE", queue: str = "sales", leg: int = 1) -> None:
        event, _, arguments = event.partition("|")
        self.log.append(f"{BEGIN + at}|{f'{BEGIN}.{leg}' if leg else 'NONE'}|{queue}|{member}|{event}|{arguments}\n")

    def ingest(self, *, log: bool = True) -> Any:
        cdr, queue_log = (
            self.site.write_file("Master.csv", "".join(self.cdr)),
            self.site.write_file("queue_log", "".join(self.log)),
        )
        return self.site.ingest_asterisk(cdr, *(("--queue-log", queue_log) if log else ()))

    def list_talks(self) -> dict[str, float]:
        rows = self.site.read_rows(schema.cdrs, "agent_id", "call_begin", "call_end")
        talks: dict[str, float] = {}
        for agent, begin, end in rows:
            if agent and begin and end > begin:
                talks[agent] = talks.get(agent, 0) + (end - begin).total_seconds()
        return talks

    def list_unanswered(self) -> set[str]:
        rows = self.site.read_rows(schema.cdrs, "agent_id", "call_begin")
        return {agent for agent, begin in rows if agent and begin is None} - set(self.list_talks())

    def list_call_ids(self) -> set[str]:
        return set(self.site.read_rows(schema.cdrs, "call_id"))


@pytest.fixture(params=[True, False], ids=["linkedid", "18 columns"])
def switch(create_site: CreateSite, request: pytest.FixtureRequest) -> Switch:
    """A switch in São Paulo whose account is in Shanghai."""
    return Switch(create_site(zone="Asia/Shanghai"), has_linkedid=request.param)


def add_queue_call(switch: Switch) -> None:
    """Ann does not answer; Bo does, talks 20 s, and hangs up. Lines of dialled phones are logged, too (unanswered=yes)."""
    switch.add_line(TRUNK, ANN, 1, (0, None, 9), QUEUE, userfield="2024-01-15/rec-1.wav")
    switch.add_line(ANN, "", 2, (1, None, 9), ("AppQueue", OUTGOING))
    switch.add_line(TRUNK, BO, 1, (9, 12, 32), QUEUE, userfield="2024-01-15/rec-1.wav")
    switch.add_line(BO, "", 3, (10, 12, 32), ("AppQueue", OUTGOING))
    switch.add_event(1, f"ENTERQUEUE||{CALLER}|1")
    switch.add_event(9, "RINGNOANSWER|8000", "Ann Lee")
    switch.add_event(12, f"CONNECT|11|{BEGIN}.3|2", "Bo Hu")
    switch.add_event(32, "COMPLETEAGENT|11|20|1", "Bo Hu")


def test_direct_members_under_names_are_the_phones_that_rang_and_answered(switch: Switch) -> None:
    add_queue_call(switch)
    switch.add_event(40, "PAUSE|lunch", "Ann Lee", leg=0)
    result = switch.ingest()
    assert result["warnings"] == [
        f"{switch.site.switch_folder}/Master.csv: by the uniqueids, the times are UTC-03:00, not Asia/Shanghai's"
    ]
    assert (switch.list_talks(), switch.list_unanswered()) == ({"2002": 20.0}, {"2001"})
    assert set(switch.site.read_rows(schema.cdrs, "call_type")) == {CallType.INBOUND}
    assert switch.list_call_ids() == {f"{BEGIN}-1"}
    assert set(switch.site.read_rows(schema.agent_operations, "agent_id")) == {"2001", "2002"}
    assert min(switch.site.read_rows(schema.cdrs, "begin")) == datetime.fromtimestamp(BEGIN, UTC)


def test_of_two_members_who_ring_at_once_the_one_who_is_known_tells_the_other(switch: Switch) -> None:
    add_queue_call(switch)  # tells who Ann and Bo are
    at = 60
    for number, phone in enumerate((ANN, CY)):
        switch.add_line(TRUNK, phone, 50, (at, None, at + 9), QUEUE)
        switch.cdr[-1] = (
            switch.cdr[-1].replace(f'"{BEGIN}.1"', f'"{BEGIN}.50"').replace(f",{number}\n", f",{number + 50}\n")
        )
    switch.add_event(at, f"ENTERQUEUE||{CALLER}|1", leg=50)
    for name in ("Ann Lee", "Cy Day"):
        switch.add_event(at + 9, "RINGNOANSWER|9000", name, leg=50)
    switch.add_event(at + 20, "ABANDON|1|1|20", leg=50)
    switch.ingest()
    assert set(switch.site.read_rows(schema.agent_operations, "agent_id")) == {"2001", "2002", "2003"}


def test_without_a_queue_log_the_lines_alone_report_the_same_talk(switch: Switch) -> None:
    add_queue_call(switch)
    switch.ingest(log=False)
    assert (switch.list_talks(), switch.list_unanswered()) == ({"2002": 20.0}, {"2001"})


def test_a_recording_that_every_line_names_is_of_the_agent_who_talked(switch: Switch) -> None:
    add_queue_call(switch)
    switch.site.write_recording("2024-01-15/rec-1.wav", make_wav(1, 30))
    result = switch.ingest()
    assert (result["recordings"], result["missing"]) == (1, [])
    assert switch.site.read_rows(schema.recordings, "agent_id") == ["2002"]


def test_a_call_out_that_is_congested_is_one_outbound_call(switch: Switch) -> None:
    switch.add_line(
        ANN, TRUNK, 1, (0, None, 1), ("Dial", "SIP/carrier/10086"), src="2001", dst="10086", disposition="CONGESTION"
    )
    switch.add_line(TRUNK, "", 2, (0, None, 1), ("AppDial", OUTGOING), src="", dst="", disposition="CONGESTION")
    switch.add_line(ANN, "", 1, (1, 1, 2), ("Hangup", ""), src="2001", dst="10086")
    switch.ingest()
    rows = switch.site.read_rows(schema.cdrs, "call_type", "release_cause", "agent_id")
    assert {row[0] for row in rows} == {CallType.OUTBOUND}
    assert 34 in {row[1] for row in rows}
    assert {row[2] for row in rows} - {""} == {"2001"}
    assert switch.list_call_ids() == {f"{BEGIN}-1"}


def test_a_colleague_who_picks_a_queue_call_up_talks_alone(switch: Switch) -> None:
    switch.add_line(TRUNK, ANN, 1, (0, 5, 5), QUEUE)
    switch.add_line(TRUNK, CY, 1, (5, 5, 25), QUEUE)
    switch.add_line(ANN, "", 2, (1, None, 5), ("AppQueue", OUTGOING), src="2003", dst="*8")
    switch.add_event(0, f"ENTERQUEUE||{CALLER}|1")
    switch.add_event(5, f"CONNECT|5|{BEGIN}.2|4", "Ann Lee")
    switch.add_event(25, "COMPLETECALLER|5|20|1", "Ann Lee")
    switch.ingest()
    assert (switch.list_talks(), switch.list_unanswered()) == ({"2003": 20.0}, {"2001"})
    assert set(switch.site.read_rows(schema.cdrs, "call_type")) == {CallType.INBOUND}
    assert switch.list_call_ids() == {f"{BEGIN}-1"}


def test_a_phone_that_a_call_was_picked_up_from_calls_nobody(switch: Switch) -> None:
    switch.add_line(TRUNK, CY, 1, (4, 4, 20))
    switch.add_line(ANN, "", 2, (1, None, 4), ("AppDial", OUTGOING), src="2003", dst="*8")
    switch.ingest()
    assert switch.list_talks() == {"2003": 16.0}
    assert set(switch.site.read_rows(schema.cdrs, "call_type")) == {CallType.INBOUND}


@pytest.mark.parametrize("is_copied", [False, True])
def test_a_recording_of_the_second_agents_phone_is_of_that_agent(switch: Switch, is_copied: bool) -> None:
    written, name = (OLD_TIMESTAMP, "2002-") if is_copied else (BEGIN + 60, "")  # a copy has lost the time of its call
    switch.add_line(TRUNK, ANN, 1, (0, 4, 20), QUEUE, dst="2002")
    switch.add_line(TRUNK, BO, 1, (20, 20, 60), ("Dial", "SIP/2002,20"), dst="2002")
    switch.add_event(0, f"ENTERQUEUE||{CALLER}|1")
    switch.add_event(4, f"CONNECT|4|{BEGIN}.2|4", "Ann Lee")
    switch.add_event(20, "BLINDTRANSFER|2002|internal|4|16|1", "Ann Lee")
    switch.site.write_recording(f"in-{BEGIN}.1.wav", make_wav(1, 56), written)
    switch.site.write_recording(f"{name}in-{BEGIN}.1.WAV", make_wav(2, 38), written)
    switch.ingest()
    recordings = dict(switch.site.read_rows(schema.recordings, "source_name", "agent_id"))
    assert recordings == {f"in-{BEGIN}.1.wav": "2001", f"{name}in-{BEGIN}.1.WAV": "2002"}
    assert LeaveReason.TRANSFERRED_OUT in switch.site.read_rows(schema.cdrs, "leave_reason")
    [moved] = [
        row
        for row in switch.site.read_rows(schema.agent_operations, "agent_id", "op_type", "op_object")
        if row[1] == 46
    ]
    assert moved == ("2001", AgentOperationType.TRANSFER_OUT, "2002")


def test_recordings_by_number_and_local_time_find_their_call(switch: Switch) -> None:
    add_queue_call(switch)
    switch.site.write_recording(f"2024-01-15/{CALLER}.ulaw", make_wav(1, 25)[46:])
    switch.site.write_recording(f"sales-{CALLER}-063043.wav", make_wav(2, 30))
    result = switch.ingest()
    assert (result["recordings"], result["refused"]) == (2, [])
    assert set(switch.site.read_rows(schema.recordings, "agent_id", "call_id")) == {("2002", f"{BEGIN}-1")}


@pytest.mark.parametrize("layout", ["epochs", "ISO"])
def test_times_that_need_no_zone_cause_no_warning(create_site: CreateSite, layout: str) -> None:
    switch = Switch(create_site(zone="Asia/Shanghai"))
    add_queue_call(switch)
    for second in range(33):
        local = datetime.fromtimestamp(BEGIN + second + HOURS * 3600, UTC)
        stamp = f"{BEGIN + second}.000000" if layout == "epochs" else f"{local:%Y-%m-%dT%H:%M:%S}-0300"
        switch.cdr = [line.replace(f"{local:%Y-%m-%d %H:%M:%S}", stamp) for line in switch.cdr]
    assert switch.ingest()["warnings"] == []
    assert min(switch.site.read_rows(schema.cdrs, "begin")) == datetime.fromtimestamp(BEGIN, UTC)
    assert switch.list_talks() == {"2002": 20.0}


def test_lines_without_ids_have_the_zone_that_the_queue_log_shows(create_site: CreateSite) -> None:
    switch = Switch(create_site(zone="Asia/Shanghai"), has_linkedid=False)
    for number in range(4):  # calls at odd distances, so that one offset only pairs them with the log
        offset = number * number * 517
        switch.add_line(TRUNK, ANN, number, (offset, offset + 5, offset + 20), QUEUE)
        switch.add_event(offset + 1, f"ENTERQUEUE||{CALLER}|1", leg=number)
    switch.cdr = [line.replace(f'"{BEGIN}.', '"x.') for line in switch.cdr]
    switch.cdr = [line.rpartition(',"x.')[0] + "\n" for line in switch.cdr]
    result = switch.ingest()
    assert min(switch.site.read_rows(schema.cdrs, "begin")) == datetime.fromtimestamp(BEGIN, UTC)
    assert not any("assumed" in warning for warning in result["warnings"])


def test_a_killed_switch_leaves_a_recording_whose_call_the_queue_log_knows(create_site: CreateSite) -> None:
    switch = Switch(create_site())
    switch.add_event(0, f"ENTERQUEUE||{CALLER}|1")
    switch.add_event(4, f"CONNECT|4|{BEGIN}.2|4", "SIP/2001")
    switch.add_event(90, "QUEUESTART", queue="NONE", leg=0)
    switch.add_event(95, "PAUSE|Auto-Pause", "SIP/2002", leg=0)
    header = wav.build_header(tag=wav.PCM, rate=8000, channels=1, bits=16, data_size=0)  # the size is written last
    data = bytes(range(256)) * 255
    switch.site.write_recording(f"q-sales-{CALLER}-{BEGIN}.1.wav", header[:4] + bytes(4) + header[8:] + data)
    result = switch.ingest()
    assert (result["recordings"], result["cdrs"]) == (0, 0)
    [rejection] = result["refused"]
    assert "queue sales, agent 2001, since 2024-01-15 09:30:42 UTC" in rejection["reason"]
    operations = switch.site.read_rows(schema.agent_operations, "agent_id", "op_type", "op_cause", "end")
    assert sorted(operations, key=str) == [
        ("2001", AgentOperationType.TALKING, "-1", datetime.fromtimestamp(BEGIN + 90, UTC)),
        ("2002", AgentOperationType.BUSY, "2", None),
    ]
    switch.add_line(TRUNK, ANN, 1, (0, 4, 8), QUEUE)  # the line was in another file
    assert switch.ingest()["recordings"] == 1
