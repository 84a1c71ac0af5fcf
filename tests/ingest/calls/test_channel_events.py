"""A channel event log corrects answers, causes and transfers of calls, and reports holds, whenever its lines arrive."""

import itertools
import re
from pathlib import Path
from time import sleep
from typing import Any

import pytest

from ccfs.db import schema
from ccfs.model.calls.agent_operation import AgentOperationType
from ccfs.model.calls.cdr import LeaveReason
from tests.ingest.calls.test_asterisk_agents import BEGIN, PHONE_LINE, QUEUE_LINE, read_state, write_line
from tests.ingest.ingest_site import CreateSite, IngestSite
from tests.ingest.test_watch import append_text, run_watch
from tests.waiting import wait_until

ANN, BO, HALF = "PJSIP/1001-2", "PJSIP/1002-3", "Local/1001@q-01;2"
TRANSFER_LINE = write_line(HALF, BO, f"{BEGIN}.3", 20, 20, 60, sequence=3)  # as Asterisk writes it: answer = start
FAILED_LINE = write_line("PJSIP/1001-7", "PJSIP/line-8", f"{BEGIN}.7", 0, None, 1, sequence=7).replace(
    f"{BEGIN}.1", f"{BEGIN}.7"
)
FAILED_LINE = FAILED_LINE.replace("02079460123", "1001").replace('"600"', '"07700900123"')
STEPS = [  # seconds, event, channel, its number, detail
    (5.2, "ANSWER", ANN, 4, ""),
    (5.3, "BRIDGE_ENTER", ANN, 4, ""),
    (10.5, "STREAM_BEGIN", HALF, 3, '{""class"":""default""}'),
    (13.5, "STREAM_END", HALF, 3, ""),
    (20.1, "BLINDTRANSFER", ANN, 4, '{""extension"":""1002""}'),
    (20.2, "HANGUP", ANN, 4, '{""hangupcause"":16}'),
    (22.6, "ANSWER", BO, 5, ""),
    (22.7, "BRIDGE_ENTER", BO, 5, ""),
    (60.1, "HANGUP", BO, 5, '{""hangupcause"":16}'),
]
FAILED_STEPS = [
    (0.9, "HANGUP", "PJSIP/line-8", 8, '{""hangupcause"":1}'),
    (0.9, "HANGUP", "PJSIP/1001-7", 7, '{""hangupcause"":1}'),
]


def write_events(steps: list[tuple[float, str, str, int, str]], call: int = 1) -> list[str]:
    """Return lines of cel_custom's Master.csv."""
    return [
        f'"{kind}","{BEGIN + after:.6f}","","","s","from-internal","{channel}","","","{BEGIN}.{leg}","{BEGIN}.{call}","","{extra}"\n'
        for after, kind, channel, leg, extra in steps
    ]


CDRS = [QUEUE_LINE, PHONE_LINE, TRANSFER_LINE, FAILED_LINE]
EVENTS = write_events(STEPS) + write_events(FAILED_STEPS, call=7)


def read_facts(site: IngestSite) -> dict[str, Any]:
    calls, operations = read_state(site)
    rows = site.read_rows(schema.cdrs, "agent_id", "release_cause", "call_begin", "leave_reason")
    return {
        "talks": {(row.agent_id, f"{row.call_begin:%S}", f"{row.call_end:%S}") for row in calls if row.call_begin},
        "reasons": {row.agent_id: row.leave_reason for row in calls if row.call_begin},
        "failed": {row[1:] for row in rows if row[0] == "1001" and row[2] is None and row[3] != LeaveReason.NORMAL},
        "holds": [
            (row.agent_id, (row.end - row.begin).total_seconds(), row.call_id)
            for row in operations
            if row.op_type == AgentOperationType.HOLD
        ],
    }


EXPECTED = {
    "talks": {("1001", "47", "02"), ("1002", "04", "42")},
    "reasons": {"1001": LeaveReason.TRANSFERRED_OUT, "1002": LeaveReason.NORMAL},
    "failed": {(1, None, LeaveReason.VACANT_NUMBER)},
    "holds": [("1001", 3.0, f"{BEGIN}-1")],
}


def ingest(site: IngestSite, cdr: Path, cel: Path, **more: str) -> Any:
    return site.ingest_asterisk(cdr, "--cel", cel, **more)


def test_events_correct_the_calls_of_their_channels(each_ingest_site: IngestSite) -> None:
    site = each_ingest_site
    files = site.write_file("Master.csv", "".join(CDRS)), site.write_file("cel/Master.csv", "".join(EVENTS))
    result = ingest(site, *files)
    assert (result["cdrs"], result["agent_operations"], result["refused"], result["warnings"]) == (4, 1, [], [])
    assert read_facts(site) == EXPECTED
    before = site.read_everything()
    assert ingest(site, *files)["agent_operations"] == 0
    after = site.read_everything()
    assert after[0]["cdrs"] == before[0]["cdrs"]
    assert after[0]["channel_events"] == before[0]["channel_events"]


def test_without_events_the_calls_are_as_their_lines_say(create_site: CreateSite) -> None:
    site = create_site()
    site.ingest_asterisk(site.write_file("Master.csv", "".join(CDRS)))
    facts = read_facts(site)
    assert ("1002", "02", "42") in facts["talks"]
    assert facts["failed"] == {(19, None, LeaveReason.USER_NO_ANSWER)}


