"""Taking recordings along: what was ticked, or all that a search finds, as one zip. Only its owner may fetch it.

Asking makes a row; what is in it is found, read and settled by the worker; the zip is made while it is sent.
"""

import secrets
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial

from sqlalchemy.engine import Connection

from ccfs.model.audit import Action
from ccfs.model.errors import Absent
from ccfs.model.selection import Selection, State, Wanted
from ccfs.model.selection_zip import is_known
from ccfs.model.user import Right
from ccfs.store import audit
from ccfs.store import selections as store
from ccfs.web.answers import Answer, Plain
from ccfs.web.console import asking
from ccfs.web.console.visit import Place, Visit
from ccfs.web.console.zipped import flow_of

TICK = "call."  # what the names of ticked calls begin with
AT_ONCE = 5  # selections of one person that may be under way


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One selection in the list."""

    place: Place
    shown: store.Shown


async def index(visit: Visit) -> Answer:
    """Every selection of the visitor's."""
    if not visit.who.may_somewhere(Right.DOWNLOAD):
        raise Absent
    return await _page(visit)


async def _page(visit: Visit, status: int = 200, problem: str = "") -> Plain:
    return visit.page("takes.html", status, lines=await _mine(visit), problem=problem, State=State)


async def _mine(visit: Visit) -> list[Line]:
    places = {(one.app, one.account.account_id): one for one in await visit.places(Right.DOWNLOAD)}
    lines: list[Line] = []
    for app in dict.fromkeys(app for app, _ in places):
        found = await visit.here.ask(partial(store.mine, app=app, user=visit.who.id))
        theirs = ((one, places.get((app, one.selection.account_id))) for one in found)
        lines += [Line(place=place, shown=one) for one, place in theirs if place]
    return sorted(lines, key=lambda one: one.shown.selection.asked_at, reverse=True)


async def ask(visit: Visit) -> Answer:
    """A new selection, of what was ticked or of the whole search."""
    place, now = await visit.place(Right.DOWNLOAD), visit.here.now()
    ticked = tuple(call for name, call in visit.form.items() if name.startswith(TICK))
    wanted, said = Wanted(calls=ticked), f"{len(ticked)} calls: {' '.join(ticked)}"
    if visit.form.get("all"):
        try:
            asked = asking.read(visit.form, place.account.account_id, place.zone, now)
        except asking.Unclear as error:
            return await _page(visit, 400, visit.translate(str(error)))
        recorded = replace(asked.search, is_recorded=True, after=None)
        wanted, said = Wanted(search=recorded), asked.query()
    elif not ticked:
        return await _page(visit, 400, visit.translate("No call was ticked."))
    if sum(one.shown.state is State.DUE for one in await _mine(visit)) >= AT_ONCE:
        return await _page(visit, 400, visit.translate("Wait until one of those that are being prepared is ready."))
    selection = Selection(
        id=secrets.token_hex(16),
        user=visit.who.id,
        account_id=place.account.account_id,
        zone=place.account.zone,
        wanted=wanted,
        asked_at=now,
    )

    def change(connection: Connection) -> None:
        audit.add(connection, visit.entry(Action.SELECTION_ASKED, f"{selection.id} {said}", place))
        store.add(connection, place.app, selection)

    await visit.here.tell(change)
    return visit.to("/console/take", **{"in": place.name, "id": selection.id})


async def show(visit: Visit) -> Answer:
    """One selection: how far it is, and where its zip is fetched."""
    place, shown = await _own(visit)
    stays = timedelta(hours=visit.here.settings.take_keep_hours)
    until = shown.selection.asked_at + stays
    return visit.page(
        "take.html", place=place, shown=shown, until=until, is_ready=shown.state is State.READY, State=State
    )


async def drop(visit: Visit) -> Answer:
    """Nobody can fetch it any more; the recordings stay."""
    place, shown = await _own(visit)
    number = shown.selection.id

    def change(connection: Connection) -> None:
        if store.drop(connection, place.app, visit.who.id, number):
            audit.add(connection, visit.entry(Action.SELECTION_DROPPED, number, place))

    await visit.here.tell(change)
    return visit.to("/console/takes")


async def save(visit: Visit) -> Answer:
    """The zip, or a range of it; it is in the log."""
    place, shown = await _own(visit)
    if shown.made is None or not is_known(shown.made):
        raise Absent
    done = shown.progress
    told = f"{shown.selection.id} {done.checked - done.missing} recordings"
    await visit.note_piece(Action.SELECTION_TAKEN, told, place)
    return flow_of(visit.here, place.app, shown, shown.made)


async def _own(visit: Visit) -> tuple[Place, store.Shown]:
    """The visitor's selection that the address names, in an account where the right still holds."""
    place, number = await visit.place(Right.DOWNLOAD), visit.asked.get("id", "")
    shown = await visit.here.ask(partial(store.find, app=place.app, user=visit.who.id, number=number))
    if shown is None or shown.selection.account_id != place.account.account_id:
        raise Absent
    return place, shown
