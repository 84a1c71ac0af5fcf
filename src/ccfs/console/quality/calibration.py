"""Calibration: several users score the same call without seeing each other's scores; a page shows how far they agree."""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from sqlalchemy.engine import Connection

from ccfs.console.calls.search import choose_scope, render_no_accounts
from ccfs.console.forms.confirmation import Question
from ccfs.console.quality.objects import find_call, find_form, find_usable_form, parse_id
from ccfs.console.quality.scoring import redirect_to_panel
from ccfs.console.request import AccountScope, ConsoleRequest
from ccfs.db.system.console import audit, users
from ccfs.db.tenant.quality import calibrations, evaluations
from ccfs.db.tenant.quality.calibrations import MAX_SCORERS, MIN_SCORERS, Calibration
from ccfs.model.errors import NotFound
from ccfs.model.identity.audit import AuditAction
from ccfs.model.identity.user import Permission
from ccfs.model.quality.agreement import compute_mean_kappa, measure_agreement
from ccfs.model.quality.evaluation import Answer
from ccfs.model.quality.evaluation_form import EvaluationForm, FormQuestion
from ccfs.web.responses.types import BytesResponse, Response


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedQuestion:
    """The answers of all scorers to a question."""

    section: str
    key: str
    question: FormQuestion
    answers: Sequence[Answer]  # in the order of the evaluations
    agreement: float | None  # share of the pairs of scorers who agree


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """How far the scorers of a calibration agree."""

    questions: Sequence[ComparedQuestion]
    agreement: float | None  # mean of the questions'
    kappa: float | None  # Cohen's; of more than two scorers, the mean of all pairs
    spread: int | None  # between the highest and the lowest score, in hundredths of a percent


async def list_calibrations(request: ConsoleRequest) -> Response:
    """Show the calibrations of an account, and the form of a new one."""
    scopes = await request.list_scopes(Permission.EVALUATE)
    if not scopes:
        return render_no_accounts(request)
    scope = choose_scope(request, scopes)
    found = await request.context.query(lambda c: calibrations.list_by_account(c, scope.app, scope.account.account_id))
    return request.render_page("calibrations.html", scopes=scopes, scope=scope, found=found)


async def show_new_calibration(request: ConsoleRequest) -> Response:
    """Show the form of a new calibration of a call."""
    return await _render_new(request, dict(request.query_params))


async def start_calibration(request: ConsoleRequest) -> Response:
    """Start a calibration of an agent's call with a form."""
    scope, form = request.current_scope, await find_usable_form(request)
    call = await find_call(request, request.form.get("id", ""), request.form.get("agent", ""))
    known = await _list_possible_scorers(request, scope)
    scorers = [name for name in known if f"scorer.{name}" in request.form]
    if not MIN_SCORERS <= len(scorers) <= MAX_SCORERS:
        problem = request.translate("Choose {least} to {most} scorers.", least=MIN_SCORERS, most=MAX_SCORERS)
        return await _render_new(request, dict(request.form), problem, 400)
    author, now = request.current_user.name, request.context.now()

    def change(connection: Connection) -> int:
        calibration_id = calibrations.add(connection, scope.app, call, form, scorers, author, now)
        target = f"#{calibration_id} {form.name}: {', '.join(scorers)}"
        entry = request.build_audit_entry(AuditAction.CALIBRATION_STARTED, target, scope, None, call.call_id)
        audit.add(connection, entry)
        return calibration_id

    calibration_id = await request.context.transaction(change)
    return request.redirect("/console/calibration", account=scope.name, id=str(calibration_id))


async def show_calibration(request: ConsoleRequest) -> Response:
    """Show a calibration: who has scored, and once it is closed, how far the scorers agree."""
    scope, calibration = request.current_scope, await _find(request, parse_id(request.query_params, "id"))
    form = await find_form(request, calibration.form, calibration.version)
    is_closed = calibration.closed_at is not None
    return request.render_page(
        "calibration.html",
        scope=scope,
        calibration=calibration,
        form_view=form,
        comparison=compare(form, calibration) if is_closed else None,
        may_close=_may_close(request, calibration),
    )


