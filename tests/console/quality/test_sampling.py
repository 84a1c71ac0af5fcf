"""Sampling rules: what they draw, reproducibly and once; the list of calls to score."""

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest

from ccfs.db.system import tenants
from ccfs.db.tenant.calls import cdrs
from ccfs.db.tenant.quality import samples
from ccfs.model.calls.call import Direction
from ccfs.model.exports.time_window import TimeWindow
from ccfs.model.quality.evaluation import EvaluatedCall
from tests.console.call_centre_data import BEGIN, CallCentreData, make_leg
from tests.console.conftest import SignIn
from tests.console.console_client import ConsoleClient, extract_text
from tests.console.quality.quality_forms import GOOD_ANSWERS, add_form
from tests.server.ccfs_server import CcfsServer

RULE = {"calls": "2", "period": "day", "min_talk": "1:00", "direction": "", "queues": "sampled"}


@pytest.fixture(scope="module")
def sampled_calls(console_server: CcfsServer, call_centre: CallCentreData) -> None:
    """Add calls of two agents in a queue of their own, of every day of the last three."""
    legs = []
    for number in range(60):
        begin = BEGIN - timedelta(hours=number)
        seconds = 30 if number % 10 == 2 else 120
        times = {"begin": begin, "call_begin": begin, "call_end": begin + timedelta(seconds=seconds)}
        more = {"agent_id": f"sam{number % 2}", "current_skill_id": "sampled", "wait_begin": None, "wait_end": None}
        legs.append(make_leg("acme-account", f"1690000000-{number}", number, **times, **more))
    with console_server.node.database.write_transaction() as connection:
        cdrs.add(connection, call_centre.acme, legs)


def list_calls(client: ConsoleClient, path: str) -> list[str]:
    return re.findall(r'name="id" value="(1690000000-\d+)"', client.get(path).body.decode())


def test_a_rule_draws_calls_that_leave_the_list_once_scored(
    signed_in: SignIn, call_centre: CallCentreData, sampled_calls: None
) -> None:
    anna, eva, account = signed_in("anna"), signed_in("eva"), call_centre.account_param
    form, path = add_form(anna, call_centre, name="Sampled"), f"/console/to-score?account={account}"
    assert "An administrator of the account adds them" in eva.get_text(path)
    assert anna.post("/console/sampling-rules", account=account, form=form, **RULE).status == 303
    drawn = list_calls(eva, path)
    assert len(drawn) == len(set(drawn)) == 4  # two of each agent
    assert list_calls(signed_in("olga"), path) == drawn
    assert not {int(call.partition("-")[2]) for call in drawn} & set(range(2, 60, 10))  # too short
    first, second, *rest = drawn
    agent = re.search(rf'value="{first}"><input type="hidden" name="agent" value="(\w+)"', eva.get(path).body.decode())
    assert agent
    assert set(list_calls(eva, f"{path}&agent={agent[1]}")) < set(drawn)
    reply = eva.post("/console/evaluation/start", account=account, form=form, id=first, agent=agent[1])
    sent = {"account": account, "evaluation": reply.headers["location"].rpartition("=")[2], "revision": "0"}
    assert list_calls(eva, path) == drawn  # a draft does not count
    assert eva.post("/console/evaluation", **sent, **GOOD_ANSWERS).status == 303
    assert eva.post("/console/to-score/skip", account=account, id=second).status == 303
    assert eva.post("/console/to-score/skip", account=account, id=second).status == 404
    assert list_calls(eva, path) == rest
    assert anna.post("/console/sampling-rules", account=account, form=form, **RULE | {"calls": "20"}).status == 303
    more = list_calls(eva, path)
    assert len(more) == len(set(more))
    assert not {first, second} & set(more)  # each call at most once, whatever the rule
    assert set(rest) < set(more)
    rules = f"/console/sampling-rules?account={account}"
    for rule in re.findall(r'name="id" value="(\d+)"', anna.get(rules).body.decode()):
        assert anna.post("/console/sampling-rules/delete", account=account, id=rule).status == 303
    assert list_calls(eva, path) == []


