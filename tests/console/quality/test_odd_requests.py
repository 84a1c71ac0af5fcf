"""Odd ids, texts and times in requests of quality management and of calls: answered, never an error of the database."""

from urllib.parse import urlencode

from tests.console.call_centre_data import CallCentreData
from tests.console.conftest import SignIn
from tests.console.quality.quality_forms import FORM_FIELDS, GOOD_ANSWERS, add_form, start_evaluation

CALL, AGENT = "1700000000-1", "512"
ODD_VALUES = ("9" * 18, "1\0")  # more than an integer of PostgreSQL holds; a character that its texts do not
ODD_TIMES = ("0001-01-01T00:00:00+14:00 5", "9999-12-31T23:59:59-14:00 5", "2026-01-01T00:00:00+00:00 999999999999999")
PAGES = {
    "evaluation": ("id",),
    "evaluation-form": ("id", "version"),
    "calibration": ("id",),
    "calibration/new": ("id", "agent", "form"),
    "to-score": ("agent",),
    "evaluations": ("agent", "form", "scorer", "from", "cursor"),
    "evaluations/csv": ("agent", "form", "from"),
    "links": ("before",),
    "call": ("id", "evaluation"),
}
FORMS = {
    "evaluation": ("evaluation", "revision", "a.1.1", "t.1.1", "comment"),
    "evaluation/start": ("form", "id", "agent"),
    "evaluation-form/edit": ("id", "version", "s1.weight", "do"),
    "to-score/skip": ("id",),
    "calibration/score": ("id",),
    "sampling-rules": ("form", "calls", "min_talk", "queues"),
    "sampling-rules/delete": ("id",),
    "saved-searches/delete": ("id",),
    "links/revoke": ("id",),
}


def test_odd_values_never_reach_the_database_as_an_error(signed_in: SignIn, call_centre: CallCentreData) -> None:
    anna, account = signed_in("anna"), call_centre.account_param
    form = add_form(anna, call_centre, name="Odd")
    usual = {"account": account, "id": CALL, "agent": AGENT, "form": form, "calls": "1", "period": "day"}
    own = start_evaluation(anna, call_centre, form, CALL, AGENT)
    sent = usual | FORM_FIELDS | GOOD_ANSWERS | {"evaluation": own, "revision": "0", "version": "1", "do": "draft"}
    for odd in ODD_VALUES:
        for page, names in PAGES.items():
            given = usual | ({"id": form} if page == "evaluation-form" else {})
            for name in names:
                reply = anna.get(f"/console/{page}?{urlencode(given | {name: odd})}")
                assert reply.status < 500, (page, name, odd[:20])
        for page, names in FORMS.items():
            given = sent | ({"id": form} if page == "evaluation-form/edit" else {})
            for name in names:
                assert anna.post(f"/console/{page}", **given | {name: odd}).status < 500, (page, name, odd[:20])
    for cursor in ODD_TIMES:
        assert anna.get(f"/console/evaluations?{urlencode(usual | {'cursor': cursor})}").status < 500, cursor
