"""The page of one evaluation: its answers, earlier revisions, and the agent's response."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy.engine import Connection

from ccfs.console.quality.call_quality import may_change
from ccfs.console.quality.objects import find_evaluation, parse_id
from ccfs.console.request import AccountScope, ConsoleRequest
from ccfs.db.tenant.quality import evaluation_forms, evaluations
from ccfs.model.errors import NotFound
from ccfs.model.identity.audit import AuditAction
from ccfs.model.quality.evaluation import Answer, Evaluation, Revision
from ccfs.model.quality.evaluation_form import EvaluationForm, FormQuestion
from ccfs.model.quality.scoring import round_to_hundredths, score_form
from ccfs.web.responses.types import Response


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerRow:
    """A question with its answer."""

    key: str
    question: FormQuestion
    answer: Answer
    is_failed: bool  # whether the question is critical and scores 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SectionRows:
    """A section with its score in hundredths of a percent; None: no question applies."""

    title: str
    weight: int
    score: int | None
    rows: Sequence[AnswerRow]


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationView:
    """An evaluation as a page shows it, with its earlier revisions."""

    evaluation: Evaluation
    form: EvaluationForm
    revisions: Sequence[tuple[Revision, Sequence[SectionRows]]]  # the current one first


async def show_evaluation(request: ConsoleRequest) -> Response:
    """Show an evaluation to users who may evaluate."""
    scope, evaluation = request.current_scope, await find_evaluation(request, parse_id(request.query_params, "id"))
    view = await load_evaluation_view(request, scope, evaluation)
    call_id = evaluation.call.call_id
    await request.audit_action(AuditAction.EVALUATION_VIEWED, f"#{evaluation.id}", scope, call_id)
    is_own_draft = evaluation.is_draft and evaluation.scorer == request.current_user.name
    return request.render_page(
        "evaluation.html",
        scope=scope,
        view=view,
        may_change=may_change(request, scope, evaluation),
        may_delete=is_own_draft,
    )


async def load_evaluation_view(request: ConsoleRequest, scope: AccountScope, evaluation: Evaluation) -> EvaluationView:
    """Return an evaluation with its form and its earlier revisions."""

    def load(connection: Connection) -> EvaluationView | None:
        account_id = scope.account.account_id
        form = evaluation_forms.find(connection, scope.app, account_id, evaluation.form, evaluation.version)
        earlier = evaluations.list_revisions(connection, scope.app, evaluation)
        if form is None:
            return None
        revisions = [(one, list_sections(form, one.draft.answers)) for one in (evaluation.current, *earlier)]
        return EvaluationView(evaluation=evaluation, form=form, revisions=revisions)

    view = await request.context.query(load)
    if view is None:
        raise NotFound
    return view


def list_sections(form: EvaluationForm, answers: Mapping[str, Answer]) -> list[SectionRows]:
    """Return the sections of a form with their questions, answers and scores."""
    score = score_form(form.content, answers)
    questions = list(form.content.iter_questions())
    return [
        SectionRows(
            title=section.title,
            weight=section.weight,
            score=None if share is None else round_to_hundredths(share),
            rows=[
                AnswerRow(key=key, question=question, answer=answers.get(key, Answer()), is_failed=key in score.failed)
                for key, question in questions
                if key.partition(".")[0] == str(number)
            ],
        )
        for number, (section, share) in enumerate(zip(form.content.sections, score.sections, strict=True), 1)
    ]
