"""Tenant rules: their file, and the rule of a call."""

import time

import pytest

from ccfs.switches.tenant_rules import CallFacts, InvalidRules, collect_facts, describe_facts, parse_rules

RULES = """\ufefffact,value,app,account,vdn
# the switch of two tenants
domain,acme.example.com,,acme,17

 Context , from-Acme-* , AK2 , acme2 , 18
did,0207946*,,south,19
did,02079460999,,acme,17
queue,*,,rest,20
"""


@pytest.mark.parametrize(
    ("facts", "account"),
    [
        ((("domain", "acme.example.com"),), "acme"),
        ((("domain", "ACME.example.com"),), "acme"),
        ((("domain", "acme.example.com.evil"),), None),
        ((("domain", "x.acme.example.com"),), None),
        ((("context", "from-Acme-in"),), "acme2"),
        ((("context", "from-Acme-"),), "acme2"),
        ((("context", "from-Acme"),), None),
        ((("context", "from-acme-in"),), None),
        ((("did", "+0207946099"),), "south"),
        ((("did", "02079460999"),), "south"),
        ((("queue", "600"), ("did", "02079460123")), "south"),
        ((("queue", "600"), ("domain", "acme.example.com")), "acme"),
        ((("queue", "600"),), "rest"),
        ((("accountcode", "acme.example.com"),), None),
        ((), None),
    ],
)
def test_the_first_rule_that_matches_counts(facts: CallFacts, account: str | None) -> None:
    rule = parse_rules(RULES).find_rule(facts)
    assert (rule.account_id if rule else None) == account


def test_a_rule_has_the_app_the_vdn_and_its_line() -> None:
    rules = parse_rules(RULES).rules
    assert [(rule.line, rule.ak, rule.vdn_id) for rule in rules] == [
        (3, "", 17),
        (5, "AK2", 18),
        (6, "", 19),
        (7, "", 17),
        (8, "", 20),
    ]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("domain,a", "line 1 has 2 cells"),
        ("domains,a,,acme,1", "line 1: 'domains' is none of"),
        ("domain,a*b,,acme,1", "line 1: the value"),
        ("domain,,,acme,1", "line 1: the value"),
        ("domain,a,,,1", "line 1: an account"),
        ("domain,a,,acme,one", "line 1: an account"),
        ("domain,a,,acme,99999999999", "line 1: an account"),
        ("domain,a,,-,17", "line 1: the account - has neither"),
        ("domain,a,AK,-,", "line 1: the account - has neither"),
        ("domain,A,,acme,1\n\ndomain,a,,other,1", "line 3: line 1 assigns the same domain to another tenant"),
        ("did,+44*,,acme,1\ndid,44*,,-,", "line 2: line 1 assigns the same did to another tenant"),
        ('domain,"a' + "b" * 200_000, "line 1: "),
    ],
)
def test_a_line_that_is_no_rule_is_refused_with_its_number(line: str, reason: str) -> None:
    with pytest.raises(InvalidRules, match=reason.replace("(", r"\(")):
        parse_rules(line)


def test_a_rule_may_be_there_twice_and_may_ignore_calls() -> None:
    rules = parse_rules("queue,a,,acme,1\nqueue,a,,acme,1\nqueue,*,,-,\n")
    assert [rule.is_ignored for rule in rules.rules] == [False, False, True]
    rule = rules.find_rule((("queue", "b"),))
    assert rule is not None
    assert (rule.line, rule.is_ignored) == (3, True)


def test_a_folder_is_found_by_the_exact_value_of_any_fact() -> None:
    rules = parse_rules(RULES)
    found = [rules.find_exact_rule(name) for name in ("ACME.example.com", "02079460999", "from-Acme-", "rest")]
    assert [rule and rule.line for rule in found] == [3, 7, None, None]


@pytest.mark.parametrize(
    ("text", "is_same"),
    [
        (RULES + "# x\n", True),
        (RULES.replace("acme.example", "ACME.example"), True),
        (RULES.replace("did,0207946*,,south,19\n", ""), False),
        (RULES.replace("acme2 , 18", "acme2 , 19"), False),
    ],
)
def test_equal_rules_have_equal_digests(text: str, is_same: bool) -> None:
    assert (parse_rules(text).digest == parse_rules(RULES).digest) is is_same


def test_facts_are_described_for_the_operator() -> None:
    facts = collect_facts([("domain", "a.example.com"), ("did", ""), ("domain", "a.example.com"), ("queue", "600")])
    assert describe_facts(facts) == "domain a.example.com, queue 600"
    assert describe_facts(()) == "without any fact"


def test_the_time_to_find_a_rule_does_not_grow_with_the_rules_or_the_value() -> None:
    rules = parse_rules("".join(f"did,0207946{number}*,,acme,1\n" for number in range(20_000)))
    facts = tuple(("did", "9" * 100_000) for _ in range(10))
    started = time.process_time()
    for _ in range(20):
        assert rules.find_rule(facts) is None
    assert time.process_time() - started < 1
