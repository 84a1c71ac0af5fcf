"""An agent's day, and the day of a team: states and calls as lines, with totals."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from urllib.parse import urlencode

from sqlalchemy.engine import Connection

from ccfs.console import render
from ccfs.console.calls.search import choose_scope, render_no_accounts
from ccfs.console.request import AccountScope, ConsoleRequest
from ccfs.console.statistics import charts_of_calls, day_line
from ccfs.console.statistics.day_line import DayBar, HourMark
from ccfs.console.statistics.page import MAX_NAME_LENGTH
from ccfs.db.tenant.calls import call_lookup, call_search
from ccfs.db.tenant.calls.statistics import agent_states
from ccfs.db.tenant.calls.statistics.agent_states import OperationRow
from ccfs.model.calls.agent_operation import AgentOperationType
from ccfs.model.calls.agent_time import AgentTimes, merge_times
from ccfs.model.calls.call import Call, build_call, leg_talk_seconds
from ccfs.model.calls.cdr import Cdr
from ccfs.model.calls.search import CallSearch, SearchOrder
from ccfs.model.calls.statistics_slots import DAY, get_midnight
from ccfs.model.exports.time_window import TimeWindow, to_local
from ccfs.model.identity.audit import AuditAction
from ccfs.model.identity.user import Permission
from ccfs.web.responses.types import Response

MAX_CALLS = 300  # of an agent's day
MAX_TEAM = 200
SEARCH_SECONDS = 2.0
_NO_ANSWER = "2"  # cause of a state that the switch set because the agent did not answer


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewedDay:
    """A day of an account's clock."""

    day: date
    window: TimeWindow
    shown: TimeWindow  # until now, if it is today
    is_today: bool

    @property
    def previous(self) -> date:
        """The day before."""
        return self.day - DAY

    @property
    def following(self) -> date:
        """The day after."""
        return self.day + DAY


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentDay:
    """An agent's states and calls of a day."""

    operations: list[OperationRow]
    times: AgentTimes
    reasons: list[tuple[str, int]]  # of not being ready, each with its seconds
    calls: list[tuple[Call, int]]  # each with the agent's own talk time in seconds
    state_bars: list[DayBar]
    call_bars: list[DayBar]
    hours: list[HourMark]


@dataclass(frozen=True, slots=True, kw_only=True)
class TeamLine:
    """An agent's line among those of a team."""

    agent: str
    times: AgentTimes
    bars: list[DayBar]


def parse_day(text: str, scope: AccountScope, now: datetime) -> ViewedDay:
    """Return the day that a parameter names, else today."""
    today = to_local(now, scope.zone).date()
    try:
        day = date.fromisoformat(text) if text else today
    except ValueError:
        day = today
    day = day if 1971 < day.year < 9000 else today
    window = TimeWindow(begin=get_midnight(day, scope.zone), end=get_midnight(day + DAY, scope.zone))
    shown_end = min(window.end, max(now, window.begin + timedelta(seconds=1)))
    return ViewedDay(
        day=day, window=window, shown=TimeWindow(begin=window.begin, end=shown_end), is_today=now in window
    )


async def show_agent_day(request: ConsoleRequest) -> Response:
    """Show one agent's day."""
    scope, agent = request.current_scope, request.query_params.get("agent", "").strip()[:MAX_NAME_LENGTH]
    viewed = parse_day(request.query_params.get("day", ""), scope, request.context.now())
    await request.audit_action(AuditAction.AGENT_VIEWED, f"{agent} {viewed.day}", scope)
    day = await request.context.query(partial(_load_day, request, scope, agent, viewed))
    return request.render_page(
        "agent_day.html",
        scope=scope,
        agent=agent,
        viewed=viewed,
        day=day,
        call_ids={call.call_id for call, _ in day.calls},
        max_calls=MAX_CALLS,
        format_sum=partial(charts_of_calls.format_long_duration, request),
        describe_reason=partial(_describe_reason, request),
    )


async def show_team(request: ConsoleRequest) -> Response:
    """Show the day of the account's agents, or of those of a queue, side by side."""
    scopes, parameters = await request.list_scopes(Permission.SEARCH), request.query_params
    if not scopes:
        return render_no_accounts(request)
    scope, queue = choose_scope(request, scopes), parameters.get("queue", "").strip()[:MAX_NAME_LENGTH]
    viewed = parse_day(parameters.get("day", ""), scope, request.context.now())
    target = f"{viewed.day}" + (f" queue={queue}" if queue else "")
    await request.audit_action(AuditAction.TEAM_VIEWED, target, scope)
    lines, queues, hours = await request.context.query(partial(_load_team, scope, queue, viewed))
    return request.render_page(
        "team.html",
        scopes=scopes,
        scope=scope,
        viewed=viewed,
        queue=queue,
        queues=queues,
        lines=lines,
        hours=hours,
        max_team=MAX_TEAM,
        totals=merge_times(line.times for line in lines),
        format_sum=partial(charts_of_calls.format_long_duration, request),
    )


