"""Recordings of a switch of many tenants: none is heard by another tenant, nor one of a call that is nobody's."""

import hashlib
from pathlib import Path
from typing import Any

import pytest

from ccfs.db import schema
from tests.ingest.ingest_site import IngestSite, make_wav
from tests.ingest.tenants.tenant_site import (
    ACME_CALL,
    ACME_RULE,
    OTHER_AK,
    OTHER_CALL,
    OTHER_RULE,
    THIRD_CALL,
    add_account,
    add_other_app,
    build_line,
    list_reasons,
    run_with_rules,
    write_channel,
)

FIRST, SECOND, THIRD = (f"170531104{number}.{number}" for number in (2, 3, 4))
ACME_SOUND, OTHER_SOUND = make_wav(1), make_wav(2)
CONTEXT_RULES = f"context,acme-in,,acme,17\ncontext,other-in,{OTHER_AK},other,18\n"


def read_recordings(site: IngestSite) -> list[Any]:
    """Return (account, sound) of each recording."""
    sounds = {hashlib.sha256(make_wav(seed)).hexdigest(): seed for seed in range(9)}
    rows = site.read_rows(schema.recordings, "account_id", "source_sha256")
    return sorted((account_id, sounds[sha256]) for account_id, sha256 in rows)


def test_a_tree_with_a_folder_for_each_domain(each_ingest_site: IngestSite) -> None:
    """As FusionPBX has it: both tenants' calls name a file of the same name, without an id."""
    site = each_ingest_site
    add_other_app(site)
    for name, uuid, domain in (("1", ACME_CALL, "acme.example.com"), ("2", OTHER_CALL, "other.example.com")):
        path = f"/var/lib/freeswitch/recordings/{domain}/archive/2025/Jul"
        cdr = write_channel(site, name, uuid, domain_name=domain, record_path=path, record_name="call.wav")
    site.write_recording("acme.example.com/archive/2025/Jul/call.wav", ACME_SOUND)
    site.write_recording("other.example.com/archive/2025/Jul/call.wav", OTHER_SOUND)
    assert run_with_rules(site, "freeswitch", ACME_RULE + OTHER_RULE, cdr)["refused"] == []
    assert read_recordings(site) == [("acme", 1), ("other", 2)]


@pytest.mark.parametrize("name", ["call.wav", "101/call.wav"])
@pytest.mark.parametrize("rules", [ACME_RULE, ACME_RULE + "domain,other.*,,other,18\n"], ids=["one-rule", "two-rules"])
def test_a_file_in_another_tenants_folder_is_not_what_a_call_names(
    name: str, rules: str, ingest_site: IngestSite
) -> None:
    add_account(ingest_site, "other", 18)
    path = "/recordings/acme.example.com"
    cdr = write_channel(ingest_site, "1", ACME_CALL, domain_name="acme.example.com", record_path=path, record_name=name)
    ingest_site.write_recording(f"other.example.com/{name}", OTHER_SOUND)
    result = run_with_rules(ingest_site, "freeswitch", rules, cdr)
    assert [row[2] for row in list_reasons(result)] == [
        "the folder of this recording is another tenant's than its call"
    ]
    assert read_recordings(ingest_site) == []


def test_a_file_of_a_call_without_a_tenant_is_nobodys(each_ingest_site: IngestSite) -> None:
    """The bare name is that of an older call, too, whose file never came."""
    site = each_ingest_site
    add_other_app(site)
    lines = [
        build_line(FIRST, context="acme-in", recording="q600.wav"),
        build_line(SECOND, context="other-in", recording="q600.wav", sequence=2),
    ]
    cdr = site.write_file("Master.csv", "".join(lines))
    site.write_recording("q600.wav", OTHER_SOUND)
    acme_only = CONTEXT_RULES.partition("\n")[0] + "\n"
    result = run_with_rules(site, "asterisk", acme_only, cdr)
    assert list_reasons(result)[1] == ("q600.wav", 0, "the call of this recording is assigned to no tenant yet")
    assert read_recordings(site) == []
    run_with_rules(site, "asterisk", CONTEXT_RULES, cdr)
    assert read_recordings(site) == []
    assert "q600.wav" in site.list_rejected("--app", "AKacme0001")


def test_the_recording_of_a_call_without_a_tenant_is_stored_once_it_has_one(ingest_site: IngestSite) -> None:
    add_other_app(ingest_site)
    write_channel(ingest_site, "1", ACME_CALL, domain_name="acme.example.com")
    cdr = write_channel(ingest_site, "2", OTHER_CALL, domain_name="other.example.com", record_name="x.wav")
    ingest_site.write_recording("x.wav", OTHER_SOUND)
    ingest_site.write_recording(f"{OTHER_CALL}.wav", make_wav(3))
    result = run_with_rules(ingest_site, "freeswitch", ACME_RULE, cdr)
    reason = "the call of this recording is assigned to no tenant yet"
    assert [row[2] for row in list_reasons(result) if row[0].endswith(".wav")] == [reason, reason]
    run_with_rules(ingest_site, "freeswitch", ACME_RULE + OTHER_RULE, cdr)
    assert read_recordings(ingest_site) == [("other", 2), ("other", 3)]
    assert ingest_site.read_rows(schema.expected_recordings) == []


