"""Access rules of the console: a route names a permission and where it must hold, and a request is checked against them."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from enum import StrEnum, auto

from ccfs.console.forms.confirmation import AskQuestion
from ccfs.console.request import ConsoleRequest, get_scope
from ccfs.model.errors import NotFound
from ccfs.model.identity.user import Permission
from ccfs.web.responses.types import Response

Handler = Callable[[ConsoleRequest], Awaitable[Response]]


class AccessScope(StrEnum):
    """Where the user must have a route's permission."""

    GLOBAL = auto()  # in the whole installation
    ANYWHERE = auto()  # in any account or app: the handler shows what the user may see
    WHOLE_APP = auto()  # in the whole of the app that `app` names
    APP = auto()  # in an account of the app that `app` names, or in the whole of it
    ACCOUNT = auto()  # in the account that `account` names


@dataclass(frozen=True, slots=True)
class Route:
    """A method and path, its handler, and who may call it."""

    method: str
    path: str
    handler: Handler
    permission: Permission | None = None  # None: every signed-in user
    scope: AccessScope | None = None  # None where the permission is
    is_public: bool = False  # without signing in
    is_sessionless: bool = False  # its form acts for nobody, so it may come from anywhere: no referrer policy spoils it
    question: AskQuestion | None = None  # of a form that does harm: what the user must confirm first

    def __post_init__(self) -> None:
        """Raise ValueError for a permission without a scope, a scope without a permission, or a public route with one."""
        if (self.permission is None) != (self.scope is None) or (self.is_public and self.permission is not None):
            raise ValueError(f"inconsistent access rule of {self.method} {self.path}")

    @property
    def key(self) -> tuple[str, str]:
        """Method and path."""
        return self.method, self.path


async def authorize(request: ConsoleRequest, route: Route) -> ConsoleRequest:
    """Return the request with the account or app that it names.

    Raise NotFound if the user lacks the route's permission: a forbidden page answers as one that does not exist.
    """
    permission = route.permission
    if permission is None:
        return request
    if route.scope is AccessScope.ACCOUNT:
        name = request.form.get("account") or request.query_params.get("account", "")
        return replace(request, scope=get_scope(await request.list_scopes(permission), name))
    if route.scope in (AccessScope.APP, AccessScope.WHOLE_APP):
        return await _authorize_app(request, permission, is_whole_app=route.scope is AccessScope.WHOLE_APP)
    user, is_global = request.current_user, route.scope is AccessScope.GLOBAL
    if not (user.has_permission(permission, None) if is_global else user.has_permission_anywhere(permission)):
        raise NotFound
    return request


async def _authorize_app(request: ConsoleRequest, permission: Permission, *, is_whole_app: bool) -> ConsoleRequest:
    parameters = request.form if request.http_request.method == "POST" else request.query_params
    app = await request.find_app(parameters.get("app", ""))
    accounts = await request.list_app_accounts(permission, app)
    if not accounts or (is_whole_app and accounts[0] != ""):
        raise NotFound
    return replace(request, app=app, app_accounts=accounts)
