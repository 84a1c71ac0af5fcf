"""Rows of sampling rules, and of the calls that they have drawn."""

import json
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ccfs.db import schema
from ccfs.db.engine import force_custom_plan
from ccfs.db.row_limit import has_room
from ccfs.db.statements import insert_or_ignore
from ccfs.db.tenant.calls.search_index import ValueKind
from ccfs.db.tenant.quality.evaluations import build_call
from ccfs.model.calls import partition_month
from ccfs.model.calls.call import Direction
from ccfs.model.calls.cdr import DeviceType
from ccfs.model.exports.time_window import TimeWindow
from ccfs.model.identity.tenancy import App
from ccfs.model.quality.evaluation import EvaluatedCall
from ccfs.model.quality.sampling import MAX_RULES, SampleState, SamplingPeriod, SamplingRule, order_calls

MAX_AGENTS: Final = 2_000  # of an account
MAX_AGENT_LEGS: Final = 5_000  # of an agent in a period: more are read no further
MAX_LISTED: Final = 500  # calls to be scored on a page
_RULES, _CALLS, _CDRS, _VALUES = schema.sampling_rules, schema.sampled_calls, schema.cdrs, schema.search_values


@dataclass(frozen=True, slots=True, kw_only=True)
class SampledCall:
    """A call that a rule has drawn."""

    call: EvaluatedCall
    form: int
    form_name: str


def add_rule(connection: Connection, app: App, rule: SamplingRule, now: datetime) -> bool:
    """Store a rule. False if the account has MAX_RULES already."""
    own = _is_own(_RULES, app, rule.account_id)
    if not has_room(connection, app, _RULES, own, MAX_RULES):
        return False
    names = ("account_id", "form", "calls", "period", "min_talk_seconds", "direction", "seed", "author", "drawn_until")
    values: dict[str, Any] = {name: getattr(rule, name) for name in names}
    values |= {"app": app.id, "queues": json.dumps(rule.queues), "created_at": now}
    connection.execute(sa.insert(_RULES).values(**values))
    return True


def list_rules(connection: Connection, app: App, account_id: str) -> list[SamplingRule]:
    """Return an account's rules, the oldest first, also those whose form is retired: they draw nothing."""
    forms = schema.evaluation_forms
    query = sa.select(_RULES, forms.c.name.label("form_name"), forms.c.is_retired.label("is_form_retired"))
    own = query.join(forms, forms.c.id == _RULES.c.form).where(_is_own(_RULES, app, account_id))
    return [_build_rule(row) for row in connection.execute(own.order_by(_RULES.c.id).limit(MAX_RULES))]


def delete_rule(connection: Connection, app: App, account_id: str, rule_id: int) -> bool:
    """Delete a rule with the calls that it has drawn and nobody has scored. False if it does not exist."""
    is_open = _is_own(_CALLS, app, account_id) & (_CALLS.c.rule == rule_id) & (_CALLS.c.state == SampleState.OPEN)
    connection.execute(sa.delete(_CALLS).where(is_open))
    own = _is_own(_RULES, app, account_id) & (_RULES.c.id == rule_id)
    return connection.execute(sa.delete(_RULES).where(own)).rowcount == 1


def draw(connection: Connection, app: App, rule: SamplingRule, period: TimeWindow) -> list[EvaluatedCall]:
    """Return the calls that a rule draws of a period: of each agent, so many that no rule has drawn before."""
    force_custom_plan(connection)
    drawn: dict[str, EvaluatedCall] = {}
    for agent_id in _list_agents(connection, app, rule.account_id, period):
        for call in _draw_of_agent(connection, app, rule, period, agent_id, drawn):
            drawn[call.call_id] = call
    return list(drawn.values())


def store_draw(
    connection: Connection, app: App, rule: SamplingRule, period: TimeWindow, calls: Sequence[EvaluatedCall]
) -> bool:
    """Store what was drawn of a period, and that the rule has drawn it. False if another process did so meanwhile."""
    own = _is_own(_RULES, app, rule.account_id) & (_RULES.c.id == rule.id) & (_RULES.c.drawn_until < period.end)
    if connection.execute(sa.update(_RULES).where(own).values(drawn_until=period.end)).rowcount != 1:
        return False
    rows = [
        {
            "app": app.id,
            "account_id": call.account_id,
            "call_id": call.call_id,
            "call_begin": call.call_begin,
            "agent_id": call.agent_id,
            "rule": rule.id,
            "form": rule.form,
            "state": SampleState.OPEN,
        }
        for call in calls
    ]
    if rows:
        connection.execute(insert_or_ignore(connection, _CALLS), rows)
    return True


