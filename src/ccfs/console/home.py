"""The first page after signing in: the user's start page, else the first that the user may see, else one that says whom to ask."""

from typing import Final

from ccfs.console.request import ConsoleRequest
from ccfs.model.identity.user import Permission, User
from ccfs.web.responses.types import Response

START_PAGES: Final = (  # in the menu's order; labels.START_PAGES names them
    ("/console/status", Permission.OPERATE),
    ("/console/calls", Permission.SEARCH),
    ("/console/statistics", Permission.SEARCH),
    ("/console/evaluations", Permission.EVALUATE),
    ("/console/my-evaluations", Permission.VIEW_OWN_EVALUATIONS),
    ("/console/exports", Permission.EXPORT),
    ("/console/ingest", Permission.OPERATE),
    ("/console/apps", Permission.ADMINISTER),
    ("/console/users", Permission.OPERATE),
    ("/console/audit", Permission.AUDIT),
    ("/console/settings", Permission.OPERATE),
)


def list_start_pages(user: User) -> list[str]:
    """Return the paths of the pages that the user may see."""
    return [path for path, permission in START_PAGES if user.has_permission_anywhere(permission)]


async def redirect_home(request: ConsoleRequest) -> Response:
    """Redirect to the user's first page."""
    pages, preferred = list_start_pages(request.current_user), request.current_user.preferences.start_page
    if not pages:
        return request.render_page("no_role.html")
    return request.redirect(preferred if preferred in pages else pages[0])