def test_viewers_at_once_draw_as_many_calls_as_one(
    signed_in: SignIn, call_centre: CallCentreData, sampled_calls: None
) -> None:
    anna, account = signed_in("anna"), call_centre.account_param
    form, path = add_form(anna, call_centre, name="At once"), f"/console/to-score?account={account}"
    for drawn in (2, 4):  # one of each agent by each rule
        assert anna.post("/console/sampling-rules", account=account, form=form, **RULE | {"calls": "1"}).status == 303
        with ThreadPoolExecutor(4) as pool:
            assert [reply.status for reply in pool.map(anna.get, [path] * 4)] == [200] * 4
        assert len(list_calls(anna, path)) == drawn
    rules = f"/console/sampling-rules?account={account}"
    for rule in re.findall(r'name="id" value="(\d+)"', anna.get(rules).body.decode()):
        assert anna.post("/console/sampling-rules/delete", account=account, id=rule).status == 303


def test_the_rule_of_a_retired_form_draws_nothing_and_can_be_deleted(
    signed_in: SignIn, call_centre: CallCentreData, sampled_calls: None
) -> None:
    anna, eva, account = signed_in("anna"), signed_in("eva"), call_centre.account_param
    form, path = add_form(anna, call_centre, name="Withdrawn"), f"/console/to-score?account={account}"
    assert anna.post("/console/sampling-rules", account=account, form=form, **RULE).status == 303
    assert list_calls(eva, path)
    assert anna.post("/console/evaluation-form/retire", account=account, id=form).status == 303
    assert list_calls(eva, path) == []  # nobody could score them
    rules = f"/console/sampling-rules?account={account}"
    assert "Withdrawn retired" in anna.get_text(rules)
    [rule] = re.findall(r'name="id" value="(\d+)"', anna.get(rules).body.decode())
    assert anna.post("/console/sampling-rules/delete", account=account, id=rule).status == 303
    assert "Withdrawn" not in anna.get_text(rules)


def test_a_draw_can_be_repeated_from_its_seed(
    signed_in: SignIn, call_centre: CallCentreData, console_server: CcfsServer, sampled_calls: None
) -> None:
    anna, account, app = signed_in("anna"), call_centre.account_param, call_centre.acme
    form = add_form(anna, call_centre, name="Repeated")
    assert anna.post("/console/sampling-rules", account=account, form=form, **RULE | {"calls": "3"}).status == 303
    window = TimeWindow(begin=BEGIN - timedelta(days=3), end=BEGIN + timedelta(days=1))
    with console_server.node.database.write_transaction() as connection:
        [*_, rule] = samples.list_rules(connection, app, "acme-account")
        rule = replace(rule, seed="a seed")

        def draw(**changes: object) -> list[EvaluatedCall]:
            return samples.draw(connection, app, replace(rule, **changes), window)  # type: ignore[arg-type]

        drawn = draw()
        assert drawn == draw()
        assert {call.agent_id for call in drawn} == {"sam0", "sam1"}
        assert set(drawn) < set(draw(calls=5)) != set(draw(seed="another seed", calls=5))
        assert draw(direction=Direction.OUTBOUND) == draw(queues=("none",)) == draw(min_talk_seconds=121) == []
        other = tenants.list_apps(connection)[1]
        assert samples.draw(connection, other, rule, window) == []
        period = TimeWindow(begin=window.begin, end=rule.drawn_until + timedelta(days=1))
        assert samples.store_draw(connection, app, rule, period, drawn)
        assert not samples.store_draw(connection, app, rule, period, drawn)  # another process was first
        assert not set(drawn) & set(draw())
        samples.delete_rule(connection, app, "acme-account", rule.id)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [({"calls": "0"}, "Enter a number from 1 to 20."), ({"min_talk": "long"}, "Enter a duration such as")],
)
def test_a_wrong_rule_is_shown_again(
    signed_in: SignIn, call_centre: CallCentreData, changes: dict[str, str], sentence: str
) -> None:
    anna, account = signed_in("anna"), call_centre.account_param
    form = add_form(anna, call_centre, name="Wrong rule")
    reply = anna.post("/console/sampling-rules", account=account, form=form, **RULE | changes)
    assert (reply.status, sentence in extract_text(reply)) == (400, True)
    assert 'value="sampled"' in reply.body.decode()
