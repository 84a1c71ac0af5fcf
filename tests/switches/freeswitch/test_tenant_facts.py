"""What a channel tells of its tenant."""

import pytest

from ccfs.switches.tenant_rules import CallFacts, is_domain_name
from tests.switches.freeswitch.channels import make_json, make_variables
from tests.switches.freeswitch.read_samples import parse_channels


def read_facts(**variables: str) -> CallFacts:
    [leg] = parse_channels(make_json(make_variables(destination_number="101", **variables)))
    return tuple(fact for fact in leg.facts if fact[0] != "did")


@pytest.mark.parametrize(
    ("variables", "facts"),
    [
        ({"domain_name": "a.test", "dialed_domain": "b.test", "sip_auth_realm": "c.test"}, (("domain", "a.test"),)),
        ({"dialed_domain": "b.test", "sip_auth_realm": "c.test"}, (("domain", "b.test"),)),
        ({"cc_queue": "600@d.test"}, (("domain", "d.test"), ("queue", "600@d.test"), ("queue", "600"))),
        ({"context": "e.test"}, (("domain", "e.test"), ("context", "e.test"))),
        ({"context": "default"}, (("context", "default"),)),
        ({"accountcode": "f.test"}, (("domain", "f.test"), ("accountcode", "f.test"))),
        ({"accountcode": "100"}, (("accountcode", "100"),)),
        ({"domain_name": "a.test", "domain_uuid": "u-1"}, (("domain", "a.test"), ("domain", "u-1"))),
        ({}, ()),
    ],
)
def test_the_facts_of_a_channel(variables: dict[str, str], facts: CallFacts) -> None:
    assert read_facts(**variables) == facts


@pytest.mark.parametrize(
    ("variables", "domain"),
    [
        ({"domain_name": "A.test", "context": "b.test"}, "a.test"),
        ({"context": "B.test"}, "b.test"),
        ({"context": "public", "dialed_domain": "c.test"}, ""),
        ({"domain_name": "192.0.2.1"}, "192.0.2.1"),
    ],
)
def test_the_domain_that_a_switch_names_as_the_tenant(variables: dict[str, str], domain: str) -> None:
    [leg] = parse_channels(make_json(make_variables(**variables)))
    assert leg.domain == domain


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        *(("a.test", True), ("a-b.c_d.x1", True), ("default", False), ("10.0.0.1", False), ("a..b", False)),
        *((".a", False), ("a" * 64 + ".b", False), ("a." * 200 + "b", False), ("a b.c", False), ("", False)),
    ],
)
def test_a_domain_is_told_from_other_contexts(text: str, expected: bool) -> None:
    assert is_domain_name(text) is expected
