"""The evaluations on a call's page, and the panel in which a user scores it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from sqlalchemy.engine import Connection

from ccfs.console.quality.answer_fields import show_draft
from ccfs.console.request import AccountScope, ConsoleRequest
from ccfs.db.tenant.quality import evaluation_forms, evaluation_search, evaluations
from ccfs.model.identity.user import Permission
from ccfs.model.quality.evaluation import Evaluation
from ccfs.model.quality.evaluation_form import EvaluationForm


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoringPanel:
    """The form in which a user scores a call, as typed, with a sentence for each wrong field."""

    evaluation: Evaluation
    form: EvaluationForm
    fields: Mapping[str, str]
    problems: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallQuality:
    """The evaluations of a call that a user may see."""

    evaluations: Sequence[Evaluation]
    forms: Sequence[EvaluationForm]  # with which the call can be scored
    agents: Sequence[str]
    panel: ScoringPanel | None = None


async def load_call_quality(request: ConsoleRequest, call_id: str, agents: Sequence[str]) -> CallQuality | None:
    """Return the evaluations of a call, with the panel that the address names; None if the user may not evaluate."""
    scope = request.current_scope
    if not request.has_permission_in(Permission.EVALUATE, scope):
        return None
    chosen = request.query_params.get("evaluation", "") or request.form.get("evaluation", "")
    load = partial(_load, request=request, scope=scope, call_id=call_id, agents=agents, chosen=chosen)
    return await request.context.query(load)


def _load(
    connection: Connection,
    request: ConsoleRequest,
    scope: AccountScope,
    call_id: str,
    agents: Sequence[str],
    chosen: str,
) -> CallQuality:
    app, account_id, viewer = scope.app, scope.account.account_id, request.current_user.name
    found = evaluations.list_by_call(connection, app, account_id, call_id)
    hidden = evaluation_search.list_hidden_ids(connection, app, found, viewer)
    visible = [evaluation for evaluation in found if evaluation.id not in hidden]
    forms = evaluation_forms.list_by_account(connection, app, account_id)
    panel = None
    for evaluation in visible:
        if str(evaluation.id) == chosen and may_change(request, scope, evaluation):
            form = evaluation_forms.find(connection, app, account_id, evaluation.form, evaluation.version)
            fields = show_draft(evaluation.current.draft)
            panel = ScoringPanel(evaluation=evaluation, form=form, fields=fields) if form else None
    return CallQuality(
        evaluations=visible, forms=[form for form in forms if not form.is_retired], agents=agents, panel=panel
    )


def may_change(request: ConsoleRequest, scope: AccountScope, evaluation: Evaluation) -> bool:
    """Whether the user may score it or change its score: the scorer, and for submitted ones administrators of the account.

    What a calibration compares is never changed once it is submitted.
    """
    if evaluation.scorer == request.current_user.name:
        return evaluation.is_draft or not evaluation.calibration
    is_administrator = request.has_permission_in(Permission.ADMINISTER, scope)
    return is_administrator and not evaluation.is_draft and not evaluation.calibration
