"""Users for operators: adding and disabling them, their roles, and links that set a password."""

import secrets
from datetime import timedelta
from typing import Final

from sqlalchemy.engine import Connection

from ccfs.console.admin.form_users import get_grant, get_user
from ccfs.console.admin.questions import ask_reset_user
from ccfs.console.forms import confirmation, notes
from ccfs.console.login.attempts import requires_password
from ccfs.console.login.second_factor import lacks_second_factor
from ccfs.console.request import ConsoleRequest
from ccfs.db.system.console import audit, sessions, users
from ccfs.model.errors import NotFound, OperatorError
from ccfs.model.identity.audit import AuditAction
from ccfs.model.identity.user import Grant, Role, User, clean_name
from ccfs.web.responses.types import BytesResponse, Response

MAX_AGENT_LENGTH: Final = 64


async def list_users(request: ConsoleRequest) -> Response:
    """Show every user."""
    return await _render_page(request)


async def _render_page(
    request: ConsoleRequest, status: int = 200, problem: str = "", field: str | None = None
) -> BytesResponse:
    snapshot, apps = await request.context.get_tenant_snapshot(), await request.list_apps()
    settings, now = request.context.settings, request.context.now()
    idle, lifetime = timedelta(seconds=settings.session_idle_seconds), timedelta(seconds=settings.session_seconds)
    listed = await request.context.query(users.list_all)
    return request.render_page(
        "users.html",
        status,
        problem,
        field,
        users=listed,
        must_set_up={user.id for user in listed if lacks_second_factor(settings, user)},
        session_counts=await request.context.query(lambda c: sessions.count_active(c, now, idle, lifetime)),
        apps={app.id: app for app in apps},
        scopes=[(app, account) for app in apps for account in ("", *snapshot.accounts.get(app.id, {}))],
        roles=list(Role),
        secret=await notes.take(request),
        link_hours=request.context.settings.setup_link_seconds // 3600,
        has_password_login=request.context.settings.password_login,
    )


async def _render_missing_scope(request: ConsoleRequest) -> BytesResponse:
    if request.form.get("role") == Role.AGENT:
        problem = request.translate("Choose an account, and enter the ID of the agent that the user is.")
        return await _render_page(request, 400, problem, "agent")
    return await _render_page(
        request,
        400,
        request.translate("Choose an app or account. Only operators and auditors can have a role in all apps."),
        "scope",
    )


@requires_password(_render_page)
async def add_user(request: ConsoleRequest) -> Response:
    """Add a user with a role, and show the link that sets the password."""
    name, grant = clean_name(request.form.get("name", "")), await _parse_grant(request)
    if name is None:
        return await _render_page(
            request,
            400,
            request.translate("User names may contain only letters, digits and the characters . _ @ - without spaces."),
            "name",
        )
    if grant is None:
        return await _render_missing_scope(request)
    token, has_password_login = secrets.token_urlsafe(24), request.context.settings.password_login

    def change(connection: Connection) -> bool:
        if users.find_by_name(connection, name):
            return False
        user = users.add(connection, name, "", request.context.now())
        users.grant_role(connection, user, grant)
        if has_password_login:
            _create_setup_link(connection, request, token, user)
        audit.add(connection, request.build_audit_entry(AuditAction.USER_ADDED, f"{name} {grant.role}"))
        return True

    if not await request.context.transaction(change):
        problem = request.translate("The name {name} is already in use.", name=name)
        return await _render_page(request, 400, problem, "name")
    if not has_password_login:
        return request.redirect("/console/users")
    return await _redirect_to_link(request, name, token)


async def _redirect_to_link(request: ConsoleRequest, name: str, token: str) -> BytesResponse:
    """Return the redirect to the page that shows a setup link, with the address of this server as the user's browser has it."""
    settings = request.context.settings
    base = settings.console_url.rstrip("/").removesuffix("/console")
    base = base or request.http_request.get_origin(settings.trusted_proxies)
    return await notes.redirect(request, "/console/users", {"name": name, "link": f"{base}/console/setup?link={token}"})


