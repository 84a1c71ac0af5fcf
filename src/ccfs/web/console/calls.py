"""Calls: looking for them, one call's page, its recordings to play and to save. Who may see which is said by Visit.place."""

from dataclasses import dataclass, replace
from functools import partial

from ccfs.model.audit import Action
from ccfs.model.call import Call, call_of, steps_of
from ccfs.model.call_search import COUNTED_TO
from ccfs.model.errors import Absent
from ccfs.model.recording import Recording
from ccfs.model.user import Right
from ccfs.store import calls as store
from ccfs.store import recordings
from ccfs.web.answers import Answer, KeptFile
from ccfs.web.console import asking, drawing
from ccfs.web.console.visit import Place, Visit
from ccfs.web.recordings import file_of


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
    count: int  # COUNTED_TO + 1: more than that
    after: str  # where the next page goes on; empty: there is none


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
    problem, asked, found = "", None, Results(lines=[], count=0, after="")
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
        counted_to=COUNTED_TO,
    )


async def _found(visit: Visit, place: Place, asked: asking.Asked) -> Results:
    search, app, mine = asked.search, place.app, [place.account.account_id]
    hits = await visit.here.ask(lambda connection: store.find(connection, app, search))
    ids = [hit.call_id for hit in hits]
    legs = await visit.here.ask(lambda connection: store.legs(connection, app, mine, ids))
    taped = await visit.here.ask(lambda connection: store.recorded(connection, app, mine, ids))
    count = 0
    if search.after is None:
        count = await visit.here.ask(lambda connection: store.count(connection, app, search, COUNTED_TO))
        await visit.note(Action.CALLS_SEARCHED, asked.query(), place)
    lines = [Line(place=place, call=call_of(legs[one]), recordings=taped.get(one, 0)) for one in ids if one in legs]
    after = asking.after_text(hits[-1].after) if len(hits) == search.limit else ""
    return Results(lines=lines, count=count, after=after)


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
        place=place,
        call_id=wanted,
        call=call_of(legs) if legs else None,
        rows=drawing.rows(steps_of(legs)),
        tapes=tapes,
        operations=did,
        may_listen=visit.who.may(Right.LISTEN, app.id, place.account.account_id),
        may_download=visit.who.may(Right.DOWNLOAD, app.id, place.account.account_id),
    )


async def play(visit: Visit) -> Answer:
    """A recording for the browser's player, ranges and all. Each begin of it is in the log."""
    place, recording = await _recording(visit, Right.LISTEN)
    if visit.request.headers.get("range", "bytes=0-").startswith("bytes=0-"):
        await visit.note(Action.RECORDING_PLAYED, recording.file_name, place)
    return file_to_play(recording)


async def download(visit: Visit) -> Answer:
    """A recording as it is stored, to be saved."""
    place, recording = await _recording(visit, Right.DOWNLOAD)
    await visit.note(Action.RECORDING_DOWNLOADED, recording.file_name, place)
    return file_of(recording)


def file_to_play(recording: Recording) -> KeptFile:
    """What the player is given: for now the stored file, which browsers play where it is a WAV. To transcode, do it here."""
    return replace(file_of(recording), content_type="audio/wav", is_inline=True)


async def _recording(visit: Visit, right: Right) -> tuple[Place, Recording]:
    place, name = await visit.place(right), visit.asked.get("name", "")
    found = await visit.here.ask(lambda connection: recordings.by_name(connection, place.app, name))
    if found is None or found.account_id != place.account.account_id:
        raise Absent
    return place, found
