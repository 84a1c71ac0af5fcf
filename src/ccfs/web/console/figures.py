"""Figures: how an account's calls of a period went, in pictures; and for operators how much sound is kept. No row is counted here:
the worker has done so (work/count.py)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from ccfs.model import month
from ccfs.model.audit import Action
from ccfs.model.call import Direction
from ccfs.model.call_count import Counts, total
from ccfs.model.errors import Absent
from ccfs.model.user import Right
from ccfs.store import call_counts, kept_sizes
from ccfs.web.answers import Answer
from ccfs.web.console import charts, periods, render
from ccfs.web.console.asking import PERIODS, Unclear
from ccfs.web.console.charts import Chart, Value
from ccfs.web.console.periods import Period, Slot
from ccfs.web.console.visit import Place, Visit

SOON = 20  # seconds within which a call should be answered
MONTHS = 24  # of kept sound that are drawn
COLOURS = 5  # of locations, by their order


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What the page draws of a period."""

    period: Period
    slots: list[Slot]
    whole: Counts
    uncounted: int  # hours of which some calls are not counted yet
    calls: Chart
    waits: Chart
    talk: Chart


class Kind:
    """One kind of chart: what is drawn of counts, how high the scale is, what is said of a column."""

    def __init__(
        self,
        amounts: Callable[[Counts], Sequence[tuple[str, float]]],
        scale: Callable[[float], float],
        says: Callable[[Visit, Counts], str],
    ) -> None:
        self.amounts, self.scale, self.says = amounts, scale, says


async def index(visit: Visit) -> Answer:
    """The page: the whole question is its address."""
    places = await visit.places(Right.FIND)
    if not places:
        if visit.who.may_somewhere(Right.OPERATE):
            return visit.page("empty.html")
        raise Absent
    place = await visit.place(Right.FIND) if "in" in visit.asked else places[0]
    way = next((one for one in Direction if one == visit.asked.get("direction")), None)
    problem, shown = "", None
    words: Mapping[str, str] = {name: visit.asked.get(name, "") for name in ("when", "from", "to")}
    try:
        period = periods.read(visit.asked, place.zone, visit.here.now())
        words = period.words
        await visit.note(Action.FIGURES_SHOWN, _told(period, way), place)
        shown = await _shown(visit, place, period, way)
    except Unclear as error:
        problem = visit.translate(str(error))
    return visit.page(
        "figures.html",
        400 if problem else 200,
        places=places,
        place=place,
        way=way or "",
        words=words,
        shown=shown,
        problem=problem,
        periods=PERIODS,
        soon=SOON,
        name_of=name_of,
        count_of=lambda number: f"{number:,g}",
        duration=partial(duration, visit),
        size_of=lambda size: render.size(size).replace(".0 ", " "),
        kept=await _kept(visit),
    )


def _told(period: Period, way: Direction | None) -> str:
    begin, end = period.window.begin, period.window.end
    return f"{begin:%Y-%m-%dT%H:%MZ}/{end:%Y-%m-%dT%H:%MZ}" + (f" {way}" if way else "")


