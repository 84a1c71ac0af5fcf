"""Evaluation forms for tests, and what a browser sends of them."""

import re

from tests.console.call_centre_data import CallCentreData
from tests.console.console_client import ConsoleClient, extract_text

FORM_FIELDS = {
    "name": "Sales call",
    "s1.title": "Opening",
    "s1.weight": "1",
    "q1.1.text": "Did the agent greet the caller?",
    "q1.1.kind": "yes_no",
    "q1.1.weight": "1",
    "q1.1.critical": "none",
    "q1.1.na": "on",
    "s2.title": "Content",
    "s2.weight": "3",
    "q2.1.text": "How well was the need found?",
    "q2.1.kind": "5",
    "q2.1.weight": "2",
    "q2.1.critical": "none",
    "q2.2.text": "Were the terms read out?",
    "q2.2.kind": "yes_no",
    "q2.2.weight": "1",
    "q2.2.critical": "form",
}
GOOD_ANSWERS = {"a.1.1": "na", "a.2.1": "4", "a.2.2": "yes"}  # (3/4 * 2 + 1) / 3 = 83.33 %


def add_form(anna: ConsoleClient, call_centre: CallCentreData, **changes: str) -> str:
    """Add a form as an administrator, and return its id."""
    fields = {"account": call_centre.account_param, **FORM_FIELDS, **changes}
    reply = anna.post("/console/evaluation-form/edit", **fields)
    assert reply.status == 303, extract_text(reply)
    return reply.headers["location"].rpartition("=")[2]


def start_evaluation(client: ConsoleClient, call_centre: CallCentreData, form: str, call_id: str, agent: str) -> str:
    """Begin an evaluation, and return its id."""
    fields = {"account": call_centre.account_param, "form": form, "id": call_id, "agent": agent}
    reply = client.post("/console/evaluation/start", **fields)
    assert reply.status == 303, extract_text(reply)
    return reply.headers["location"].rpartition("=")[2]


def find_shown_ids(page: str) -> set[str]:
    """Return the ids of the evaluations to which a page has links."""
    return set(re.findall(r'/console/(?:my-)?evaluation\?account=[^"]*?id=(\d+)"', page))
