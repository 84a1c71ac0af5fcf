"""Objects that a request of quality management names: a form, an evaluation, a call with an agent."""

from collections.abc import Mapping
from typing import Final

from sqlalchemy.engine import Connection

from ccfs.console.request import ConsoleRequest
from ccfs.db.tenant.calls import call_lookup
from ccfs.db.tenant.quality import evaluation_forms, evaluation_search, evaluations
from ccfs.model.calls.call import build_call
from ccfs.model.errors import NotFound
from ccfs.model.formats.numbers import MAX_ID, parse_number
from ccfs.model.quality.evaluation import EvaluatedCall, Evaluation
from ccfs.model.quality.evaluation_form import EvaluationForm

MAX_VERSION: Final = 2**31 - 1  # of a form; PostgreSQL compares its column with nothing larger


def parse_id(values: Mapping[str, str], name: str, maximum: int = MAX_ID) -> int:
    """Return the number that a field or parameter has. Raise NotFound for anything else."""
    number = parse_number(values.get(name, ""), maximum)
    if number is None:
        raise NotFound
    return number


async def find_form(request: ConsoleRequest, form_id: int, version: int | None = None) -> EvaluationForm:
    """Return a form of the request's account, in its newest version unless one is given. Raise NotFound without one."""
    scope = request.current_scope
    form = await request.context.query(
        lambda c: evaluation_forms.find(c, scope.app, scope.account.account_id, form_id, version)
    )
    if form is None:
        raise NotFound
    return form


async def find_usable_form(request: ConsoleRequest) -> EvaluationForm:
    """Return the form that the request's form names. Raise NotFound if there is none or it is retired."""
    form = await find_form(request, parse_id(request.form, "form"))
    if form.is_retired:
        raise NotFound
    return form


async def find_evaluation(request: ConsoleRequest, evaluation_id: int) -> Evaluation:
    """Return an evaluation of the request's account that the user may see. Raise NotFound without one."""
    scope, viewer = request.current_scope, request.current_user.name

    def load(connection: Connection) -> Evaluation | None:
        found = evaluations.find(connection, scope.app, scope.account.account_id, evaluation_id)
        is_hidden = found and evaluation_search.list_hidden_ids(connection, scope.app, [found], viewer)
        return None if is_hidden else found

    evaluation = await request.context.query(load)
    if evaluation is None:
        raise NotFound
    return evaluation


async def find_call(request: ConsoleRequest, call_id: str, agent_id: str) -> EvaluatedCall:
    """Return a call of the request's account with one of its agents. Raise NotFound if it has no such agent."""
    scope, account_id = request.current_scope, request.current_scope.account.account_id

    def load(connection: Connection) -> EvaluatedCall | None:
        legs = call_lookup.find_legs(connection, scope.app, [account_id], [call_id]).get(call_id, [])
        recordings = [] if legs else call_lookup.list_recordings(connection, scope.app, [account_id], call_id)
        agents = build_call(legs).agents if legs else {recording.agent_id for recording in recordings}
        if not agent_id or agent_id not in agents:
            return None
        begin = min(one.begin for one in legs) if legs else min(one.call_begin for one in recordings)
        return EvaluatedCall(account_id=account_id, call_id=call_id, call_begin=begin, agent_id=agent_id)

    call = await request.context.query(load)
    if call is None:
        raise NotFound
    return call
