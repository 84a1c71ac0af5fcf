"""Nodes and locations for operators: who shares the database, where bytes lie; draining one, and letting it work again."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.engine import Connection

from ccfs.model.audit import Action
from ccfs.model.errors import Absent
from ccfs.model.node import Standing, State
from ccfs.model.place import Place, PlaceKind
from ccfs.model.user import Right
from ccfs.store import audit, nodes
from ccfs.store import places as store
from ccfs.web.answers import Answer, Plain
from ccfs.web.console.visit import Visit


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What the rows say."""

    now: datetime  # the database's
    nodes: list[Standing]
    places: dict[str, Place]
    held: dict[str, store.Held]


async def index(visit: Visit) -> Answer:
    """Every node and location."""
    _must_operate(visit)
    return await _page(visit)


async def set_node(visit: Visit) -> Answer:
    """Let a node take no new work, or work again. The last one that works goes on: nobody would serve this page."""
    _must_operate(visit)
    name, state = visit.form.get("node", ""), _one_of(visit.form.get("state", ""))
    shown = await visit.here.ask(_shown)
    if name not in {one.id for one in shown.nodes}:
        raise Absent
    if state is State.DRAINING and not any(one.id != name and _works(visit, one, shown.now) for one in shown.nodes):
        return await _page(visit, 400, visit.translate("No other node works: this one must."))
    did = Action.NODE_DRAINED if state is State.DRAINING else Action.NODE_RESUMED

    def change(connection: Connection) -> None:
        nodes.set_state(connection, name, state)
        audit.add(connection, visit.entry(did, name))

    await visit.here.tell(change)
    return visit.to("/console/places")


async def set_location(visit: Visit) -> Answer:
    """Let no new bytes go to a location, or again. Not where this node's go: another one must be named first."""
    _must_operate(visit)
    name, state = visit.form.get("location", ""), _one_of(visit.form.get("state", ""))
    if name not in (await visit.here.ask(_shown)).places:
        raise Absent
    if state is State.DRAINING and name == visit.here.home.location_id:
        problem = "New bytes of this node go there: let CCFS_LOCATION name another location on every node first."
        return await _page(visit, 400, visit.translate(problem))
    did = Action.LOCATION_DRAINED if state is State.DRAINING else Action.LOCATION_RESUMED

    def change(connection: Connection) -> None:
        store.change(connection, name, is_draining=state is State.DRAINING)
        audit.add(connection, visit.entry(did, name))

    await visit.here.tell(change)
    return visit.to("/console/places")


def _must_operate(visit: Visit) -> None:
    if not visit.who.may(Right.OPERATE, None):
        raise Absent


def _one_of(text: str) -> State:
    if text not in list(State):
        raise Absent
    return State(text)


def _works(visit: Visit, node: Standing, now: datetime) -> bool:
    return node.state is State.ACTIVE and node.is_alive(now, _patience(visit))


def _patience(visit: Visit) -> timedelta:
    return timedelta(seconds=visit.here.settings.node_dead_seconds)


async def _page(visit: Visit, status: int = 200, problem: str = "") -> Plain:
    shown = await visit.here.ask(_shown)
    alive = {one.id for one in shown.nodes if one.is_alive(shown.now, _patience(visit))}
    home = visit.here.home.location_id
    return visit.page("places.html", status, shown=shown, alive=alive, home=home, at=_at, problem=problem)


def _shown(connection: Connection) -> Shown:
    return Shown(
        now=nodes.database_now(connection),
        nodes=nodes.listed(connection),
        places=store.places(connection),
        held=store.held(connection),
    )


def _at(place: Place) -> str:
    """Where it is, for people."""
    if place.kind is not PlaceKind.S3:
        return place.at
    return "/".join(filter(None, (place.endpoint.rstrip("/") or "s3:/", place.at, place.prefix)))
