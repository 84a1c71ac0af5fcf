"""Links of an account: the list with their plays, revoking, the account's switch, and the form of a new one."""

from functools import partial
from typing import Final
from urllib.parse import urlencode

from sqlalchemy.engine import Connection

from ccfs.console.calls import call_page
from ccfs.console.calls.call_page import CallView
from ccfs.console.calls.search import choose_scope, render_no_accounts
from ccfs.console.forms import notes
from ccfs.console.forms.confirmation import Question
from ccfs.console.links.link_access import get_longest
from ccfs.console.links.link_form import choose_default_hours, list_lifetimes
from ccfs.console.request import AccountScope, ConsoleRequest
from ccfs.db.system import tenants
from ccfs.db.system.console import audit
from ccfs.db.tenant import guest_links, recordings
from ccfs.model.errors import NotFound
from ccfs.model.formats.numbers import parse_number
from ccfs.model.identity.audit import AuditAction
from ccfs.model.identity.user import Permission
from ccfs.model.recordings.annotation import format_offset
from ccfs.model.recordings.guest_link import MAX_PLAYS, GuestLink, GuestLinkDraft
from ccfs.web.responses.types import BytesResponse, Response

PATH: Final = "/console/links"
PAGE_ROWS: Final = 100
MAX_LINK_ID: Final = 10**17 - 1


def are_links_on(request: ConsoleRequest, scope: AccountScope) -> bool:
    """Return whether links of the account work: by the setting and the account's switch."""
    return request.context.settings.guest_links and scope.account.allows_links


def describe(draft: GuestLinkDraft) -> str:
    """Return which part of its recording a link opens, for the audit log."""
    if draft.start_ms == 0 and draft.end_ms is None:
        return "all"
    return f"{format_offset(draft.start_ms)}–{'' if draft.end_ms is None else format_offset(draft.end_ms)}"


async def list_links(request: ConsoleRequest) -> Response:
    """Show the links of an account, the newest first, and the address of one that was just made."""
    scopes = await request.list_scopes(Permission.SHARE)
    if not scopes:
        return render_no_accounts(request)
    scope, before = choose_scope(request, scopes), request.query_params.get("before", "")
    last = parse_number(before, MAX_LINK_ID)
    load = partial(
        guest_links.list_by_account,
        app=scope.app,
        account_id=scope.account.account_id,
        before=last,
        limit=PAGE_ROWS,
    )
    links = await request.context.query(load)
    following = {"account": scope.name, "before": str(links[-1][0].id) if links else ""}
    return request.render_page(
        "links.html",
        scopes=scopes,
        scope=scope,
        links=links,
        secret=await notes.take(request),
        next_page_url=f"{PATH}?{urlencode(following)}" if len(links) == PAGE_ROWS else "",
        is_allowed=request.context.settings.guest_links,
        may_administer=request.has_permission_in(Permission.ADMINISTER, scope),
        now=request.context.now(),
        longest=get_longest(request),
    )


async def show_link_form(request: ConsoleRequest) -> Response:
    """Show the form of a new link of a call."""
    if not are_links_on(request, request.current_scope):
        return request.redirect(PATH, account=request.current_scope.name)
    return render_form(request, await call_page.load_call_view(request, request.query_params.get("id", "")))


def render_form(
    request: ConsoleRequest, view: CallView, status: int = 200, problem: str = "", field: str | None = None
) -> BytesResponse:
    """Return the page with the form, which the query may have filled in: a recording, and positions in the call."""
    max_days = request.context.settings.guest_link_max_days
    return request.render_page(
        "link_form.html",
        status,
        problem,
        field,
        scope=request.current_scope,
        view=view,
        given={name: request.query_params.get(name, "")[:500] for name in ("recording", "from", "to")},
        lifetimes=list_lifetimes(max_days),
        default_hours=choose_default_hours(max_days),
        most_plays=MAX_PLAYS,
    )


async def switch_links(request: ConsoleRequest) -> Response:
    """Turn links of the account on or off. Off, none of them works until they are on again."""
    scope, is_on = request.current_scope, request.form.get("state") == "on"

    def change(connection: Connection) -> None:
        tenants.set_account_links(connection, scope.app, scope.account.account_id, allows_links=is_on)
        entry = request.build_audit_entry(AuditAction.LINKS_SWITCHED, "on" if is_on else "off", scope)
        audit.add(connection, entry)

    await request.context.transaction(change)
    request.context.tenant_cache.invalidate()
    return request.redirect(PATH, account=scope.name)


async def ask_revoke_link(request: ConsoleRequest) -> Question:
    """Ask before a link is revoked."""
    t, link = request.translate, await _find_link(request)
    return Question(
        title=t("Revoke guest link {number}?", number=link.id),
        consequences=(
            t(
                "Nobody can play the recording with this link any more, including guests who are listening now. This cannot be undone."
            ),
        ),
        action=t("Revoke link"),
        cancel_path=f"{PATH}?{urlencode({'account': request.current_scope.name})}",
    )


async def revoke_link(request: ConsoleRequest) -> Response:
    """Revoke a link of the account. Users revoke their own, administrators of the account any."""
    scope, link, now = request.current_scope, await _find_link(request), request.context.now()

    def change(connection: Connection) -> None:
        if guest_links.revoke(connection, scope.app, scope.account.account_id, link.id, now):
            recording = recordings.find_by_name(connection, scope.app, link.recording)
            calls = (recording.call_id,) if recording else ()
            target = f"link {link.id} of {link.maker}"
            audit.add(connection, request.build_audit_entry(AuditAction.LINK_REVOKED, target, scope, None, *calls))

    await request.context.transaction(change)
    return request.redirect(PATH, account=scope.name)


async def _find_link(request: ConsoleRequest) -> GuestLink:
    """Return the link that the form names. Raise NotFound unless it is the user's own, or the user administers the account."""
    scope, link_id = request.current_scope, parse_number(request.form.get("id", ""), MAX_LINK_ID)
    if link_id is None:
        raise NotFound
    link = await request.context.query(
        lambda connection: guest_links.find(connection, scope.app, scope.account.account_id, link_id)
    )
    is_own = link is not None and link.user_id == request.current_user.id
    if link is None or not (is_own or request.has_permission_in(Permission.ADMINISTER, scope)):
        raise NotFound
    return link
