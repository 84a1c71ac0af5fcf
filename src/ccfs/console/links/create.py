"""Making a link. Its recording must be one that can be decoded, so routes.py imports this module on first use, like the player."""

import secrets
from dataclasses import replace

from sqlalchemy.engine import Connection

from ccfs.console.calls import call_page
from ccfs.console.forms import notes
from ccfs.console.links import links_page
from ccfs.console.links.guest_audio import find_passage
from ccfs.console.links.guest_page import TOKEN_FIELD
from ccfs.console.links.link_access import PATH
from ccfs.console.links.link_form import LinkForm, parse_link_form
from ccfs.console.login import password_hashing
from ccfs.console.request import ConsoleRequest
from ccfs.db.system.console import audit
from ccfs.db.tenant import guest_links
from ccfs.media.codec_table import UnknownAudio
from ccfs.media.pcm import DeadlineExceeded
from ccfs.model.identity.audit import AuditAction
from ccfs.model.recordings.guest_link import MAX_PER_RECORDING
from ccfs.web.responses.types import Response
from ccfs.web.transcode_pool import PoolFull


async def create_link(request: ConsoleRequest) -> Response:
    """Make a link, and show it once."""
    scope = request.current_scope
    if not links_page.are_links_on(request, scope):
        return request.redirect(links_page.PATH, account=scope.name)
    view = await call_page.load_call_view(request, request.form.get("id", ""))
    max_days, now = request.context.settings.guest_link_max_days, request.context.now()
    form = parse_link_form(request.form, view.recordings, max_days, now, request.translate)
    if not isinstance(form, LinkForm):
        return links_page.render_form(request, view, 400, form[1], form[0])
    problem = await _find_audio_problem(request, form)
    if problem:
        return links_page.render_form(request, view, 400, problem, "recording")
    token = secrets.token_urlsafe(32)
    if not await _add(request, form, token):
        problem = request.translate("A recording can have up to {most} active guest links.", most=MAX_PER_RECORDING)
        return links_page.render_form(request, view, 400, problem, "recording")
    settings = request.context.settings
    base = settings.console_url.rstrip("/").removesuffix("/console")
    base = base or request.http_request.get_origin(settings.trusted_proxies)
    content = {"link": f"{base}{PATH}?{TOKEN_FIELD}={token}", "call": view.call_id}
    return await notes.redirect(request, links_page.PATH, content, account=scope.name)


async def _find_audio_problem(request: ConsoleRequest, form: LinkForm) -> str:
    """Return why the link would play nothing, "" if it would play something."""
    try:
        await find_passage(request.context, request.current_scope.app, form.placed.recording, form.draft)
    except UnknownAudio:
        return request.translate("This recording cannot be shared: it cannot be decoded, or has no audio there.")
    except (PoolFull, DeadlineExceeded):
        return request.translate("Too many recordings are being converted. Try again in a moment.")
    return ""


async def _add(request: ConsoleRequest, form: LinkForm, token: str) -> bool:
    """Store a link with its audit entry. Return False if the recording has too many."""
    scope, recording, now = request.current_scope, form.placed.recording, request.context.now()
    draft, user = form.draft, request.current_user
    if form.password:
        draft = replace(draft, password_hash=await password_hashing.hash_password(form.password))

    def change(connection: Connection) -> bool:
        link_id = guest_links.add(connection, scope.app, recording, draft, user, token, now)
        if link_id is None:
            return False
        target = f"link {link_id}: {links_page.describe(draft)} of {recording.file_name}"
        entry = request.build_audit_entry(AuditAction.LINK_CREATED, target, scope, None, recording.call_id)
        audit.add(connection, entry)
        return True

    return await request.context.transaction(change)