def _load_team(
    scope: AccountScope, queue: str, viewed: ViewedDay, connection: Connection
) -> tuple[list[TeamLine], list[str], list[HourMark]]:
    limit = timedelta(seconds=scope.account.after_call_seconds)
    operations = agent_states.list_operations(connection, scope.app, scope.account.account_id, viewed.shown)
    by_agent: dict[str, list[OperationRow]] = defaultdict(list)
    for operation in operations:
        by_agent[operation.agent_id].append(operation)
    queues = sorted({operation.skill_id for operation in operations} - {""})
    if queue:
        by_agent = {agent: own for agent, own in by_agent.items() if any(row.skill_id == queue for row in own)}
    spans = {agent: day_line.split_operations(own, viewed.shown, limit) for agent, own in by_agent.items()}
    present = sorted((agent, some) for agent, some in spans.items() if some)[:MAX_TEAM]
    axis = day_line.choose_axis([(span.begin, span.end) for _, some in present for span in some], viewed.window)
    lines = [
        TeamLine(
            agent=agent,
            times=day_line.sum_states(by_agent[agent], viewed.shown, limit),
            bars=day_line.build_state_bars(some, axis),
        )
        for agent, some in present
    ]
    return lines, queues, day_line.build_hours(axis, scope.zone)


def _load_day(
    request: ConsoleRequest, scope: AccountScope, agent: str, viewed: ViewedDay, connection: Connection
) -> AgentDay:
    app, account_id = scope.app, scope.account.account_id
    limit = timedelta(seconds=scope.account.after_call_seconds)
    operations = agent_states.list_operations(connection, app, account_id, viewed.shown, [agent]) if agent else []
    legs = _find_calls(connection, scope, agent, viewed) if agent else {}
    own_legs = [leg for some in legs.values() for leg in some if leg.agent_id == agent]
    spans = day_line.split_operations(operations, viewed.shown, limit)
    talks = [(leg.call_begin, leg.call_end) for leg in own_legs if leg.call_begin and leg.call_end]
    axis = day_line.choose_axis([*((span.begin, span.end) for span in spans), *talks], viewed.window)
    calls = [
        (build_call(some), sum(leg_talk_seconds(leg) for leg in some if leg.agent_id == agent))
        for some in legs.values()
    ]
    return AgentDay(
        operations=[row for row in operations if row.end is None or row.end > row.begin or row.call_id],
        times=day_line.sum_states(operations, viewed.shown, limit),
        reasons=_sum_reasons(request, operations, viewed.shown),
        calls=sorted(calls, key=lambda item: item[0].begin),
        state_bars=day_line.build_state_bars(spans, axis),
        call_bars=[_build_call_bar(scope, leg, axis) for leg in own_legs if leg.call_begin and leg.call_end],
        hours=day_line.build_hours(axis, scope.zone),
    )


def _find_calls(
    connection: Connection, scope: AccountScope, agent: str, viewed: ViewedDay
) -> Mapping[str, Sequence[Cdr]]:
    search = CallSearch(
        account_id=scope.account.account_id,
        window=viewed.window,
        agent_id=agent,
        order=SearchOrder.OLDEST,
        limit=MAX_CALLS,
    )
    page = call_search.find_calls(connection, scope.app, search, SEARCH_SECONDS)
    ids = [hit.call_id for hit in page.hits]
    return call_lookup.find_legs(connection, scope.app, [scope.account.account_id], ids)


def _build_call_bar(scope: AccountScope, leg: Cdr, axis: TimeWindow) -> DayBar:
    assert leg.call_begin is not None
    assert leg.call_end is not None
    x, width = day_line.place_bar(leg.call_begin, leg.call_end, axis)
    return DayBar(
        css_class="talking",
        x=x,
        width=width,
        begin=leg.call_begin,
        end=leg.call_end,
        link=f"/console/call?{urlencode({'account': scope.name, 'id': leg.call_id})}",
        title=f"{leg.call_begin.astimezone(scope.zone):%H:%M:%S} · {render.format_duration(leg.call_end - leg.call_begin)} · {leg.caller_no or '–'}",
    )


def _sum_reasons(
    request: ConsoleRequest, operations: Sequence[OperationRow], window: TimeWindow
) -> list[tuple[str, int]]:
    """Return the reasons for not being ready, the longest first."""
    sums: dict[str, int] = defaultdict(int)
    for row in operations:
        if row.op_type == AgentOperationType.BUSY:
            seconds = day_line.sum_states([row], window, timedelta()).not_ready
            sums[_describe_reason(request, row)] += seconds
    return sorted(((reason, seconds) for reason, seconds in sums.items() if seconds), key=lambda item: -item[1])


def _describe_reason(request: ConsoleRequest, row: OperationRow) -> str:
    """Return why an agent was not ready, as the switch reports it."""
    if row.op_cause == _NO_ANSWER:
        return request.translate("Did not answer")
    return row.reason or request.translate("No reason given")
