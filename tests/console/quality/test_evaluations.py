"""Evaluations in the console: forms in versions, scoring beside the player, agents' responses, revisions, list and CSV."""

import csv
import io

import pytest
import sqlalchemy as sa

from ccfs.db import schema
from tests.console.call_centre_data import HOSTILE_TEXT, CallCentreData
from tests.console.conftest import SignIn
from tests.console.console_client import extract_text
from tests.console.quality.quality_forms import FORM_FIELDS, GOOD_ANSWERS, add_form, find_shown_ids, start_evaluation
from tests.server.ccfs_server import CcfsServer

CALL, AGENT = "1700000000-1", "512"


def list_actions(server: CcfsServer, pattern: str, target: str) -> list[tuple[str, str]]:
    with server.node.database.read_transaction() as connection:
        log = schema.audit_log.c
        of_target = sa.select(log.actor, log.action).where(log.action.like(pattern), log.target.like(target))
        rows = connection.execute(of_target.order_by(log.id))
        return [(row[0], row[1]) for row in rows]


def test_a_form_is_changed_in_versions_and_retired(
    signed_in: SignIn, call_centre: CallCentreData, console_server: CcfsServer
) -> None:
    anna, eva, account = signed_in("anna"), signed_in("eva"), call_centre.account_param
    form = add_form(anna, call_centre, name="Versioned")
    base = {"account": account, "id": form, "version": "1", **FORM_FIELDS}
    assert anna.post("/console/evaluation-form/edit", **base | {"name": "Versioned"}).status == 303  # unchanged
    assert anna.post("/console/evaluation-form/edit", **base | {"name": "Changed"}).status == 303
    stale = anna.post("/console/evaluation-form/edit", **base | {"name": "Stale"})
    assert (stale.status, "Another user has changed" in extract_text(stale)) == (400, True)
    path = f"/console/evaluation-form?account={account}&id={form}"
    assert "Changed Version 2" in eva.get_text(path)
    assert "Versioned Version 1" in eva.get_text(f"{path}&version=1")
    assert (
        eva.get(f"{path}&version=3").status == eva.get(f"/console/evaluation-form/edit?account={account}").status == 404
    )
    question = anna.post("/console/evaluation-form/retire", account=account, id=form, confirmed="")
    assert "It can no longer be used to score calls" in extract_text(question)
    assert anna.post("/console/evaluation-form/retire", account=account, id=form).status == 303
    assert eva.post("/console/evaluation/start", account=account, form=form, id=CALL, agent=AGENT).status == 404
    assert anna.post("/console/evaluation-form/retire", account=account, id=form).status == 303
    assert start_evaluation(eva, call_centre, form, CALL, AGENT)
    assert list_actions(console_server, "evaluation_form%", "Versioned%") == [("anna", "evaluation_form_added")]
    assert list_actions(console_server, "evaluation_form%", "Changed%") == [
        ("anna", "evaluation_form_changed"),
        ("anna", "evaluation_form_retired"),
        ("anna", "evaluation_form_restored"),
    ]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"name": " "}, "Enter a name."),
        ({"s1.weight": "0"}, "Enter a weight from 1 to 100."),
        ({"q2.1.weight": "x"}, "Enter a weight from 1 to 100."),
        ({"q1.1.text": "x" * 301}, "Enter at most 300 characters."),
        ({"s2.title": ""}, "Enter a name."),
        ({"q1.1.text": ""}, "Enter at least one question, or remove the section."),
        (
            {f"q1.{index}.{name}": "1" for index in range(2, 41) for name in ("text", "weight")},
            "A form can have up to 40 questions.",
        ),
    ],
)
def test_a_wrong_form_is_shown_again(
    signed_in: SignIn, call_centre: CallCentreData, changes: dict[str, str], sentence: str
) -> None:
    fields = {"account": call_centre.account_param, **FORM_FIELDS, **changes}
    reply = signed_in("anna").post("/console/evaluation-form/edit", **fields)
    assert reply.status == 400
    assert sentence in extract_text(reply)
    assert "How well was the need found?" in reply.body.decode()


def test_the_editor_adds_moves_and_removes_rows_without_scripts(signed_in: SignIn, call_centre: CallCentreData) -> None:
    anna, fields = signed_in("anna"), {"account": call_centre.account_param, **FORM_FIELDS}
    for command, shown, hidden in (
        ("add-section", 's3.title"', 's4.title"'),
        ("add-question.1", 'q1.2.text"', 'q1.3.text"'),
        ("remove-section.2", 's1.title"', 's2.title"'),
        ("up-question.2.2", 'name="q2.1.text" value="Were the terms read out?"', 'q2.3.text"'),
        ("remove-question.9.9", 'q2.2.text"', 'q3.1.text"'),
    ):
        reply = anna.post("/console/evaluation-form/edit", **fields, do=command)
        page = reply.body.decode()
        assert (reply.status, shown in page, hidden in page) == (200, True, False), command


