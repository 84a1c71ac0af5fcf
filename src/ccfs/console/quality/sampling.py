"""Sampling rules of an account, and the list of calls to be scored. Rules draw calls when the list is opened."""

import json
import secrets
import time
from functools import partial
from typing import Final
from urllib.parse import urlencode

from sqlalchemy.engine import Connection

from ccfs.console.calls.search import choose_scope, render_no_accounts
from ccfs.console.forms.confirmation import Question
from ccfs.console.forms.queue_names import are_too_many, split_queue_names
from ccfs.console.quality.objects import find_usable_form, parse_id
from ccfs.console.request import AccountScope, ConsoleRequest
from ccfs.db.system.console import audit
from ccfs.db.tenant.quality import calibrations, evaluation_forms, samples
from ccfs.model.calls.call import Direction
from ccfs.model.errors import NotFound
from ccfs.model.formats.durations import parse_typed_duration
from ccfs.model.formats.numbers import parse_number
from ccfs.model.identity.audit import AuditAction
from ccfs.model.identity.user import Permission
from ccfs.model.quality.evaluation_form import EvaluationForm
from ccfs.model.quality.sampling import (
    MAX_CALLS,
    MAX_MIN_TALK_SECONDS,
    MAX_QUEUES,
    MAX_RULES,
    SampleState,
    SamplingPeriod,
    SamplingRule,
    get_first_draw,
    list_due_periods,
)
from ccfs.web.responses.types import BytesResponse, Response

MAX_NAME_LENGTH = 64  # of an agent
DRAW_SECONDS: Final = 5.0  # after which a request begins no further draw; the next one goes on
_drawing: Final[set[tuple[int, str]]] = set()  # app and account, by requests of this process


async def show_calls_to_score(request: ConsoleRequest) -> Response:
    """Show the calls that rules have drawn and nobody has scored, and calibrations that wait for the user."""
    scopes = await request.list_scopes(Permission.EVALUATE)
    if not scopes:
        return render_no_accounts(request)
    scope, agent = choose_scope(request, scopes), request.query_params.get("agent", "").strip()[:MAX_NAME_LENGTH]
    await _draw_due_calls(request, scope)
    account_id, user = scope.account.account_id, request.current_user.name
    calls, own, rules = await request.context.query(
        lambda c: (
            samples.list_open(c, scope.app, account_id, agent),
            calibrations.list_open(c, scope.app, account_id, user),
            samples.list_rules(c, scope.app, account_id),
        )
    )
    return request.render_page(
        "calls_to_score.html",
        scopes=scopes,
        scope=scope,
        agent=agent,
        calls=calls,
        calibrations=own,
        has_rules=any(not rule.is_form_retired for rule in rules),
        most=samples.MAX_LISTED,
        may_change=request.has_permission_in(Permission.ADMINISTER, scope),
    )


async def _draw_due_calls(request: ConsoleRequest, scope: AccountScope) -> None:
    """Draw the calls of periods that have ended since the last draw, one short transaction for each.

    An account with thousands of agents takes seconds, so only one request of a process draws at a time, for DRAW_SECONDS; the
    others show what has been drawn so far.
    """
    key = (scope.app.id, scope.account.account_id)
    if key in _drawing:
        return
    _drawing.add(key)
    try:
        await _draw_of_rules(request, scope)
    finally:
        _drawing.discard(key)


async def _draw_of_rules(request: ConsoleRequest, scope: AccountScope) -> None:
    app, account_id, now = scope.app, scope.account.account_id, request.context.now()
    deadline = time.monotonic() + DRAW_SECONDS
    zone = (await request.context.get_tenant_snapshot()).accounts[app.id][account_id].zoneinfo  # not the user's own
    for rule in await request.context.query(lambda c: samples.list_rules(c, app, account_id)):
        for period in list_due_periods(rule, zone, now):
            if time.monotonic() > deadline:
                return
            drawn = await request.context.query(partial(samples.draw, app=app, rule=rule, period=period))
            store = partial(samples.store_draw, app=app, rule=rule, period=period, calls=drawn)
            await request.context.transaction(store)


async def skip_call(request: ConsoleRequest) -> Response:
    """Take a call off the list without scoring it."""
    scope, call_id = request.current_scope, request.form.get("id", "")

    def change(connection: Connection) -> bool:
        account_id = scope.account.account_id
        is_open = samples.set_state(connection, scope.app, account_id, call_id, SampleState.SKIPPED)
        if is_open:
            audit.add(connection, request.build_audit_entry(AuditAction.SAMPLE_SKIPPED, "", scope, None, call_id))
        return is_open

    if not await request.context.transaction(change):
        raise NotFound
    return request.redirect("/console/to-score", account=scope.name)