@requires_password(confirmation.render_problem(ask_reset_user))
async def reset_credentials(request: ConsoleRequest) -> Response:
    """Show a link that sets another password; turn off the second factor and unlink the identity provider's account.

    If nobody signs in by password, the password is deleted as well. The provider's user of that name is then linked.
    """
    user, token = await get_user(request), secrets.token_urlsafe(24)
    has_password_login = request.context.settings.password_login

    def change(connection: Connection) -> None:
        users.set_second_factor(connection, user, "")
        users.unlink_subject(connection, user)
        if has_password_login:
            _create_setup_link(connection, request, token, user)
        else:
            users.set_password(connection, user, "")
        audit.add(connection, request.build_audit_entry(AuditAction.USER_RESET, user.name))

    await request.context.transaction(change)
    if not has_password_login:
        return request.redirect("/console/users")
    return await _redirect_to_link(request, user.name, token)


async def toggle_disabled(request: ConsoleRequest) -> Response:
    """Disable a user, or enable a disabled one. Users cannot disable themselves, so that one is left to undo it."""
    user = await get_user(request)
    if user.id == request.current_user.id:
        return await _render_page(request, 400, request.translate("You cannot disable yourself."))
    disabled_at = None if user.is_disabled else request.context.now()
    action = AuditAction.USER_DISABLED if disabled_at else AuditAction.USER_ENABLED

    def change(connection: Connection) -> None:
        users.set_disabled(connection, user, disabled_at)
        audit.add(connection, request.build_audit_entry(action, user.name))

    await request.context.transaction(change)
    return request.redirect("/console/users")


@requires_password(_render_page)
async def grant_role(request: ConsoleRequest) -> Response:
    """Grant a user a further role."""
    user, grant = await get_user(request), await _parse_grant(request)
    if grant is None:
        return await _render_missing_scope(request)

    def change(connection: Connection) -> None:
        users.grant_role(connection, user, grant)
        audit.add(connection, request.build_audit_entry(AuditAction.ROLE_GRANTED, _describe_grant(user, grant)))

    await request.context.transaction(change)
    return request.redirect("/console/users")


async def revoke_role(request: ConsoleRequest) -> Response:
    """Revoke a role of a user."""
    user = await get_user(request)
    grant = get_grant(request, user)

    def change(connection: Connection) -> None:
        users.revoke_role(connection, user, grant)
        audit.add(connection, request.build_audit_entry(AuditAction.ROLE_REVOKED, _describe_grant(user, grant)))

    try:
        await request.context.transaction(change)
    except OperatorError:
        return await _render_page(
            request, 400, request.translate("This is the last operator. Assign the role to another user first.")
        )
    return request.redirect("/console/users")


def _describe_grant(user: User, grant: Grant) -> str:
    return " ".join(filter(None, (user.name, grant.role, grant.account_id, grant.agent_id)))


def _create_setup_link(connection: Connection, request: ConsoleRequest, token: str, user: User) -> None:
    lifetime = timedelta(seconds=request.context.settings.setup_link_seconds)
    users.create_setup_link(connection, token, user, request.context.now() + lifetime)


async def _parse_grant(request: ConsoleRequest) -> Grant | None:
    """Return the role and scope of the form; None if the role needs a scope and the form has none."""
    role = next((role for role in Role if role == request.form.get("role")), None)
    ak, _, account_id = request.form.get("scope", "").partition("/")
    if role is None:
        raise NotFound
    if role is Role.OPERATOR:
        return Grant(role=role)
    if not ak:
        return Grant(role=role) if role is Role.AUDITOR else None
    app = await request.find_app(ak)
    if account_id and account_id not in (await request.context.get_tenant_snapshot()).accounts.get(app.id, {}):
        raise NotFound
    if role is not Role.AGENT:
        return Grant(role=role, app=app.id, account_id=account_id)
    agent_id = request.form.get("agent", "").strip()
    is_complete = account_id and 0 < len(agent_id) <= MAX_AGENT_LENGTH
    return Grant(role=role, app=app.id, account_id=account_id, agent_id=agent_id) if is_complete else None
