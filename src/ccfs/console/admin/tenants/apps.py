"""Apps with their accounts and keys: adding them, rotating and revoking keys. The next page shows a new SK once."""

from collections.abc import Callable
from functools import partial

from sqlalchemy.engine import Connection

from ccfs.console.admin.tenants import app_limits
from ccfs.console.forms import notes
from ccfs.console.login.attempts import requires_password
from ccfs.console.request import ConsoleRequest
from ccfs.db.system import tenants
from ccfs.db.system.console import audit
from ccfs.db.system.tenants import NameTaken, VdnTaken
from ccfs.model.errors import NotFound
from ccfs.model.formats.numbers import MAX_COUNT, parse_number
from ccfs.model.identity.audit import AuditAction
from ccfs.model.identity.names import is_valid_name
from ccfs.model.identity.tenancy import DEFAULT_ZONE, MAX_VDN_ID, Account, App, Vdn, is_account_id, is_time_zone
from ccfs.model.identity.user import Permission
from ccfs.web.responses.types import BytesResponse, Response


async def list_apps(request: ConsoleRequest) -> Response:
    """Show every app that the user administers."""
    return await render_apps(request)


async def render_apps(
    request: ConsoleRequest, status: int = 200, problem: str = "", field: str | None = None
) -> BytesResponse:
    user, query = request.current_user, request.context.query
    apps = [app for app in await request.list_apps() if user.has_permission(Permission.ADMINISTER, app.id)]
    snapshot = await request.context.get_tenant_snapshot()
    request.context.flow_control.update(snapshot)
    limits = {app.id: app_limits.build_limit_views(request, app) for app in apps}
    details = [(app, await query(partial(_load_app_details, app=app)), *limits[app.id]) for app in apps]
    return request.render_page(
        "apps.html",
        status,
        problem,
        field,
        apps=details,
        secret=await notes.take(request),
        default_zone=DEFAULT_ZONE,
        unreadable_keys=snapshot.unreadable_keys,
        unreadable_apps={key.app.id for key in snapshot.unreadable_keys.values()},
    )


def _load_app_details(connection: Connection, app: App) -> dict[str, object]:
    return {
        "accounts": tenants.get_accounts(connection, app),
        "vdns": tenants.list_vdns(connection, app),
        "keys": tenants.list_keys(connection, app),
        "key_details": tenants.list_key_details(connection, app),
        "callback_prefixes": tenants.get_callback_prefixes(connection, app),
    }


async def _change_tenants(request: ConsoleRequest, change: Callable[[Connection], None]) -> None:
    await request.context.transaction(change)
    request.context.tenant_cache.invalidate()


@requires_password(render_apps)
async def add_app(request: ConsoleRequest) -> Response:
    """Add an app with its first key."""
    name, now = request.form.get("name", "").strip(), request.context.now()
    if not is_valid_name(name):
        return await render_apps(request, 400, request.translate("The name must have 1 to 64 characters."), "name")
    ak, sk = tenants.generate_ak(), tenants.generate_sk()

    def change(connection: Connection) -> None:
        tenants.require_free_name(connection, name)
        app = tenants.add_app(connection, name, ak, now)
        tenants.add_key(connection, app, ak, sk, request.context.secret_box, now)
        audit.add(connection, request.build_audit_entry(AuditAction.APP_ADDED, f"{ak} {name}", app=app))

    try:
        await _change_tenants(request, change)
    except NameTaken:
        problem = request.translate("The name {name} is already in use.", name=name)
        return await render_apps(request, 400, problem, "name")
    return await notes.redirect(request, "/console/apps", {"app": name, "ak": ak, "sk": sk})


@requires_password(render_apps)
async def add_key(request: ConsoleRequest) -> Response:
    """Add a key to an app under its AK. The older keys work until they are revoked."""
    app, sk, context = request.current_app, tenants.generate_sk(), request.context

    def change(connection: Connection) -> None:
        tenants.add_key(connection, app, app.ak, sk, context.secret_box, context.now())
        audit.add(connection, request.build_audit_entry(AuditAction.KEY_ADDED, app.ak))

    await _change_tenants(request, change)
    return await notes.redirect(request, "/console/apps", {"app": app.name, "ak": app.ak, "sk": sk})


async def change_limits(request: ConsoleRequest) -> Response:
    """Replace the limits of an app; empty fields mean the defaults."""
    app = await request.find_app(request.form.get("app", ""))
    limits = app_limits.parse_limits(request)
    if limits is None:
        problem = request.translate("A limit must be a whole number; 0 means unlimited.")
        return await render_apps(request, 400, problem, app_limits.find_wrong_limit(request))
    return await app_limits.save_limits(request, app, limits)


async def revoke_older_keys(request: ConsoleRequest) -> Response:
    """Revoke all keys of an app that are older than one of its active keys: the last step of a rotation."""
    app, key_id = request.current_app, request.form.get("older_than", "")

    def change(connection: Connection) -> None:
        active = [key for key, _, _ in tenants.list_keys(connection, app)]
        if key_id not in map(str, active):
            raise NotFound
        for key in (key for key in active if key < int(key_id)):
            _revoke_key(connection, request, key)

    await _change_tenants(request, change)
    return request.redirect("/console/apps")


async def revoke_key(request: ConsoleRequest) -> Response:
    """Revoke a key of an app."""
    key = parse_number(request.form.get("key", ""), MAX_COUNT)
    if key is None:
        raise NotFound
    await _change_tenants(request, partial(_revoke_key, request=request, key=key))
    return request.redirect("/console/apps")


def _revoke_key(connection: Connection, request: ConsoleRequest, key: int) -> None:
    app = request.current_app
    tenants.revoke_key(connection, app, key, request.context.now())
    audit.add(connection, request.build_audit_entry(AuditAction.KEY_REVOKED, f"{app.ak} {key}"))


async def add_account(request: ConsoleRequest) -> Response:
    """Add an account with a VDN, or a VDN to an account."""
    app, form = request.current_app, {name: value.strip() for name, value in request.form.items()}
    account_id, vdn_id, zone = form.get("account", ""), form.get("vdn", ""), form.get("zone", "")
    field, problem = _find_account_problem(account_id, vdn_id, zone)
    if problem:
        return await render_apps(request, 400, request.translate(problem), field)
    vdn = Vdn(vdn_id=int(vdn_id), cc_id=1, account_id=account_id)
    account = Account(account_id=account_id, zone=zone)

    def change(connection: Connection) -> None:
        tenants.add_account(connection, app, account, vdn, request.context.now())
        target = f"{account_id} VDN {vdn_id} {zone}"
        audit.add(connection, request.build_audit_entry(AuditAction.ACCOUNT_ADDED, target))

    try:
        await _change_tenants(request, change)
    except VdnTaken as error:
        problem = request.translate("VDN {vdn} belongs to account {account}.", vdn=vdn_id, account=error.account_id)
        return await render_apps(request, 400, problem, "vdn")
    return request.redirect("/console/apps")


def _find_account_problem(account_id: str, vdn_id: str, zone: str) -> tuple[str, str]:
    """Return the wrong field and its problem; ("", "") if all are right."""
    field, problem = "", ""
    if not is_account_id(account_id):
        field = "account"
        problem = "An account ID must have 1 to 20 characters, without spaces, commas, quotes or slashes."
    elif not is_time_zone(zone):
        field = "zone"
        problem = "Enter a time zone name such as Europe/London."
    elif parse_number(vdn_id, MAX_VDN_ID) is None:
        field = "vdn"
        problem = "The VDN must be a number."
    return field, problem
