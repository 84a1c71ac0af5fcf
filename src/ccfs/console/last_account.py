"""The account that a user viewed last: pages that a menu opens show it again, in later visits, too."""

from ccfs.console.request import ConsoleRequest
from ccfs.db.system.console import users
from ccfs.web.responses.types import BytesResponse, Response


async def remember(request: ConsoleRequest, response: Response) -> None:
    """Store the account or app that the query of a successful page request names, if it is another one."""
    if request.user is None or request.http_request.method != "GET" or not isinstance(response, BytesResponse):
        return
    name = _get_name(request)
    if response.status != 200 or not name or len(name) > 200:
        return
    user, preferences = request.user, request.user.preferences.remember(name)
    if preferences != user.preferences:
        await request.context.transaction(lambda connection: users.set_preferences(connection, user, preferences))


def _get_name(request: ConsoleRequest) -> str:
    """Return AK/ACCOUNT, or AK/ where the query names only an app."""
    account, ak = request.query_params.get("account", ""), request.query_params.get("app", "")
    return account if "/" in account else f"{ak}/" * bool(ak)