def test_events_and_lines_may_arrive_in_any_order(create_site: CreateSite) -> None:
    whole = "".join(EVENTS)
    first, second = "".join(EVENTS[::2]), "".join(EVENTS[1::2])
    orders = [
        [("".join(CDRS), ""), ("", whole)],
        [("", whole), ("".join(CDRS[::-1]), "")],
        [(CDRS[2], second), ("".join(CDRS[:2]), ""), (CDRS[3], first), ("", whole)],
    ]
    sites = [create_site() for _ in orders]
    for site, parts in zip(sites, orders, strict=True):
        for number, (cdr, cel) in enumerate(parts):
            ingest(site, site.write_file(f"{number}.csv", cdr), site.write_file(f"cel.{number}", cel))
        assert read_facts(site) == EXPECTED
    calls = [
        site.read_rows(schema.cdrs, "source_key", "leg_order", "leave_reason", "call_end", "call_begin")
        for site in sites
    ]
    assert sorted(calls[0]) == sorted(calls[1]) == sorted(calls[2])


def test_a_log_that_grows_and_rotates_is_read_once(create_site: CreateSite) -> None:
    site = create_site()
    cdr, cel = site.write_file("Master.csv", "".join(CDRS)), site.write_file("cel/Master.csv", "".join(EVENTS[:4]))
    ingest(site, cdr, cel)
    site.write_file("cel/Master.csv.1", "".join(EVENTS[:8]))
    cel.write_text(EVENTS[8])  # one line shows no columns: the ones that were found before count
    ingest(site, cdr, cel, CCFS_SETTLE_SECONDS="0")
    cel.write_text("".join(EVENTS[8:]))
    ingest(site, cdr, cel, CCFS_SETTLE_SECONDS="0")
    assert read_facts(site) == EXPECTED
    events = site.read_rows(schema.channel_events, "switch_leg_id", "switch_call_id", order="switch_leg_id")
    assert events == [(f"{BEGIN}.{leg}", f"{BEGIN}.{7 if leg > 5 else 1}") for leg in (3, 4, 5, 7, 8)]


@pytest.mark.parametrize("first", [1, 2, 3, 4])
@pytest.mark.parametrize("has_call_id_first", [False, True])
def test_a_log_may_grow_by_any_number_of_lines(create_site: CreateSite, first: int, has_call_id_first: bool) -> None:
    site = create_site()
    cdr, cel = site.write_file("Master.csv", "".join(CDRS)), site.switch_folder / "cel.csv"
    ids = re.compile(r'("[0-9]+[.][0-9]+"),("[0-9]+[.][0-9]")')
    events = [ids.sub(r"\2,\1", line) if has_call_id_first else line for line in EVENTS]
    for count in range(first, len(EVENTS) + 1):
        cel.write_text("".join(events[:count]) + "".join(events[count:])[:110])  # the next line is not whole
        ingest(site, cdr, cel, CCFS_SETTLE_SECONDS="0")
    assert read_facts(site) == EXPECTED


def test_local_times_of_the_log_are_the_switchs(create_site: CreateSite) -> None:
    site = create_site(zone="Asia/Shanghai")
    local = [
        line.replace(f'"{BEGIN + 22}.', '"2024-01-15 09:31:04.').replace(f'"{BEGIN + 20}.', '"2024-01-15 09:31:02.')
        for line in EVENTS
    ]
    events = [line for line in local if '"2024-' in line]
    ingest(site, site.write_file("Master.csv", "".join(CDRS)), site.write_file("cel.csv", "".join(events)))
    assert ("1002", "04", "42") in read_facts(site)["talks"]


def test_a_file_that_is_no_channel_event_log_is_refused(create_site: CreateSite) -> None:
    site = create_site()
    cdr = site.write_file("Master.csv", "".join(CDRS))
    for name, text in (
        ("queue_log", f"{BEGIN}|{BEGIN}.1|600|NONE|ENTERQUEUE||1|1\n"),
        ("cel.json", '{"eventtype":"ANSWER"}\n'),
    ):
        result = site.run_ingest("asterisk", "--cdr", cdr, "--cel", site.write_file(name, text))
        assert result.code == 1
        assert "channel event log" in result.err
    assert site.run_ingest("asterisk", "--cdr", cdr, "--cel", site.switch_folder / "none").code == 1


@pytest.mark.parametrize("is_late", [False, True])
def test_a_watch_reads_the_log_while_it_grows(create_site: CreateSite, is_late: bool) -> None:
    site = create_site()
    cdr, cel = site.write_file("Master.csv", ""), site.write_file("cel.csv", "")
    parts = [(cdr, line) for line in CDRS], [(cel, line) for line in EVENTS]
    with run_watch(site, "asterisk", "--cdr", cdr, "--cel", cel) as watch:
        for path, line in itertools.chain(*(parts if is_late else parts[::-1])):
            append_text(path, line[: len(line) // 2])
            sleep(0.15)
            append_text(path, line[len(line) // 2 :])
        wait_until(lambda: read_facts(site) == EXPECTED)
        assert watch.stop()["refused"] == []
