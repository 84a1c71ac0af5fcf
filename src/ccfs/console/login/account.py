"""Oneself: what one may do, another password, the second factor."""

import asyncio
import secrets

from sqlalchemy.engine import Connection

from ccfs.console.login.oidc_login import build_link_token
from ccfs.console.request import SESSION_COOKIE, ConsoleRequest
from ccfs.db.system import audit, passwords, sessions, users
from ccfs.model.identity import totp
from ccfs.model.identity.audit import AuditAction
from ccfs.model.identity.user import is_valid_password
from ccfs.web.responses.types import BytesResponse, Response


async def show_account(visit: ConsoleRequest) -> Response:
    """Who is signed in, and as what."""
    return await _render_page(visit)


async def _render_page(visit: ConsoleRequest, status: int = 200, problem: str = "", secret: str = "") -> BytesResponse:
    apps = {app.id: app for app in await visit.list_apps()}
    uri = totp.build_uri(secret, visit.current_user.name) if secret else ""
    done = visit.query_params.get("done", "")
    known = {
        "sso_name": visit.context.settings.oidc_name if visit.context.oidc_client else "",
        "link_token": build_link_token(visit),
    }
    passwords = visit.context.settings.password_login
    return visit.render_page(
        "account.html",
        status,
        apps=apps,
        problem=problem,
        secret=secret,
        uri=uri,
        done=done,
        has_password_login=passwords,
        **known,
    )


async def _verify_password(visit: ConsoleRequest) -> bool:
    kept, _, _ = await visit.context.query(lambda connection: users.get_credentials(connection, visit.current_user))
    given = visit.form.get("password", "")
    return is_valid_password(given) and await asyncio.to_thread(passwords.verify, kept, given)


async def change_password(visit: ConsoleRequest) -> Response:
    """Another password, by who knows the one before. All other sessions end; this one goes on under a new token."""
    new = visit.form.get("new_password", "")
    if not await _verify_password(visit):
        return await _render_page(visit, 400, visit.translate("Your present password is another one."))
    if not is_valid_password(new):
        return await _render_page(visit, 400, visit.translate("A password has 10 to 200 characters."))
    if new != visit.form.get("repeat", ""):
        return await _render_page(visit, 400, visit.translate("The two passwords differ."))
    kept, token = await asyncio.to_thread(passwords.hash_password, new), secrets.token_urlsafe(32)

    def change(connection: Connection) -> None:
        users.set_password(connection, visit.current_user, kept)
        sessions.create(connection, visit.current_user, token, visit.context.now())
        audit.add(connection, visit.build_audit_entry(AuditAction.PASSWORD_SET, visit.current_user.name))

    await visit.context.transaction(change)
    return visit.redirect(
        "/console/account",
        visit.build_cookie(SESSION_COOKIE, token, visit.context.settings.session_seconds),
        done="yes",
    )


async def start_totp_setup(visit: ConsoleRequest) -> Response:
    """A fresh secret for an authenticator; it counts only after a code of it came back."""
    return await _render_page(visit, secret=totp.encode_secret(secrets.token_bytes(totp.SECRET_BYTES)))


async def enable_totp(visit: ConsoleRequest) -> Response:
    """The second factor is asked for from now on, if the code is the secret's."""
    secret, now = visit.form.get("secret", ""), visit.context.now()
    try:
        step = totp.match_step(secret, visit.form.get("code", ""), now, 0)
    except ValueError:
        step = None
    if step is None or len(secret) < 32:
        return await _render_page(
            visit, 400, visit.translate("That is not the code. Is the phone's clock right?"), secret
        )

    def change(connection: Connection) -> None:
        users.set_second_factor(connection, visit.current_user, visit.context.secret_box.encrypt(secret))
        users.consume_totp_step(connection, visit.current_user, step)
        audit.add(connection, visit.build_audit_entry(AuditAction.SECOND_FACTOR_ENABLED))

    await visit.context.transaction(change)
    return visit.redirect("/console/account", done="yes")


async def disable_totp(visit: ConsoleRequest) -> Response:
    """The second factor is asked for no more; that takes the password."""
    if not await _verify_password(visit):
        return await _render_page(visit, 400, visit.translate("Your present password is another one."))

    def change(connection: Connection) -> None:
        users.set_second_factor(connection, visit.current_user, "")
        audit.add(connection, visit.build_audit_entry(AuditAction.SECOND_FACTOR_DISABLED))

    await visit.context.transaction(change)
    return visit.redirect("/console/account", done="yes")
