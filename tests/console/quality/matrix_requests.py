"""Fields with which the routes of quality management answer whoever may call them, for tests/console/access/test_access_matrix.py."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

from ccfs.db.tenant.quality import calibrations, evaluation_forms, evaluations, samples
from ccfs.model.exports.time_window import TimeWindow
from ccfs.model.quality.evaluation import EvaluatedCall, EvaluationDraft
from ccfs.model.quality.evaluation_form import EvaluationForm, FormContent, FormQuestion, FormSection
from ccfs.model.quality.sampling import SamplingPeriod, SamplingRule
from ccfs.model.quality.scoring import score_form
from ccfs.server.node import Node
from tests.console.call_centre_data import BEGIN, CallCentreData
from tests.console.console_client import ConsoleClient

Fields = dict[str, str]
RouteKey = tuple[str, str]
SCORERS = ("olga", "anna", "eva")
CALIBRATED_CALL_ID = "1700000000-4"
CONTENT = FormContent(name="Matrix", sections=(FormSection(title="s", questions=(FormQuestion(text="?"),)),))


def build_quality_requests(node: Node, call_centre: CallCentreData, call_id: str) -> dict[RouteKey, Fields]:
    """Add a form, evaluations and calibrations, and return the fields of each route."""
    app, now, account = call_centre.acme, datetime.now(UTC), {"account": call_centre.account_param}
    call = EvaluatedCall(account_id="acme-account", call_id=call_id, call_begin=BEGIN, agent_id="512")
    with node.database.write_transaction() as connection:
        number = evaluation_forms.add(connection, app, "acme-account", CONTENT, "anna", now)
        assert number is not None
        form = evaluation_forms.find(connection, app, "acme-account", number)
        assert form is not None
        submitted = [evaluations.start(connection, app, call, form, name, now)[0] for name in ("x", "y")]
        for evaluation_id in submitted:
            evaluation = evaluations.find(connection, app, "acme-account", evaluation_id)
            assert evaluation is not None
            score = score_form(CONTENT, {})
            assert evaluations.submit(connection, app, evaluation, EvaluationDraft(), score, "x", now)
        other = replace(call, call_id=CALIBRATED_CALL_ID)  # whose evaluations its scorers must not see
        calibration = calibrations.add(connection, app, other, form, SCORERS, "anna", now)
        assert samples.add_rule(connection, app, _make_rule(form, now), now)
        [*_, rule] = samples.list_rules(connection, app, "acme-account")
        period = TimeWindow(begin=now, end=now + timedelta(days=1))
        drawn = [replace(call, call_id=f"{number}-drawn") for number in range(len(SCORERS))]
        assert samples.store_draw(connection, app, rule, period, drawn)
    chosen, named = account | {"form": str(form.id), "id": call_id, "agent": "512"}, account | {"id": str(form.id)}
    of_evaluation, of_calibration = account | {"id": str(submitted[0])}, account | {"id": str(calibration)}
    return {
        ("GET", "/console/evaluations/csv"): account,
        ("GET", "/console/evaluation"): of_evaluation,
        ("POST", "/console/evaluation/start"): chosen,
        ("GET", "/console/evaluation-form"): named,
        ("GET", "/console/evaluation-form/edit"): account,
        ("POST", "/console/evaluation-form/edit"): account | {"do": "add-section"},
        ("POST", "/console/evaluation-form/retire"): named,
        ("POST", "/console/sampling-rules"): chosen | {"period": "day", "calls": "x"},
        ("GET", "/console/calibration/new"): chosen,
        ("POST", "/console/calibration/new"): chosen,
        ("GET", "/console/calibration"): of_calibration,
        ("POST", "/console/calibration/score"): of_calibration,
        ("GET", "/console/my-evaluation"): of_evaluation,
        ("POST", "/console/my-evaluation"): of_evaluation | {"response": "disputed", "text": ""},
        **dict.fromkeys(OWN_OBJECTS, chosen | {"id": CALIBRATED_CALL_ID}),
    }


def add_own_quality_object(client: ConsoleClient, path: str, fields: Fields) -> Fields:
    """Return the fields of a route with the id of an object of the user's own."""
    account, query = {"account": fields["account"]}, urlencode({"account": fields["account"]})
    if path.startswith("/console/evaluation"):
        reply = client.post("/console/evaluation/start", **fields)
        return account | {"evaluation": reply.headers["location"].rpartition("=")[2], "revision": "0"}
    if path == "/console/calibration/close":
        reply = client.post("/console/calibration/new", **fields, **{"scorer.eva": "on", "scorer.anna": "on"})
        return account | {"id": reply.headers["location"].rpartition("=")[2]}
    if path == "/console/sampling-rules/delete":
        client.post("/console/sampling-rules", **fields, period="week", calls="1", direction="")
        page = client.get(f"/console/sampling-rules?{query}").body.decode()
        return account | {"id": re.findall(r'name="id" value="(\d+)"', page)[-1]}
    page = client.get(f"/console/to-score?{query}").body.decode()
    return account | {"id": re.findall(r'name="id" value="(\d+-drawn)"', page)[0]}


OWN_OBJECTS = (  # routes of which each user needs an object of their own
    ("POST", "/console/evaluation"),
    ("POST", "/console/evaluation/draft"),
    ("POST", "/console/evaluation/delete"),
    ("POST", "/console/to-score/skip"),
    ("POST", "/console/sampling-rules/delete"),
    ("POST", "/console/calibration/close"),
)


def _make_rule(form: EvaluationForm, now: datetime) -> SamplingRule:
    return SamplingRule(
        id=0,
        account_id="acme-account",
        form=form.id,
        form_name=form.name,
        calls=20,
        period=SamplingPeriod.DAY,
        min_talk_seconds=1,
        direction="",
        queues=(),
        seed="matrix",
        author="anna",
        drawn_until=now,
    )
