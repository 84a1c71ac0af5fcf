"""One switch of many tenants: each call goes to the account that the rules name, or is listed until one does."""

import json
from pathlib import Path

import pytest

from ccfs.db import schema
from tests.cli.command import run_ccfs
from tests.ingest.ingest_site import AK, IngestSite, build_cdr_line, make_wav
from tests.ingest.tenants.tenant_site import (
    ACME_CALL,
    ACME_RULE,
    OTHER_CALL,
    OTHER_RULE,
    THIRD_CALL,
    add_other_app,
    read_calls,
    run_with_rules,
    write_channel,
)
from tests.switches.freeswitch.channels import make_variables


def test_calls_of_two_domains_go_to_two_apps_with_their_recordings(each_ingest_site: IngestSite) -> None:
    site = each_ingest_site
    add_other_app(site)
    write_channel(site, "1", ACME_CALL, domain_name="acme.example.com")
    cdr = write_channel(site, "2", OTHER_CALL, domain_name="other.example.com")
    for number, call in enumerate((ACME_CALL, OTHER_CALL)):
        site.write_recording(f"{call}.wav", make_wav(number))
    result = run_with_rules(site, "freeswitch", ACME_RULE + OTHER_RULE, cdr)
    assert (result["cdrs"], result["recordings"], result["refused"]) == (2, 2, [])
    assert read_calls(site) == [("acme", "17", ACME_CALL, "101"), ("other", "18", OTHER_CALL, "101")]
    recordings = sorted(site.read_rows(schema.recordings, "account_id", "vdn_id", "source_name"))
    assert recordings == [("acme", "17", f"{ACME_CALL}.wav"), ("other", "18", f"{OTHER_CALL}.wav")]
    assert len({row["app"] for row in site.read_rows(schema.cdrs)}) == 2
    assert run_with_rules(site, "freeswitch", ACME_RULE + OTHER_RULE, cdr)["cdrs"] == 0


def test_a_document_without_a_rule_is_listed_and_ingested_once_it_has_one(ingest_site: IngestSite) -> None:
    add_other_app(ingest_site)
    write_channel(ingest_site, "1", ACME_CALL, domain_name="acme.example.com")
    cdr = write_channel(ingest_site, "2", OTHER_CALL, domain_name="other.example.com", context="public")
    result = run_with_rules(ingest_site, "freeswitch", ACME_RULE, cdr)
    assert result["cdrs"] == 1
    assert [(Path(row["file"]).name, row["reason"]) for row in result["refused"]] == [
        ("2.cdr.json", "no tenant rule matches: domain other.example.com, context public, did 101")
    ]
    assert run_with_rules(ingest_site, "freeswitch", ACME_RULE, cdr)["refused"] == []
    assert "no tenant rule matches: domain other.example.com" in ingest_site.list_rejected("--app", AK)
    assert run_with_rules(ingest_site, "freeswitch", ACME_RULE + OTHER_RULE, cdr)["cdrs"] == 1
    assert read_calls(ingest_site)[1] == ("other", "18", OTHER_CALL, "101")
    assert "no tenant rule" not in ingest_site.list_rejected("--app", AK)


def test_lines_without_a_rule_are_listed_and_ingested_once_they_have_one(ingest_site: IngestSite) -> None:
    add_other_app(ingest_site)
    lines = [
        {"variables": make_variables(uuid, destination_number="101", domain_name=domain)}
        for uuid, domain in ((ACME_CALL, "acme.example.com"), (OTHER_CALL, "other.example.com"))
    ]
    cdr = ingest_site.write_file("all.jsonl", "".join(json.dumps(line) + "\n" for line in lines))
    result = run_with_rules(ingest_site, "freeswitch", ACME_RULE, cdr)
    assert (result["cdrs"], [row["line"] for row in result["refused"]]) == (1, [2])
    assert run_with_rules(ingest_site, "freeswitch", ACME_RULE, cdr)["refused"] == []
    result = run_with_rules(ingest_site, "freeswitch", ACME_RULE + OTHER_RULE, cdr)
    assert (result["cdrs"], result["refused"]) == (1, [])
    assert [row[0] for row in read_calls(ingest_site)] == ["acme", "other"]
    assert ingest_site.list_rejected("--app", AK).strip() == ""


def test_a_leg_without_facts_goes_with_its_call_in_any_run(ingest_site: IngestSite) -> None:
    far = {"direction": "outbound", "originating_leg_uuid": ACME_CALL}
    cdr = write_channel(ingest_site, "b", THIRD_CALL, **far)
    assert run_with_rules(ingest_site, "freeswitch", ACME_RULE, cdr)["cdrs"] == 0
    write_channel(ingest_site, "a", ACME_CALL, domain_name="acme.example.com")
    assert run_with_rules(ingest_site, "freeswitch", ACME_RULE, cdr)["cdrs"] == 2
    assert [row[:3] for row in read_calls(ingest_site)] == [("acme", "17", ACME_CALL), ("acme", "17", THIRD_CALL)]
    assert len(set(ingest_site.read_rows(schema.cdrs, "call_id"))) == 1