async def score_calibration(request: ConsoleRequest) -> Response:
    """Begin the user's evaluation for a calibration, or go on with it, beside the player."""
    scope, calibration = request.current_scope, await _find(request, parse_id(request.form, "id"))
    user, now = request.current_user.name, request.context.now()
    if calibration.closed_at is not None or user not in calibration.waiting:
        raise NotFound
    form = await find_form(request, calibration.form, calibration.version)
    evaluation_id, _ = await request.context.transaction(
        lambda c: evaluations.start(c, scope.app, calibration.call, form, user, now, calibration.id)
    )
    return redirect_to_panel(request, calibration.call.call_id, evaluation_id)


async def ask_close_calibration(request: ConsoleRequest) -> Question:
    """Ask before a calibration is closed while scorers are missing."""
    calibration, t = await _find(request, parse_id(request.form, "id")), request.translate
    query = urlencode({"account": request.current_scope.name, "id": calibration.id})
    return Question(
        title=t("Close the calibration?"),
        consequences=(
            t(
                "These users have not scored the call, and will no longer be able to: {names}",
                names=", ".join(calibration.waiting),
            ),
            t("All evaluators then see the submitted scores."),
        ),
        action=t("Close calibration"),
        cancel_path=f"/console/calibration?{query}",
    )


async def close_calibration(request: ConsoleRequest) -> Response:
    """Close a calibration before all have scored."""
    scope, calibration = request.current_scope, await _find(request, parse_id(request.form, "id"))
    if not _may_close(request, calibration):
        raise NotFound

    def change(connection: Connection) -> bool:
        is_closed = calibrations.close(connection, scope.app, calibration, request.context.now())
        call_id, action = calibration.call.call_id, AuditAction.CALIBRATION_CLOSED
        audit.add(connection, request.build_audit_entry(action, f"#{calibration.id}", scope, None, call_id))
        return is_closed

    await request.context.transaction(change)
    return request.redirect("/console/calibration", account=scope.name, id=str(calibration.id))


def compare(form: EvaluationForm, calibration: Calibration) -> Comparison:
    """Return how far the submitted evaluations of a calibration agree."""
    answers = [evaluation.current.draft.answers for evaluation in calibration.submitted]
    questions = []
    for key, question in form.content.iter_questions():
        given = [of_scorer.get(key, Answer()) for of_scorer in answers]
        share = measure_agreement([answer.value for answer in given])
        questions.append(
            ComparedQuestion(
                section=form.content.sections[int(key.partition(".")[0]) - 1].title,
                key=key,
                question=question,
                answers=given,
                agreement=None if share is None else float(share),
            )
        )
    kappa = compute_mean_kappa([[one.answers[index].value for one in questions] for index in range(len(answers))])
    shares = [one.agreement for one in questions if one.agreement is not None]
    scores = [one.current.score for one in calibration.submitted if one.current.score is not None]
    return Comparison(
        questions=questions,
        agreement=sum(shares) / len(shares) if shares else None,
        kappa=None if kappa is None else float(kappa),
        spread=max(scores) - min(scores) if len(scores) > 1 else None,
    )


async def _find(request: ConsoleRequest, calibration_id: int) -> Calibration:
    scope, account_id = request.current_scope, request.current_scope.account.account_id
    found = await request.context.query(lambda c: calibrations.find(c, scope.app, account_id, calibration_id))
    if found is None:
        raise NotFound
    return found


def _may_close(request: ConsoleRequest, calibration: Calibration) -> bool:
    is_author = calibration.author == request.current_user.name
    is_allowed = is_author or request.has_permission_in(Permission.ADMINISTER, request.current_scope)
    return is_allowed and calibration.closed_at is None


async def _list_possible_scorers(request: ConsoleRequest, scope: AccountScope) -> list[str]:
    """Return the names of the users who may evaluate in the account."""
    app, account_id = scope.app.id, scope.account.account_id
    return [
        user.name
        for user in await request.context.query(users.list_all)
        if user.has_permission(Permission.EVALUATE, app, account_id) and not user.is_disabled
    ]


async def _render_new(
    request: ConsoleRequest, values: dict[str, str], problem: str = "", status: int = 200
) -> BytesResponse:
    scope = request.current_scope
    form = await find_form(request, parse_id(values, "form"))
    call = await find_call(request, values.get("id", ""), values.get("agent", ""))
    return request.render_page(
        "calibration_new.html",
        status,
        problem,
        scope=scope,
        form_view=form,
        call=call,
        chosen=values,
        scorers=await _list_possible_scorers(request, scope),
    )
