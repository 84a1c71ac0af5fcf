"""Ingest as operators look at it: how far each file was read, what was refused and why, which recordings are missing; and
having a file read again from its begin, which adds what was refused and can be taken in now, and nothing twice."""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum, auto

from sqlalchemy.engine import Connection

from ccfs.model.audit import Action
from ccfs.model.errors import Absent
from ccfs.model.source import file_of, is_rotated
from ccfs.model.tenancy import App
from ccfs.model.user import Right
from ccfs.store import audit, intake, rereading
from ccfs.web.answers import Answer, Plain
from ccfs.web.console import whereabouts
from ccfs.web.console.visit import Visit
from ccfs.web.console.whereabouts import Whereabouts

SHOWN = 100  # rows of each table


class Remedy(StrEnum):
    """What can be done about a refusal, once its reason is mended."""

    SOURCE = auto()  # its file is among those above, and is read again there
    AGAIN = auto()  # its file can be read again by itself
    ASKED = auto()  # that was asked for already
    ALWAYS = auto()  # nothing: every pass tries it
    GONE = auto()  # nothing: the file is not there


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What was taken in for an app, and what was not."""

    app: App
    sources: list[tuple[intake.Cursor, datetime]]
    refused: list[tuple[int, intake.Refusal, datetime]]
    missing: list[intake.Awaited]
    asked: list[tuple[str, datetime]]  # files without a cursor that somebody wants read again
    states: dict[str, str]  # what became of files without a cursor, where that is known
    lie: dict[str, Whereabouts] = field(default_factory=dict)  # where the files of sources and refusals are

    def remedy(self, refusal: intake.Refusal) -> Remedy:
        """What can be done about it."""
        file = file_of(refusal.file)
        if any(refusal.file == one or is_rotated(refusal.file, one) for one in map(file_of_cursor, self.cursors)):
            return Remedy.SOURCE
        if file in dict(self.asked):
            return Remedy.ASKED
        state = self.states.get(file)
        is_index = state is None and (refusal.line > 0 or file.lower().endswith((".csv", ".zip")))
        if state != "refused" and not is_index:
            return Remedy.ALWAYS
        return Remedy.GONE if self.lie[file].is_gone else Remedy.AGAIN

    @property
    def cursors(self) -> list[intake.Cursor]:
        """How far each source was read."""
        return [cursor for cursor, _ in self.sources]

    @property
    def firsts(self) -> set[int]:
        """Of each file's refusals, the number of the one that is shown first."""
        return set({file_of(one.file): number for number, one, _ in reversed(self.refused)}.values())


async def index(visit: Visit) -> Answer:
    """Everything of ingest on one page."""
    if not visit.who.may(Right.OPERATE, None):
        raise Absent
    return await _page(visit)


async def _page(visit: Visit, status: int = 200, problem: str = "") -> Plain:
    here = visit.here
    state = await here.ask(intake.state)
    taken = [await here.ask(lambda connection, app=app: _taken(connection, app)) for app in await visit.apps()]  # type: ignore[misc]
    await asyncio.to_thread(_look, taken, here.database.is_local)
    return visit.page(
        "ingest.html",
        status,
        file_of=file_of_cursor,
        state=state,
        taken=taken,
        now=here.now(),
        shown=SHOWN,
        problem=problem,
        done=visit.asked.get("done", ""),
    )


async def read_again(visit: Visit) -> Answer:
    """The next pass reads a file from its begin; lines that are in are known, so nothing comes twice."""
    if not visit.who.may(Right.OPERATE, None):
        raise Absent
    app, file = await visit.app(Right.OPERATE, visit.form.get("app", "")), visit.form.get("file", "")

    def change(connection: Connection) -> bool:
        can, forgotten = rereading.ask(connection, app, file, visit.here.now())
        if can:
            audit.add(connection, visit.entry(Action.INGEST_RETRIED, f"{file} ({forgotten} refusals)", app=app))
        return can

    if (await asyncio.to_thread(whereabouts.of, file_of(file), is_ours=visit.here.database.is_local)).is_gone:
        told = visit.translate("That file is not there any more. Put it back where it was, then ask again.")
        return await _page(visit, 400, told)
    if not await visit.here.tell(change):
        told = visit.translate("Nothing is known of that file that could be read again. Start its ingest anew.")
        return await _page(visit, 400, told)
    return visit.to("/console/ingest", done="yes")


def file_of_cursor(cursor: intake.Cursor) -> str:
    """The file that a cursor is in: its path without the account."""
    account, colon, path = cursor.path.partition(":/")
    return f"/{path}" if colon and "/" not in account else cursor.path


def _taken(connection: Connection, app: App) -> Taken:
    refused = intake.refusals(connection, app, SHOWN)
    known = intake.known_files(connection, app, sorted({file_of(one.file) for _, one, _ in refused}))
    return Taken(
        app=app,
        sources=intake.cursors(connection, app, SHOWN),
        refused=refused,
        missing=intake.missing(connection, app, SHOWN),
        asked=rereading.asked(connection, app),
        states={path: state for path, (_, _, state) in known.items()},
    )


def _look(taken: list[Taken], is_ours: bool) -> None:
    """Where the files are. The disk is asked, so not in the loop."""
    for one in taken:
        for file in {file_of(refusal.file) for _, refusal, _ in one.refused}:
            one.lie[file] = whereabouts.of(file, is_ours=is_ours)
        for cursor in one.cursors:
            file = file_of_cursor(cursor)
            one.lie[file] = whereabouts.of(file, cursor.begun_at, is_ours=is_ours)
