"""Scoring a call beside its player: begin, save the draft, submit, change a score as a new revision, delete a draft."""

from dataclasses import replace

from sqlalchemy.engine import Connection

from ccfs.console.calls import call_page
from ccfs.console.forms.confirmation import Question
from ccfs.console.quality.answer_fields import read_draft
from ccfs.console.quality.call_quality import ScoringPanel, may_change
from ccfs.console.quality.objects import find_call, find_evaluation, find_form, find_usable_form, parse_id
from ccfs.console.request import ConsoleRequest
from ccfs.db.system.console import audit
from ccfs.db.tenant.quality import calibrations, evaluations, samples
from ccfs.model.errors import NotFound
from ccfs.model.identity.audit import AuditAction
from ccfs.model.quality.evaluation import Evaluation, EvaluationDraft
from ccfs.model.quality.evaluation_form import EvaluationForm
from ccfs.model.quality.sampling import SampleState
from ccfs.model.quality.scoring import format_score, score_form
from ccfs.web.responses.types import Response


async def start_evaluation(request: ConsoleRequest) -> Response:
    """Begin to score an agent's part in a call, or go on with the user's own draft, beside the player."""
    scope, form = request.current_scope, await find_usable_form(request)
    call = await find_call(request, request.form.get("id", ""), request.form.get("agent", ""))
    scorer, now = request.current_user.name, request.context.now()

    def change(connection: Connection) -> int:
        evaluation_id, is_new = evaluations.start(connection, scope.app, call, form, scorer, now)
        if is_new:
            target = f"{form.name} {call.agent_id}"
            entry = request.build_audit_entry(AuditAction.EVALUATION_STARTED, target, scope, None, call.call_id)
            audit.add(connection, entry)
        return evaluation_id

    return redirect_to_panel(request, call.call_id, await request.context.transaction(change))


async def save_evaluation(request: ConsoleRequest) -> Response:
    """Save the draft, or submit it. A wrong field is shown again with the reason."""
    evaluation, form = await _find_changeable(request)
    is_final = request.form.get("do") != "draft" or not evaluation.is_draft
    draft, problems = read_draft(form.content, request.form, request.translate, is_final=is_final)
    if problems:
        problems[""] = request.translate("Some entries are missing or wrong. The evaluation was not submitted.")
        return await _render_again(request, evaluation, form, problems)
    if not is_final:
        if not await request.context.transaction(
            lambda c: evaluations.save_draft(c, request.current_scope.app, evaluation, draft)
        ):
            raise NotFound
        return redirect_to_panel(request, evaluation.call.call_id, evaluation.id)
    if not await request.context.transaction(lambda c: _submit(c, request, evaluation, form, draft)):
        problem = request.translate("This evaluation has been changed in the meantime. Open it again.")
        return await _render_again(request, evaluation, form, {"": problem})
    return request.redirect("/console/evaluation", account=request.current_scope.name, id=str(evaluation.id))


async def autosave_draft(request: ConsoleRequest) -> Response:
    """Save a draft while the user goes on, and return when. What is wrong is left out until it is right."""
    evaluation, form = await _find_changeable(request)
    draft, _ = read_draft(form.content, request.form, request.translate, is_final=False)
    is_saved = evaluation.is_draft and await request.context.transaction(
        lambda c: evaluations.save_draft(c, request.current_scope.app, evaluation, draft)
    )
    saved_at = request.context.now() if is_saved else None
    return request.render_page("evaluation_saved.html", saved_at=saved_at, zone=request.current_scope.zone)


def _submit(
    connection: Connection,
    request: ConsoleRequest,
    evaluation: Evaluation,
    form: EvaluationForm,
    draft: EvaluationDraft,
) -> bool:
    scope, author, now = request.current_scope, request.current_user.name, request.context.now()
    app, account_id, call = scope.app, scope.account.account_id, evaluation.call
    if evaluation.calibration and not calibrations.lock_open(connection, app, evaluation.calibration):
        return False
    score = score_form(form.content, draft.answers)
    if not evaluations.submit(connection, app, evaluation, draft, score, author, now):
        return False
    is_first = evaluation.current.revision == 0
    action = AuditAction.EVALUATION_SUBMITTED if is_first else AuditAction.EVALUATION_CHANGED
    shown = "" if evaluation.calibration else f" {format_score(score.hundredths)}"  # scorers may read the log, too
    target = f"{form.name} {call.agent_id}{shown} #{evaluation.id}"
    audit.add(connection, request.build_audit_entry(action, target, scope, None, call.call_id))
    if evaluation.calibration:
        calibrations.close_if_complete(connection, app, account_id, evaluation.calibration, now)
    else:
        samples.set_state(connection, app, account_id, call.call_id, SampleState.DONE)
    return True


async def ask_delete_draft(request: ConsoleRequest) -> Question:
    """Ask before a draft is deleted."""
    evaluation, t = await find_evaluation(request, parse_id(request.form, "evaluation")), request.translate
    query = f"account={request.current_scope.name}&id={evaluation.id}"
    return Question(
        title=t("Delete this draft?"),
        consequences=(t("Your answers and comments are deleted. This cannot be undone."),),
        action=t("Delete draft"),
        cancel_path=f"/console/evaluation?{query}",
    )


async def delete_draft(request: ConsoleRequest) -> Response:
    """Delete the user's own draft."""
    scope, evaluation = request.current_scope, await find_evaluation(request, parse_id(request.form, "evaluation"))
    call = evaluation.call

    def change(connection: Connection) -> bool:
        is_deleted = evaluations.delete_draft(connection, scope.app, evaluation)
        if is_deleted:
            target = f"{evaluation.form_name} {call.agent_id}"
            entry = request.build_audit_entry(AuditAction.EVALUATION_DELETED, target, scope, None, call.call_id)
            audit.add(connection, entry)
        return is_deleted

    if not await request.context.transaction(change):
        raise NotFound
    return request.redirect("/console/call", account=scope.name, id=call.call_id)


async def _find_changeable(request: ConsoleRequest) -> tuple[Evaluation, EvaluationForm]:
    """Return the evaluation that the request's form names, with its form's version, if the user may change it."""
    evaluation = await find_evaluation(request, parse_id(request.form, "evaluation"))
    sent_revision = request.form.get("revision", "")
    if not may_change(request, request.current_scope, evaluation) or not sent_revision:
        raise NotFound
    form = await find_form(request, evaluation.form, evaluation.version)
    if sent_revision != str(evaluation.current.revision):  # submitted or changed since the page was opened
        evaluation = replace(evaluation, current=replace(evaluation.current, revision=-1))
    return evaluation, form


async def _render_again(
    request: ConsoleRequest, evaluation: Evaluation, form: EvaluationForm, problems: dict[str, str]
) -> Response:
    view = await call_page.load_call_view(request, evaluation.call.call_id)
    if view.quality is None:
        raise NotFound
    panel = ScoringPanel(evaluation=evaluation, form=form, fields=request.form, problems=problems)
    return call_page.render_call(request, replace(view, quality=replace(view.quality, panel=panel)), 400)


def redirect_to_panel(request: ConsoleRequest, call_id: str, evaluation_id: int) -> Response:
    """Return the redirect to the call's page with the panel of an evaluation."""
    return request.redirect(
        "/console/call", account=request.current_scope.name, id=call_id, evaluation=str(evaluation_id)
    )
