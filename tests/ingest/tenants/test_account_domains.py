"""One account of a FreeSWITCH with many domains, without tenant rules: it gets the calls of its own domain only."""

from itertools import product
from pathlib import Path
from typing import Any

import pytest

from ccfs.db import schema
from tests.cli.command import run_ccfs
from tests.ingest.ingest_site import AK, IngestSite, make_wav
from tests.ingest.tenants.tenant_site import (
    ACME_CALL,
    NO_WAIT,
    OTHER_CALL,
    THIRD_CALL,
    add_account,
    list_reasons,
    read_owners,
    run_with_rules,
    write_channel,
)
from tests.switches.freeswitch.channels import make_variables, make_xml

ACME, OTHER = "acme.example.com", "other.example.com"


def run_for_account(site: IngestSite, cdr: Path, account: str = "acme", vdn: int = 17) -> Any:
    """Return the result of one pass for an account."""
    options = ["--app", AK, "--account", account, "--vdn", vdn, "--cdr", cdr, "--recordings", site.recordings_folder]
    return run_ccfs("ingest", "freeswitch", *options, "--json", settings={**site.environment, **NO_WAIT}).json


def write_calls(site: IngestSite, *domains: str) -> Path:
    """Write a document of each domain, in this order; return their folder."""
    for number, (uuid, domain) in enumerate(zip((ACME_CALL, OTHER_CALL, THIRD_CALL), domains, strict=False)):
        cdr = write_channel(site, str(number), uuid, domain_name=domain)
    return cdr


@pytest.mark.parametrize("domains", [(ACME, OTHER), (OTHER, ACME), (OTHER, "ACME.example.com"), (OTHER, "acme")])
def test_the_domain_that_is_named_for_the_account_is_its(
    domains: tuple[str, str], each_ingest_site: IngestSite
) -> None:
    """Whatever comes first."""
    site = each_ingest_site
    cdr = write_calls(site, *domains)
    for uuid in (ACME_CALL, OTHER_CALL):
        site.write_recording(f"{uuid}.wav", make_wav(ord(uuid[-1])))
    result = run_for_account(site, cdr)
    own = ACME_CALL if domains[0] == ACME else OTHER_CALL
    assert (result["cdrs"], result["recordings"], read_owners(site)) == (1, 1, {own: "acme"})
    [document, sound] = list_reasons(result)
    name = next(name for name in domains if not name.lower().startswith("acme")).lower()
    assert document[2].startswith(f"the call is of the domain {name}, and account acme has the calls of acme")
    assert sound[2] == "the call of this recording is assigned to no tenant yet"
    assert run_for_account(site, cdr)["refused"] == []


def test_a_switch_of_one_domain_is_the_accounts_whatever_its_name(ingest_site: IngestSite) -> None:
    cdr = write_calls(ingest_site, "pbx.test", "pbx.test", "pbx.test")
    assert run_for_account(ingest_site, cdr)["cdrs"] == 3


def test_a_domain_that_a_switch_gets_later_is_not_the_accounts(ingest_site: IngestSite) -> None:
    write_channel(ingest_site, "1", ACME_CALL, domain_name="pbx.test")
    cdr = write_channel(ingest_site, "2", OTHER_CALL)
    assert run_for_account(ingest_site, cdr)["cdrs"] == 2
    write_channel(ingest_site, "3", THIRD_CALL, domain_name="second.test")
    assert len(run_for_account(ingest_site, cdr)["refused"]) == 1
    assert THIRD_CALL not in read_owners(ingest_site)


def test_of_several_domains_of_other_names_none_is_the_accounts(ingest_site: IngestSite) -> None:
    cdr = write_calls(ingest_site, "a.test", "b.test", "a.test")
    result = run_for_account(ingest_site, cdr)
    assert (result["cdrs"], len(result["refused"])) == (0, 3)
    assert result["refused"][0]["reason"].endswith("account acme is named by no domain; see --tenants")
    rules = "domain,a.test,,acme,17\ndomain,b.test,,-,\n"
    assert run_with_rules(ingest_site, "freeswitch", rules, cdr)["cdrs"] == 2
    assert ingest_site.list_rejected("--app", AK).strip() == ""


def test_two_accounts_may_each_take_their_domain(each_ingest_site: IngestSite) -> None:
    """The second run finds the documents ingested, and takes what the first one left."""
    site = each_ingest_site
    add_account(site, "other", 18)
    cdr = write_calls(site, ACME, OTHER)
    run_for_account(site, cdr)
    assert run_for_account(site, cdr, "other", 18)["cdrs"] == 1
    assert read_owners(site) == {ACME_CALL: "acme", OTHER_CALL: "other"}
    assert site.list_rejected("--app", AK).strip() == ""


def test_lines_of_a_text_file_are_told_apart_too(ingest_site: IngestSite) -> None:
    add_account(ingest_site, "other", 18)
    columns = "uuid,caller_id_number,destination_number,start_epoch,end_epoch,domain_name"
    lines = [
        f"{uuid},02079460123,101,1705311042,1705311102,{name}\n"
        for uuid, name in ((OTHER_CALL, OTHER), (ACME_CALL, ACME))
    ]
    cdr = ingest_site.write_file("Master.csv", "".join(lines))
    options = ["--cdr", cdr, "--columns", columns, "--json"]
    for account, vdn in (("acme", "17"), ("other", "18")):
        owner = ["--app", AK, "--account", account, "--vdn", vdn]
        run_ccfs("ingest", "freeswitch", *owner, *options, settings={**ingest_site.environment, **NO_WAIT})
    assert read_owners(ingest_site) == {ACME_CALL: "acme", OTHER_CALL: "other"}
    assert ingest_site.list_rejected("--app", AK).strip() == ""


