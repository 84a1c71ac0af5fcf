"""The links of a call, for its page."""

from functools import partial

from ccfs.console.request import ConsoleRequest
from ccfs.db.tenant import guest_links
from ccfs.model.identity.user import Permission
from ccfs.model.recordings.guest_link import GuestLink
from ccfs.model.recordings.recording import Recording


async def list_of_call(request: ConsoleRequest, recordings: list[Recording]) -> list[GuestLink] | None:
    """Return the links of a call's recordings, the newest first; None if the user may not share, or nothing is to be shown."""
    scope = request.current_scope
    if not recordings or not request.has_permission_in(Permission.SHARE, scope):
        return None
    find = partial(guest_links.list_by_recordings, app=scope.app, recordings=recordings)
    links = [link for own in (await request.context.query(find)).values() for link in own]
    is_on = request.context.settings.guest_links and scope.account.allows_links
    return sorted(links, key=lambda link: -link.id) if links or is_on else None