@pytest.mark.parametrize(
    ("rule", "variables"),
    [
        ("context,tenant-a,,acme,17\n", {"context": "tenant-a"}),
        ("accountcode,a*,,acme,17\n", {"accountcode": "a100"}),
        ("did,442079460*,,acme,17\n", {"caller_destination": "442079460999"}),
        ("queue,sales@acme.example.com,,acme,17\n", {"cc_queue": "sales@acme.example.com", "cc_side": "member"}),
        ("queue,sales,,acme,17\n", {"cc_queue": "sales@acme.example.com", "cc_side": "member"}),
        ("domain,acme.example.com,,acme,17\n", {"dialed_domain": "acme.example.com"}),
    ],
)
def test_any_fact_of_a_channel_may_decide(rule: str, variables: dict[str, str], ingest_site: IngestSite) -> None:
    cdr = write_channel(ingest_site, "1", ACME_CALL, **variables)
    assert run_with_rules(ingest_site, "freeswitch", rule, cdr)["cdrs"] == 1


def test_a_number_that_an_extension_dials_is_not_its_tenants_did(ingest_site: IngestSite) -> None:
    cdr = write_channel(
        ingest_site, "1", ACME_CALL, caller_id_number="1001", user_name="1001", sip_to_user="442079460999"
    )
    [row] = run_with_rules(ingest_site, "freeswitch", "did,*,,acme,17\n", cdr)["refused"]
    assert row["reason"] == "no tenant rule matches: without any fact"


def test_lines_and_queue_log_of_asterisk_are_assigned_too(each_ingest_site: IngestSite) -> None:
    site = each_ingest_site
    add_other_app(site)
    lines = [
        build_cdr_line("1705311042.1", queue="sales", agent=""),
        build_cdr_line("1705311052.2", queue="help", agent="", sequence=2),
    ]
    log = "".join(
        f"{second}|{call}|{queue}|{member}|{event}\n"
        for second, call, queue, member, event in [
            ("1705311040", "NONE", "sales", "PJSIP/1001", "ADDMEMBER|"),
            ("1705311040", "NONE", "help", "PJSIP/1002", "ADDMEMBER|"),
            ("1705311041", "NONE", "NONE", "PJSIP/1001", "PAUSEALL|lunch"),
            ("1705311043", "1705311042.1", "sales", "NONE", "ENTERQUEUE||02079460123|1"),
        ]
    )
    cdr, queue_log = site.write_file("Master.csv", "".join(lines)), site.write_file("queue_log", log)
    result = run_with_rules(site, "asterisk", "queue,sales,,acme,17\n", cdr, "--queue-log", queue_log)
    assert result["cdrs"] == 1
    assert sorted(
        (Path(row["file"]).name, row["line"], row["reason"].partition(":")[0]) for row in result["refused"]
    ) == [
        ("Master.csv", 2, "no tenant rule matches"),
        ("queue_log", 2, "no tenant rule matches"),
    ]
    assert set(site.read_rows(schema.agent_operations, "account_id")) == {"acme"}
    assert set(site.read_rows(schema.queue_visits, "account_id")) == {"acme"}
    both = "queue,sales,,acme,17\nqueue,help,AKother002,other,18\n"
    assert run_with_rules(site, "asterisk", both, cdr, "--queue-log", queue_log)["cdrs"] == 1
    assert sorted(set(site.read_rows(schema.agent_operations, "account_id", "agent_id"))) == [
        ("acme", "1001"),
        ("other", "1002"),
    ]
    assert [row[0] for row in read_calls(site)] == ["acme", "other"]


@pytest.mark.parametrize(
    ("rules", "reason"),
    [
        ("domain,a,,nobody,17\n", "line 1: app AKacme0001 has no account nobody with VDN 17"),
        ("domain,a,AKnone,acme,17\n", "there is no app AKnone"),
        ("nonsense\n", "line 1 has 1 cells"),
    ],
)
def test_rules_that_cannot_hold_are_refused(rules: str, reason: str, ingest_site: IngestSite) -> None:
    cdr = write_channel(ingest_site, "1", ACME_CALL)
    file = ingest_site.write_file("tenants.csv", rules)
    options = ["--app", AK, "--tenants", str(file), "--cdr", str(cdr)]
    result = run_ccfs("ingest", "freeswitch", *options, settings=ingest_site.environment)
    assert result.code == 1
    assert reason in result.err


def test_an_account_is_named_by_options_or_by_rules(ingest_site: IngestSite) -> None:
    cdr = write_channel(ingest_site, "1", ACME_CALL)
    file = ingest_site.write_file("tenants.csv", ACME_RULE)
    for options in ([], ["--tenants", str(file), "--account", "acme", "--vdn", "17"]):
        command = ["ingest", "freeswitch", "--app", AK, "--cdr", str(cdr), *options]
        assert run_ccfs(*command, settings=ingest_site.environment).code == 2
