"""Stored recordings of the whole installation, by month and location, for operators."""

from collections.abc import Mapping
from dataclasses import dataclass

from ccfs.console import render
from ccfs.console.request import ConsoleRequest
from ccfs.console.statistics import charts
from ccfs.console.statistics.charts import Chart, ChartValue
from ccfs.db.system.storage import storage_statistics
from ccfs.model.calls import partition_month
from ccfs.model.identity.user import Permission

MAX_STORAGE_MONTHS = 24  # of the storage chart
COLOUR_COUNT = 5  # of locations in the storage chart


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageStatisticsView:
    """Stored recordings by month and location."""

    months: list[tuple[str, Mapping[str, storage_statistics.MonthlyStorage]]]
    legend: list[tuple[str, str]]  # CSS class and location
    chart: Chart
    files: int
    size: int  # bytes


async def load_storage_statistics(request: ConsoleRequest) -> StorageStatisticsView | None:
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


def format_axis_size(size: float) -> str:
    """Return a size of the chart's axis."""
    return render.format_size(size).replace(".0 ", " ")


def _build_storage_value(
    name: str, storage: Mapping[str, storage_statistics.MonthlyStorage], colours: Mapping[str, str]
) -> ChartValue:
    sizes = ", ".join(f"{location} {render.format_size(amount.size)}" for location, amount in storage.items())
    amounts = [(colour, storage[location].size) for location, colour in colours.items() if location in storage]
    return ChartValue(tooltip=f"{name}: {sizes or '–'}", amounts=amounts, axis_label=name)
