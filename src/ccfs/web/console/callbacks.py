"""Callbacks by who receives them: how many were given up, and sending all of a receiver's again, which is asked about first."""

from collections.abc import Mapping

from sqlalchemy.engine import Connection

from ccfs.model.audit import Action
from ccfs.model.errors import Absent
from ccfs.model.tenancy import App
from ccfs.model.user import Right
from ccfs.store import audit, receivers
from ccfs.web.answers import Answer
from ccfs.web.console.visit import Visit

LONGEST = 4096  # characters of a prefix


async def index(visit: Visit) -> Answer:
    """The receivers of an app."""
    app, accounts = await _app(visit, visit.asked)
    found = await visit.here.ask(lambda connection: receivers.receivers(connection, app, accounts))
    done = visit.asked.get("done", "")
    return visit.page("callbacks.html", app=app, found=found, done=done if done.isdecimal() else "")


async def confirm(visit: Visit) -> Answer:
    """How many would be sent again, and whether that is meant."""
    app, accounts = await _app(visit, visit.asked)
    receiver, prefix = await _receiver(visit, app, accounts, visit.asked)
    count = await visit.here.ask(lambda c: receivers.count_again(c, app, accounts, receiver, prefix))
    return visit.page("again.html", app=app, receiver=receiver, prefix=prefix, count=count)


async def send_again(visit: Visit) -> Answer:
    """All that were given up are due again."""
    app, accounts = await _app(visit, visit.form)
    receiver, prefix = await _receiver(visit, app, accounts, visit.form)
    entry = visit.entry(Action.DELIVERIES_RETRIED, prefix or receiver, app=app)
    now = visit.here.now()

    def change(connection: Connection) -> int:
        audit.add(connection, entry)
        return receivers.send_again(connection, app, accounts, receiver, prefix, now)

    count = await visit.here.tell(change)
    return visit.to("/console/callbacks", app=app.ak, done=str(count))


async def _app(visit: Visit, asked: Mapping[str, str]) -> tuple[App, list[str]]:
    """The app that is named, and those of its accounts whose exports the user may see."""
    app = await visit.app(Right.EXPORT, asked.get("app", ""))
    return app, await visit.reach(Right.EXPORT, app)


async def _receiver(visit: Visit, app: App, accounts: list[str], asked: Mapping[str, str]) -> tuple[str, str]:
    """The receiver that is named, if it is one of those that the user sees, and the prefix."""
    name, prefix = asked.get("receiver", ""), asked.get("prefix", "").strip()
    known = await visit.here.ask(lambda connection: receivers.receivers(connection, app, accounts))
    if name not in {one.name for one in known} or len(prefix) > LONGEST:
        raise Absent
    return name, prefix
