"""Ingest as operators look at it: how far each file was read, what was refused and why, which recordings are missing."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.engine import Connection

from ccfs.model.errors import Absent
from ccfs.model.tenancy import App
from ccfs.model.user import Right
from ccfs.store import intake
from ccfs.web.answers import Answer
from ccfs.web.console.visit import Visit

SHOWN = 100  # rows of each table


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What was taken in for an app, and what was not."""

    app: App
    sources: list[tuple[intake.Cursor, datetime]]
    refused: list[tuple[int, intake.Refusal, datetime]]
    missing: list[intake.Awaited]


async def index(visit: Visit) -> Answer:
    """Everything of ingest on one page."""
    if not visit.who.may(Right.OPERATE, None):
        raise Absent
    apps = await visit.apps()
    state = await visit.here.ask(intake.state)
    taken = [await visit.here.ask(lambda connection, app=app: _taken(connection, app)) for app in apps]  # type: ignore[misc]
    return visit.page("ingest.html", state=state, taken=taken, now=visit.here.now(), shown=SHOWN)


def _taken(connection: Connection, app: App) -> Taken:
    return Taken(
        app=app,
        sources=intake.cursors(connection, app, SHOWN),
        refused=intake.refusals(connection, app, SHOWN),
        missing=intake.missing(connection, app, SHOWN),
    )
