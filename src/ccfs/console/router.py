"""The console's door: who comes in, that a change comes from our own page, and which visitor's file it is for."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from ccfs.console import forms, render
from ccfs.console.admin import apps, audit_log, callbacks, cluster, exports, ingest, settings, users
from ccfs.console.bulk import pages
from ccfs.console.calls import annotations, csv_export, search
from ccfs.console.login import account, oidc_login, password
from ccfs.console.request import HOME_PATH, LANGUAGE_COOKIE, SESSION_COOKIE, ConsoleRequest
from ccfs.console.statistics import page
from ccfs.db.system import sessions
from ccfs.db.system.certificate_files import MAX_FILE_BYTES
from ccfs.logs import get_logger
from ccfs.model.errors import FileUnavailable, InvalidRequest, NotFound, OperatorError, RequestTooLarge
from ccfs.web.context import WebContext
from ccfs.web.request import ClientDisconnected, Request, read_body
from ccfs.web.responses.types import BytesResponse, Response

Handler = Callable[[ConsoleRequest], Awaitable[Response]]
FORM_LIMIT_BYTES: Final = 1 << 16  # bytes
MAX_FORM_FIELDS: Final = 100
UPLOAD_LIMIT_BYTES: Final = {
    "/console/settings/certificates/add": MAX_FILE_BYTES + 1
}  # bytes of a file that may come with a form


async def _dispatch_player(came: ConsoleRequest) -> Response:
    rooms = await asyncio.to_thread(_load_player_handlers)
    return await rooms[came.request.path](came)


def _load_player_handlers() -> Mapping[str, Handler]:
    from ccfs.console.calls import player  # brings PyAV and numpy, a fifth of a start: once somebody listens

    return player.HANDLERS


PUBLIC_ROUTES: dict[tuple[str, str], Handler] = {
    ("GET", "/console/login"): password.show_login,
    ("POST", "/console/login"): password.login,
    ("GET", "/console/setup"): password.show_password_form,
    ("POST", "/console/setup"): password.set_password,
    ("POST", "/console/language"): password.choose_language,
    ("GET", "/console/oidc"): oidc_login.start_oidc_login,
    ("GET", "/console/oidc/callback"): oidc_login.handle_oidc_callback,
    ("GET", "/console/oidc/logout"): oidc_login.start_oidc_logout,
}
ROUTES: dict[tuple[str, str], Handler] = {
    ("GET", "/console"): search.redirect_home,
    ("GET", "/console/"): search.redirect_home,
    ("GET", "/console/calls"): search.show_search,
    ("GET", "/console/calls/csv"): csv_export.download_calls_csv,
    ("GET", "/console/bulk-downloads"): pages.list_bulk_downloads,
    ("POST", "/console/bulk-downloads"): pages.create_bulk_download,
    ("GET", "/console/bulk-download"): pages.show_bulk_download,
    ("POST", "/console/bulk-download"): pages.delete_bulk_download,
    ("GET", "/console/bulk-download/zip"): pages.download_zip,
    ("GET", "/console/call"): search.show_call,
    ("GET", "/console/audio"): _dispatch_player,
    ("GET", "/console/waveform"): _dispatch_player,
    ("GET", "/console/download"): _dispatch_player,
    ("POST", "/console/annotation"): annotations.add_annotation,
    ("POST", "/console/annotation/delete"): annotations.delete_annotation,
    ("GET", "/console/statistics"): page.show_statistics,
    ("POST", "/console/logout"): password.logout,
    ("GET", "/console/exports"): exports.list_exports,
    ("GET", "/console/export"): exports.show_export,
    ("POST", "/console/export"): exports.retry_export,
    ("GET", "/console/callbacks"): callbacks.list_receivers,
    ("GET", "/console/callbacks/retry"): callbacks.confirm_resend,
    ("POST", "/console/callbacks/retry"): callbacks.resend_callbacks,
    ("GET", "/console/ingest"): ingest.show_ingest,
    ("POST", "/console/ingest/reread"): ingest.request_reread,
    ("GET", "/console/apps"): apps.list_apps,
    ("POST", "/console/apps/add"): apps.add_app,
    ("POST", "/console/apps/account"): apps.add_account,
    ("POST", "/console/apps/key"): apps.add_key,
    ("POST", "/console/apps/revoke"): apps.revoke_key,
    ("POST", "/console/apps/revoke-older"): apps.revoke_older_keys,
    ("GET", "/console/users"): users.list_users,
    ("POST", "/console/users/add"): users.add_user,
    ("POST", "/console/users/grant"): users.grant_role,
    ("POST", "/console/users/revoke"): users.revoke_role,
    ("POST", "/console/users/disable"): users.toggle_disabled,
    ("POST", "/console/users/reset"): users.reset_credentials,
    ("GET", "/console/audit"): audit_log.show_audit_log,
    ("GET", "/console/audit/csv"): audit_log.download_audit_log,
    ("GET", "/console/settings"): settings.show_settings,
    ("GET", "/console/cluster"): cluster.show_cluster,
    ("POST", "/console/cluster/node"): cluster.set_node_state,
    ("POST", "/console/cluster/location"): cluster.set_location_state,
    ("POST", "/console/settings/certificates/add"): settings.add_certificate,
    ("POST", "/console/settings/certificates/remove"): settings.remove_certificate,
    ("GET", "/console/account"): account.show_account,
    ("POST", "/console/account/password"): account.change_password,
    ("POST", "/console/account/totp"): account.start_totp_setup,
    ("POST", "/console/account/totp/enable"): account.enable_totp,
    ("POST", "/console/account/totp/disable"): account.disable_totp,
}


def matches(path: str) -> bool:
    """Whether a path is the console's."""
    return path == "/console" or path.startswith("/console/")


