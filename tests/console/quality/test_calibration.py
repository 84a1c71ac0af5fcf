"""Calibration: blind until all have submitted, then agreement; and what may be seen meanwhile."""

from tests.console.call_centre_data import CallCentreData
from tests.console.conftest import SignIn
from tests.console.console_client import extract_text
from tests.console.quality.quality_forms import GOOD_ANSWERS, add_form, find_shown_ids, start_evaluation

CALL, AGENT = "1700000000-4", "512"


def test_scorers_of_a_calibration_are_blind_until_all_have_submitted(
    signed_in: SignIn, call_centre: CallCentreData
) -> None:
    anna, eva, olga, gus = map(signed_in, ("anna", "eva", "olga", "gus"))
    account = call_centre.account_param
    form = add_form(anna, call_centre, name="Calibrated")
    usual = start_evaluation(olga, call_centre, form, CALL, AGENT)
    assert (
        olga.post("/console/evaluation", account=account, evaluation=usual, revision="0", **GOOD_ANSWERS).status == 303
    )
    choice = {"account": account, "id": CALL, "agent": AGENT, "form": form}
    new = f"/console/calibration/new?account={account}&id={CALL}&agent={AGENT}&form={form}"
    assert 'name="scorer.lucy"' not in anna.get(new).body.decode()  # may not evaluate
    assert anna.post("/console/calibration/new", **choice, **{"scorer.eva": "on"}).status == 400
    scorers = {"scorer.eva": "on", "scorer.anna": "on", "scorer.lucy": "on"}
    page = anna.post("/console/calibration/new", **choice, **scorers).headers["location"]
    calibration = page.rpartition("=")[2]
    assert "0 of 2 have scored" in anna.get_text(page)
    assert olga.post("/console/calibration/score", account=account, id=calibration).status == 404

    own = {}
    for client, name in ((eva, "eva"), (anna, "anna")):
        assert "Calibrated" in client.get_text(f"/console/to-score?account={account}")
        reply = client.post("/console/calibration/score", account=account, id=calibration)
        own[name] = reply.headers["location"].rpartition("=")[2]
    answers = {"account": account, "revision": "0", **GOOD_ANSWERS}
    assert eva.post("/console/evaluation", **answers | {"evaluation": own["eva"], "a.2.1": "5"}).status == 303
    call = f"/console/call?account={account}&id={CALL}"
    for client in (anna, olga):  # a scorer who has not submitted, and one who takes no part
        assert client.get(f"/console/evaluation?account={account}&id={own['eva']}").status == 404
        shown = find_shown_ids(client.get(call).body.decode())
        shown |= find_shown_ids(client.get(f"/console/evaluations?account={account}").body.decode())
        assert own["eva"] not in shown
        assert (usual in shown) == (client is olga)  # one of the same call would show the way, too
        assert "The scores are shown once all have submitted" in client.get_text(page)
    assert eva.post("/console/evaluation", **answers | {"evaluation": own["eva"], "revision": "1"}).status == 404
    log = olga.get_text("/console/audit?actor=eva")
    assert f"Submitted an evaluation of call {CALL} : Calibrated {AGENT} #{own['eva']}" in log  # without its score

    assert anna.post("/console/evaluation", **answers | {"evaluation": own["anna"]}).status == 303
    text = olga.get_text(page)
    assert "Agreement 67 % Cohen's kappa 0.57 Difference between scores 16.67 %" in text
    assert "How well was the need found? 4 of 5 5 of 5 0 %" in text
    assert own["eva"] in find_shown_ids(olga.get(call).body.decode())
    assert own["eva"] not in find_shown_ids(gus.get("/console/my-evaluations").body.decode())
    assert "Started a calibration of call 1700000000-4" in signed_in("audrey").get_text("/console/audit?actor=anna")


def test_a_calibration_that_is_closed_takes_no_more_scores(signed_in: SignIn, call_centre: CallCentreData) -> None:
    anna, eva, account = signed_in("anna"), signed_in("eva"), call_centre.account_param
    form = add_form(anna, call_centre, name="Closed")
    choice = {"account": account, "id": CALL, "agent": AGENT, "form": form, "scorer.eva": "on", "scorer.anna": "on"}
    calibration = anna.post("/console/calibration/new", **choice).headers["location"].rpartition("=")[2]
    reply = eva.post("/console/calibration/score", account=account, id=calibration)
    own = reply.headers["location"].rpartition("=")[2]
    assert eva.post("/console/calibration/close", account=account, id=calibration).status == 404  # of its author
    question = anna.post("/console/calibration/close", account=account, id=calibration, confirmed="")
    assert "will no longer be able to: anna, eva" in extract_text(question)
    assert anna.post("/console/calibration/close", account=account, id=calibration).status == 303
    sent = {"account": account, "evaluation": own, "revision": "0", **GOOD_ANSWERS}
    assert eva.post("/console/evaluation", **sent).status == 400
    assert "nothing to compare" in eva.get_text(f"/console/calibration?account={account}&id={calibration}")
    assert eva.post("/console/evaluation/delete", **sent).status == 303
