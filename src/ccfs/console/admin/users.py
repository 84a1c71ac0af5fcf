"""People, for operators: who there is, as what; adding, disabling, links that set a password."""

import secrets
from datetime import timedelta

from sqlalchemy.engine import Connection

from ccfs.console.request import ConsoleRequest
from ccfs.db.system import audit, users
from ccfs.model.errors import NotFound, OperatorError
from ccfs.model.identity.audit import AuditAction
from ccfs.model.identity.user import Grant, Permission, Role, User, clean_name
from ccfs.web.responses.types import BytesResponse, Response


async def list_users(visit: ConsoleRequest) -> Response:
    """Everybody."""
    _require_operator(visit)
    return await _render_page(visit)


async def _render_page(
    visit: ConsoleRequest, status: int = 200, problem: str = "", link: tuple[str, str] | None = None
) -> BytesResponse:
    picture, apps = await visit.context.get_tenant_snapshot(), await visit.list_apps()
    return visit.render_page(
        "users.html",
        status,
        users=await visit.context.query(users.list_all),
        apps={app.id: app for app in apps},
        scopes=[(app, account) for app in apps for account in ("", *picture.accounts.get(app.id, {}))],
        roles=list(Role),
        problem=problem,
        link=link,
        has_password_login=visit.context.settings.password_login,
    )


async def add_user(visit: ConsoleRequest) -> Response:
    """A new person with a role, and the link that sets the password."""
    _require_operator(visit)
    name, given = clean_name(visit.form.get("name", "")), await _parse_grant(visit)
    if name is None:
        return await _render_page(visit, 400, visit.translate("A name has letters, digits and . _ @ - only."))
    if given is None:
        return await _render_page(
            visit, 400, visit.translate("Say where: only operators and auditors may be it everywhere.")
        )
    token = secrets.token_urlsafe(24)

    def change(connection: Connection) -> bool:
        if users.find_by_name(connection, name):
            return False
        user = users.add(connection, name, "", visit.context.now())
        users.grant_role(connection, user, given)
        if visit.context.settings.password_login:
            _create_setup_link(connection, visit, token, user)
        audit.add(connection, visit.build_audit_entry(AuditAction.USER_ADDED, f"{name} {given.role}"))
        return True

    if not await visit.context.transaction(change):
        return await _render_page(visit, 400, visit.translate("The name {name} is taken.", name=name))
    if not visit.context.settings.password_login:
        return visit.redirect("/console/users")
    return await _render_page(visit, link=(name, f"/console/setup?link={token}"))


async def reset_credentials(visit: ConsoleRequest) -> Response:
    """A link that sets another password; the second factor is off from then on, and so is being tied to the sign-in service.

    Where nobody signs in by password, the password goes, too: who comes from the service with that name is the person.
    """
    user, token = await _get_user(visit), secrets.token_urlsafe(24)
    has_link = visit.context.settings.password_login

    def change(connection: Connection) -> None:
        users.set_second_factor(connection, user, "")
        users.unlink_subject(connection, user)
        if has_link:
            _create_setup_link(connection, visit, token, user)
        else:
            users.set_password(connection, user, "")
        audit.add(connection, visit.build_audit_entry(AuditAction.USER_RESET, user.name))

    await visit.context.transaction(change)
    if not has_link:
        return visit.redirect("/console/users")
    return await _render_page(visit, link=(user.name, f"/console/setup?link={token}"))


async def toggle_disabled(visit: ConsoleRequest) -> Response:
    """Somebody is let in no more, or again. Not oneself: somebody must be left to undo it."""
    user = await _get_user(visit)
    if user.id == visit.current_user.id:
        return await _render_page(visit, 400, visit.translate("You cannot disable yourself."))
    at = None if user.is_disabled else visit.context.now()

    def change(connection: Connection) -> None:
        users.set_disabled(connection, user, at)
        audit.add(
            connection,
            visit.build_audit_entry(AuditAction.USER_DISABLED if at else AuditAction.USER_ENABLED, user.name),
        )

    await visit.context.transaction(change)
    return visit.redirect("/console/users")


async def grant_role(visit: ConsoleRequest) -> Response:
    """A further role."""
    user, given = await _get_user(visit), await _parse_grant(visit)
    if given is None:
        return await _render_page(
            visit, 400, visit.translate("Say where: only operators and auditors may be it everywhere.")
        )

    def change(connection: Connection) -> None:
        users.grant_role(connection, user, given)
        audit.add(connection, visit.build_audit_entry(AuditAction.ROLE_GRANTED, _describe_grant(user, given)))

    await visit.context.transaction(change)
    return visit.redirect("/console/users")


async def revoke_role(visit: ConsoleRequest) -> Response:
    """A role is taken away."""
    user = await _get_user(visit)
    number = visit.form.get("grant", "")
    taken = dict(enumerate(user.grants)).get(int(number) if number.isascii() and number.isdecimal() else -1)
    if taken is None:
        raise NotFound

    def change(connection: Connection) -> None:
        users.revoke_role(connection, user, taken)
        audit.add(connection, visit.build_audit_entry(AuditAction.ROLE_REVOKED, _describe_grant(user, taken)))

    try:
        await visit.context.transaction(change)
    except OperatorError:
        return await _render_page(visit, 400, visit.translate("Somebody must stay operator."))
    return visit.redirect("/console/users")


def _require_operator(visit: ConsoleRequest) -> None:
    if not visit.current_user.has_permission(Permission.OPERATE, None):
        raise NotFound


def _describe_grant(user: User, grant: Grant) -> str:
    return f"{user.name} {grant.role} {grant.account_id}".strip()


def _create_setup_link(connection: Connection, visit: ConsoleRequest, token: str, user: User) -> None:
    lasts = timedelta(seconds=visit.context.settings.setup_link_seconds)
    users.create_setup_link(connection, token, user, visit.context.now() + lasts)


async def _get_user(visit: ConsoleRequest) -> User:
    _require_operator(visit)
    name = visit.form.get("user", "")
    found = await visit.context.query(lambda connection: users.find_by_name(connection, name))
    if found is None:
        raise NotFound
    return found


async def _parse_grant(visit: ConsoleRequest) -> Grant | None:
    """The role that the form gives, where it says; None where it does not say where, and must."""
    role = next((one for one in Role if one == visit.form.get("role")), None)
    ak, _, account = visit.form.get("scope", "").partition("/")
    if role is None:
        raise NotFound
    if role is Role.OPERATOR:
        return Grant(role=role)
    if not ak:
        return Grant(role=role) if role is Role.AUDITOR else None
    app = await visit.get_app(Permission.OPERATE, ak)
    if account and account not in (await visit.context.get_tenant_snapshot()).accounts.get(app.id, {}):
        raise NotFound
    return Grant(role=role, app=app.id, account_id=account)
