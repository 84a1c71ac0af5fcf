"""Apps with their accounts and keys: adding, and ending keys. An SK is shown once, on the page that answers."""

import secrets

from sqlalchemy.engine import Connection

from ccfs.model.audit import Action
from ccfs.model.errors import Absent
from ccfs.model.tenancy import DEFAULT_ZONE, Account, App, Vdn, is_account_id, is_zone
from ccfs.model.user import Right
from ccfs.store import audit, tenancy
from ccfs.web.answers import Answer, Plain
from ccfs.web.console.visit import Visit

LARGEST_NAME = 64
LARGEST_VDN = 2**31 - 1


async def index(visit: Visit) -> Answer:
    """Every app that the user administers."""
    if not visit.who.may_somewhere(Right.ADMINISTER):
        raise Absent
    return await _page(visit)


async def _page(visit: Visit, status: int = 200, problem: str = "", secret: tuple[str, str] | None = None) -> Plain:
    apps = [app for app in await visit.apps() if visit.who.may(Right.ADMINISTER, app.id)]
    found = [(app, await visit.here.ask(lambda connection, app=app: _described(connection, app))) for app in apps]  # type: ignore[misc]
    return visit.page("apps.html", status, found=found, problem=problem, secret=secret, zone=DEFAULT_ZONE)


def _described(connection: Connection, app: App) -> dict[str, object]:
    return {
        "accounts": tenancy.accounts(connection, app),
        "vdns": tenancy.vdns(connection, app),
        "keys": tenancy.keys(connection, app),
        "callbacks": tenancy.callback_prefixes(connection, app),
    }


async def add(visit: Visit) -> Answer:
    """A new app with its first key."""
    if not visit.who.may(Right.OPERATE, None):
        raise Absent
    name = visit.form.get("name", "").strip()
    if not 0 < len(name) <= LARGEST_NAME or not name.isprintable():
        return await _page(visit, 400, visit.translate("A name has 1 to 64 characters."))
    ak, sk = "AK" + secrets.token_hex(9).upper(), secrets.token_urlsafe(32)

    def change(connection: Connection) -> None:
        app = tenancy.add_app(connection, name, ak, visit.here.now())
        tenancy.add_key(connection, app, ak, sk, visit.here.sealer, visit.here.now())
        audit.add(connection, visit.entry(Action.APP_ADDED, f"{ak} {name}", app=app))

    await visit.here.tell(change)
    visit.here.pictures.look_again()
    return await _page(visit, secret=(ak, sk))


async def add_key(visit: Visit) -> Answer:
    """One more key of an app: its AK stays, and both work until the older one is revoked."""
    app, sk = await _mine(visit), secrets.token_urlsafe(32)

    def change(connection: Connection) -> None:
        tenancy.add_key(connection, app, app.ak, sk, visit.here.sealer, visit.here.now())
        audit.add(connection, visit.entry(Action.KEY_ADDED, app.ak, app=app))

    await visit.here.tell(change)
    visit.here.pictures.look_again()
    return await _page(visit, secret=(app.ak, sk))


async def revoke_key(visit: Visit) -> Answer:
    """A key works no more."""
    app, number = await _mine(visit), visit.form.get("key", "")
    if not (number.isascii() and number.isdecimal() and len(number) < 10):
        raise Absent

    def change(connection: Connection) -> None:
        tenancy.revoke_key(connection, app, int(number), visit.here.now())
        audit.add(connection, visit.entry(Action.KEY_REVOKED, f"{app.ak} {number}", app=app))

    await visit.here.tell(change)
    visit.here.pictures.look_again()
    return visit.to("/console/apps")


async def add_account(visit: Visit) -> Answer:
    """A new account with a VDN, or a further VDN of one."""
    app, given = await _mine(visit), {name: value.strip() for name, value in visit.form.items()}
    account, vdn, zone = given.get("account", ""), given.get("vdn", ""), given.get("zone", "")
    if not is_account_id(account):
        problem = "An account id has 1 to 20 characters, without blank, comma, quote and slash."
        return await _page(visit, 400, visit.translate(problem))
    if not is_zone(zone):
        return await _page(visit, 400, visit.translate("A time zone is named like Europe/London."))
    if not (vdn.isascii() and vdn.isdecimal() and len(vdn) <= 10 and int(vdn) <= LARGEST_VDN):
        return await _page(visit, 400, visit.translate("A VDN is a number."))
    added, owner = Vdn(vdn_id=int(vdn), cc_id=1, account_id=account), Account(account_id=account, zone=zone)

    def change(connection: Connection) -> None:
        tenancy.add_account(connection, app, owner, added, visit.here.now())
        audit.add(connection, visit.entry(Action.ACCOUNT_ADDED, f"{account} VDN {vdn} {zone}", app=app))

    await visit.here.tell(change)
    visit.here.pictures.look_again()
    return visit.to("/console/apps")


async def _mine(visit: Visit) -> App:
    """The app that the form names, which the user administers as a whole."""
    app = await visit.app(Right.ADMINISTER, visit.form.get("app", ""))
    if not visit.who.may(Right.ADMINISTER, app.id):
        raise Absent
    return app