@pytest.mark.parametrize("order", [0, 1])
def test_each_leg_of_a_call_between_tenants_has_its_own_recording(order: int, ingest_site: IngestSite) -> None:
    """Whatever rule comes first: the second leg has the first one's id as its call's."""
    add_other_app(ingest_site)
    first = build_line(FIRST, context="acme-in")
    second = build_line(FIRST, leg=SECOND, context="other-in", agent="2001", sequence=2)
    cdr = ingest_site.write_file("Master.csv", first + second)
    ingest_site.write_recording(f"q-600-{FIRST}.wav", ACME_SOUND)
    ingest_site.write_recording(f"q-601-{SECOND}.wav", OTHER_SOUND)
    rules = CONTEXT_RULES.splitlines(keepends=True)
    run_with_rules(ingest_site, "asterisk", "".join(rules[::-1] if order else rules), cdr)
    assert read_recordings(ingest_site) == [("acme", 1), ("other", 2)]


def test_a_file_that_two_tenants_calls_name_is_nobodys(ingest_site: IngestSite) -> None:
    add_other_app(ingest_site)
    lines = [
        build_line(FIRST, context="acme-in", recording="a.wav"),
        build_line(SECOND, context="other-in", recording="a.wav", sequence=2),
    ]
    cdr = ingest_site.write_file("Master.csv", "".join(lines))
    ingest_site.write_recording("a.wav", ACME_SOUND)
    result = run_with_rules(ingest_site, "asterisk", CONTEXT_RULES, cdr)
    assert list_reasons(result) == [
        ("a.wav", 0, "calls of several tenants match this recording; it is stored for none")
    ]
    assert read_recordings(ingest_site) == []


def test_a_folder_tells_which_of_two_tenants_a_file_is(ingest_site: IngestSite) -> None:
    add_other_app(ingest_site)
    lines = [
        build_line(FIRST, context="acme-in", recording="a.wav"),
        build_line(SECOND, context="other-in", recording="a.wav", sequence=2),
    ]
    cdr = ingest_site.write_file("Master.csv", "".join(lines))
    ingest_site.write_recording("2024/other-in/a.wav", OTHER_SOUND)
    run_with_rules(ingest_site, "asterisk", CONTEXT_RULES, cdr)
    assert read_recordings(ingest_site) == [("other", 2)]


def test_the_second_file_of_a_name_goes_to_the_call_of_its_tenant(ingest_site: IngestSite) -> None:
    """What was stored for one tenant under a name says nothing of the next file of the name."""
    add_other_app(ingest_site)
    line = build_line(FIRST, context="acme-in", recording="a.wav")
    cdr = ingest_site.write_file("Master.csv", line)
    ingest_site.write_recording("a.wav", ACME_SOUND)
    run_with_rules(ingest_site, "asterisk", CONTEXT_RULES, cdr)
    ingest_site.write_file("Master.csv", line + build_line(SECOND, context="other-in", recording="a.wav", sequence=2))
    ingest_site.write_recording("a.wav", OTHER_SOUND, modified=1_705_500_000)
    run_with_rules(ingest_site, "asterisk", CONTEXT_RULES, cdr)
    assert read_recordings(ingest_site) == [("acme", 1), ("other", 2)]


def test_an_exact_id_outweighs_a_folder_whose_name_has_a_dot(ingest_site: IngestSite) -> None:
    cdr = write_channel(ingest_site, "1", ACME_CALL, domain_name="acme.example.com")
    ingest_site.write_recording(f"backup.old/{ACME_CALL}.wav", ACME_SOUND)
    run_with_rules(ingest_site, "freeswitch", ACME_RULE, cdr)
    assert read_recordings(ingest_site) == [("acme", 1)]


def test_files_in_the_folder_of_an_ignored_domain_are_left_alone(ingest_site: IngestSite) -> None:
    write_channel(ingest_site, "1", ACME_CALL, domain_name="acme.example.com")
    cdr = write_channel(ingest_site, "2", OTHER_CALL, domain_name="other.example.com")
    ingest_site.write_recording(f"other.example.com/{OTHER_CALL}.wav", OTHER_SOUND)
    ingest_site.write_recording(f"acme.example.com/{ACME_CALL}.wav", ACME_SOUND)
    result = run_with_rules(ingest_site, "freeswitch", ACME_RULE + "domain,other.*,,-,\n", cdr)
    assert (result["recordings"], result["refused"]) == (1, [])
    assert read_recordings(ingest_site) == [("acme", 1)]


def test_missing_recordings_are_those_of_each_tenants_app(ingest_site: IngestSite) -> None:
    add_other_app(ingest_site)
    for name, uuid, domain in (("1", ACME_CALL, "acme.example.com"), ("2", OTHER_CALL, "other.example.com")):
        write_channel(ingest_site, name, uuid, domain_name=domain, record_path="/r", record_name=f"{name}.wav")
    cdr = write_channel(ingest_site, "3", THIRD_CALL, domain_name="x.test", record_path="/r", record_name="3.wav")
    result = run_with_rules(ingest_site, "freeswitch", ACME_RULE + OTHER_RULE, cdr)
    assert sorted(row["file"] for row in result["missing"]) == ["1.wav", "2.wav"]
    assert "2.wav" not in ingest_site.list_rejected("--app", "AKacme0001")
    assert "missing: 2.wav" in ingest_site.list_rejected("--app", OTHER_AK)


def test_bytes_are_stored_below_the_app_of_their_owner(ingest_site: IngestSite) -> None:
    add_other_app(ingest_site)
    cdr = write_channel(ingest_site, "2", OTHER_CALL, domain_name="other.example.com")
    ingest_site.write_recording(f"{OTHER_CALL}.wav", OTHER_SOUND)
    run_with_rules(ingest_site, "freeswitch", OTHER_RULE, cdr)
    [row] = ingest_site.read_rows(schema.recordings)
    assert Path(row["key"]).parts[0] == str(row["app"]) != "1"
