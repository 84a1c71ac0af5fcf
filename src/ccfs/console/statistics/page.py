"""Figures: how an account's calls of a period went, in pictures; and for operators how much sound is kept. No row is counted here:
the worker has done so (work/count.py)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from ccfs.console import render
from ccfs.console.calls.search_form import PERIOD_LABELS, InvalidSearch
from ccfs.console.request import AccountScope, ConsoleRequest
from ccfs.console.statistics import charts, periods
from ccfs.console.statistics.charts import Chart, ChartValue
from ccfs.console.statistics.periods import StatisticsPeriod, StatisticsSlot
from ccfs.db.system import storage_statistics
from ccfs.db.tenant import call_statistics
from ccfs.model.calls import partition_month
from ccfs.model.calls.call import Direction
from ccfs.model.calls.statistics import CallStatistics, merge_statistics
from ccfs.model.errors import NotFound
from ccfs.model.identity.audit import AuditAction
from ccfs.model.identity.user import Permission
from ccfs.web.responses.types import Response

ANSWER_TARGET_SECONDS = 20  # seconds within which a call should be answered
MAX_STORAGE_MONTHS = 24  # of kept sound that are drawn
COLOUR_COUNT = 5  # of locations, by their order


@dataclass(frozen=True, slots=True, kw_only=True)
class StatisticsView:
    """What the page draws of a period."""

    period: StatisticsPeriod
    slots: list[StatisticsSlot]
    totals: CallStatistics
    uncounted_hours: int  # hours of which some calls are not counted yet
    calls_chart: Chart
    waits_chart: Chart
    talk_chart: Chart


class ChartSpec:
    """One kind of chart: what is drawn of counts, how high the scale is, what is said of a column."""

    def __init__(
        self,
        amounts: Callable[[CallStatistics], Sequence[tuple[str, float]]],
        scale: Callable[[float], float],
        says: Callable[[ConsoleRequest, CallStatistics], str],
    ) -> None:
        self.amounts, self.scale, self.describe = amounts, scale, says


async def show_statistics(visit: ConsoleRequest) -> Response:
    """The page: the whole question is its address."""
    places = await visit.list_scopes(Permission.SEARCH)
    if not places:
        if visit.current_user.has_permission_anywhere(Permission.OPERATE):
            return visit.render_page("no_accounts.html")
        raise NotFound
    place = await visit.get_scope(Permission.SEARCH) if "account" in visit.query_params else places[0]
    way = next((one for one in Direction if one == visit.query_params.get("direction")), None)
    problem, shown = "", None
    words: Mapping[str, str] = {name: visit.query_params.get(name, "") for name in ("period", "from", "to")}
    try:
        period = periods.parse_period(visit.query_params, place.zone, visit.context.now())
        words = period.fields
        await visit.audit_action(AuditAction.STATISTICS_VIEWED, _describe_query(period, way), place)
        shown = await _build_view(visit, place, period, way)
    except InvalidSearch as error:
        problem = visit.translate(str(error))
    return visit.render_page(
        "statistics.html",
        400 if problem else 200,
        scopes=places,
        scope=place,
        direction=way or "",
        fields=words,
        view=shown,
        problem=problem,
        period_labels=PERIOD_LABELS,
        answer_target=ANSWER_TARGET_SECONDS,
        format_slot=format_slot,
        format_count=lambda number: f"{number:,g}",
        format_time=partial(format_short_duration, visit),
        format_size=lambda size: render.format_size(size).replace(".0 ", " "),
        storage=await _load_storage_statistics(visit),
    )


def _describe_query(period: StatisticsPeriod, way: Direction | None) -> str:
    begin, end = period.window.begin, period.window.end
    return f"{begin:%Y-%m-%dT%H:%MZ}/{end:%Y-%m-%dT%H:%MZ}" + (f" {way}" if way else "")


async def _build_view(
    visit: ConsoleRequest, place: AccountScope, period: StatisticsPeriod, way: Direction | None
) -> StatisticsView:
    account = place.account.account_id
    cells, old = await visit.context.query_in_thread(
        lambda it: call_statistics.load_statistics(it, place.app, account, period.window)
    )
    counts = {begin: _select_direction(ways, way) for begin, ways in cells.items()}
    slots = periods.split_period(period, place.zone, counts)
    return StatisticsView(
        period=period,
        slots=slots,
        totals=merge_statistics(slot.statistics for slot in slots),
        uncounted_hours=-(-old // 4) if old > 2 else 0,  # the present quarter is seldom counted to the end
        calls_chart=_build_slot_chart(visit, period, slots, _CALLS_CHART),
        waits_chart=_build_slot_chart(visit, period, slots, _WAITS_CHART),
        talk_chart=_build_slot_chart(visit, period, slots, _TALK_CHART),
    )


def _select_direction(ways: Mapping[Direction, CallStatistics], way: Direction | None) -> CallStatistics:
    if way is None and len(ways) != 1:
        return merge_statistics(ways.values())
    return ways.get(way, CallStatistics()) if way else next(iter(ways.values()))


def format_slot(slot: StatisticsSlot, period: StatisticsPeriod) -> str:
    """What an hour or day is called; the name of its time, too, where an hour comes twice."""
    if not period.is_hourly:
        return f"{slot.begin:%Y-%m-%d}"
    return f"{slot.begin:%Y-%m-%d %H:%M %Z}" if slot.is_ambiguous else f"{slot.begin:%Y-%m-%d %H:%M}"


def format_short_duration(visit: ConsoleRequest, seconds: float) -> str:
    """A round time, in its own unit."""
    if seconds >= 3600:
        return visit.translate("{count} h", count=f"{seconds / 3600:,g}")
    if seconds >= 60:
        return visit.translate("{count} min", count=f"{seconds / 60:g}")
    return visit.translate("{count} s", count=f"{seconds:g}")


def _build_slot_chart(
    visit: ConsoleRequest, period: StatisticsPeriod, slots: Sequence[StatisticsSlot], kind: ChartSpec
) -> Chart:
    values = [
        ChartValue(
            tooltip=f"{format_slot(slot, period)}: {kind.describe(visit, slot.statistics)}",
            amounts=kind.amounts(slot.statistics),
            axis_label=_format_axis_label(slot, period, len(slots)),
        )
        for slot in slots
    ]
    return charts.build_chart(values, kind.scale)


def _format_axis_label(slot: StatisticsSlot, period: StatisticsPeriod, number: int) -> str:
    """What stands below: hours of one day, else days, else months."""
    begin = slot.begin
    if period.is_hourly:
        return f"{begin:%H:%M}" if number <= 26 else f"{begin:%m-%d}" if begin.hour == 0 else ""
    return f"{begin:%m-%d}" if number <= 100 else f"{begin:%Y-%m}" if begin.day == 1 else ""


def _get_wait_amounts(counts: CallStatistics) -> Sequence[tuple[str, float]]:
    half, most = counts.wait_percentile(0.5) or 0, counts.wait_percentile(0.9) or 0
    return (("median", half), ("p90", most - half))


_CALLS_CHART = ChartSpec(
    lambda counts: (("answered", counts.answered), ("abandoned", counts.abandoned)),
    charts.round_up_count,
    lambda visit, counts: visit.translate(
        "{answered} answered, {lost} not", answered=f"{counts.answered:,}", lost=f"{counts.abandoned:,}"
    ),
)
_WAITS_CHART = ChartSpec(
    _get_wait_amounts,
    charts.round_up_seconds,
    lambda visit, counts: visit.translate(
        "median wait {half}, 90% at most {most}",
        half=render.format_duration(timedelta(seconds=counts.wait_percentile(0.5) or 0)),
        most=render.format_duration(timedelta(seconds=counts.wait_percentile(0.9) or 0)),
    ),
)
_TALK_CHART = ChartSpec(
    lambda counts: (("talk", counts.talk_seconds),),
    charts.round_up_seconds,
    lambda visit, counts: visit.translate(
        "{time} of talk", time=render.format_duration(timedelta(seconds=counts.talk_seconds))
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageStatisticsView:
    """How much sound is kept, by month and location."""

    months: list[tuple[str, Mapping[str, storage_statistics.MonthlyStorage]]]
    legend: list[tuple[str, str]]  # classes of colours, and the locations they stand for
    chart: Chart
    files: int
    size: int


async def _load_storage_statistics(visit: ConsoleRequest) -> StorageStatisticsView | None:
    """For operators: the whole node's."""
    if not visit.current_user.has_permission(Permission.OPERATE, None):
        return None
    found = await visit.context.query(storage_statistics.load)
    year = (
        [partition_month.add_months(partition_month.month_key(visit.context.now()), -back) for back in range(12)]
        if found
        else []
    )
    months = [(f"{one // 100}-{one % 100:02}", found.get(one, {})) for one in sorted({*found, *year})]
    locations = sorted({location for _, sizes in months for location in sizes})
    colours = {location: f"l{place % COLOUR_COUNT}" for place, location in enumerate(locations)}
    values = [
        ChartValue(
            tooltip=f"{name}: "
            + (", ".join(f"{at} {render.format_size(one.size)}" for at, one in sizes.items()) or "–"),
            amounts=[(colours[location], sizes[location].size) for location in locations if location in sizes],
            axis_label=name,
        )
        for name, sizes in months[-MAX_STORAGE_MONTHS:]
    ]
    every = [one for _, sizes in months for one in sizes.values()]
    return StorageStatisticsView(
        months=months[-MAX_STORAGE_MONTHS:],
        legend=[(colour, location) for location, colour in colours.items()],
        chart=charts.build_chart(values, charts.round_up_bytes),
        files=sum(one.files for one in every),
        size=sum(one.size for one in every),
    )
