"""The log of who did what, for auditors: a page, and the same as CSV."""

import csv
import io
from datetime import UTC, datetime, time, timedelta

from ccfs.model.audit import Action, Asked, Entry
from ccfs.model.errors import Absent
from ccfs.model.user import Right
from ccfs.store import audit
from ccfs.web.answers import Answer, Plain, disposition
from ccfs.web.console import render
from ccfs.web.console.visit import Visit

USUAL = timedelta(days=30)
LONGEST_CSV = 50_000  # rows
HEAD = ("at", "who", "app", "account", "action", "what", "address")


async def index(visit: Visit) -> Answer:
    """One page of the log, newest first."""
    asked, words = _asked(visit), {name: visit.asked.get(name, "") for name in ("who", "action", "from", "to")}
    found = await visit.here.ask(lambda connection: audit.entries(connection, asked))
    names = (
        await visit.here.ask(lambda connection: audit.names(connection, asked.begin)) if asked.within is None else []
    )
    before = str(found[-1][0]) if len(found) == asked.limit else ""
    apps = {app.id: app for app in await visit.apps()}
    return visit.page(
        "audit.html", found=found, words=words, names=names, before=before, apps=apps, actions=list(Action), zone=UTC
    )


async def save(visit: Visit) -> Answer:
    """The same as CSV, without pages."""
    asked = _asked(visit, LONGEST_CSV)
    await visit.note(Action.AUDIT_TAKEN, visit.request.query)
    found = await visit.here.ask(lambda connection: audit.entries(connection, asked))
    apps = {app.id: app.ak for app in await visit.apps()}
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(HEAD)
    writer.writerows([_cell(one) for one in _cells(entry, apps)] for _, entry in found)
    name = f"ccfs-log-{visit.here.now():%Y%m%d-%H%M%S}.csv"
    more = (("content-disposition", disposition(name)), *render.GUARDS)
    return Plain(body=text.getvalue().encode(), content_type="text/csv;charset=UTF-8", more=more)


def _cells(entry: Entry, apps: dict[int, str]) -> tuple[str, ...]:
    app = apps.get(entry.app or 0, "")
    return (entry.at.isoformat(), entry.who, app, entry.account_id, entry.action, entry.what, entry.address)


def _cell(text: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def _asked(visit: Visit, limit: int = 100) -> Asked:
    """What the address asks for, as far as the user may read the log; Absent where that is nothing."""
    if not visit.who.may_somewhere(Right.AUDIT):
        raise Absent
    whole = visit.who.may(Right.AUDIT, None)
    mine = [(one.app, one.account_id) for one in visit.who.grants if one.covers(Right.AUDIT, one.app, one.account_id)]
    now, number = visit.here.now(), visit.asked.get("before", "")
    end = _day(visit.asked.get("to", ""), now.date().isoformat()) + timedelta(days=1)
    return Asked(
        begin=_day(visit.asked.get("from", ""), (end - USUAL).date().isoformat()),
        end=end,
        who=visit.asked.get("who", "").strip().lower(),
        action=next((one for one in Action if one == visit.asked.get("action")), None),
        within=None if whole else tuple((app, account) for app, account in mine if app is not None),
        before=int(number) if number.isascii() and number.isdecimal() and len(number) < 19 else None,
        limit=limit,
    )


def _day(text: str, otherwise: str) -> datetime:
    try:
        day = datetime.fromisoformat(text or otherwise).date()
        return datetime.combine(day, time(), UTC) if 1970 < day.year < 9000 else _day(otherwise, otherwise)
    except ValueError:
        return _day(otherwise, otherwise)
