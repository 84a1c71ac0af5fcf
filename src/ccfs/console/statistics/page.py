"""Statistics: an account's calls of a period, by slot, queue and agent, as charts and tables, and as CSV.

The statistics worker counts the rows (workers/maintenance/statistics.py); a page only reads its counts.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import urlencode

from sqlalchemy.engine import Connection

from ccfs.console.account_page import show_account_page
from ccfs.console.labels import STATISTICS_PERIODS, STEPS
from ccfs.console.request import AccountScope, ConsoleRequest
from ccfs.console.statistics import charts_of_calls, periods
from ccfs.console.statistics.charts_of_calls import CallFilter, StatisticsCharts, StatisticsSlot
from ccfs.console.statistics.periods import StatisticsPeriod
from ccfs.db.system.console import audit
from ccfs.db.tenant.calls.statistics import period_statistics, speech_statistics
from ccfs.db.tenant.calls.statistics.speech_statistics import SpeechTables
from ccfs.model.calls.call import Direction
from ccfs.model.calls.reports.figures import Figures, FigureTables, select_group
from ccfs.model.calls.statistics_slots import Step, split_window, sum_slots
from ccfs.model.identity.audit import AuditAction
from ccfs.model.identity.user import Permission
from ccfs.web.responses.types import Response

REFRESH_AUDIT_INTERVAL = timedelta(hours=1)  # within it, a page that refreshes itself adds no audit entry
UNCOUNTED_TOLERANCE = 2  # the current quarter hour is rarely counted
MAX_NAME_LENGTH = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class StatisticsView:
    """The statistics of a period."""

    period: StatisticsPeriod
    tables: FigureTables
    totals: Figures  # of the chosen queue or agent, else of the account
    previous: Figures  # the same in the period before
    slots: list[StatisticsSlot]
    charts: StatisticsCharts | None  # None where only numbers are needed
    is_incomplete: bool
    speech: SpeechTables


async def show_statistics(request: ConsoleRequest) -> Response:
    """Show the statistics page, whose URL holds account, period, step, direction, queue and agent."""
    chosen = parse_filter(request.query_params)

    async def load(scope: AccountScope) -> StatisticsView:
        period = periods.parse_period(request.query_params, scope.zone, request.context.now())
        await _audit_view(request, scope, period, chosen)
        return await request.context.query(partial(load_view, request, scope, period, chosen))

    def build_values(scope: AccountScope, view: StatisticsView | None) -> dict[str, Any]:
        return _build_values(request, scope, chosen, view)

    return await show_account_page(request, Permission.SEARCH, "statistics.html", load, build_values)


def _build_values(
    request: ConsoleRequest, scope: AccountScope, chosen: CallFilter, view: StatisticsView | None
) -> dict[str, Any]:
    typed = {name: request.query_params.get(name, "") for name in ("period", "from", "to", "step")}
    fields: Mapping[str, str] = view.period.fields if view else typed
    query = {"account": scope.name, **{name: value for name, value in fields.items() if value}}
    return {
        "chosen": chosen,
        "fields": fields,
        "view": view,
        "period_labels": STATISTICS_PERIODS,
        "steps": STEPS,
        "target": scope.account.service_level_seconds,
        "page_query": urlencode(query | chosen.parameters),
        "base_query": urlencode(query),
        "last_day": f"{view.slots[-1].window.begin.astimezone(scope.zone):%Y-%m-%d}" if view else "",
        "may_download": request.has_permission_in(Permission.DOWNLOAD, scope),
        "format_count": lambda number: f"{number:,g}",
        "format_share": lambda share: f"{100 * share:g}%",
        "format_time": partial(charts_of_calls.format_short_duration, request),
        "format_sum": partial(charts_of_calls.format_long_duration, request),
    }


def parse_filter(parameters: Mapping[str, str]) -> CallFilter:
    """Return the queue or agent and the direction that parameters name."""
    direction = next((value for value in Direction if value == parameters.get("direction")), None)
    queue, agent = (parameters.get(name, "").strip()[:MAX_NAME_LENGTH] for name in ("queue", "agent"))
    return CallFilter(queue="" if agent else queue, agent=agent, direction=direction)


async def _audit_view(
    request: ConsoleRequest, scope: AccountScope, period: StatisticsPeriod, chosen: CallFilter
) -> None:
    """Add an audit entry; the refreshes of a page add one an hour."""
    target = describe_query(period, chosen)
    if "refresh" in request.query_params:
        entry = request.build_audit_entry(AuditAction.STATISTICS_VIEWED, target, scope)
        since = request.context.now() - REFRESH_AUDIT_INTERVAL
        if await request.context.query(lambda connection: audit.was_logged_since(connection, entry, since)):
            return
    await request.audit_action(AuditAction.STATISTICS_VIEWED, target, scope)


def describe_query(period: StatisticsPeriod, chosen: CallFilter) -> str:
    """Return what was viewed, for the audit log."""
    begin, end = period.days.begin, period.days.end
    filters = "".join(f" {name}={value}" for name, value in chosen.parameters.items() if name != "direction")
    return f"{begin:%Y-%m-%dT%H:%MZ}/{end:%Y-%m-%dT%H:%MZ}{f' {chosen.direction}' if chosen.direction else ''}{filters}"


def load_view(
    request: ConsoleRequest, scope: AccountScope, period: StatisticsPeriod, chosen: CallFilter, connection: Connection
) -> StatisticsView:
    """Return the statistics of a period."""
    account, now, zone = scope.account, request.context.now(), scope.zone
    loaded = period_statistics.load_period(connection, scope.app, account, period.window, now)
    before = period_statistics.load_period(connection, scope.app, account, period.previous, now)
    parts = loaded.parts
    if period.step in (Step.QUARTER, Step.HOUR):
        with_groups = bool(chosen.queue or chosen.agent)
        parts = period_statistics.load_quarters(connection, scope.app, account, period.window, with_groups=with_groups)
    windows = split_window(period.window, period.step, zone)
    statistics = sum_slots(
        windows, parts, lambda part: select_group(part, chosen.queue, chosen.agent, chosen.direction)
    )
    slots = charts_of_calls.build_slots(scope, period.step, windows, statistics, chosen)
    tables = loaded.build_tables(chosen.direction)
    return StatisticsView(
        period=period,
        tables=tables,
        totals=choose_figures(tables, chosen),
        previous=choose_figures(before.build_tables(chosen.direction), chosen),
        slots=slots,
        charts=charts_of_calls.build_charts(request, slots, account.service_level_seconds),
        is_incomplete=loaded.uncounted > UNCOUNTED_TOLERANCE,
        speech=speech_statistics.load(connection, scope.app, account.account_id, period.window, zone),
    )


def choose_figures(tables: FigureTables, chosen: CallFilter) -> Figures:
    """Return the figures of the chosen agent or queue, else of the account."""
    if not chosen.agent and not chosen.queue:
        return tables.account
    rows = tables.agents if chosen.agent else tables.queues
    return next((row for row in rows if row.name == (chosen.agent or chosen.queue)), Figures())


def get_file_name(scope: AccountScope, now: datetime) -> str:
    """Return the name of a CSV file."""
    return f"statistics-{now.astimezone(scope.zone):%Y%m%d-%H%M%S}.csv"
