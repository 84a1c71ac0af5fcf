"""Rules that change: what had no tenant is ingested once it has one, even if its file is gone; a wrong file is refused."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ccfs.db import schema
from ccfs.db.system import tenants
from ccfs.db.tenant.ingest import ingest_state
from ccfs.server.node import utc_now
from tests.cli.command import ROOT, run_ccfs, run_in_parallel
from tests.ingest.calls import test_channel_events
from tests.ingest.ingest_site import AK, IngestSite, Row
from tests.ingest.tenants.tenant_site import (
    ACME_CALL,
    ACME_RULE,
    NO_WAIT,
    OTHER_AK,
    OTHER_CALL,
    OTHER_RULE,
    add_account,
    add_other_app,
    build_line,
    list_reasons,
    read_calls,
    read_owners,
    run_with_rules,
    write_channel,
    write_rules,
)
from tests.waiting import wait_until

FIRST, SECOND = "1705311042.2", "1705311043.3"
CONTEXT_RULES = f"context,acme-in,,acme,17\ncontext,other-in,{OTHER_AK},other,18\n"
ACME_CONTEXT = CONTEXT_RULES.partition("\n")[0] + "\n"


def test_calls_of_a_file_that_is_gone_are_ingested_once_they_have_a_rule(each_ingest_site: IngestSite) -> None:
    site = each_ingest_site
    add_other_app(site)
    text = build_line(FIRST, context="acme-in") + build_line(SECOND, context="other-in", queue="q", sequence=2)
    log_line = f"1705311043|{SECOND}|q|NONE|ENTERQUEUE||02079460123|1\n"
    cdr, log = site.write_file("Master.csv", text), site.write_file("queue_log", log_line)
    run_with_rules(site, "asterisk", ACME_CONTEXT, cdr, "--queue-log", log)
    assert read_owners(site) == {FIRST: "acme"}
    site.write_file("Master.csv", "")
    site.write_file("queue_log", "")
    result = run_with_rules(site, "asterisk", CONTEXT_RULES, cdr, "--queue-log", log)
    assert result["cdrs"] == 1
    assert read_owners(site) == {FIRST: "acme", SECOND: "other"}
    assert site.read_rows(schema.queue_visits, "account_id") == ["other"]
    assert site.read_rows(schema.unassigned_records) == []
    assert "no tenant rule" not in site.list_rejected("--app", AK)


def test_what_is_ingested_later_is_what_would_have_been_ingested_at_once(ingest_site: IngestSite) -> None:
    """Queue, agents, times, recordings that are expected, and the visit of mod_callcenter."""
    queue = {
        "cc_queue": "600@other.example.com",
        "cc_side": "member",
        "cc_agent": "1001",
        "domain_name": "other.x.test",
    }
    times = {"cc_queue_joined_epoch": "1751554801", "cc_queue_answered_epoch": "1751554810", "record_name": "x.wav"}
    far = {"direction": "outbound", "cc_side": "agent", "cc_member_session_uuid": ACME_CALL, "dialed_user": "1001"}
    write_channel(ingest_site, "a", ACME_CALL, **queue, **times)
    cdr = write_channel(ingest_site, "b", OTHER_CALL, **{**queue, **far})
    rules = "domain,other.*,,acme,17\n"
    tables = (schema.cdrs, schema.queue_visits, schema.expected_recordings)

    def read_all() -> list[list[Row]]:
        return [[row | {"missing_at": None} for row in ingest_site.read_rows(table)] for table in tables]

    run_with_rules(ingest_site, "freeswitch", "domain,nobody.test,,acme,17\n", cdr)
    assert ingest_site.read_rows(schema.cdrs) == []
    run_with_rules(ingest_site, "freeswitch", rules, cdr)
    later = read_all()
    with ingest_site.node.database.write_transaction() as connection:
        for table in (*tables, schema.source_files, schema.device_numbers):
            connection.execute(table.delete())
    run_with_rules(ingest_site, "freeswitch", rules, cdr)
    assert later == read_all()
    assert [len(rows) for rows in later] == [2, 1, 1]


@pytest.mark.parametrize("first_rules", ["context,*,,acme,17\n", "did,1,,acme,17\n"], ids=["at-once", "later"])
def test_channel_events_correct_the_calls_of_their_tenant(first_rules: str, each_ingest_site: IngestSite) -> None:
    site = each_ingest_site
    cdr = site.write_file("Master.csv", "".join(test_channel_events.CDRS))
    cel = site.write_file("cel.csv", "".join(test_channel_events.EVENTS))
    result = run_with_rules(site, "asterisk", first_rules, cdr, "--cel", cel)
    is_later = first_rules.startswith("did")
    assert [row[0] for row in list_reasons(result)] == (["Master.csv"] * 4 if is_later else [])
    for name in ("Master.csv", "cel.csv") if is_later else ():
        site.write_file(name, "")
    run_with_rules(site, "asterisk", "context,*,,acme,17\n", cdr, "--cel", cel)
    assert test_channel_events.read_facts(site) == test_channel_events.EXPECTED
    assert set(site.read_rows(schema.channel_events, "account_id")) == {"acme"}
    assert site.read_rows(schema.unassigned_records) == []


def test_comments_in_the_rules_are_no_change(ingest_site: IngestSite) -> None:
    cdr = ingest_site.write_file("Master.csv", build_line(SECOND, context="other-in"))
    run_with_rules(ingest_site, "asterisk", ACME_CONTEXT, cdr)
    before = ingest_site.read_rows(schema.unassigned_records)
    run_with_rules(ingest_site, "asterisk", "# a comment\n\n" + ACME_CONTEXT, cdr)
    assert ingest_site.read_rows(schema.unassigned_records) == before
    assert len(before) == 1


def test_rules_of_one_switch_do_not_take_calls_of_another(ingest_site: IngestSite) -> None:
    """Both have a context from-internal."""
    add_account(ingest_site, "other", 18)
    first = ingest_site.write_file("one/Master.csv", build_line(FIRST, context="from-internal"))
    second = ingest_site.write_file("two/Master.csv", build_line(SECOND, context="from-internal", sequence=2))
    run_with_rules(ingest_site, "asterisk", "did,1,,acme,17\n", first)
    run_with_rules(ingest_site, "asterisk", "context,from-internal,,other,18\n", second)
    assert read_owners(ingest_site) == {SECOND: "other"}


def test_a_reread_that_a_user_requests_lists_what_is_still_without_a_rule(ingest_site: IngestSite) -> None:
    cdr = ingest_site.write_file("Master.csv", build_line(SECOND, context="other-in"))
    run_with_rules(ingest_site, "asterisk", ACME_CONTEXT, cdr)
    with ingest_site.node.database.write_transaction() as connection:
        app = tenants.get_app_by_ak(connection, AK)
        assert ingest_state.request_reread(connection, app, str(cdr), utc_now()) == (True, 1)
    assert ingest_site.list_rejected("--app", AK).strip() == ""
    assert len(run_with_rules(ingest_site, "asterisk", ACME_CONTEXT, cdr)["refused"]) == 1
    assert "context other-in" in ingest_site.list_rejected("--app", AK)


@pytest.mark.parametrize(
    ("rules", "reason"),
    [
        (ACME_RULE + "domain,a,,nobody,17\n", "line 2: app AKacme0001 has no account nobody with VDN 17"),
        (ACME_RULE + "domain,a,,acme,18\n", "line 2: app AKacme0001 has no account acme with VDN 18"),
        (ACME_RULE + "domain,a,AKnone,acme,17\n", "line 2: there is no app AKnone"),
        (ACME_RULE + "\n# x\nnonsense\n", "line 4 has 1 cells"),
        (ACME_RULE + "domain,ACME.example.com,,acme,18\n", "line 2: line 1 assigns the same domain to another tenant"),
        ("domain,a,,acme,17,\xff\n", "line 1 has 6 cells"),
    ],
)
def test_a_file_that_is_wrong_is_refused_with_its_line(rules: str, reason: str, ingest_site: IngestSite) -> None:
    cdr = write_channel(ingest_site, "1", ACME_CALL, domain_name="acme.example.com")
    file = write_rules(ingest_site, rules)
    options = ["--app", AK, "--tenants", str(file), "--cdr", str(cdr)]
    result = run_ccfs("ingest", "freeswitch", *options, settings={**ingest_site.environment, **NO_WAIT})
    assert (result.code, ingest_site.read_rows(schema.cdrs)) == (1, [])
    assert f"--tenants: {file}: {reason}" in result.err
    assert "Traceback" not in result.err


def test_a_file_in_another_encoding_is_refused(ingest_site: IngestSite) -> None:
    cdr = write_channel(ingest_site, "1", ACME_CALL)
    file = ingest_site.write_file("tenants.csv", "domain,gr\xfcn,,acme,17\n".encode("latin-1"))
    result = run_ccfs(
        "ingest", "freeswitch", "--app", AK, "--tenants", file, "--cdr", cdr, settings=ingest_site.environment
    )
    assert result.code == 1
    assert "'utf-8' codec can't decode byte" in result.err


def test_a_watch_reads_the_rules_again_and_waits_while_they_are_wrong(each_ingest_site: IngestSite) -> None:
    site = each_ingest_site
    add_other_app(site)
    write_channel(site, "1", ACME_CALL, domain_name="acme.example.com")
    cdr = write_channel(site, "2", OTHER_CALL, domain_name="other.example.com")
    file = write_rules(site, ACME_RULE)
    command = ["ingest", "freeswitch", "--app", AK, "--tenants", file, "--cdr", cdr, "--watch", "--json"]
    program = [sys.executable, "-c", "from ccfs.cli import main; main()", *map(str, command)]
    short = {"CCFS_SETTLE_SECONDS": "0.2", "CCFS_WATCH_SECONDS": "0.1", "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"}
    log = site.folder / "watch.log"
    with open(log, "wb") as errors:
        watch = subprocess.Popen(program, env={**short, **site.environment}, stdout=subprocess.PIPE, stderr=errors)
    try:
        wait_until(lambda: len(read_calls(site)) == 1)
        _replace(file, "nonsense\n")
        wait_until(lambda: "line 1 has 1 cells" in log.read_text())
        write_channel(site, "3", "e2e2e2e2-0000-4000-8000-000000000009", domain_name="acme.example.com")
        _replace(file, ACME_RULE + OTHER_RULE)
        wait_until(lambda: len(read_calls(site)) == 3)
        watch.send_signal(signal.SIGTERM)
        assert watch.wait(60) == 0
    finally:
        watch.kill()
        watch.communicate()
    assert [row[0] for row in read_calls(site)] == ["acme", "acme", "other"]
    assert "Traceback" not in log.read_text()


def _replace(file: Path, text: str) -> None:
    """Replace a file as editors do."""
    new = file.with_suffix(".new")
    new.write_text(text)
    os.replace(new, file)


def test_parallel_runs_of_two_switches_for_the_same_apps_do_not_block_each_other(each_ingest_site: IngestSite) -> None:
    """Each has the other's app as its own: they lock both, in opposite order."""
    site = each_ingest_site
    add_other_app(site)
    commands = []
    for number, ak in enumerate((AK, OTHER_AK)):
        lines = [
            build_line(f"170531{number}{call:03d}.{call}", context=("acme-in", "other-in")[call % 2], sequence=call)
            for call in range(200)
        ]
        cdr = site.write_file(f"{number}/Master.csv", "".join(lines))
        rules = site.write_file(
            f"{number}/rules", f"context,acme-in,{AK},acme,17\ncontext,other-in,{OTHER_AK},other,18\n"
        )
        commands.append(["ingest", "asterisk", "--app", ak, "--tenants", rules, "--cdr", cdr, "--json"])
    results = run_in_parallel(commands * 2, settings={**site.environment, **NO_WAIT})
    assert sum(result.json["cdrs"] for result in results) == 400
    assert sorted(read_owners(site).values()) == ["acme"] * 200 + ["other"] * 200
    assert [list_reasons(result.json) for result in results] == [[]] * 4