async def handle_request(here: WebContext, request: Request, protocol: Any) -> Response:
    """The answer to a request to the console; what goes wrong is a page, too."""
    if request.path.startswith(render.STATIC_PREFIX):
        found = render.get_static_file(request.path)
        return found or await _not_found(_anonymous(here, request))
    came = _anonymous(here, request)
    try:
        came = await _with_session(here, request, *await _read_form(request, protocol))
        return await _dispatch(came)
    except NotFound:
        return await _not_found(came)
    except FileUnavailable:
        return came.render_page("error.html", 503, kind="unavailable", reason="")
    except (OperatorError, InvalidRequest) as error:
        return came.render_page("error.html", 400, kind="error", reason=str(error))
    except ClientDisconnected:
        raise
    except Exception:  # noqa: BLE001  of whatever kind: people get a page, and the log the reason
        get_logger().exception("failed", action="request_failed", request=request.id, path=request.path)
        return came.render_page("error.html", 500, kind="unavailable", reason="")


async def _dispatch(came: ConsoleRequest) -> Response:
    method = "GET" if came.request.method == "HEAD" else came.request.method
    step = (method, came.request.path)
    room = PUBLIC_ROUTES.get(step) or ROUTES.get(step)
    if method == "POST" and not _passes_csrf_check(came, is_open=step in PUBLIC_ROUTES):
        return came.render_page("error.html", 403, kind="stale_form", reason="")
    if room is None or (step not in PUBLIC_ROUTES and came.user is None):
        return await _require_login(came, room)
    return await room(came)


async def _require_login(came: ConsoleRequest, room: Handler | None) -> Response:
    """Who is not signed in learns nothing of what there is; a page that was asked for is shown after signing in."""
    if came.user is not None:
        raise NotFound
    if room is None or came.request.method == "POST" or came.request.path in ("/console", "/console/"):
        return came.redirect("/console/login")
    query = f"?{came.request.query}" if came.request.query else ""
    return came.redirect("/console/login", next=came.request.path + query)


async def _not_found(came: ConsoleRequest) -> BytesResponse:
    return came.render_page("error.html", 404, kind="not_found", reason="")


def _passes_csrf_check(came: ConsoleRequest, *, is_open: bool) -> bool:
    """Whether a change comes from a page of ours: by the browser's word, and by what only our page knows."""
    origin = came.request.headers.get("origin")
    if origin is None or urlsplit(origin).netloc != came.request.headers.get("host"):
        return False
    return is_open or (
        bool(came.csrf_token) and secrets.compare_digest(came.csrf_token.encode(), came.form.get("csrf", "").encode())
    )


def _anonymous(here: WebContext, request: Request) -> ConsoleRequest:
    address = request.get_client_address(here.settings.trusted_proxies)
    return ConsoleRequest(
        context=here, request=request, client_address=address, language=_negotiate_language(here, request)
    )


async def _with_session(
    here: WebContext, request: Request, form: Mapping[str, str], files: Mapping[str, bytes]
) -> ConsoleRequest:
    """The visit with its user, whose session is noted as used."""
    came, now, set_to = _anonymous(here, request), here.now(), here.settings
    token = request.cookies.get(SESSION_COOKIE, "")
    idle, lasts = timedelta(seconds=set_to.session_idle_seconds), timedelta(seconds=set_to.session_seconds)
    user, is_news = await here.query(lambda connection: sessions.resolve(connection, token, now, idle, lasts))
    if is_news:
        await here.transaction(lambda connection: sessions.touch(connection, token, now))
    return ConsoleRequest(
        context=here,
        request=request,
        client_address=came.client_address,
        language=came.language,
        user=user,
        session_token=token if user else "",
        form=form,
        files=files,
    )


async def _read_form(request: Request, protocol: Any) -> tuple[Mapping[str, str], Mapping[str, bytes]]:
    """What a form brings: fields, and where one may, files."""
    if request.method != "POST":
        return {}, {}
    body = await read_body(request, protocol, FORM_LIMIT_BYTES + UPLOAD_LIMIT_BYTES.get(request.path, 0))
    content_type = request.headers.get("content-type", "")
    if request.path in UPLOAD_LIMIT_BYTES and forms.is_multipart(content_type):
        return forms.parse_multipart(content_type, body)
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MAX_FORM_FIELDS, errors="strict")
    except ValueError:
        raise RequestTooLarge(f"{MAX_FORM_FIELDS} fields") from None
    return {name: value.replace("\0", "") for name, value in pairs}, {}


def _negotiate_language(here: WebContext, request: Request) -> str:
    """The language that was chosen, else the first one that the browser names and we speak, else the node's."""
    chosen = request.cookies.get(LANGUAGE_COOKIE, "")
    if chosen in render.LANGUAGES:
        return chosen
    named = (
        one.partition(";")[0].strip().partition("-")[0] for one in request.headers.get("accept-language", "").split(",")
    )
    return next((one.lower() for one in named if one.lower() in render.LANGUAGES), here.settings.language)


__all__ = ["HOME_PATH", "handle_request", "matches"]
