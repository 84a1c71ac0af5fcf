"""Attempts to prove who somebody is. They are counted before they are judged, so that a burst has no more than the limit."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import wraps
from typing import Final

from sqlalchemy.engine import Connection

from ccfs.console.login import password_hashing
from ccfs.console.request import ConsoleRequest
from ccfs.db.system import lockouts
from ccfs.db.system.console import audit, sessions, users
from ccfs.logs import get_logger
from ccfs.model.identity.audit import AuditAction, AuditEntry
from ccfs.model.identity.user import is_valid_password
from ccfs.web import lockout
from ccfs.web.responses.types import Response

MAX_ANONYMOUS_ENTRIES: Final = 300  # audit entries of failed sign-ins within an hour; strangers must not fill the table
RECENT_LOGIN: Final = timedelta(minutes=10)  # proves a user who has no password here

Handler = Callable[[ConsoleRequest], Awaitable[Response]]
RenderProblem = Callable[[ConsoleRequest, int, str, str], Awaitable[Response]]  # with status, problem and wrong field


def explain_lockout(request: ConsoleRequest) -> str:
    """Return what a user reads who has no attempt left."""
    return request.translate("Too many attempts. Try again in a few minutes.")


def explain_old_session(request: ConsoleRequest) -> str:
    """Return what a user reads who has no password here and signed in too long ago."""
    return request.translate("Sign out and sign in again to do this.")


async def is_locked_out(request: ConsoleRequest, name: str = "") -> bool:
    """Return whether the address or the name has too many failed attempts."""
    return await are_locked_out(request, _build_keys(request, name))


async def are_locked_out(request: ConsoleRequest, keys: tuple[str, ...]) -> bool:
    """Return whether one of the keys has too many failed attempts."""
    snapshot = await request.context.get_tenant_snapshot()
    return lockout.is_locked_out(request.context, snapshot, *keys)


async def reserve(request: ConsoleRequest, name: str) -> bool:
    """Reserve an attempt of this address and name. Return False if either has none left. `settle` it afterwards."""
    return await reserve_keys(request, _build_keys(request, name))


async def reserve_keys(request: ConsoleRequest, keys: tuple[str, ...]) -> bool:
    """Reserve an attempt of each key. Return False if one has none left. `settle_keys` it afterwards."""
    if await are_locked_out(request, keys):  # without a write
        return False
    policy = lockout.build_policy(request.context.settings)
    if policy.limit == 0:
        return True
    now = request.context.now()
    return await request.context.transaction(lambda connection: lockouts.reserve_attempt(connection, keys, now, policy))


async def settle(request: ConsoleRequest, name: str, failure: AuditEntry | None) -> None:
    """Give back a reserved attempt; count and log it if there is an audit entry of its failure."""
    await settle_keys(request, _build_keys(request, name), failure)


async def settle_keys(request: ConsoleRequest, keys: tuple[str, ...], failure: AuditEntry | None) -> None:
    """Give back a reserved attempt of each key; count and log it if there is an audit entry of its failure."""
    context = request.context
    policy = lockout.build_policy(context.settings)

    def change(connection: Connection) -> None:
        if failure is not None:
            _add_entry(connection, failure)
        if policy.limit:
            lockouts.settle_attempt(connection, keys, context.now(), policy, has_failed=failure is not None)

    await context.transaction(change)
    if failure is not None:
        context.tenant_cache.invalidate()


async def record_failure(request: ConsoleRequest, target: str) -> None:
    """Write a failed attempt that took nothing to judge to the audit log, and count it against the address."""

    def change(connection: Connection) -> None:
        _add_entry(connection, request.build_audit_entry(AuditAction.LOGIN_FAILED, target))
        lockout.record_failure(request.context, connection, *_build_keys(request, ""))

    await request.context.transaction(change)
    request.context.tenant_cache.invalidate()


async def has_signed_in_recently(request: ConsoleRequest) -> bool:
    """Return whether the session is younger than RECENT_LOGIN."""
    began = await request.context.query(lambda connection: sessions.get_begin(connection, request.session_token))
    return began is not None and began > request.context.now() - RECENT_LOGIN


def requires_password(render_problem: RenderProblem) -> Callable[[Handler], Handler]:
    """Let a handler ask for the user's own password, so that a stolen session alone cannot do what it does.

    A wrong one counts like a failed sign-in, and is in the audit log. A user who has no password here, because a provider
    signs in, must have signed in recently.
    """

    def decorate(handler: Handler) -> Handler:
        @wraps(handler)
        async def handle(request: ConsoleRequest) -> Response:
            status, problem = await _check_user(request)
            field = "password" if request.current_user.has_password else ""
            return await (render_problem(request, status, problem, field) if problem else handler(request))

        return handle

    return decorate


async def _check_user(request: ConsoleRequest) -> tuple[int, str]:
    """Return the status and the problem of a form that must prove its user, (200, "") if it does."""
    context, user = request.context, request.current_user
    stored, _, _ = await context.query(lambda connection: users.get_credentials(connection, user))
    if not stored:
        return (200, "") if await has_signed_in_recently(request) else (403, explain_old_session(request))
    if not await reserve(request, user.name):
        return 429, explain_lockout(request)
    password = request.form.get("password", "")
    if is_valid_password(password) and await password_hashing.verify(stored, password):
        await settle(request, user.name, None)
        return 200, ""
    await settle(request, user.name, request.build_audit_entry(AuditAction.PASSWORD_REJECTED, user.name))
    return 400, request.translate("The current password is incorrect.")


def _add_entry(connection: Connection, entry: AuditEntry) -> None:
    if not entry.actor and audit.has_logged(
        connection, entry.action, entry.logged_at - timedelta(hours=1), MAX_ANONYMOUS_ENTRIES
    ):
        get_logger().warning(
            "attempt failed", action=str(entry.action), target=entry.target[:64], address=entry.address
        )
        return
    audit.add(connection, entry)


def _build_keys(request: ConsoleRequest, name: str) -> tuple[str, ...]:
    """Return the keys that failures count under; signature failures have others, so neither locks out the other."""
    return (f"console {request.client_address}", *([f"user {name}"] if name else []))
