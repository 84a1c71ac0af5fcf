"""The page that a link opens, for people without an account: a button that plays, and then a player.

Opening counts as a play, looking at the page does not: mail servers and messengers fetch the links that they carry. Every
link that does not work gets the same answer, whatever the reason.
"""

from dataclasses import replace
from typing import Final

from sqlalchemy.engine import Connection

from ccfs.console.links.link_access import (
    HEADERS,
    PATH,
    LiveLink,
    build_grant,
    can_be_played_again,
    find_live_link,
    forget_user,
    has_grant,
)
from ccfs.console.login import attempts, password_hashing
from ccfs.console.request import ConsoleRequest
from ccfs.db.system.console import audit, link_tokens
from ccfs.model.identity.audit import AuditAction, AuditEntry
from ccfs.model.identity.user import is_valid_password
from ccfs.web.responses.types import BytesResponse, Response

TOKEN_FIELD: Final = "link"


async def show_guest_page(request: ConsoleRequest) -> Response:
    """Show what a link opens: the player to a browser that has opened it, else the form that does."""
    request, token = forget_user(request), request.query_params.get(TOKEN_FIELD, "")
    if await attempts.are_locked_out(request, _build_keys(request, None)):
        return _render_locked(request)
    live = await find_live_link(request, token)
    if live is not None and has_grant(request, live):
        return _render(request, 200, "player", live, token)
    if live is None or not can_be_played_again(request, live):
        return await _refuse(request, token)
    return _render(request, 200, "form", live, token)


async def open_link(request: ConsoleRequest) -> Response:
    """Open a link: check its password, count the play, and give the browser its grant."""
    request, token = forget_user(request), request.form.get(TOKEN_FIELD, "")
    if await attempts.are_locked_out(request, _build_keys(request, None)):
        return _render_locked(request)
    live = await find_live_link(request, token)
    if live is not None and has_grant(request, live):
        return _redirect(request, token)
    if live is not None and not can_be_played_again(request, live):
        live = None
    keys = _build_keys(request, live)
    if not await attempts.reserve_keys(request, keys):
        return _render_locked(request)
    is_right = await _check_password(request, live)
    if live is None:
        await attempts.settle_keys(request, keys, await _build_refusal(request, token))
        return _render(request, 404, "gone")
    if not is_right:
        entry = _build_entry(request, live, AuditAction.LINK_REFUSED, f"link {live.link.id}: wrong password")
        await attempts.settle_keys(request, keys, entry)
        problem = request.translate("Incorrect password.")
        return _render(request, 401, "form", live, token, problem)
    await attempts.settle_keys(request, keys, None)
    return await _play(request, live, token)


async def _play(request: ConsoleRequest, live: LiveLink, token: str) -> Response:
    entry = _build_entry(request, live, AuditAction.LINK_PLAYED, live.recording.file_name)
    played = replace(entry, actor=live.link.actor, call_ids=(live.recording.call_id,))

    def change(connection: Connection) -> bool:
        is_counted = link_tokens.count_play(connection, live.link, request.context.now())
        if is_counted:
            audit.add(connection, played)
        return is_counted

    if not await request.context.transaction(change):
        return await _refuse(request, token)
    return _redirect(request, token, build_grant(request, live))


async def _check_password(request: ConsoleRequest, live: LiveLink | None) -> bool:
    """Return whether the password is the link's, or it has none. For a link that does not work, it takes the same time."""
    stored, password = live.link.draft.password_hash if live else "", request.form.get("password", "")
    if live is not None and not stored:
        return True
    return is_valid_password(password) and await password_hashing.verify(stored, password)


async def _refuse(request: ConsoleRequest, token: str) -> Response:
    """Count and log a link that does not work, as a failed attempt of the address."""
    keys = _build_keys(request, None)
    if not await attempts.reserve_keys(request, keys):
        return _render_locked(request)
    await attempts.settle_keys(request, keys, await _build_refusal(request, token))
    return _render(request, 404, "gone")


async def _build_refusal(request: ConsoleRequest, token: str) -> AuditEntry:
    """Return the entry of a link that does not work, with its account if there is or was such a link."""
    known = await request.context.query(lambda connection: link_tokens.identify(connection, token))
    entry = request.build_audit_entry(AuditAction.LINK_REFUSED, f"link {known[2]}" if known else "unknown link")
    return replace(entry, app=known[0], account_id=known[1]) if known else entry


def _build_entry(request: ConsoleRequest, live: LiveLink, action: AuditAction, target: str) -> AuditEntry:
    return request.build_audit_entry(action, target, live.scope)


def _build_keys(request: ConsoleRequest, live: LiveLink | None) -> tuple[str, ...]:
    """Return the keys that failures count under. Sign-ins have others, so neither locks out the other."""
    return (f"link of {request.client_address}", *([f"link {live.link.id}"] if live else []))


def _redirect(request: ConsoleRequest, token: str, *cookies: str) -> Response:
    response = request.redirect(PATH, *cookies, **{TOKEN_FIELD: token})
    kept = tuple(header for header in response.extra_headers if header[0] in ("location", "set-cookie"))
    return replace(response, extra_headers=(*kept, *HEADERS))


def _render_locked(request: ConsoleRequest) -> Response:
    return _render(request, 429, "locked")


def _render(
    request: ConsoleRequest, status: int, state: str, live: LiveLink | None = None, token: str = "", problem: str = ""
) -> BytesResponse:
    """Return the page. Metadata are shown only as its maker chose, and behind the password if there is one."""
    is_shown = live is not None and (state == "player" or not live.link.draft.password_hash)
    page = request.render_page(
        "guest.html",
        status,
        problem,
        state=state,
        token=token,
        secret=token,
        link=live.link if live and is_shown else None,
        recorded_at=live.recording.call_begin if live and is_shown and live.link.draft.shows_date else None,
        zone=live.scope.zone if live else None,
        needs_password=bool(live and live.link.draft.password_hash),
    )
    return replace(page, extra_headers=HEADERS)
