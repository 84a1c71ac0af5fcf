"""Which link a token opens, and the grants of browsers that have opened one.

A grant is an encrypted cookie: it lets the player of one browser request the audio of one link as often as it must, and counts
as one play. A browser without one must open the link first.
"""

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from ccfs.console.request import AccountScope, ConsoleRequest
from ccfs.db.system.console import link_tokens
from ccfs.model.errors import OperatorError
from ccfs.model.recordings.guest_link import GuestLink, LinkState
from ccfs.model.recordings.recording import Recording

PATH: Final = "/console/guest"
GRANT_LIFETIME: Final = timedelta(hours=1)  # beside the length of the recording
_POLICY: Final = (
    "default-src 'none'; style-src 'self'; img-src 'self'; media-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
HEADERS: Final = (
    ("content-security-policy", _POLICY),
    ("referrer-policy", "no-referrer"),
    ("x-robots-tag", "noindex, nofollow, noarchive"),
    ("cache-control", "no-store"),
    ("x-frame-options", "DENY"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("permissions-policy", "camera=(), microphone=(), geolocation=()"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveLink:
    """A link that works, apart from its password and the number of its plays."""

    scope: AccountScope  # of its account, whether or not anybody is signed in
    link: GuestLink
    recording: Recording


def get_longest(request: ConsoleRequest) -> timedelta:
    """Return how long links last at most."""
    return timedelta(days=request.context.settings.guest_link_max_days)


def forget_user(request: ConsoleRequest) -> ConsoleRequest:
    """Return the request of nobody: a link gives the same to everyone, and no session takes part."""
    return replace(request, user=None, session_token="")


async def find_live_link(request: ConsoleRequest, token: str) -> LiveLink | None:
    """Return the link of a token; None for each reason why it does not work, after the same queries."""
    now, longest = request.context.now(), get_longest(request)
    found = await request.context.query(lambda connection: link_tokens.resolve(connection, token, now, longest))
    snapshot = await request.context.get_tenant_snapshot()
    if found is None or not request.context.settings.guest_links:
        return None
    app, link, recording = found
    account = snapshot.accounts.get(app.id, {}).get(link.account_id)
    if account is None or not account.allows_links:
        return None
    return LiveLink(scope=AccountScope(app=app, account=account), link=link, recording=recording)


def can_be_played_again(request: ConsoleRequest, live: LiveLink) -> bool:
    """Return whether the link has a play left."""
    return live.link.get_state(request.context.now(), get_longest(request)) is LinkState.ACTIVE


def build_grant(request: ConsoleRequest, live: LiveLink) -> str:
    """Return the cookie of a browser that has opened the link."""
    lifetime = GRANT_LIFETIME + (live.recording.call_end - live.recording.call_begin)
    until = min(request.context.now() + lifetime, live.link.get_end(get_longest(request)))
    content = json.dumps({"link": live.link.id, "until": int(until.timestamp())})
    sealed = request.context.secret_box.encrypt(content)
    return request.build_cookie(_get_cookie_name(live.link), sealed, int(lifetime.total_seconds()), PATH)


def has_grant(request: ConsoleRequest, live: LiveLink) -> bool:
    """Return whether the browser has opened the link, and its grant has not expired."""
    cookie = request.cookies.get(_get_cookie_name(live.link), "")
    try:
        content = json.loads(request.context.secret_box.decrypt(cookie))
        link_id, until = content["link"], datetime.fromtimestamp(content["until"], UTC)
    except (OperatorError, ValueError, TypeError, KeyError, OverflowError):
        return False
    return bool(link_id == live.link.id and request.context.now() < until)


def _get_cookie_name(link: GuestLink) -> str:
    return f"ccfs_link_{link.id}"