async def list_rules(request: ConsoleRequest) -> Response:
    """Show the sampling rules of an account."""
    scopes = await request.list_scopes(Permission.ADMINISTER)
    if not scopes:
        return render_no_accounts(request)
    return await _render_rules(request, choose_scope(request, scopes))


async def _render_rules(
    request: ConsoleRequest, scope: AccountScope, status: int = 200, problem: str = "", field: str | None = None
) -> BytesResponse:
    account_id = scope.account.account_id
    rules, forms = await request.context.query(
        lambda c: (
            samples.list_rules(c, scope.app, account_id),
            evaluation_forms.list_by_account(c, scope.app, account_id),
        )
    )
    return request.render_page(
        "sampling_rules.html",
        status,
        problem,
        field,
        scopes=await request.list_scopes(Permission.ADMINISTER),
        scope=scope,
        rules=rules,
        forms=[form for form in forms if not form.is_retired],
        directions=list(Direction),
        most_calls=MAX_CALLS,
    )


async def add_rule(request: ConsoleRequest) -> Response:
    """Add a sampling rule."""
    scope, form = request.current_scope, await find_usable_form(request)
    rule, problem, field = _parse_rule(request, scope, form)
    if rule is None:
        return await _render_rules(request, scope, 400, problem, field)

    def change(connection: Connection) -> bool:
        is_added = samples.add_rule(connection, scope.app, rule, request.context.now())
        if is_added:
            target = f"{form.name}: {rule.calls} per {rule.period} {json.dumps(rule.queues) if rule.queues else ''}"
            audit.add(connection, request.build_audit_entry(AuditAction.SAMPLING_RULE_ADDED, target.strip(), scope))
        return is_added

    if not await request.context.transaction(change):
        problem = request.translate("An account can have up to {most} sampling rules.", most=MAX_RULES)
        return await _render_rules(request, scope, 400, problem, "")
    return request.redirect("/console/sampling-rules", account=scope.name)


def _parse_rule(
    request: ConsoleRequest, scope: AccountScope, form: EvaluationForm
) -> tuple[SamplingRule | None, str, str]:
    """Return the rule of the request's form, or None, what is wrong, and the field that is."""
    sent, t = request.form, request.translate
    period = next((one for one in SamplingPeriod if one == sent.get("period")), None)
    calls, direction = sent.get("calls", "").strip(), sent.get("direction", "")
    if period is None or direction not in ("", *Direction):
        raise NotFound
    if not 1 <= (count := parse_number(calls, 999) or 0) <= MAX_CALLS:
        return None, t("Enter a number from 1 to {most}.", most=MAX_CALLS), "calls"
    talk = parse_typed_duration(sent.get("min_talk", "").strip() or "0")
    if talk is None or talk > MAX_MIN_TALK_SECONDS:
        return None, t("Enter a duration such as 5 (minutes), 3 min, 180s, 5:30 or 1:05:30."), "min_talk"
    queues = split_queue_names(sent.get("queues", ""))
    if are_too_many(queues, MAX_QUEUES):
        return None, t("Enter up to {most} queues, separated by commas.", most=MAX_QUEUES), "queues"
    rule = SamplingRule(
        id=0,
        account_id=scope.account.account_id,
        form=form.id,
        form_name=form.name,
        calls=count,
        period=period,
        min_talk_seconds=talk,
        direction=direction,
        queues=queues,
        seed=secrets.token_hex(8),
        author=request.current_user.name,
        drawn_until=get_first_draw(period, scope.zone, request.context.now()),
    )
    return rule, "", ""


async def ask_delete_rule(request: ConsoleRequest) -> Question:
    """Ask before a sampling rule is deleted."""
    t, scope = request.translate, request.current_scope
    return Question(
        title=t("Delete the sampling rule?"),
        consequences=(
            t("Calls that it has drawn and nobody has scored yet are removed from the list. Evaluations are kept."),
        ),
        action=t("Delete"),
        cancel_path=f"/console/sampling-rules?{urlencode({'account': scope.name})}",
    )


async def delete_rule(request: ConsoleRequest) -> Response:
    """Delete a sampling rule of the account."""
    scope, rule_id = request.current_scope, parse_id(request.form, "id")

    def change(connection: Connection) -> bool:
        is_deleted = samples.delete_rule(connection, scope.app, scope.account.account_id, rule_id)
        if is_deleted:
            entry = request.build_audit_entry(AuditAction.SAMPLING_RULE_DELETED, str(rule_id), scope)
            audit.add(connection, entry)
        return is_deleted

    if not await request.context.transaction(change):
        raise NotFound
    return request.redirect("/console/sampling-rules", account=scope.name)