def list_open(connection: Connection, app: App, account_id: str, agent_id: str = "") -> list[SampledCall]:
    """Return drawn calls that nobody has scored, of all agents or of one, the oldest first, at most MAX_LISTED.

    Those whose form is retired are left out: nobody can score them until it is restored.
    """
    forms = schema.evaluation_forms
    query = sa.select(_CALLS, forms.c.name.label("form_name")).join(forms, forms.c.id == _CALLS.c.form)
    own = query.where(_is_own(_CALLS, app, account_id), _CALLS.c.state == SampleState.OPEN, ~forms.c.is_retired)
    if agent_id:
        own = own.where(_CALLS.c.agent_id == agent_id)
    rows = connection.execute(own.order_by(_CALLS.c.call_begin, _CALLS.c.call_id).limit(MAX_LISTED))
    return [SampledCall(call=build_call(row), form=row.form, form_name=row.form_name) for row in rows]


def set_state(connection: Connection, app: App, account_id: str, call_id: str, state: SampleState) -> bool:
    """Take a drawn call off the list. False if it is not on it."""
    is_open = _is_own(_CALLS, app, account_id) & (_CALLS.c.call_id == call_id) & (_CALLS.c.state == SampleState.OPEN)
    return connection.execute(sa.update(_CALLS).where(is_open).values(state=state)).rowcount == 1


def _list_agents(connection: Connection, app: App, account_id: str, period: TimeWindow) -> list[str]:
    """Return the account's agents who may have calls in a period."""
    first_month = partition_month.month_start(partition_month.month_key(period.begin))
    own = _is_own(_VALUES, app, account_id) & (_VALUES.c.kind == int(ValueKind.AGENT))
    query = sa.select(_VALUES.c.value).where(own, _VALUES.c.last_month >= first_month)
    return list(connection.execute(query.order_by(_VALUES.c.value).limit(MAX_AGENTS)).scalars())


def _draw_of_agent(
    connection: Connection, app: App, rule: SamplingRule, period: TimeWindow, agent_id: str, drawn: Container[str]
) -> Iterator[EvaluatedCall]:
    """Yield the calls of an agent, without those that another agent of theirs has drawn."""
    columns, is_own = _CDRS.c, _is_own(_CDRS, app, rule.account_id)
    query = sa.select(columns.call_id, columns.begin).where(
        is_own,
        columns.agent_id == agent_id,
        columns.agent_id != "",
        columns.begin >= period.begin,
        columns.begin < period.end,
        columns.talk_seconds >= max(rule.min_talk_seconds, 1),
        columns.device_type == int(DeviceType.AGENT),
        columns.call_begin.is_not(None),
    )
    if rule.direction:
        query = query.where(columns.direction == list(Direction).index(Direction(rule.direction)))
    if rule.queues:
        query = query.where(columns.current_skill_id.in_(rule.queues))
    begins: dict[str, datetime] = {}
    for row in connection.execute(query.order_by(columns.begin).limit(MAX_AGENT_LEGS)):
        begins.setdefault(row.call_id, row.begin)
    taken = 0
    for call_id in order_calls(rule.seed, agent_id, (one for one in begins if one not in drawn)):
        if taken == rule.calls:
            return
        is_drawn = _is_own(_CALLS, app, rule.account_id) & (_CALLS.c.call_id == call_id)
        if connection.execute(sa.select(_CALLS.c.rule).where(is_drawn)).first() is None:
            taken += 1
            yield EvaluatedCall(
                account_id=rule.account_id, call_id=call_id, call_begin=begins[call_id], agent_id=agent_id
            )


def _is_own(table: sa.Table, app: App, account_id: str) -> sa.ColumnElement[bool]:
    return (table.c.app == app.id) & (table.c.account_id == account_id)


def _build_rule(row: sa.Row[Any]) -> SamplingRule:
    return SamplingRule(
        id=row.id,
        account_id=row.account_id,
        form=row.form,
        form_name=row.form_name,
        is_form_retired=row.is_form_retired,
        calls=row.calls,
        period=SamplingPeriod(row.period),
        min_talk_seconds=row.min_talk_seconds,
        direction=row.direction,
        queues=tuple(json.loads(row.queues)),
        seed=row.seed,
        author=row.author,
        drawn_until=row.drawn_until,
    )
