"""Statistics: an account's calls of a period, as charts, and the storage statistics for operators.

The statistics worker counts the rows (workers/maintenance/statistics.py); a page only reads its counts.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from sqlalchemy.engine import Connection

from ccfs.console import render
from ccfs.console.calls.search import choose_scope, render_no_accounts
from ccfs.console.calls.search_form import PERIOD_LABELS, InvalidSearch
from ccfs.console.request import AccountScope, ConsoleRequest
from ccfs.console.statistics import charts, periods
from ccfs.console.statistics.charts import Chart, ChartValue
from ccfs.console.statistics.periods import StatisticsPeriod, StatisticsSlot
from ccfs.db.system import storage_statistics
from ccfs.db.tenant.calls import call_statistics
from ccfs.model.calls import partition_month
from ccfs.model.calls.call import Direction
from ccfs.model.calls.statistics import CallStatistics, merge_statistics
from ccfs.model.identity.audit import AuditAction
from ccfs.model.identity.user import Permission
from ccfs.web.responses.types import Response

ANSWER_TARGET_SECONDS = 20  # service level: the wait within which a call should be answered
MAX_STORAGE_MONTHS = 24  # of the storage chart
COLOUR_COUNT = 5  # of locations in the storage chart


@dataclass(frozen=True, slots=True, kw_only=True)
class StatisticsView:
    """The statistics of a period."""

    period: StatisticsPeriod
    slots: list[StatisticsSlot]
    totals: CallStatistics
    uncounted_hours: int  # hours whose calls are not all counted yet
    calls_chart: Chart
    waits_chart: Chart
    talk_chart: Chart


class ChartSpec:
    """One kind of chart: the amounts of a column, the top of the scale, the tooltip."""

    def __init__(
        self,
        amounts: Callable[[CallStatistics], Sequence[tuple[str, float]]],
        scale: Callable[[float], float],
        describe: Callable[[ConsoleRequest, CallStatistics], str],
    ) -> None:
        self.amounts, self.scale, self.describe = amounts, scale, describe


async def show_statistics(request: ConsoleRequest) -> Response:
    """Show the statistics page, whose URL holds account, period and direction."""
    scopes, parameters = await request.list_scopes(Permission.SEARCH), request.query_params
    if not scopes:
        return render_no_accounts(request)
    scope = choose_scope(request, scopes)
    direction = next((value for value in Direction if value == parameters.get("direction")), None)
    problem, view = "", None
    fields: Mapping[str, str] = {name: parameters.get(name, "") for name in ("period", "from", "to")}
    try:
        period = periods.parse_period(parameters, scope.zone, request.context.now())
        fields = period.fields
        await request.audit_action(AuditAction.STATISTICS_VIEWED, _describe_query(period, direction), scope)
        view = await request.context.query(partial(_load_view, request, scope, period, direction))
    except InvalidSearch as error:
        problem = request.translate(str(error))
    return request.render_page(
        "statistics.html",
        400 if problem else 200,
        scopes=scopes,
        scope=scope,
        direction=direction or "",
        fields=fields,
        view=view,
        problem=problem,
        period_labels=PERIOD_LABELS,
        answer_target=ANSWER_TARGET_SECONDS,
        format_slot=format_slot,
        format_count=lambda number: f"{number:,g}",
        format_time=partial(format_short_duration, request),
        format_size=lambda size: render.format_size(size).replace(".0 ", " "),
        storage=await _load_storage_statistics(request),
    )


def _describe_query(period: StatisticsPeriod, direction: Direction | None) -> str:
    begin, end = period.window.begin, period.window.end
    return f"{begin:%Y-%m-%dT%H:%MZ}/{end:%Y-%m-%dT%H:%MZ}" + (f" {direction}" if direction else "")


def _load_view(
    request: ConsoleRequest,
    scope: AccountScope,
    period: StatisticsPeriod,
    direction: Direction | None,
    connection: Connection,
) -> StatisticsView:
    quarters, uncounted = call_statistics.load_statistics(
        connection, scope.app, scope.account.account_id, period.window
    )
    statistics = {begin: _select_direction(by_direction, direction) for begin, by_direction in quarters.items()}
    slots = periods.split_period(period, scope.zone, statistics)
    return StatisticsView(
        period=period,
        slots=slots,
        totals=merge_statistics(slot.statistics for slot in slots),
        uncounted_hours=-(-uncounted // 4) if uncounted > 2 else 0,  # the current quarter is rarely counted
        calls_chart=_build_slot_chart(request, period, slots, _CALLS_CHART),
        waits_chart=_build_slot_chart(request, period, slots, _WAITS_CHART),
        talk_chart=_build_slot_chart(request, period, slots, _TALK_CHART),
    )


def _select_direction(by_direction: Mapping[Direction, CallStatistics], direction: Direction | None) -> CallStatistics:
    if direction is None and len(by_direction) != 1:
        return merge_statistics(by_direction.values())
    return by_direction.get(direction, CallStatistics()) if direction else next(iter(by_direction.values()))


def format_slot(slot: StatisticsSlot, period: StatisticsPeriod) -> str:
    """Return the name of an hour or day; with the abbreviation of its zone where clocks show the hour twice."""
    if not period.is_hourly:
        return f"{slot.begin:%Y-%m-%d}"
    return f"{slot.begin:%Y-%m-%d %H:%M %Z}" if slot.is_ambiguous else f"{slot.begin:%Y-%m-%d %H:%M}"


def format_short_duration(request: ConsoleRequest, seconds: float) -> str:
    """Return a round duration in its largest unit."""
    if seconds >= 3600:
        return request.translate("{count} h", count=f"{seconds / 3600:,g}")
    if seconds >= 60:
        return request.translate("{count} min", count=f"{seconds / 60:g}")
    return request.translate("{count} s", count=f"{seconds:g}")


def _build_slot_chart(
    request: ConsoleRequest, period: StatisticsPeriod, slots: Sequence[StatisticsSlot], spec: ChartSpec
) -> Chart:
    values = [
        ChartValue(
            tooltip=f"{format_slot(slot, period)}: {spec.describe(request, slot.statistics)}",
            amounts=spec.amounts(slot.statistics),
            axis_label=_format_axis_label(slot, period, len(slots)),
        )
        for slot in slots
    ]
    return charts.build_chart(values, spec.scale)


def _format_axis_label(slot: StatisticsSlot, period: StatisticsPeriod, slot_count: int) -> str:
    """Return hours for one day, else days, else months; empty: no label."""
    begin = slot.begin
    if period.is_hourly:
        return f"{begin:%H:%M}" if slot_count <= 26 else f"{begin:%m-%d}" if begin.hour == 0 else ""
    return f"{begin:%m-%d}" if slot_count <= 100 else f"{begin:%Y-%m}" if begin.day == 1 else ""


def _get_wait_amounts(counts: CallStatistics) -> Sequence[tuple[str, float]]:
    median, p90 = counts.wait_percentile(0.5) or 0, counts.wait_percentile(0.9) or 0
    return (("median", median), ("p90", p90 - median))


_CALLS_CHART = ChartSpec(
    lambda counts: (("answered", counts.answered), ("abandoned", counts.abandoned)),
    charts.round_up_count,
    lambda request, counts: request.translate(
        "{answered} answered, {lost} unanswered", answered=f"{counts.answered:,}", lost=f"{counts.abandoned:,}"
    ),
)
_WAITS_CHART = ChartSpec(
    _get_wait_amounts,
    charts.round_up_seconds,
    lambda request, counts: request.translate(
        "median wait {half}, 90th percentile {most}",
        half=render.format_duration(timedelta(seconds=counts.wait_percentile(0.5) or 0)),
        most=render.format_duration(timedelta(seconds=counts.wait_percentile(0.9) or 0)),
    ),
)
_TALK_CHART = ChartSpec(
    lambda counts: (("talk", counts.talk_seconds),),
    charts.round_up_seconds,
    lambda request, counts: request.translate(
        "{time} talk time", time=render.format_duration(timedelta(seconds=counts.talk_seconds))
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageStatisticsView:
    """Stored recordings by month and location."""

    months: list[tuple[str, Mapping[str, storage_statistics.MonthlyStorage]]]
    legend: list[tuple[str, str]]  # CSS class and location
    chart: Chart
    files: int
    size: int  # bytes


async def _load_storage_statistics(request: ConsoleRequest) -> StorageStatisticsView | None:
    """Return the storage statistics of the whole installation; None unless the user is an operator."""
    if not request.current_user.has_permission(Permission.OPERATE, None):
        return None
    by_month = await request.context.query(storage_statistics.load)
    this_month = partition_month.month_key(request.context.now())
    last_year = [partition_month.add_months(this_month, -back) for back in range(12)] if by_month else []
    months = [
        (f"{month // 100}-{month % 100:02}", by_month.get(month, {})) for month in sorted({*by_month, *last_year})
    ]
    locations = sorted({location for _, storage in months for location in storage})
    colours = {location: f"l{index % COLOUR_COUNT}" for index, location in enumerate(locations)}
    values = [_build_storage_value(name, storage, colours) for name, storage in months[-MAX_STORAGE_MONTHS:]]
    amounts = [amount for _, storage in months for amount in storage.values()]
    return StorageStatisticsView(
        months=months[-MAX_STORAGE_MONTHS:],
        legend=[(colour, location) for location, colour in colours.items()],
        chart=charts.build_chart(values, charts.round_up_bytes),
        files=sum(amount.files for amount in amounts),
        size=sum(amount.size for amount in amounts),
    )


def _build_storage_value(
    name: str, storage: Mapping[str, storage_statistics.MonthlyStorage], colours: Mapping[str, str]
) -> ChartValue:
    sizes = ", ".join(f"{location} {render.format_size(amount.size)}" for location, amount in storage.items())
    amounts = [(colour, storage[location].size) for location, colour in colours.items() if location in storage]
    return ChartValue(tooltip=f"{name}: {sizes or '–'}", amounts=amounts, axis_label=name)
