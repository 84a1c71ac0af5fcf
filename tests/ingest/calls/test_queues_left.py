"""Callers whose line names what came after the queue: a mailbox, an announcement, another queue."""

from typing import Any

import pytest

from ccfs.db import schema
from ccfs.model.calls.cdr import LeaveReason
from tests.ingest.calls.test_asterisk_manners import ANN, BEGIN, CALLER, TRUNK, Switch
from tests.ingest.ingest_site import CreateSite, IngestSite

MAILBOX, ANNOUNCEMENT = ("VoiceMail", "2001@default,u"), ("Playback", "sorry")
TIMEOUT, EMPTY = LeaveReason.QUEUE_TIMEOUT, LeaveReason.NOBODY_ON_DUTY
COLUMNS = ("user_wanted_skill_id", "current_skill_id", "leave_reason")


def read_queues(site: IngestSite) -> list[tuple[Any, ...]]:
    return site.read_rows(schema.cdrs, *COLUMNS, order="call_id_num")


def make_switch(create_site: CreateSite) -> Switch:
    return Switch(create_site(zone="America/Sao_Paulo"))


@pytest.mark.parametrize("app", [MAILBOX, ANNOUNCEMENT])
@pytest.mark.parametrize(("event", "reason"), [("EXITWITHTIMEOUT|1|1|20", TIMEOUT), ("EXITEMPTY|1|1|20", EMPTY)])
def test_a_line_without_the_queue_has_the_visit_of_its_channel(
    create_site: CreateSite, app: tuple[str, str], event: str, reason: LeaveReason
) -> None:
    """The queue log may be read before the line, or after it."""
    together, apart = make_switch(create_site), make_switch(create_site)
    for switch in (together, apart):
        switch.add_line(TRUNK, "", 1, (0, 0, 40), app)
        switch.add_event(0, f"ENTERQUEUE||{CALLER}|1")
        switch.add_event(20, event)
    together.ingest()
    apart.ingest(log=False)
    apart.ingest()
    assert read_queues(together.site) == [("sales", "sales", reason)]
    assert together.site.read_rows(schema.cdrs) == apart.site.read_rows(schema.cdrs)


def test_a_caller_who_came_from_another_queue_has_wanted_that_one(create_site: CreateSite) -> None:
    switch = make_switch(create_site)
    switch.add_line(TRUNK, ANN, 1, (0, 30, 60), ("Queue", "vip,t"))
    switch.add_event(0, f"ENTERQUEUE||{CALLER}|1")
    switch.add_event(20, "EXITWITHTIMEOUT|1|1|20")
    switch.add_event(20, f"ENTERQUEUE||{CALLER}|1", queue="vip")
    switch.add_event(30, f"CONNECT|10|{BEGIN}.2|5", "SIP/2001", queue="vip")
    switch.add_event(60, "COMPLETEAGENT|10|30|1", "SIP/2001", queue="vip")
    switch.ingest()
    assert read_queues(switch.site) == [("sales", "vip", LeaveReason.AGENT_HUNG_UP)]
    [(begin, answer)] = switch.site.read_rows(schema.cdrs, "wait_begin", "ack_end")
    assert (answer - begin).total_seconds() == 30


def test_a_visit_of_another_time_of_the_channel_is_not_the_lines(create_site: CreateSite) -> None:
    switch = make_switch(create_site)
    switch.add_line(TRUNK, "", 1, (0, 0, 40), ANNOUNCEMENT)
    switch.add_event(50, f"ENTERQUEUE||{CALLER}|1")
    switch.add_event(60, "ABANDON|1|1|10")
    switch.ingest()
    assert read_queues(switch.site) == [("", "", LeaveReason.NORMAL)]


def test_a_mailbox_that_answers_on_the_line_of_a_phone_is_no_talk(create_site: CreateSite) -> None:
    """Asterisk 11 has one line for the phone that rang, and for the mailbox after it."""
    switch = make_switch(create_site)
    switch.add_line(TRUNK, ANN, 1, (0, 20, 50), MAILBOX, dst="2001")
    switch.ingest()
    assert (switch.list_talks(), switch.list_unanswered()) == ({}, {"2001"})
    assert switch.site.read_rows(schema.cdrs, "leave_reason") == [LeaveReason.AGENT_NO_ANSWER]


def test_a_caller_who_ends_in_a_queue_without_a_phone_has_given_up(create_site: CreateSite) -> None:
    """Where the dial plan has answered the call before."""
    switch = make_switch(create_site)
    switch.add_line(TRUNK, "", 1, (0, 0, 40), ("Queue", "sales,t"))
    switch.ingest(log=False)
    assert read_queues(switch.site) == [("sales", "sales", LeaveReason.QUEUE_CANCELLED)]


def test_a_call_that_a_colleague_picked_up_ends_as_the_queue_says(create_site: CreateSite) -> None:
    switch = make_switch(create_site)
    switch.add_line(TRUNK, ANN, 1, (0, 5, 5), ("Queue", "sales,t"))
    switch.add_line(TRUNK, "SIP/2003-00000013", 1, (5, 5, 25), ("Queue", "sales,t"))
    switch.add_event(0, f"ENTERQUEUE||{CALLER}|1")
    switch.add_event(5, f"CONNECT|5|{BEGIN}.2|4", "SIP/2001")
    switch.add_event(25, "COMPLETECALLER|5|20|1", "SIP/2001")
    switch.ingest()
    reasons = dict(switch.site.read_rows(schema.cdrs, "agent_id", "leave_reason"))
    assert reasons == {"2001": LeaveReason.AGENT_NO_ANSWER, "2003": LeaveReason.USER_HUNG_UP}
