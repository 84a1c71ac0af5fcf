"""The calls that a search finds as CSV for a spreadsheet: sent while it is looked up, some calls at a time."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from ccfs.logs import log
from ccfs.model import spreadsheet
from ccfs.model.audit import Action
from ccfs.model.call import Call, call_of
from ccfs.model.call_search import Search
from ccfs.model.user import Right
from ccfs.store import call_search
from ccfs.store import calls as store
from ccfs.web.answers import Answer, Lines
from ccfs.web.console import asking
from ccfs.web.console.visit import Place, Visit
from ccfs.web.here import Here

AT_ONCE: Final = 200  # calls looked up at a time
PATIENCE: Final = 1.0  # seconds that they may be looked for before what was found is sent
HEAD: Final = (
    *("call_id", "begin", "end", "utc_offset", "direction", "caller", "caller_name", "callee", "queues", "agents"),
    *("answered", "wait_seconds", "talk_seconds", "leave_reason", "recordings"),
)


async def save(visit: Visit) -> Answer:
    """The whole search as CSV, up to as many calls as the settings allow."""
    place, now = await visit.place(Right.DOWNLOAD), visit.here.now()
    try:
        asked = asking.read(visit.asked, place.account.account_id, place.zone, now)
    except asking.Unclear:
        return visit.to("/console/calls", **visit.asked)  # whose page says what is unclear
    await visit.note(Action.CALLS_TAKEN, asked.query(), place)
    name = f"calls-{now.astimezone(place.zone):%Y%m%d-%H%M%S}.csv"
    chunks = _chunks(visit.here, place, asked.search, visit.translate)
    return Lines(chunks=chunks, name=name, content_type=spreadsheet.TYPE)


def _chunks(here: Here, place: Place, search: Search, translate: Callable[..., str]) -> Iterator[bytes]:
    """The lines; where they end before the calls do, the last one says so, for the length does not."""
    yield spreadsheet.BOM + spreadsheet.lines([HEAD])
    left, search = here.settings.search_csv_rows, replace(search, after=None, limit=AT_ONCE)
    try:
        while True:
            rows, search = _some(here, place, search)
            yield spreadsheet.lines(rows[:left])
            left -= len(rows)
            if left < 0 or (left == 0 and search.after):
                yield spreadsheet.lines([[translate("More calls were found than one file may have; it ends here.")]])
                return
            if search.after is None:
                return
    except SQLAlchemyError as error:
        log().error("the database went away", action="answer_cut", reason=str(error)[:200])
        yield spreadsheet.lines([[translate("The list broke off here; take it again.")]])


def _some(here: Here, place: Place, search: Search) -> tuple[list[tuple[str, ...]], Search]:
    """The next calls as rows, and the search that goes on behind them; without `after` where it is at its end."""
    mine = [place.account.account_id]
    with here.database.reading() as connection:
        found = call_search.find(connection, place.app, search, PATIENCE)
        ids = [hit.call_id for hit in found.hits]
        legs = store.legs(connection, place.app, mine, ids)
        taped = store.recorded(connection, place.app, mine, ids)
    rows = [_row(place, call_of(legs[one]), taped.get(one, 0)) for one in ids if one in legs]
    return rows, replace(search, after=found.after)


def _row(place: Place, call: Call, recordings: int) -> tuple[str, ...]:
    begin, end = call.begin.astimezone(place.zone), call.end.astimezone(place.zone)
    offset = f"{begin:%z}"
    return (
        call.call_id,
        f"{begin:%Y-%m-%d %H:%M:%S}",
        f"{end:%Y-%m-%d %H:%M:%S}",
        f"UTC{offset[:3]}:{offset[3:5]}",
        call.direction,
        call.caller_no,
        call.caller_name,
        call.callee_no,
        " ".join(call.queues),
        " ".join(call.agents),
        "yes" if call.is_answered else "no",
        str(int(call.wait.total_seconds())),
        str(int(call.talk.total_seconds())),
        str(call.leave_reason),
        str(recordings),
    )
