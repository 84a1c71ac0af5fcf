"""Rows of evaluations on both engines: their app, one submission of two, moved and deleted calls."""

from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ccfs.db import schema
from ccfs.db.engine import Database
from ccfs.db.system import maintenance
from ccfs.db.tenant import recordings
from ccfs.db.tenant.quality import calibrations, evaluation_forms, evaluation_search, evaluations, samples
from ccfs.db.tenant.quality.evaluation_search import EvaluationSearch
from ccfs.model.exports.time_window import TimeWindow
from ccfs.model.identity.tenancy import App
from ccfs.model.quality.evaluation import Answer, EvaluatedCall, EvaluationDraft, EvaluationState
from ccfs.model.quality.evaluation_form import EvaluationForm, FormContent, FormQuestion, FormSection
from ccfs.model.quality.sampling import SamplingPeriod, SamplingRule
from ccfs.model.quality.scoring import score_form
from tests.db import sample_rows
from tests.db.sample_rows import MINUTE, NOW

RECORDING = sample_rows.make_recording(1)
CALL = EvaluatedCall(account_id="100", call_id=RECORDING.call_id, call_begin=RECORDING.call_begin, agent_id="512")
CONTENT = FormContent(name="Sales", sections=(FormSection(title="a", questions=(FormQuestion(text="?"),)),))
DRAFT = EvaluationDraft(answers={"1.1": Answer(value="yes", comment="ok", moment_ms=1500)}, comment="fine")


@pytest.fixture
def form(database: Database, app: App) -> EvaluationForm:
    with database.write_transaction() as connection:
        form_id = evaluation_forms.add(connection, app, "100", CONTENT, "anna", NOW)
        assert form_id
        found = evaluation_forms.find(connection, app, "100", form_id)
        assert found
        assert (found.content, found.version) == (CONTENT, 1)
        return found


def submit(connection: Connection, app: App, evaluation_id: int) -> bool:
    evaluation = evaluations.find(connection, app, "100", evaluation_id)
    assert evaluation
    score = score_form(CONTENT, DRAFT.answers)
    return evaluations.submit(connection, app, evaluation, DRAFT, score, "eva", NOW + MINUTE)


def test_of_two_submissions_of_a_revision_one_counts(database: Database, app: App, form: EvaluationForm) -> None:
    with database.write_transaction() as connection:
        number, is_new = evaluations.start(connection, app, CALL, form, "eva", NOW)
        assert (is_new, evaluations.start(connection, app, CALL, form, "eva", NOW)) == (True, (number, False))
        draft = evaluations.find(connection, app, "100", number)
        assert draft
        score = score_form(CONTENT, DRAFT.answers)
        assert evaluations.submit(connection, app, draft, DRAFT, score, "eva", NOW)
        assert not evaluations.submit(connection, app, draft, DRAFT, score, "eva", NOW)
        assert not evaluations.save_draft(connection, app, draft, DRAFT)
        assert not evaluations.delete_draft(connection, app, draft)
        submitted = evaluations.find(connection, app, "100", number)
        assert submitted
        assert (submitted.current.draft, submitted.current.score) == (DRAFT, 10_000)
        assert evaluations.respond(connection, app, submitted, EvaluationState.DISPUTED, "no", NOW)
        assert evaluations.submit(connection, app, submitted, DRAFT, score, "anna", NOW)  # with the response just given
        [earlier] = evaluations.list_revisions(connection, app, submitted)
        assert (earlier.revision, earlier.author, earlier.response) == (1, "eva", "no")
        assert not evaluations.respond(connection, app, submitted, EvaluationState.DISPUTED, "late", NOW)


def test_a_response_while_a_revision_is_stored_is_kept_or_refused(
    database: Database, app: App, form: EvaluationForm
) -> None:
    with database.write_transaction() as connection:
        number, _ = evaluations.start(connection, app, CALL, form, "eva", NOW)
        assert submit(connection, app, number)
        submitted = evaluations.find(connection, app, "100", number)
        assert submitted

    def respond() -> bool:
        with database.write_transaction() as connection:
            return evaluations.respond(connection, app, submitted, EvaluationState.DISPUTED, "no", NOW)

    responses: list[Future[bool]] = []
    with ThreadPoolExecutor(1) as pool:

        def begin_response(_connection: object, _cursor: object, statement: str, *_: object) -> None:
            if statement.startswith("INSERT") and "evaluation_revisions" in statement:
                responses.append(pool.submit(respond))
                wait(responses, timeout=0.3)

        with database.write_transaction() as connection:
            sa.event.listen(connection, "after_cursor_execute", begin_response)
            assert submit(connection, app, number)
        [is_stored] = [response.result() for response in responses]
    with database.read_transaction() as connection:
        earlier = [one.response for one in evaluations.list_revisions(connection, app, submitted)]
    assert earlier == (["no"] if is_stored else [""])


