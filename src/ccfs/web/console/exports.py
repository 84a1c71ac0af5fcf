"""Exports and their callbacks: what was asked for, what became of it, what receivers answered; sending one again."""

from collections.abc import Mapping

from ccfs.model.audit import Action
from ccfs.model.errors import Absent
from ccfs.model.export import State
from ccfs.model.tenancy import App
from ccfs.model.user import Right
from ccfs.store import deliveries as callbacks
from ccfs.store import exports as store
from ccfs.web.answers import Answer
from ccfs.web.console.visit import Visit


async def index(visit: Visit) -> Answer:
    """The newest exports of an app."""
    if not visit.who.may_somewhere(Right.EXPORT):
        raise Absent
    apps = [app for app in await visit.apps() if await visit.reach(Right.EXPORT, app)]
    if not apps:
        return visit.page("exports.html", apps=[], app=None, found=[], told={}, of=store.Condition.ANY)
    app = await visit.app(Right.EXPORT, visit.asked["app"]) if "app" in visit.asked else apps[0]
    accounts = await visit.reach(Right.EXPORT, app)
    of = next((one for one in store.Condition if one == visit.asked.get("of")), store.Condition.ANY)
    found = await visit.here.ask(lambda connection: store.listed(connection, app, accounts, of))
    ids = [one.export.response_id for one in found]
    told = await visit.here.ask(lambda connection: callbacks.of_exports(connection, app, ids))
    return visit.page("exports.html", apps=apps, app=app, found=found, told=told, of=of)


async def show(visit: Visit) -> Answer:
    """One export and each attempt to announce it."""
    app, found = await _export(visit, visit.asked)
    told = await visit.here.ask(lambda connection: callbacks.of_exports(connection, app, [found.export.response_id]))
    delivery = told.get(found.export.response_id)
    whole = await visit.here.ask(lambda c: callbacks.shown(c, app, delivery.delivery.id)) if delivery else None
    return visit.page("export.html", app=app, found=found, told=whole, done=visit.asked.get("done", ""))


async def retry(visit: Visit) -> Answer:
    """The export is made again if that failed; else its callback is sent again, as if for the first time."""
    app, found = await _export(visit, visit.form)
    number, now = found.export.response_id, visit.here.now()
    if found.state is State.FAILED:
        await visit.note(Action.EXPORT_RETRIED, number, app=app)
        count = await visit.here.tell(lambda connection: store.retry(connection, app, now, number))
    else:
        told = await visit.here.ask(lambda connection: callbacks.of_exports(connection, app, [number]))
        ids = [one.delivery.id for one in told.values()]
        await visit.note(Action.DELIVERY_RETRIED, number, app=app)
        count = await visit.here.tell(lambda connection: callbacks.retry(connection, app, ids, now))
    return visit.to("/console/export", app=app.ak, id=number, done="yes" if count else "no")


async def _export(visit: Visit, asked: Mapping[str, str]) -> tuple[App, store.Listed]:
    app = await visit.app(Right.EXPORT, asked.get("app", ""))
    number = asked.get("id", "")
    found = await visit.here.ask(lambda connection: store.shown(connection, app, number))
    if found is None or found.export.filter.account_id not in await visit.reach(Right.EXPORT, app):
        raise Absent
    return app, found
