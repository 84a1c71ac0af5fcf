"""Apps with their accounts and keys: adding, and ending keys. An SK is shown once, on the page that answers."""

import secrets

from sqlalchemy.engine import Connection

from ccfs.console.request import ConsoleRequest
from ccfs.db.system import audit, tenants
from ccfs.model.errors import NotFound
from ccfs.model.identity.audit import AuditAction
from ccfs.model.identity.names import is_valid_name
from ccfs.model.identity.tenancy import DEFAULT_ZONE, Account, App, Vdn, is_account_id, is_time_zone
from ccfs.model.identity.user import Permission
from ccfs.web.responses.types import BytesResponse, Response

MAX_VDN_ID = 2**31 - 1


async def list_apps(visit: ConsoleRequest) -> Response:
    """Every app that the user administers."""
    if not visit.current_user.has_permission_anywhere(Permission.ADMINISTER):
        raise NotFound
    return await _render_page(visit)


async def _render_page(
    visit: ConsoleRequest, status: int = 200, problem: str = "", secret: tuple[str, str] | None = None
) -> BytesResponse:
    apps = [app for app in await visit.list_apps() if visit.current_user.has_permission(Permission.ADMINISTER, app.id)]
    found = [
        (app, await visit.context.query(lambda connection, app=app: _load_app_details(connection, app)))  # type: ignore[misc]
        for app in apps
    ]
    return visit.render_page("apps.html", status, apps=found, problem=problem, secret=secret, default_zone=DEFAULT_ZONE)


def _load_app_details(connection: Connection, app: App) -> dict[str, object]:
    return {
        "accounts": tenants.get_accounts(connection, app),
        "vdns": tenants.list_vdns(connection, app),
        "keys": tenants.list_keys(connection, app),
        "callback_prefixes": tenants.get_callback_prefixes(connection, app),
    }


async def add_app(visit: ConsoleRequest) -> Response:
    """A new app with its first key."""
    if not visit.current_user.has_permission(Permission.OPERATE, None):
        raise NotFound
    name = visit.form.get("name", "").strip()
    if not is_valid_name(name):
        return await _render_page(visit, 400, visit.translate("A name has 1 to 64 characters."))
    ak, sk = "AK" + secrets.token_hex(9).upper(), secrets.token_urlsafe(32)

    def change(connection: Connection) -> None:
        app = tenants.add_app(connection, name, ak, visit.context.now())
        tenants.add_key(connection, app, ak, sk, visit.context.secret_box, visit.context.now())
        audit.add(connection, visit.build_audit_entry(AuditAction.APP_ADDED, f"{ak} {name}", app=app))

    await visit.context.transaction(change)
    visit.context.tenant_cache.invalidate()
    return await _render_page(visit, secret=(ak, sk))


async def add_key(visit: ConsoleRequest) -> Response:
    """One more key of an app: its AK stays, and both work until the older one is revoked."""
    app, sk = await _get_administered_app(visit), secrets.token_urlsafe(32)

    def change(connection: Connection) -> None:
        tenants.add_key(connection, app, app.ak, sk, visit.context.secret_box, visit.context.now())
        audit.add(connection, visit.build_audit_entry(AuditAction.KEY_ADDED, app.ak, app=app))

    await visit.context.transaction(change)
    visit.context.tenant_cache.invalidate()
    return await _render_page(visit, secret=(app.ak, sk))


async def revoke_older_keys(visit: ConsoleRequest) -> Response:
    """All keys of an app that are older than one of its living keys work no more: its rotation is over."""
    app, number = await _get_administered_app(visit), visit.form.get("older_than", "")
    if visit.form.get("confirmed") != "yes":
        return await _render_page(visit, 400, visit.translate("Say that no client uses the older keys any more."))

    def change(connection: Connection) -> None:
        living = [key for key, _, _ in tenants.list_keys(connection, app)]
        if number not in map(str, living):
            raise NotFound
        for key in (one for one in living if one < int(number)):
            tenants.revoke_key(connection, app, key, visit.context.now())
            audit.add(connection, visit.build_audit_entry(AuditAction.KEY_REVOKED, f"{app.ak} {key}", app=app))

    await visit.context.transaction(change)
    visit.context.tenant_cache.invalidate()
    return visit.redirect("/console/apps")


async def revoke_key(visit: ConsoleRequest) -> Response:
    """A key works no more."""
    app, number = await _get_administered_app(visit), visit.form.get("key", "")
    if not (number.isascii() and number.isdecimal() and len(number) < 10):
        raise NotFound

    def change(connection: Connection) -> None:
        tenants.revoke_key(connection, app, int(number), visit.context.now())
        audit.add(connection, visit.build_audit_entry(AuditAction.KEY_REVOKED, f"{app.ak} {number}", app=app))

    await visit.context.transaction(change)
    visit.context.tenant_cache.invalidate()
    return visit.redirect("/console/apps")


async def add_account(visit: ConsoleRequest) -> Response:
    """A new account with a VDN, or a further VDN of one."""
    app, given = await _get_administered_app(visit), {name: value.strip() for name, value in visit.form.items()}
    account, vdn, zone = given.get("account", ""), given.get("vdn", ""), given.get("zone", "")
    if not is_account_id(account):
        problem = "An account id has 1 to 20 characters, without blank, comma, quote and slash."
        return await _render_page(visit, 400, visit.translate(problem))
    if not is_time_zone(zone):
        return await _render_page(visit, 400, visit.translate("A time zone is named like Europe/London."))
    if not (vdn.isascii() and vdn.isdecimal() and len(vdn) <= 10 and int(vdn) <= MAX_VDN_ID):
        return await _render_page(visit, 400, visit.translate("A VDN is a number."))
    added, owner = Vdn(vdn_id=int(vdn), cc_id=1, account_id=account), Account(account_id=account, zone=zone)

    def change(connection: Connection) -> None:
        tenants.add_account(connection, app, owner, added, visit.context.now())
        audit.add(
            connection, visit.build_audit_entry(AuditAction.ACCOUNT_ADDED, f"{account} VDN {vdn} {zone}", app=app)
        )

    await visit.context.transaction(change)
    visit.context.tenant_cache.invalidate()
    return visit.redirect("/console/apps")


async def _get_administered_app(visit: ConsoleRequest) -> App:
    """The app that the form names, which the user administers as a whole."""
    app = await visit.get_app(Permission.ADMINISTER, visit.form.get("app", ""))
    if not visit.current_user.has_permission(Permission.ADMINISTER, app.id):
        raise NotFound
    return app
