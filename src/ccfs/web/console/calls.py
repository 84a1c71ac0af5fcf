"""Calls: looking for them, one call's page, what became of it. Who may see which is said by Visit.place."""

import secrets
from dataclasses import dataclass
from functools import partial
from urllib.parse import urlencode

from sqlalchemy.engine import Connection

from ccfs.model.audit import Action
from ccfs.model.call import Call, call_of, steps_of
from ccfs.model.call_search import COUNTED_TO, After, Count, Search
from ccfs.model.errors import Absent
from ccfs.model.user import Right
from ccfs.store import call_search, marks
from ccfs.store import calls as store
from ccfs.web.answers import Answer
from ccfs.web.console import asking, drawing
from ccfs.web.console.visit import Place, Visit

ON = 1.0  # seconds of patience of who searches on


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One call in a list."""

    place: Place
    call: Call
    recordings: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """What a search found, as far as one page shows it."""

    lines: list[Line]
    count: Count
    after: After | None  # where the next page goes on
    is_cut: bool  # there may be more before that: it was looked for long enough


NOTHING = Results(lines=[], count=Count(number=0, is_whole=True), after=None, is_cut=False)


async def front(visit: Visit) -> Answer:
    """The first page that the user may see."""
    if visit.who.may_somewhere(Right.FIND):
        return visit.to("/console/calls")
    return visit.to("/console/audit" if visit.who.may_somewhere(Right.AUDIT) else "/console/me")


async def search(visit: Visit) -> Answer:
    """The search page: the whole search is its address."""
    places = await visit.places(Right.FIND)
    if not places:
        if visit.who.may_somewhere(Right.OPERATE):
            return visit.page("empty.html")
        raise Absent
    if wanted := visit.asked.get("id", "").strip():
        return await _by_id(visit, places, wanted)
    place = await visit.place(Right.FIND) if "in" in visit.asked else places[0]
    problem, asked, found = "", None, NOTHING
    try:
        asked = asking.read(visit.asked, place.account.account_id, place.zone, visit.here.now())
        found = await _found(visit, place, asked)
    except asking.Unclear as error:
        problem = visit.translate(str(error))
    words = asked.words if asked else {name: visit.asked.get(name, "") for name in asking.FIELDS}
    return visit.page(
        "calls.html",
        400 if problem else 200,
        places=places,
        place=place,
        words=words,
        found=found,
        asked=asked,
        problem=problem,
        is_narrowed=any(words[name] for name in words if name not in ("when", "sort", "from", "to")),
        periods=asking.PERIODS,
        further=_further(place, asked, found) if asked and found.after else "",
        may_download=visit.who.may(Right.DOWNLOAD, place.app.id, place.account.account_id),
    )


def _further(place: Place, asked: asking.Asked, found: Results) -> str:
    """The address of the page that goes on behind these results."""
    words = {"after": asking.after_text(found.after) if found.after else "", "on": "yes" if found.is_cut else ""}
    return f"/console/calls?{urlencode({'in': place.name})}&{asked.query(**words)}"


async def _found(visit: Visit, place: Place, asked: asking.Asked) -> Results:
    question = partial(_results, place=place, search=asked.search, quickly=visit.here.settings.search_ms / 1000)
    found = await visit.here.ask_long(partial(question, is_on="on" in visit.asked))
    if asked.search.after is None:
        await visit.note(Action.CALLS_SEARCHED, asked.query(), place)
    return found


def _results(connection: Connection, place: Place, search: Search, quickly: float, is_on: bool) -> Results:
    app, mine = place.app, [place.account.account_id]
    found = call_search.find(connection, app, search, ON if is_on else quickly, may_sort=is_on)
    ids = [hit.call_id for hit in found.hits]
    legs = store.legs(connection, app, mine, ids)
    taped = store.recorded(connection, app, mine, ids)
    count = Count(number=len(ids), is_whole=True)  # of all pages, where this is the only one
    if ids and found.after and search.after is None:
        count = call_search.count(connection, app, search, COUNTED_TO, quickly)
    lines = [Line(place=place, call=call_of(legs[one]), recordings=taped.get(one, 0)) for one in ids if one in legs]
    return Results(lines=lines, count=count, after=found.after, is_cut=found.is_cut)


async def _by_id(visit: Visit, places: list[Place], wanted: str) -> Answer:
    """The call that goes by an id, ours or the switch's own, in any account that the user may see."""
    found: list[tuple[Place, str]] = []
    for app in dict.fromkeys(place.app for place in places):
        mine = {place.account.account_id: place for place in places if place.app == app}
        named = await visit.here.ask(partial(store.by_any_id, app=app, accounts=list(mine), text=wanted))
        found += [(mine[account], call_id) for account, call_id in named]
    await visit.note(Action.CALLS_SEARCHED, f"id={wanted}")
    if len(found) == 1:
        return visit.to("/console/call", **{"in": found[0][0].name, "id": found[0][1]})
    return visit.page("found.html", 200 if found else 404, found=found, wanted=wanted)


async def show(visit: Visit) -> Answer:
    """One call: its line of time, its recordings, what agents did in it."""
    place, wanted = await visit.place(Right.FIND), visit.asked.get("id", "")
    app, mine = place.app, [place.account.account_id]
    legs = (await visit.here.ask(lambda connection: store.legs(connection, app, mine, [wanted]))).get(wanted, [])
    tapes = await visit.here.ask(lambda connection: store.taped(connection, app, mine, wanted))
    if not legs and not tapes:
        raise Absent
    did = await visit.here.ask(lambda connection: store.operations(connection, app, mine, wanted))
    await visit.note(Action.CALL_SHOWN, wanted, place)
    return visit.page(
        "call.html",
        nonce=secrets.token_urlsafe(16),
        place=place,
        call_id=wanted,
        call=call_of(legs) if legs else None,
        rows=drawing.rows(steps_of(legs)),
        tapes=tapes,
        operations=did,
        marks=await visit.here.ask(lambda connection: marks.of_recordings(connection, app, tapes)),
        may_remove_all=visit.who.may(Right.ADMINISTER, app.id, place.account.account_id),
        may_listen=visit.who.may(Right.LISTEN, app.id, place.account.account_id),
        may_download=visit.who.may(Right.DOWNLOAD, app.id, place.account.account_id),
    )
