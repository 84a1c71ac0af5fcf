"""The user's own account: roles, preferences, password, second factor."""

import asyncio
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from zoneinfo import available_timezones

from sqlalchemy.engine import Connection

from ccfs.console import home, render
from ccfs.console.login import own_sessions, password_hashing, second_factor
from ccfs.console.login.attempts import requires_password
from ccfs.console.login.oidc_login import build_link_token
from ccfs.console.request import SESSION_COOKIE, ConsoleRequest
from ccfs.db.system.console import audit, sessions, users
from ccfs.model.identity import totp
from ccfs.model.identity.audit import AuditAction
from ccfs.model.identity.preferences import Density, Theme
from ccfs.model.identity.tenancy import is_time_zone
from ccfs.model.identity.user import is_valid_password
from ccfs.web.responses.types import BytesResponse, Response


async def show_account(request: ConsoleRequest) -> Response:
    """Show the signed-in user's roles and ways to sign in."""
    return await _render_page(request)


async def _render_page(
    request: ConsoleRequest, status: int = 200, problem: str = "", field: str | None = None, secret: str = ""
) -> BytesResponse:
    context, secret = request.context, secret or request.form.get("secret", "")
    uri = totp.build_uri(secret, request.current_user.name) if secret else ""
    return request.render_page(
        "account.html",
        status,
        problem,
        field,
        apps={app.id: app for app in await request.list_apps()},
        start_pages=home.list_start_pages(request.current_user),
        zones=list_time_zones(),
        secret=secret,
        uri=uri,
        qr_code=await asyncio.to_thread(second_factor.draw_qr_code, uri) if uri else "",
        must_set_up=second_factor.must_set_up(request),
        sessions=await own_sessions.list_own_sessions(request),
        done=request.query_params.get("done", ""),
        has_password_login=context.settings.password_login,
        sso_name=context.settings.oidc_name if context.oidc_client else "",
        link_token=build_link_token(request),
    )


async def change_preferences(request: ConsoleRequest) -> Response:
    """Replace the user's preferences. Values that the page does not offer are ignored."""
    form, user = request.form, request.current_user
    zone = form.get("zone", "").strip()
    if zone and not is_time_zone(zone):
        problem = request.translate("Enter a time zone name such as Europe/London.")
        return await _render_page(request, 400, problem, "zone")
    chosen = replace(
        user.preferences,
        language=_choose(form, "language", render.LANGUAGES),
        theme=_choose(form, "theme", list(Theme), Theme.SYSTEM),
        density=_choose(form, "density", list(Density), Density.COMFORTABLE),
        zone=zone,
        start_page=_choose(form, "start_page", home.list_start_pages(user)),
    )
    await request.context.transaction(lambda connection: users.set_preferences(connection, user, chosen))
    return request.redirect("/console/account", done="yes")


def _choose(form: Mapping[str, str], name: str, offered: Sequence[str], default: str = "") -> str:
    value = form.get(name, "")
    return value if value in offered else default


@cache
def list_time_zones() -> tuple[str, ...]:
    """Return the names of time zones that a place has, sorted."""
    return tuple(sorted(name for name in available_timezones() if "/" in name and not name.startswith("Etc/")))


@requires_password(_render_page)
async def change_password(request: ConsoleRequest) -> Response:
    """Set a new password. All other sessions end; this one gets a new token."""
    password, context, user = request.form.get("new_password", ""), request.context, request.current_user
    if not is_valid_password(password):
        problem = request.translate("The password must have 10 to 200 characters.")
        return await _render_page(request, 400, problem, "new_password")
    if password != request.form.get("repeat", ""):
        return await _render_page(request, 400, request.translate("The passwords do not match."), "repeat")
    password_hash, token = await password_hashing.hash_password(password), secrets.token_urlsafe(32)

    def change(connection: Connection) -> None:
        users.set_password(connection, user, password_hash)
        browser = request.http_request.headers.get("user-agent", "")
        sessions.create(connection, user, token, context.now(), address=request.client_address, browser=browser)
        audit.add(connection, request.build_audit_entry(AuditAction.PASSWORD_SET, user.name))

    await context.transaction(change)
    cookie = request.build_cookie(SESSION_COOKIE, token, context.settings.session_seconds)
    return request.redirect("/console/account", cookie, done="yes")


async def start_totp_setup(request: ConsoleRequest) -> Response:
    """Show a new secret for an authenticator. It is stored once a code proves it."""
    return await _render_page(request, secret=totp.encode_secret(secrets.token_bytes(totp.SECRET_BYTES)))


@requires_password(_render_page)
async def enable_totp(request: ConsoleRequest) -> Response:
    """Require the second factor at each login, if the code is the secret's."""
    secret, context, user = request.form.get("secret", ""), request.context, request.current_user
    try:
        step = totp.match_step(secret, request.form.get("code", ""), context.now(), 0)
    except ValueError:
        step = None
    if step is None or len(secret) < 32:
        problem = request.translate("Incorrect code. Check that the time on your phone is correct.")
        return await _render_page(request, 400, problem, "code")

    def change(connection: Connection) -> None:
        users.set_second_factor(connection, user, context.secret_box.encrypt(secret))
        users.consume_totp_step(connection, user, step)
        audit.add(connection, request.build_audit_entry(AuditAction.SECOND_FACTOR_ENABLED))

    await context.transaction(change)
    return request.redirect("/console/account", done="yes")


@requires_password(_render_page)
async def disable_totp(request: ConsoleRequest) -> Response:
    """Turn off the second factor."""

    def change(connection: Connection) -> None:
        users.set_second_factor(connection, request.current_user, "")
        audit.add(connection, request.build_audit_entry(AuditAction.SECOND_FACTOR_DISABLED))

    await request.context.transaction(change)
    return request.redirect("/console/account", done="yes")
