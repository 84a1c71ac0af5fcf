"""Ingest as operators look at it: how far each file was read, what was refused and why, which recordings are missing; and
having a file read again from its begin, which adds what was refused and can be taken in now, and nothing twice."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from sqlalchemy.engine import Connection

from ccfs.model.audit import Action
from ccfs.model.errors import Absent
from ccfs.model.tenancy import App
from ccfs.model.user import Right
from ccfs.store import audit, intake
from ccfs.web.answers import Answer, Plain
from ccfs.web.console.visit import Visit

SHOWN = 100  # rows of each table


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What was taken in for an app, and what was not."""

    app: App
    sources: list[tuple[intake.Cursor, datetime]]
    behind: dict[str, int]  # bytes that a source has beyond its cursor, of those that lie on this machine
    again: set[int]  # refusals by number, the first of each file that can be read again by itself
    refused: list[tuple[int, intake.Refusal, datetime]]
    missing: list[intake.Awaited]


async def index(visit: Visit) -> Answer:
    """Everything of ingest on one page."""
    if not visit.who.may(Right.OPERATE, None):
        raise Absent
    return await _page(visit)


async def _page(visit: Visit, status: int = 200, problem: str = "") -> Plain:
    apps = await visit.apps()
    state = await visit.here.ask(intake.state)
    taken = [await visit.here.ask(lambda connection, app=app: _taken(connection, app)) for app in apps]  # type: ignore[misc]
    taken = await asyncio.to_thread(lambda: [replace(one, behind=_behind(one.sources)) for one in taken])
    done = visit.asked.get("done", "")
    now = visit.here.now()
    return visit.page(
        "ingest.html",
        status,
        file_of=file_of,
        state=state,
        taken=taken,
        now=now,
        shown=SHOWN,
        problem=problem,
        done=done,
    )


async def read_again(visit: Visit) -> Answer:
    """The next pass reads a file from its begin; lines that are in are known, so nothing comes twice."""
    if not visit.who.may(Right.OPERATE, None):
        raise Absent
    app, file = await visit.app(Right.OPERATE, visit.form.get("app", "")), visit.form.get("file", "")

    def change(connection: Connection) -> bool:
        can, forgotten = intake.read_again(connection, app, file)
        if can:
            audit.add(connection, visit.entry(Action.INGEST_RETRIED, f"{file} ({forgotten} refusals)", app=app))
        return can

    if not await visit.here.tell(change):
        told = visit.translate("Nothing is known of that file that could be read again. Start its ingest anew.")
        return await _page(visit, 400, told)
    return visit.to("/console/ingest", done="yes")


def _taken(connection: Connection, app: App) -> Taken:
    sources, refused = intake.cursors(connection, app, SHOWN), intake.refusals(connection, app, SHOWN)
    paths = {file_of(cursor) for cursor, _ in sources}
    firsts = {one.file: number for number, one, _ in reversed(refused) if one.file not in paths}
    return Taken(
        app=app,
        sources=sources,
        behind={},
        again=set(firsts.values()),
        refused=refused,
        missing=intake.missing(connection, app, SHOWN),
    )


def file_of(cursor: intake.Cursor) -> str:
    """The file that a cursor is in: its path without the account."""
    account, colon, path = cursor.path.partition(":/")
    return f"/{path}" if colon and "/" not in account else cursor.path


def _behind(sources: list[tuple[intake.Cursor, datetime]]) -> dict[str, int]:
    found = {}
    for cursor, _ in sources:
        with suppress(OSError, ValueError):  # it lies on another machine, or is gone
            found[cursor.path] = max(0, Path(file_of(cursor)).stat().st_size - cursor.offset)
    return found
