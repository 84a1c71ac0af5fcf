"""One Asterisk of many tenants: by context, account code, DID and queue, with its queue log."""

from typing import Any

import pytest

from ccfs.db import schema
from tests.ingest.ingest_site import AK, IngestSite
from tests.ingest.tenants.tenant_site import (
    OTHER_AK,
    add_account,
    add_other_app,
    build_line,
    list_reasons,
    read_owners,
    run_with_rules,
)

FIRST, SECOND, THIRD, FOURTH = (f"170531104{number}.{number}" for number in (2, 3, 4, 5))


def build_log(*lines: tuple[str, str, str, str]) -> str:
    """Return a queue log of (call, queue, member, event) a second each."""
    return "".join(
        f"{1705311040 + number}|{call}|{queue}|{member}|{event}\n"
        for number, (call, queue, member, event) in enumerate(lines)
    )


def read_operations(site: IngestSite) -> list[Any]:
    return sorted(site.read_rows(schema.agent_operations, "account_id", "agent_id", "op_type"))


@pytest.mark.parametrize(
    ("fact", "acme", "other"),
    [
        ("context", {"context": "acme-in"}, {"context": "Acme-in"}),
        ("context", {"context": "acme"}, {"context": "acme2"}),
        ("accountcode", {"accountcode": "A1"}, {"accountcode": "A10"}),
        ("did", {"dialled": "442079460100"}, {"dialled": "442079460101"}),
        ("queue", {"queue": "sales"}, {"queue": "Sales"}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_call_goes_to_the_tenant_of_its_fact_alone(
    fact: str, acme: dict[str, str], other: dict[str, str], each_ingest_site: IngestSite
) -> None:
    site = each_ingest_site
    add_other_app(site)
    cdr = site.write_file(
        "Master.csv",
        build_line(FIRST, **acme) + build_line(SECOND, **other, sequence=2) + build_line(THIRD, sequence=3),
    )
    values = [acme[fact] if fact != "did" else acme["dialled"], other[fact] if fact != "did" else other["dialled"]]
    rules = f"{fact},{values[0]},,acme,17\n{fact},{values[1]},{OTHER_AK},other,18\n"
    result = run_with_rules(site, "asterisk", rules, cdr)
    assert read_owners(site) == {FIRST: "acme", SECOND: "other"}
    assert [row[:2] for row in list_reasons(result)] == [("Master.csv", 3)]
    assert site.list_rejected("--app", OTHER_AK).strip() == ""
    assert "Master.csv:3: no tenant rule matches: context from-trunk" in site.list_rejected("--app", AK)


def test_the_first_rule_that_matches_a_line_counts_for_it(ingest_site: IngestSite) -> None:
    add_account(ingest_site, "south", 18)
    lines = build_line(FIRST, queue="sales", accountcode="A1") + build_line(SECOND, accountcode="A1", sequence=2)
    cdr = ingest_site.write_file("Master.csv", lines)
    run_with_rules(ingest_site, "asterisk", "queue,sales,,south,18\naccountcode,A1,,acme,17\n", cdr)
    assert read_owners(ingest_site) == {FIRST: "south", SECOND: "acme"}


def test_lines_of_a_call_between_tenants_are_each_their_own_tenants(each_ingest_site: IngestSite) -> None:
    """A transfer: the line without a tenant of its own is of the call's first line."""
    site = each_ingest_site
    add_other_app(site)
    first = build_line(FIRST, context="acme-in")
    transferred = build_line(FIRST, leg=SECOND, context="other-in", agent="2001", sequence=2)
    plain = build_line(FIRST, leg=THIRD, context="macro-dial", agent="1002", sequence=3)
    rules = f"context,other-*,{OTHER_AK},other,18\ncontext,acme-*,,acme,17\n"
    cdr = site.write_file("Master.csv", plain + transferred + first)
    result = run_with_rules(site, "asterisk", rules, cdr)
    assert (result["cdrs"], result["refused"]) == (3, [])
    assert read_owners(site) == {FIRST: "acme", SECOND: "other", THIRD: "acme"}
    assert set(site.read_rows(schema.cdrs, "account_id", "agent_id")) == {
        ("acme", "1001"),
        ("acme", "1002"),
        ("other", "2001"),
    }


def test_a_line_whose_call_has_two_tenants_and_no_first_line_waits(ingest_site: IngestSite) -> None:
    add_account(ingest_site, "other", 18)
    lines = [
        build_line(FIRST, leg=SECOND, context="acme-in", sequence=2),
        build_line(FIRST, leg=THIRD, context="other-in", sequence=3),
        build_line(FIRST, leg=FOURTH, context="macro-dial", sequence=4),
    ]
    rules = "context,acme-in,,acme,17\ncontext,other-in,,other,18\n"
    cdr = ingest_site.write_file("Master.csv", "".join(lines))
    result = run_with_rules(ingest_site, "asterisk", rules, cdr)
    assert list_reasons(result) == [("Master.csv", 3, "no tenant rule matches: context macro-dial, did 600")]
    ingest_site.write_file("Master.csv", "".join(lines) + build_line(FIRST, context="other-in", sequence=1))
    assert run_with_rules(ingest_site, "asterisk", rules, cdr)["refused"] == []
    assert read_owners(ingest_site) == {FIRST: "other", SECOND: "acme", THIRD: "other", FOURTH: "other"}
    assert ingest_site.list_rejected("--app", AK).strip() == ""


@pytest.mark.parametrize("code", ["A2", ""])
def test_a_line_with_an_account_code_without_a_rule_does_not_follow_its_call(
    code: str, ingest_site: IngestSite
) -> None:
    first = build_line(FIRST, accountcode="A1")
    second = build_line(FIRST, leg=SECOND, accountcode=code, sequence=2)
    cdr = ingest_site.write_file("Master.csv", first + second)
    result = run_with_rules(ingest_site, "asterisk", "accountcode,A1,,acme,17\n", cdr)
    assert result["cdrs"] == (1 if code else 2)
    assert [row[:2] for row in list_reasons(result)] == ([("Master.csv", 2)] if code else [])


def test_queue_log_lines_go_with_their_call_where_rules_have_no_queues(each_ingest_site: IngestSite) -> None:
    site = each_ingest_site
    add_other_app(site)
    cdr = site.write_file(
        "Master.csv",
        build_line(FIRST, context="acme-in", queue="q1")
        + build_line(SECOND, context="other-in", queue="q2", agent="2001", sequence=2),
    )
    log = site.write_file(
        "queue_log",
        build_log(
            ("NONE", "NONE", "PJSIP/1001", "PAUSEALL|lunch"),
            (FIRST, "q1", "NONE", "ENTERQUEUE||02079460123|1"),
            (SECOND, "q2", "NONE", "ENTERQUEUE||02079460123|1"),
            (FIRST, "q1", "PJSIP/1001", "CONNECT|5|1|3"),
            (SECOND, "q2", "PJSIP/2001", "CONNECT|5|1|3"),
            ("NONE", "NONE", "PJSIP/2001", "UNPAUSEALL|"),
            ("NONE", "q3", "PJSIP/3001", "ADDMEMBER|"),
        ),
    )
    rules = f"context,acme-in,,acme,17\ncontext,other-in,{OTHER_AK},other,18\n"
    result = run_with_rules(site, "asterisk", rules, cdr, "--queue-log", log)
    assert list_reasons(result) == [("queue_log", 7, "no tenant rule matches: queue q3")]
    assert sorted(site.read_rows(schema.queue_visits, "account_id", "queue")) == [("acme", "q1"), ("other", "q2")]
    assert {row[:2] for row in read_operations(site)} == {("acme", "1001"), ("other", "2001")}
    assert len(read_operations(site)) == 4
    assert run_with_rules(site, "asterisk", rules, cdr, "--queue-log", log)["refused"] == []


def test_an_agent_number_of_two_tenants_gets_no_event_without_a_queue(ingest_site: IngestSite) -> None:
    add_account(ingest_site, "other", 18)
    cdr = ingest_site.write_file("Master.csv", build_line(FIRST, queue="sales"))
    log = ingest_site.write_file(
        "queue_log",
        build_log(
            ("NONE", "sales", "Local/1001@acme/n", "ADDMEMBER|"),
            ("NONE", "help", "Local/1001@other/n", "ADDMEMBER|"),
            ("NONE", "NONE", "Local/1001@other/n", "PAUSEALL|"),
            ("NONE", "NONE", "PJSIP/1001", "PAUSEALL|"),
        ),
    )
    rules = "queue,sales,,acme,17\nqueue,help,,other,18\n"
    result = run_with_rules(ingest_site, "asterisk", rules, cdr, "--queue-log", log)
    assert [row[:2] for row in list_reasons(result)] == [("queue_log", 3), ("queue_log", 4)]
    assert len(read_operations(ingest_site)) == 2
    rules += "context,other,,other,18\n"
    result = run_with_rules(ingest_site, "asterisk", rules, cdr, "--queue-log", log)
    assert [row[:2] for row in read_operations(ingest_site)] == [("acme", "1001"), ("other", "1001"), ("other", "1001")]


def test_a_start_of_the_switch_ends_the_talks_of_all_tenants(ingest_site: IngestSite) -> None:
    add_account(ingest_site, "other", 18)
    cdr = ingest_site.write_file("Master.csv", build_line("1705300000.9", queue="sales"))
    log = ingest_site.write_file(
        "queue_log",
        build_log(
            (FIRST, "sales", "PJSIP/1001", "CONNECT|5|1|3"),
            (SECOND, "help", "PJSIP/2001", "CONNECT|5|1|3"),
            ("NONE", "NONE", "NONE", "QUEUESTART|"),
        ),
    )
    rules = "queue,sales,,acme,17\nqueue,help,,other,18\n"
    assert run_with_rules(ingest_site, "asterisk", rules, cdr, "--queue-log", log)["refused"] == []
    assert all(end is not None for end in ingest_site.read_rows(schema.agent_operations, "end"))


def test_calls_that_a_rule_ignores_leave_no_trace(ingest_site: IngestSite) -> None:
    lines = build_line(FIRST, context="acme-in") + build_line(SECOND, context="other-in", sequence=2)
    cdr = ingest_site.write_file("Master.csv", lines)
    log = ingest_site.write_file("queue_log", build_log(("NONE", "help", "PJSIP/2001", "ADDMEMBER|")))
    rules = "context,acme-in,,acme,17\ncontext,other-in,,-,\nqueue,*,,-,\n"
    result = run_with_rules(ingest_site, "asterisk", rules, cdr, "--queue-log", log)
    assert (result["cdrs"], result["refused"]) == (1, [])
    assert ingest_site.read_rows(schema.unassigned_records) == []
