"""An agent's own evaluations, and the agent's response: acknowledge, or dispute with a text."""

from sqlalchemy.engine import Connection

from ccfs.console.quality.evaluation_page import load_evaluation_view
from ccfs.console.quality.objects import parse_id
from ccfs.console.request import AccountScope, ConsoleRequest
from ccfs.db.system.console import audit
from ccfs.db.tenant.quality import evaluation_search, evaluations
from ccfs.model.errors import NotFound
from ccfs.model.identity.audit import AuditAction
from ccfs.model.identity.user import Permission
from ccfs.model.quality.evaluation import (
    MAX_RESPONSE_LENGTH,
    RESPONSES,
    Evaluation,
    EvaluationState,
    clean_comment,
)
from ccfs.web.responses.types import BytesResponse, Response

MAX_SHOWN = 200  # of an agent, the newest


async def list_own_evaluations(request: ConsoleRequest) -> Response:
    """Show the evaluations of the agents that the user is."""
    scopes = await request.list_scopes(Permission.VIEW_OWN_EVALUATIONS)
    own = [
        (scope, agent_id)
        for scope in scopes
        for agent_id in request.current_user.list_agent_ids(scope.app.id, scope.account.account_id)
    ]

    def load(connection: Connection) -> list[tuple[AccountScope, str, list[Evaluation]]]:
        return [
            (
                scope,
                agent_id,
                evaluation_search.list_of_agent(connection, scope.app, scope.account.account_id, agent_id, MAX_SHOWN),
            )
            for scope, agent_id in own
        ]

    for scope, agent_id in own:
        await request.audit_action(AuditAction.EVALUATIONS_VIEWED, f"agent={agent_id}", scope)
    return request.render_page("own_evaluations.html", groups=await request.context.query(load), most=MAX_SHOWN)


async def show_own_evaluation(request: ConsoleRequest) -> Response:
    """Show one of the user's own evaluations."""
    evaluation = await _find_own(request, parse_id(request.query_params, "id"))
    call_id = evaluation.call.call_id
    await request.audit_action(AuditAction.EVALUATION_VIEWED, f"#{evaluation.id}", request.current_scope, call_id)
    return await _render(request, evaluation)


async def respond(request: ConsoleRequest) -> Response:
    """Store the agent's response to an evaluation; each revision has at most one."""
    scope, sent = request.current_scope, request.form
    evaluation = await _find_own(request, parse_id(sent, "id"))
    state = next((state for state in RESPONSES if state == sent.get("response")), None)
    text = clean_comment(sent.get("text", ""), MAX_RESPONSE_LENGTH)
    if state is None:
        raise NotFound
    if text is None:
        problem = request.translate("Enter at most {most} characters.", most=MAX_RESPONSE_LENGTH)
        return await _render(request, evaluation, problem, "text", 400)
    if state is EvaluationState.DISPUTED and not text:
        problem = request.translate("Explain what you disagree with.")
        return await _render(request, evaluation, problem, "text", 400)

    def change(connection: Connection) -> bool:
        is_stored = sent.get("revision") == str(evaluation.current.revision) and evaluations.respond(
            connection, scope.app, evaluation, state, text, request.context.now()
        )
        if is_stored:
            action = AuditAction.EVALUATION_ACKNOWLEDGED
            action = AuditAction.EVALUATION_DISPUTED if state is EvaluationState.DISPUTED else action
            entry = request.build_audit_entry(action, f"#{evaluation.id}", scope, None, evaluation.call.call_id)
            audit.add(connection, entry)
        return is_stored

    if not await request.context.transaction(change):
        problem = request.translate(
            "This evaluation has been changed in the meantime. Read it again before you respond."
        )
        return await _render(request, evaluation, problem, "", 400)
    return request.redirect("/console/my-evaluation", account=scope.name, id=str(evaluation.id))


async def _find_own(request: ConsoleRequest, evaluation_id: int) -> Evaluation:
    """Return a submitted evaluation of an agent that the user is. Raise NotFound for any other."""
    scope, account_id = request.current_scope, request.current_scope.account.account_id
    evaluation = await request.context.query(lambda c: evaluations.find(c, scope.app, account_id, evaluation_id))
    agents = request.current_user.list_agent_ids(scope.app.id, account_id)
    if evaluation is None or evaluation.is_draft or evaluation.calibration or evaluation.call.agent_id not in agents:
        raise NotFound
    return evaluation


async def _render(
    request: ConsoleRequest, evaluation: Evaluation, problem: str = "", field: str | None = None, status: int = 200
) -> BytesResponse:
    scope = request.current_scope
    view = await load_evaluation_view(request, scope, evaluation)
    return request.render_page(
        "own_evaluation.html", status, problem, field, scope=scope, view=view, max_length=MAX_RESPONSE_LENGTH
    )
