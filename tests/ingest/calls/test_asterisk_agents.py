"""Asterisk's agents: numbers of members whom the queue log names by a text, and what ends their operations."""

import itertools
from types import SimpleNamespace
from typing import Any

from ccfs.db import schema
from ccfs.model.calls.cdr import LeaveReason
from tests.ingest.ingest_site import CreateSite, IngestSite

BEGIN = 1_705_311_042  # 2024-01-15 09:30:42


def write_line(
    channel: str, dialled: str, leg: str, begin: int, answer: int | None, end: int, *, queue: str = "", sequence: int
) -> str:
    """Return a line of Master.csv; times are seconds after BEGIN."""
    start, answered, ended = (
        "" if second is None else f"2024-01-15 09:{30 + (42 + second) // 60}:{(42 + second) % 60:02}"
        for second in (begin, answer, end)
    )
    app = f'"Queue","{queue},t"' if queue else '"Dial","PJSIP/1001,20"'
    talk, disposition = (0, "NO ANSWER") if answer is None else (end - answer, "ANSWERED")
    return (
        f'"","02079460123","600","from-trunk","<02079460123>","{channel}","{dialled}",{app},"{start}","{answered}",'
        f'"{ended}",{end - begin},{talk},"{disposition}","DOCUMENTATION","{leg}","","","{BEGIN}.1",{sequence}\n'
    )


QUEUE_LINE = write_line("PJSIP/line-1", "Local/1001@q-01;1", f"{BEGIN}.1", 0, 0, 60, queue="600", sequence=1)
PHONE_LINE = write_line("Local/1001@q-01;2", "PJSIP/1001-2", f"{BEGIN}.3", 0, 5, 20, sequence=2)
TRANSFER_LINE = write_line("Local/1001@q-01;2", "PJSIP/1002-3", f"{BEGIN}.3", 20, 22, 60, sequence=3)
NEXT_QUEUE_LINES = [
    write_line("Local/1001@q-01;2", "Local/1002@q-02;1", f"{BEGIN}.3", 20, 20, 60, queue="620", sequence=3),
    write_line("Local/1002@q-02;2", "PJSIP/1002-3", f"{BEGIN}.5", 20, 25, 60, sequence=4),
]
TALK_EVENTS = [
    f"{BEGIN}|{BEGIN}.1|600|NONE|ENTERQUEUE||02079460123|1\n",
    f"{BEGIN + 5}|{BEGIN}.1|600|Ann Lee|CONNECT|5|{BEGIN}.2|5\n",
    f"{BEGIN + 60}|{BEGIN}.1|600|Ann Lee|COMPLETECALLER|5|55|1\n",
]
SHIFT_EVENTS = [
    f"{BEGIN + 90}|NONE|600|Local/1001@from-queue/n|PAUSE|lunch\n",
    f"{BEGIN + 90}|NONE|620|Ann Lee|PAUSE|lunch\n",
    f"{BEGIN + 95}|NONE|620|Ann Lee|UNPAUSE|\n",
]


def read_state(site: IngestSite) -> tuple[list[Any], list[Any]]:
    """Return the rows of calls and of agent operations."""
    columns = ("agent_id", "wait_begin", "wait_end", "call_begin", "call_end", "leave_reason", "call_type")
    operations = ("agent_id", "op_type", "op_cause", "begin", "end", "call_id")
    calls = site.read_rows(schema.cdrs, *columns, order="source_key")
    done = sorted(site.read_rows(schema.agent_operations, *operations), key=str)
    return (
        [SimpleNamespace(**dict(zip(columns, row, strict=True))) for row in calls],
        [SimpleNamespace(**dict(zip(operations, row, strict=True))) for row in done],
    )


def ingest_parts(site: IngestSite, parts: tuple[tuple[str, str], ...]) -> None:
    """Ingest (CDR lines, queue log lines) one after the other, as files of their own."""
    for number, (cdr, log) in enumerate(parts):
        cdr_file = site.write_file(f"Master.csv.{number}", cdr)
        site.ingest_asterisk(cdr_file, "--queue-log", site.write_file(f"queue_log.{number}", log))


def count_seconds(row: Any, first: str, last: str) -> float:
    return float((getattr(row, last) - getattr(row, first)).total_seconds())


def test_a_members_name_becomes_a_number_also_for_what_was_stored_before(create_site: CreateSite) -> None:
    cdr, talk, shift = QUEUE_LINE + PHONE_LINE, "".join(TALK_EVENTS), "".join(SHIFT_EVENTS)
    orders = [
        ((cdr, talk + shift),),
        (("", shift), ("", talk), (cdr, "")),
        ((cdr, ""), ("", talk), ("", shift)),
        ((PHONE_LINE, talk), ("", shift), (QUEUE_LINE, ""), ("", shift + talk)),
    ]
    sites = [create_site() for _ in orders]
    for site, parts in zip(sites, orders, strict=True):
        ingest_parts(site, parts)
    states = [read_state(site) for site in sites]
    assert all(state == states[0] for state in states[1:])
    assert {operation.agent_id for operation in states[0][1]} == {"1001"}
    assert [operation.op_type for operation in sorted(states[0][1], key=lambda each: each.begin)] == [4, 27, 3, 2]