def test_a_call_is_scored_answered_and_scored_again(
    signed_in: SignIn, call_centre: CallCentreData, console_server: CcfsServer
) -> None:
    anna, eva, gus, account = (*map(signed_in, ("anna", "eva", "gus")), call_centre.account_param)
    form = add_form(anna, call_centre, name=f"=Sales {HOSTILE_TEXT}"[:80])
    evaluation = start_evaluation(eva, call_centre, form, CALL, AGENT)
    assert start_evaluation(eva, call_centre, form, CALL, AGENT) == evaluation
    sent = {"account": account, "evaluation": evaluation, "revision": "0"}
    view, own = (
        f"/console/evaluation?account={account}&id={evaluation}",
        f"/console/my-evaluation?account={account}&id={evaluation}",
    )
    saved = eva.post("/console/evaluation/draft", **sent, **{"a.2.1": "4", "t.2.1": "never", "c.2.1": "half a comment"})
    assert "Draft saved" in extract_text(saved)
    panel = eva.get(f"/console/call?account={account}&id={CALL}&evaluation={evaluation}").body.decode()
    assert 'name="a.2.1" value="4" checked' in panel
    assert 'value="half a comment"' in panel
    missing = eva.post("/console/evaluation", **sent, **{"a.2.1": "9", "t.2.1": "never", "comment": "kept"})
    assert (missing.status, extract_text(missing).count("Choose an answer.")) == (400, 3)
    assert "Enter a position such as 1:30." in extract_text(missing)
    assert ">kept</textarea>" in missing.body.decode()
    assert anna.get(view).status == gus.get(own).status == 404  # a draft is the scorer's
    assert evaluation not in find_shown_ids(gus.get("/console/my-evaluations").body.decode())

    answers = {**GOOD_ANSWERS, "c.2.1": "Well asked", "t.2.1": "1:05", "comment": "=1+1"}
    page = eva.post_and_follow("/console/evaluation", **sent, **answers)
    assert "83.33 %" in extract_text(page)
    assert eva.post("/console/evaluation", **sent, **answers).status == 400  # sent twice
    assert "t=1:05" in page.body.decode()
    assert evaluation in find_shown_ids(gus.get("/console/my-evaluations").body.decode())
    assert "Well asked" in gus.get_text(own)
    assert "/console/call?" not in gus.get(own).body.decode()
    response = {"account": account, "id": evaluation, "revision": "1"}
    assert gus.post("/console/my-evaluation", **response, response="disputed", text=" ").status == 400
    assert gus.post("/console/my-evaluation", **response, response="submitted", text="x").status == 404
    assert (
        gus.post("/console/my-evaluation", **response, response="disputed", text="The terms do not apply").status == 303
    )
    assert gus.post("/console/my-evaluation", **response, response="acknowledged").status == 400
    assert "The terms do not apply" in eva.get_text(view)
    again = {"account": account, "evaluation": evaluation, "revision": "1", **GOOD_ANSWERS, "a.2.2": "no"}
    assert eva.post("/console/evaluation/draft", **again).status == 200
    assert "0 % Critical failure" in extract_text(eva.post_and_follow("/console/evaluation", **again))
    text = anna.get_text(view)
    assert "Revision 1 · 83.33 %" in text
    assert "The terms do not apply" in text
    assert gus.post("/console/my-evaluation", **response | {"revision": "2"}, response="acknowledged").status == 303

    rows = list(
        csv.DictReader(io.StringIO(eva.get(f"/console/evaluations/csv?account={account}").body.decode("utf-8-sig")))
    )
    [row] = [row for row in rows if row["Evaluation"] == evaluation]
    assert [row[name] for name in ("Score (%)", "Critical failure", "State", "Revision")] == [
        *("0.00", "Yes", "Acknowledged", "2")
    ]
    assert row["Evaluation form"].startswith("'=Sales")
    assert row["Answers"] == "1.1=na; 2.1=4; 2.2=no"
    audit = signed_in("audrey").get_text(f"/console/audit?call={CALL}")
    assert "Disputed an evaluation of call 1700000000-1" in audit
    assert "Changed an evaluation of call 1700000000-1" in audit


def test_the_list_is_filtered(signed_in: SignIn, call_centre: CallCentreData) -> None:
    anna, eva, account = signed_in("anna"), signed_in("eva"), call_centre.account_param
    form = add_form(anna, call_centre, name="Listed")
    ids = []
    for client, call_id, agent in ((eva, CALL, AGENT), (anna, "1700000000-2", "513")):
        ids.append(start_evaluation(client, call_centre, form, call_id, agent))
        sent = {"account": account, "evaluation": ids[-1], "revision": "0"}
        assert client.post("/console/evaluation", **sent, **GOOD_ANSWERS).status == 303

    def find(**filters: str) -> set[str]:
        query = "&".join(f"{name}={value}" for name, value in {"account": account, "form": form, **filters}.items())
        return find_shown_ids(eva.get(f"/console/evaluations?{query}").body.decode())

    assert find() == set(ids)
    assert (find(agent="513"), find(scorer="EVA"), find(state="disputed")) == ({ids[1]}, {ids[0]}, set())
    assert find(to="2001-01-01") == set()
    assert "The first day must not be after" in extract_text(
        eva.get(f"/console/evaluations?account={account}&from=2020-01-02&to=2020-01-01")
    )
    assert "Average score 83.33 %" in eva.get_text(f"/console/evaluations?account={account}&form={form}")


def test_an_agent_sees_no_evaluation_of_another_agent(signed_in: SignIn, call_centre: CallCentreData) -> None:
    anna, gus, account = signed_in("anna"), signed_in("gus"), call_centre.account_param
    form = add_form(anna, call_centre, name="Of another")
    evaluation = start_evaluation(anna, call_centre, form, "1700000000-2", "513")
    sent = {"account": account, "evaluation": evaluation, "revision": "0"}
    assert anna.post("/console/evaluation", **sent, **GOOD_ANSWERS).status == 303
    assert evaluation not in find_shown_ids(gus.get("/console/my-evaluations").body.decode())
    assert gus.get(f"/console/my-evaluation?account={account}&id={evaluation}").status == 404
    response = {"account": account, "id": evaluation, "revision": "1", "response": "acknowledged"}
    assert gus.post("/console/my-evaluation", **response).status == 404
    assert anna.post("/console/evaluation/start", account=account, form=form, id=CALL, agent="999").status == 404
    other = f"{call_centre.acme.ak}/acme-other"
    assert anna.get(f"/console/evaluation?account={other}&id={evaluation}").status == 404