def test_the_context_of_fusionpbx_is_the_domain_where_no_variable_is(ingest_site: IngestSite) -> None:
    for number, (uuid, name) in enumerate(((ACME_CALL, ACME), (OTHER_CALL, OTHER))):
        document = make_xml(make_variables(uuid, destination_number="101", context=name))
        cdr = ingest_site.write_file(f"cdr/{number}.cdr.xml", document).parent
    assert run_for_account(ingest_site, cdr)["cdrs"] == 1
    assert read_owners(ingest_site) == {ACME_CALL: "acme"}


@pytest.mark.parametrize("contexts", [("default", "public"), ("from-a", "from-b")])
def test_contexts_that_are_no_domains_and_addresses_tell_nothing(
    contexts: tuple[str, str], ingest_site: IngestSite
) -> None:
    write_channel(ingest_site, "1", ACME_CALL, context=contexts[0], domain_name="192.0.2.7")
    write_channel(ingest_site, "2", OTHER_CALL, context=contexts[1], domain_name="2001:db8::7")
    cdr = write_channel(ingest_site, "3", THIRD_CALL, context=contexts[1])
    assert run_for_account(ingest_site, cdr)["cdrs"] == 3


@pytest.mark.parametrize(
    ("fact", "address"),
    [*product(["accountcode"], ["", "192.0.2.7", "pbx.test"]), *product(["context"], ["", "192.0.2.7"])],
)
@pytest.mark.parametrize("names", [("acme", "other"), ("ACME-in", "1234a")])
def test_an_account_code_or_a_context_that_is_named_for_the_account_tells_its_calls(
    fact: str, names: tuple[str, str], address: str, ingest_site: IngestSite
) -> None:
    for number, (uuid, name) in enumerate(zip((OTHER_CALL, ACME_CALL), names[::-1], strict=True)):
        write_channel(ingest_site, str(number), uuid, domain_name=address, **{fact: name})
    cdr = write_channel(ingest_site, "9", THIRD_CALL, domain_name=address, originating_leg_uuid=ACME_CALL)
    [document] = list_reasons(run_for_account(ingest_site, cdr))
    assert document[2].startswith(f"the call is of the {fact} {names[1].lower()}, and account acme has the calls of")
    assert read_owners(ingest_site) == {ACME_CALL: "acme", THIRD_CALL: "acme"}


@pytest.mark.parametrize("codes", [("1001", "1002"), ("sales", "support"), ("acme-sales", "")])
def test_account_codes_that_are_not_named_for_the_account_tell_nothing(
    codes: tuple[str, str], ingest_site: IngestSite
) -> None:
    write_channel(ingest_site, "1", ACME_CALL, accountcode=codes[0], context="internal", domain_name="pbx.test")
    write_channel(ingest_site, "2", OTHER_CALL, accountcode=codes[1], context="public")
    cdr = write_channel(ingest_site, "3", THIRD_CALL, accountcode=codes[0], context="from-here")
    assert run_for_account(ingest_site, cdr)["cdrs"] == 3


@pytest.mark.parametrize("order", ["ab", "ba"])
def test_a_leg_without_a_domain_is_its_calls(order: str, ingest_site: IngestSite) -> None:
    """Another tenant's far leg is not the account's, though nothing in it tells so."""
    far = {"direction": "outbound", "originating_leg_uuid": OTHER_CALL}
    write_channel(ingest_site, "1", ACME_CALL, domain_name=ACME)
    for name in order:
        if name == "a":
            cdr = write_channel(ingest_site, name, OTHER_CALL, domain_name=OTHER)
        else:
            cdr = write_channel(ingest_site, name, THIRD_CALL, **far)
    run_for_account(ingest_site, cdr)
    assert read_owners(ingest_site) == {ACME_CALL: "acme"}
    assert len(ingest_site.read_rows(schema.unassigned_records)) == 2


def test_a_leg_that_arrives_before_its_call_waits_where_a_switch_has_several_domains(ingest_site: IngestSite) -> None:
    run_for_account(ingest_site, write_calls(ingest_site, ACME, OTHER))
    far = {"direction": "outbound", "originating_leg_uuid": "e2e2e2e2-0000-4000-8000-000000000008"}
    cdr = write_channel(ingest_site, "b", THIRD_CALL, **far)
    [waiting] = list_reasons(run_for_account(ingest_site, cdr))
    assert waiting[2].startswith("the switch has several domains, and neither this line nor its call names one")
    write_channel(ingest_site, "c", far["originating_leg_uuid"], domain_name=ACME)
    assert run_for_account(ingest_site, cdr)["cdrs"] == 2
    assert read_owners(ingest_site)[THIRD_CALL] == "acme"
    assert "b.cdr.json" not in ingest_site.list_rejected("--app", AK)


def test_a_file_of_another_domains_folder_is_not_the_accounts(ingest_site: IngestSite) -> None:
    path = f"/recordings/{ACME}"
    write_channel(ingest_site, "1", ACME_CALL, domain_name=ACME, record_path=path, record_name="a.wav")
    cdr = write_channel(ingest_site, "2", OTHER_CALL, domain_name=OTHER)
    ingest_site.write_recording(f"{OTHER}/a.wav", make_wav(1))
    [_, sound] = list_reasons(run_for_account(ingest_site, cdr))
    assert sound == ("a.wav", 0, "the folder of this recording is another tenant's than its call")
    assert ingest_site.read_rows(schema.recordings) == []