def test_a_member_who_did_not_answer_is_known_by_the_leg_that_rang(create_site: CreateSite) -> None:
    site = create_site()
    queue = write_line("PJSIP/line-1", "Local/1004@q-01;1", f"{BEGIN}.1", 0, 0, 8, queue="610", sequence=1)
    queue = queue.replace("ANSWERED", "NO ANSWER")
    phone = write_line("Local/1004@q-01;2", "PJSIP/1004-2", f"{BEGIN}.3", 0, None, 8, sequence=2)
    log = f"{BEGIN}|{BEGIN}.1|610|NONE|ENTERQUEUE||02079460123|1\n{BEGIN + 8}|{BEGIN}.1|610|Di Fox|RINGNOANSWER|8000\n"
    log += f"{BEGIN + 8}|{BEGIN}.1|610|NONE|EXITWITHTIMEOUT|1|1|8\n"
    ingest_parts(site, ((queue + phone, log),))
    calls, operations = read_state(site)
    assert [(row.agent_id, row.op_cause) for row in operations] == [("1004", "2")]
    assert LeaveReason.QUEUE_TIMEOUT in {row.leave_reason for row in calls}


def test_a_queue_that_is_left_after_attempts_has_its_reason_on_the_last_row(create_site: CreateSite) -> None:
    for event, reason in (
        ("EXITWITHTIMEOUT", LeaveReason.QUEUE_TIMEOUT),
        ("EXITEMPTY", LeaveReason.NOBODY_ON_DUTY),
        ("EXITWITHKEY", LeaveReason.QUEUE_CANCELLED),
    ):
        site = create_site()
        attempts = [
            write_line(
                "PJSIP/line-1", f"PJSIP/{agent}-2", f"{BEGIN}.1", begin, None, begin + 5, queue="600", sequence=begin
            )
            for agent, begin in (("1001", 0), ("1002", 6))
        ]
        log = f"{BEGIN}|{BEGIN}.1|600|NONE|ENTERQUEUE||02079460123|1\n{BEGIN + 11}|{BEGIN}.1|600|NONE|{event}|1|1|11\n"
        ingest_parts(site, (("".join(attempts), log),))
        reasons = {row.agent_id: row.leave_reason for row in read_state(site)[0]}
        assert reasons == {"1001": LeaveReason.AGENT_NO_ANSWER, "1002": reason}


def test_talk_ends_where_the_agent_transfers_the_call_in_whatever_order_lines_arrive(create_site: CreateSite) -> None:
    lines, log = [QUEUE_LINE, PHONE_LINE, TRANSFER_LINE], "".join(TALK_EVENTS)
    states = []
    for order in (*list(itertools.permutations(lines))[:3], lines[::-1]):
        site = create_site()
        ingest_parts(site, (*((line, "") for line in order[:2]), ("", log), (order[2], "")))
        states.append(read_state(site))
    assert all(state == states[0] for state in states[1:])
    calls, operations = states[0]
    talks = {row.agent_id: count_seconds(row, "call_begin", "call_end") for row in calls if row.call_begin}
    assert talks == {"1001": 15, "1002": 38}
    assert LeaveReason.TRANSFERRED_OUT in {row.leave_reason for row in calls if row.agent_id == "1001"}
    [talking] = [row for row in operations if row.op_type == 4]
    assert count_seconds(talking, "begin", "end") == 15


def test_operations_after_a_transfer_to_another_queue_are_of_the_same_call(create_site: CreateSite) -> None:
    cdr = QUEUE_LINE + PHONE_LINE + "".join(NEXT_QUEUE_LINES)
    log = f"{BEGIN + 20}|{BEGIN}.3|620|NONE|ENTERQUEUE||02079460123|1\n"
    log += f"{BEGIN + 25}|{BEGIN}.3|620|Bo Hu|CONNECT|5|{BEGIN}.4|5\n{BEGIN + 60}|{BEGIN}.3|620|Bo Hu|COMPLETECALLER|5|35|1\n"
    states = []
    for parts in (((cdr, log),), (("", log), (cdr, "")), ((cdr, ""), ("", log))):
        site = create_site()
        ingest_parts(site, parts)
        states.append(read_state(site))
    assert all(state == states[0] for state in states[1:])
    assert {(row.agent_id, row.call_id) for row in states[0][1]} == {("1002", f"{BEGIN}-1")}


def test_a_start_of_the_switch_ends_talks_but_neither_sign_in_nor_pause(create_site: CreateSite) -> None:
    site = create_site()
    log = f"{BEGIN - 9}|NONE|600|PJSIP/1001|ADDMEMBER|\n{BEGIN - 8}|NONE|600|PJSIP/1002|PAUSE|lunch\n"
    log += (
        TALK_EVENTS[0] + TALK_EVENTS[1].replace("Ann Lee", "PJSIP/1003") + f"{BEGIN + 30}|NONE|NONE|NONE|QUEUESTART|\n"
    )
    ingest_parts(site, (("", log),))
    ends = {row.agent_id: row.end and count_seconds(row, "begin", "end") for row in read_state(site)[1]}
    assert ends == {"1001": None, "1002": None, "1003": 25}