async def _shown(visit: Visit, place: Place, period: Period, way: Direction | None) -> Shown:
    account = place.account.account_id
    cells, old = await visit.here.ask_long(lambda it: call_counts.read(it, place.app, account, period.window))
    counts = {begin: _of(ways, way) for begin, ways in cells.items()}
    slots = periods.cut(period, place.zone, counts)
    return Shown(
        period=period,
        slots=slots,
        whole=total(slot.counts for slot in slots),
        uncounted=-(-old // 4) if old > 2 else 0,  # the present quarter is seldom counted to the end
        calls=_chart(visit, period, slots, _CALLS),
        waits=_chart(visit, period, slots, _WAITS),
        talk=_chart(visit, period, slots, _TALK),
    )


def _of(ways: Mapping[Direction, Counts], way: Direction | None) -> Counts:
    if way is None and len(ways) != 1:
        return total(ways.values())
    return ways.get(way, Counts()) if way else next(iter(ways.values()))


def name_of(slot: Slot, period: Period) -> str:
    """What an hour or day is called; the name of its time, too, where an hour comes twice."""
    if not period.is_by_hour:
        return f"{slot.begin:%Y-%m-%d}"
    return f"{slot.begin:%Y-%m-%d %H:%M %Z}" if slot.is_twice else f"{slot.begin:%Y-%m-%d %H:%M}"


def duration(visit: Visit, seconds: float) -> str:
    """A round time, in its own unit."""
    if seconds >= 3600:
        return visit.translate("{count} h", count=f"{seconds / 3600:,g}")
    if seconds >= 60:
        return visit.translate("{count} min", count=f"{seconds / 60:g}")
    return visit.translate("{count} s", count=f"{seconds:g}")


def _chart(visit: Visit, period: Period, slots: Sequence[Slot], kind: Kind) -> Chart:
    values = [
        Value(
            says=f"{name_of(slot, period)}: {kind.says(visit, slot.counts)}",
            amounts=kind.amounts(slot.counts),
            mark=_mark(slot, period, len(slots)),
        )
        for slot in slots
    ]
    return charts.chart(values, kind.scale)


def _mark(slot: Slot, period: Period, number: int) -> str:
    """What stands below: hours of one day, else days, else months."""
    begin = slot.begin
    if period.is_by_hour:
        return f"{begin:%H:%M}" if number <= 26 else f"{begin:%m-%d}" if begin.hour == 0 else ""
    return f"{begin:%m-%d}" if number <= 100 else f"{begin:%Y-%m}" if begin.day == 1 else ""


def _waited(counts: Counts) -> Sequence[tuple[str, float]]:
    half, most = counts.waited(0.5) or 0, counts.waited(0.9) or 0
    return (("half", half), ("most", most - half))


_CALLS = Kind(
    lambda counts: (("answered", counts.answers), ("lost", counts.losses)),
    charts.numbers,
    lambda visit, counts: visit.translate(
        "{answered} answered, {lost} not", answered=f"{counts.answers:,}", lost=f"{counts.losses:,}"
    ),
)
_WAITS = Kind(
    _waited,
    charts.seconds,
    lambda visit, counts: visit.translate(
        "median wait {half}, 90% at most {most}",
        half=render.length(timedelta(seconds=counts.waited(0.5) or 0)),
        most=render.length(timedelta(seconds=counts.waited(0.9) or 0)),
    ),
)
_TALK = Kind(
    lambda counts: (("talk", counts.talk),),
    charts.seconds,
    lambda visit, counts: visit.translate("{time} of talk", time=render.length(timedelta(seconds=counts.talk))),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """How much sound is kept, by month and location."""

    months: list[tuple[str, Mapping[str, kept_sizes.KeptSize]]]
    legend: list[tuple[str, str]]  # classes of colours, and the locations they stand for
    chart: Chart
    files: int
    size: int


async def _kept(visit: Visit) -> Kept | None:
    """For operators: the whole node's."""
    if not visit.who.may(Right.OPERATE, None):
        return None
    found = await visit.here.ask(kept_sizes.read)
    year = [month.after(month.of(visit.here.now()), -back) for back in range(12)] if found else []
    months = [(f"{one // 100}-{one % 100:02}", found.get(one, {})) for one in sorted({*found, *year})]
    locations = sorted({location for _, sizes in months for location in sizes})
    colours = {location: f"l{place % COLOURS}" for place, location in enumerate(locations)}
    values = [
        Value(
            says=f"{name}: " + (", ".join(f"{at} {render.size(one.size)}" for at, one in sizes.items()) or "–"),
            amounts=[(colours[location], sizes[location].size) for location in locations if location in sizes],
            mark=name,
        )
        for name, sizes in months[-MONTHS:]
    ]
    every = [one for _, sizes in months for one in sizes.values()]
    return Kept(
        months=months[-MONTHS:],
        legend=[(colour, location) for location, colour in colours.items()],
        chart=charts.chart(values, charts.sizes),
        files=sum(one.files for one in every),
        size=sum(one.size for one in every),
    )