def test_evaluations_are_of_the_app_and_account(database: Database, app: App, form: EvaluationForm) -> None:
    search = EvaluationSearch(account_id="100", viewer="x", begin=NOW, end=NOW + 5 * MINUTE)
    with database.write_transaction() as connection:
        number, _ = evaluations.start(connection, app, CALL, form, "eva", NOW)
        assert evaluation_search.find_evaluations(connection, app, search, 9) == []  # a draft of another user
        assert submit(connection, app, number)
        other = sample_rows.add_app(connection, "bolt")
        assert len(evaluation_search.find_evaluations(connection, app, search, 9)) == 1
        assert evaluation_search.summarise(connection, app, search).average == 10_000
        assert len(evaluation_search.list_of_agent(connection, app, "100", "512", 9)) == 1
        for who, account in ((other, "100"), (app, "200")):
            assert evaluations.find(connection, who, account, number) is None
            assert evaluations.list_by_call(connection, who, account, CALL.call_id) == []
            assert evaluation_search.find_evaluations(connection, who, replace(search, account_id=account), 9) == []
            assert evaluation_search.list_of_agent(connection, who, account, "512", 9) == []
            assert evaluation_forms.find(connection, who, account, form.id) is None


def count_rows(connection: Connection) -> list[int]:
    tables = (schema.evaluations, schema.evaluation_revisions, schema.sampled_calls, schema.calibrations)
    return [connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one() for table in tables]


def add_rows_of_call(connection: Connection, app: App, form: EvaluationForm) -> int:
    """Add an evaluation in its second revision, a drawn call and a calibration."""
    number, _ = evaluations.start(connection, app, CALL, form, "eva", NOW)
    assert submit(connection, app, number)
    assert submit(connection, app, number)
    calibrations.add(connection, app, CALL, form, ["eva", "anna"], "anna", NOW)
    rule = SamplingRule(
        id=0, account_id="100", form=form.id, form_name="", calls=1, period=SamplingPeriod.DAY, min_talk_seconds=0,
        direction="", queues=(), seed="s", author="anna", drawn_until=NOW,
    )  # fmt: skip
    assert samples.add_rule(connection, app, rule, NOW)
    [rule] = samples.list_rules(connection, app, "100")
    assert samples.store_draw(connection, app, rule, TimeWindow(begin=NOW, end=NOW + MINUTE), [CALL])
    return number


def test_evaluations_go_with_the_call(database: Database, app: App, form: EvaluationForm) -> None:
    later = CALL.call_begin + timedelta(days=1)
    with database.write_transaction() as connection:
        recordings.add(connection, app, RECORDING, NOW)
        add_rows_of_call(connection, app, form)
        maintenance.delete_evaluations_without_call(connection, later)
        assert count_rows(connection) == [1, 1, 1, 1]  # the recording is still there
        connection.execute(sa.delete(schema.recordings))
        maintenance.delete_evaluations_without_call(connection, CALL.call_begin)
        assert count_rows(connection) == [1, 1, 1, 1]  # not that old
        maintenance.delete_evaluations_without_call(connection, later)
        assert count_rows(connection) == [0, 0, 0, 0]


def test_evaluations_follow_a_call_that_becomes_part_of_another(
    database: Database, app: App, form: EvaluationForm
) -> None:
    with database.write_transaction() as connection:
        number = add_rows_of_call(connection, app, form)
        other = replace(CALL, call_id="other")
        kept, _ = evaluations.start(connection, app, other, form, "anna", NOW)
        same, _ = evaluations.start(connection, app, other, form, "eva", NOW)
        evaluations.reassign_calls(connection, sample_rows.add_app(connection, "bolt"), "100", {CALL.call_id: "new"})
        evaluations.reassign_calls(connection, app, "100", {CALL.call_id: "new", "other": "new"})

        def list_ids(call_id: str) -> set[int]:
            return {one.id for one in evaluations.list_by_call(connection, app, "100", call_id)}

        assert list_ids("new") == {number, kept}
        assert list_ids("other") == {same}  # eva has scored the other call already
        assert [one.call.call_id for one in samples.list_open(connection, app, "100")] == ["new"]
        assert [one.call.call_id for one in calibrations.list_by_account(connection, app, "100")] == ["new"]
