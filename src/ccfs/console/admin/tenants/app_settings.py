"""One app for administrators: its name, accounts and VDNs, callback addresses, and names and notes of its keys."""

from collections.abc import Callable
from typing import Any
from zoneinfo import available_timezones

from sqlalchemy.engine import Connection

from ccfs.console.request import ConsoleRequest
from ccfs.db.system import tenants
from ccfs.db.system.console import audit
from ccfs.db.system.tenants import NameTaken
from ccfs.model.errors import NotFound, OperatorError
from ccfs.model.exports.callback_url import parse_callback_url
from ccfs.model.formats.numbers import MAX_COUNT, parse_number
from ccfs.model.identity.audit import AuditAction
from ccfs.model.identity.names import is_valid_name
from ccfs.model.identity.tenancy import MAX_VDN_ID, App, is_time_zone
from ccfs.web.responses.types import BytesResponse, Response

MAX_NOTE_LENGTH = 500  # characters

Change = Callable[[Connection], None]


async def show_app(request: ConsoleRequest) -> Response:
    """Show the app that `app` names."""
    return await _render_page(request, request.current_app)


async def _render_page(
    request: ConsoleRequest, app: App, status: int = 200, problem: str = "", field: str | None = None
) -> BytesResponse:
    def load(connection: Connection) -> dict[str, Any]:
        return {
            "accounts": tenants.get_accounts(connection, app),
            "vdns": tenants.list_vdns(connection, app),
            "app_keys": tenants.list_keys(connection, app),
            "key_details": tenants.list_key_details(connection, app),
            "callback_prefixes": tenants.get_callback_prefixes(connection, app),
        }

    return request.render_page(
        "app.html",
        status,
        problem,
        field,
        app=app,
        zones=sorted(zone for zone in available_timezones() if "/" in zone),
        max_note=MAX_NOTE_LENGTH,
        done=request.query_params.get("done", ""),
        **await request.context.query(load),
    )


async def rename_app(request: ConsoleRequest) -> Response:
    """Change the name of an app. Its AK stays."""
    app, name = await request.find_app(request.form.get("app", "")), request.form.get("name", "").strip()
    if not is_valid_name(name):
        problem = request.translate("The name must have 1 to 64 characters.")
        return await _render_page(request, app, 400, problem, "name")
    return await _change(
        request, app, AuditAction.APP_RENAMED, f"{app.ak} {name}", lambda c: tenants.rename_app(c, app, name)
    )


async def change_zone(request: ConsoleRequest) -> Response:
    """Change the time zone of an account."""
    app, account_id, zone = request.current_app, request.form.get("account", ""), request.form.get("zone", "").strip()
    if not is_time_zone(zone):
        problem = request.translate("Enter a time zone name such as Europe/London.")
        return await _render_page(request, app, 400, problem, "zone")
    target = f"{account_id} {zone}"
    return await _change(
        request, app, AuditAction.ACCOUNT_CHANGED, target, lambda c: tenants.set_zone(c, app, account_id, zone)
    )


async def change_vdn(request: ConsoleRequest) -> Response:
    """Move a VDN to another account of its app, or change its CC."""
    app, account_id = request.current_app, request.form.get("account", "")
    vdn_id, old_cc, cc_id = (parse_number(request.form.get(name, ""), MAX_VDN_ID) for name in ("vdn", "old_cc", "cc"))
    if vdn_id is None or old_cc is None or cc_id is None:
        problem = request.translate("The VDN and the CC must be numbers.")
        return await _render_page(request, app, 400, problem, "cc")
    target = f"VDN {vdn_id} {account_id} CC {cc_id}"
    return await _change(
        request,
        app,
        AuditAction.VDN_CHANGED,
        target,
        lambda c: tenants.change_vdn(c, app, (vdn_id, old_cc), account_id, cc_id),
    )


async def bind_callback(request: ConsoleRequest) -> Response:
    """Allow callback URLs with a prefix."""
    app, prefix = await request.find_app(request.form.get("app", "")), request.form.get("prefix", "").strip()
    may_be_private = request.form.get("private") == "yes"
    if parse_callback_url(prefix) is None:
        problem = request.translate("Enter an http or https URL with a host, without user name, fragment or blanks.")
        return await _render_page(request, app, 400, problem, "prefix")
    target = f"{app.ak} {prefix}{' (private)' if may_be_private else ''}"
    return await _change(
        request,
        app,
        AuditAction.CALLBACK_BOUND,
        target,
        lambda c: tenants.bind_callback(c, app, prefix, may_be_private=may_be_private),
    )


async def unbind_callback(request: ConsoleRequest) -> Response:
    """Disallow callback URLs with a prefix."""
    app, prefix = await request.find_app(request.form.get("app", "")), request.form.get("prefix", "")
    target = f"{app.ak} {prefix}"
    return await _change(
        request, app, AuditAction.CALLBACK_UNBOUND, target, lambda c: tenants.unbind_callback(c, app, prefix)
    )


async def describe_key(request: ConsoleRequest) -> Response:
    """Set the name and the note of a key."""
    app, key = request.current_app, parse_number(request.form.get("key", ""), MAX_COUNT)
    name, note = (request.form.get(field, "").strip() for field in ("name", "note"))
    if name and not is_valid_name(name):
        problem = request.translate("The name must have 1 to 64 characters.")
        return await _render_page(request, app, 400, problem, "name")
    if len(note) > MAX_NOTE_LENGTH:
        problem = request.translate("A note may have up to {most} characters.", most=MAX_NOTE_LENGTH)
        return await _render_page(request, app, 400, problem, "note")

    def change(connection: Connection) -> None:
        if key is None or not tenants.describe_key(connection, app, key, name, note):
            raise NotFound

    return await _change(request, app, AuditAction.KEY_DESCRIBED, f"{app.ak} {key} {name}".strip(), change)


async def _change(request: ConsoleRequest, app: App, action: AuditAction, target: str, change: Change) -> Response:
    """Change tenants with an audit entry. What does not exist in the app is not found."""

    def change_and_audit(connection: Connection) -> None:
        change(connection)
        audit.add(connection, request.build_audit_entry(action, target, app=app))

    try:
        await request.context.transaction(change_and_audit)
    except NameTaken:
        problem = request.translate("The name {name} is already in use.", name=request.form.get("name", "").strip())
        return await _render_page(request, app, 400, problem, "name")
    except OperatorError:
        raise NotFound from None
    request.context.tenant_cache.invalidate()
    return request.redirect("/console/app", app=app.ak, done="yes")
