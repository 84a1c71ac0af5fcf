"""The charts of the statistics page: calls, service level, waiting times and handling times by slot."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from ccfs.console import render
from ccfs.console.request import AccountScope, ConsoleRequest
from ccfs.console.statistics import charts
from ccfs.console.statistics.charts import Chart, ChartValue
from ccfs.model.calls.call import Direction
from ccfs.model.calls.reports.figures import Figures
from ccfs.model.calls.statistics import CallStatistics
from ccfs.model.calls.statistics_slots import Step, is_ambiguous
from ccfs.model.exports.time_window import TimeWindow


@dataclass(frozen=True, slots=True, kw_only=True)
class StatisticsSlot:
    """A slot and the statistics of the calls that began in it."""

    window: TimeWindow
    name: str
    axis_label: str
    link: str  # of its calls; "" without any
    statistics: CallStatistics

    @property
    def figures(self) -> Figures:
        """The figures of the slot."""
        return Figures(name=self.name, calls=self.statistics)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFilter:
    """The calls that the statistics are about."""

    queue: str = ""
    agent: str = ""
    direction: Direction | None = None

    @property
    def parameters(self) -> dict[str, str]:
        """The parameters of the filter that are set."""
        values = {"queue": self.queue, "agent": self.agent, "direction": self.direction or ""}
        return {name: value for name, value in values.items() if value}


def build_slots(
    scope: AccountScope,
    step: Step,
    windows: Sequence[TimeWindow],
    statistics: Sequence[CallStatistics],
    chosen: CallFilter,
) -> list[StatisticsSlot]:
    """Return the slots of a period, with their names and links."""
    return [
        StatisticsSlot(
            window=window,
            name=format_slot(scope, step, window),
            axis_label=_format_axis_label(scope, step, window, len(windows)),
            link=build_calls_url(scope, window, chosen) if counts.calls else "",
            statistics=counts,
        )
        for window, counts in zip(windows, statistics, strict=True)
    ]


def build_calls_url(scope: AccountScope, window: TimeWindow, chosen: CallFilter) -> str:
    """Return the URL of the search for the calls of a window."""
    begin, end = (render.format_form_value(instant.astimezone(scope.zone)) for instant in (window.begin, window.end))
    return f"/console/calls?{urlencode({'account': scope.name, 'from': begin, 'to': end, **chosen.parameters})}"


def format_slot(scope: AccountScope, step: Step, window: TimeWindow) -> str:
    """Return the name of a slot; with the abbreviation of its zone where clocks show the time twice."""
    local = window.begin.astimezone(scope.zone)
    if step in (Step.DAY, Step.WEEK):
        return f"{local:%Y-%m-%d}"
    return f"{local:%Y-%m-%d %H:%M %Z}" if is_ambiguous(local) else f"{local:%Y-%m-%d %H:%M}"


def _format_axis_label(scope: AccountScope, step: Step, window: TimeWindow, number: int) -> str:
    """Return times for one or two days, else days, else months; empty: no label."""
    local = window.begin.astimezone(scope.zone)
    if step is Step.QUARTER:
        return f"{local:%H:%M}" if local.minute == 0 else ""
    if step is Step.HOUR:
        return f"{local:%H:%M}" if number <= 26 else f"{local:%m-%d}" if local.hour == 0 else ""
    return f"{local:%m-%d}" if number <= 100 else f"{local:%Y-%m}" if local.day == 1 else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StatisticsCharts:
    """The charts of a period."""

    calls: Chart
    service_level: Chart
    waiting: Chart
    talk: Chart


def build_charts(request: ConsoleRequest, slots: Sequence[StatisticsSlot], target_seconds: int) -> StatisticsCharts:
    """Return the charts of a period's slots."""

    def build(
        describe: Callable[[CallStatistics], str],
        amounts: Callable[[CallStatistics], Sequence[tuple[str, float]]],
        scale: Callable[[float], float],
        *,
        is_stacked: bool = True,
    ) -> Chart:
        values = [
            ChartValue(
                tooltip=f"{slot.name}: {describe(slot.statistics)}",
                amounts=amounts(slot.statistics),
                axis_label=slot.axis_label,
                link=slot.link,
            )
            for slot in slots
        ]
        return charts.build_chart(values, scale, is_stacked=is_stacked)

    def level(counts: CallStatistics) -> float:
        return counts.count_answered_within(target_seconds) / counts.calls if counts.calls else 0

    t = request.translate
    return StatisticsCharts(
        calls=build(
            lambda counts: t("{answered} answered, {lost} unanswered", answered=f"{counts.answered:,}", lost=f"{counts.abandoned:,}"),
            lambda counts: (("answered", counts.answered), ("abandoned", counts.abandoned)),
            charts.round_up_count,
        ),
        service_level=build(
            lambda counts: t("service level {share}", share=f"{100 * level(counts):.1f}%") if counts.calls else "–",
            lambda counts: (("level", level(counts)),),
            charts.round_up_share,
        ),
        waiting=build(
            lambda counts: t("average wait {average}, 90th percentile {most}", average=render.format_duration(counts.average_wait or 0), most=render.format_duration(counts.wait_percentile(0.9) or 0)),
            lambda counts: (("p90", counts.wait_percentile(0.9) or 0), ("average", counts.average_wait or 0)),
            charts.round_up_seconds,
            is_stacked=False,
        ),
        talk=build(
            lambda counts: t("average talk time {time}", time=render.format_duration(_get_average_talk(counts))),
            lambda counts: (("talk", _get_average_talk(counts)),),
            charts.round_up_seconds,
        ),
    )  # fmt: skip


def _get_average_talk(counts: CallStatistics) -> int:
    return round(counts.talk_seconds / counts.answered) if counts.answered else 0


def format_short_duration(request: ConsoleRequest, seconds: float) -> str:
    """Return a round duration in its largest unit; others as minutes and seconds."""
    if seconds >= 3600:
        return request.translate("{count} h", count=f"{seconds / 3600:,g}")
    if seconds > 60 and seconds % 30:
        return render.format_duration(round(seconds))
    if seconds >= 60:
        return request.translate("{count} min", count=f"{seconds / 60:g}")
    return request.translate("{count} s", count=f"{seconds:g}")


def format_long_duration(request: ConsoleRequest, seconds: int) -> str:
    """Return a sum of durations: hours and minutes from an hour, else minutes and seconds."""
    if seconds < 3600:
        return render.format_duration(seconds)
    minutes = round(seconds / 60)
    return request.translate("{hours} h {minutes} min", hours=f"{minutes // 60:,}", minutes=minutes % 60)
