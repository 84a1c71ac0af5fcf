"""The console's router: session, CSRF check, access check, handler. Errors become pages."""

import asyncio
import secrets
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from ccfs.console import forms, render
from ccfs.console.access import Route, authorize
from ccfs.console.admin.certificates import MAX_KEY_STORE_BYTES
from ccfs.console.context import ConsoleContext
from ccfs.console.login import second_factor
from ccfs.console.request import LANGUAGE_COOKIE, SESSION_COOKIE, ConsoleRequest, PageResponse
from ccfs.console.routes import find_route
from ccfs.db.system.certificate_files import MAX_FILE_BYTES
from ccfs.db.system.console import sessions
from ccfs.http_server.errors import ClientDisconnected
from ccfs.http_server.exchange import Exchange
from ccfs.logs import get_logger
from ccfs.model.errors import FileUnavailable, InvalidRequest, NotFound, OperatorError, RequestTooLarge, ServerBusy
from ccfs.web.request import Request, read_body
from ccfs.web.responses.types import BytesResponse, Response

FORM_LIMIT_BYTES: Final = 1 << 16
MAX_FORM_FIELDS: Final = 100
UPLOAD_LIMIT_BYTES: Final = {  # of the form's file, by path
    "/console/settings/certificates/add": MAX_FILE_BYTES + 1,
    "/console/settings/certificates/import": MAX_KEY_STORE_BYTES + 1,
}


def matches(path: str) -> bool:
    """Whether a path is the console's."""
    return path == "/console" or path.startswith("/console/")


async def handle_request(context: ConsoleContext, http_request: Request, exchange: Exchange) -> Response:
    """Return the response to a request to the console. Errors are pages, too."""
    request = _anonymous(context, http_request)
    if http_request.path.startswith(render.STATIC_PREFIX):
        return render.get_static_file(http_request.path) or await _render(request.render_error("not_found", 404))
    return await _render(await _respond(request, exchange))


async def _render(response: Response) -> Response:
    if not isinstance(response, PageResponse):
        return response
    body = await asyncio.to_thread(response.render)
    return BytesResponse(
        body=body,
        content_type=response.content_type,
        status=response.status,
        extra_headers=response.extra_headers,
    )


async def _respond(request: ConsoleRequest, exchange: Exchange) -> Response:
    http_request = request.http_request
    try:
        form, files = await _read_form(request, exchange)
        request = await _with_session(replace(request, form=form, files=files))
        return await _render(await _dispatch(request))
    except NotFound:
        return request.render_error("not_found", 404)
    except (FileUnavailable, ServerBusy) as error:
        request.context.failures.record(error)
        return request.render_error("unavailable", 503)
    except (OperatorError, InvalidRequest) as error:
        return request.render_error("error", 400, str(error))
    except ClientDisconnected:
        raise
    except Exception:  # noqa: BLE001  the user gets a page, and the log the traceback
        get_logger().exception(
            "request failed", action="request_failed", request=http_request.id, path=http_request.path
        )
        return request.render_error("unavailable", 500)


async def _dispatch(request: ConsoleRequest) -> Response:
    route = find_route(request.http_request.method, request.http_request.path)
    is_public = route is not None and route.is_public
    if request.http_request.method == "POST" and not _passes_csrf_check(request, is_public=is_public):
        return request.render_error("stale_form", 403)
    if route is None or (request.user is None and not is_public):
        return _require_login(request, route)
    if not is_public and second_factor.must_set_up(request) and not second_factor.is_allowed_before(route.path):
        return request.redirect(second_factor.SETUP_PATH)
    return await route.handler(await authorize(request, route))


def _require_login(request: ConsoleRequest, route: Route | None) -> Response:
    """Return the login page, which leads to the requested page. It does not reveal which pages exist."""
    if request.user is not None:
        raise NotFound
    path, query = request.http_request.path, request.http_request.query
    if route is None or request.http_request.method == "POST" or path in ("/console", "/console/"):
        return request.redirect("/console/login")
    return request.redirect("/console/login", next=f"{path}?{query}" if query else path)


def _passes_csrf_check(request: ConsoleRequest, *, is_public: bool) -> bool:
    """Whether a POST comes from our own page: by the browser's Origin, and by the session's token if it has one."""
    headers = request.http_request.headers
    origin = headers.get("origin")
    if origin is None or urlsplit(origin).netloc != headers.get("host"):
        return False
    token, sent = request.csrf_token, request.form.get("csrf", "")
    return is_public or (bool(token) and secrets.compare_digest(token.encode(), sent.encode()))


def _anonymous(context: ConsoleContext, http_request: Request) -> ConsoleRequest:
    return ConsoleRequest(
        context=context,
        http_request=http_request,
        client_address=http_request.get_client_address(context.settings.trusted_proxies),
        language=_negotiate_language(context, http_request),
    )


async def _with_session(request: ConsoleRequest) -> ConsoleRequest:
    """Return the request with the user of its session, whose last use is stored."""
    context, now = request.context, request.context.now()
    token = request.cookies.get(SESSION_COOKIE, "")
    idle_timeout = timedelta(seconds=context.settings.session_idle_seconds)
    lifetime = timedelta(seconds=context.settings.session_seconds)
    user, must_touch = await context.query(
        lambda connection: sessions.resolve(connection, token, now, idle_timeout, lifetime)
    )
    if must_touch:
        await context.transaction(lambda connection: sessions.touch(connection, token, now))
    return replace(request, user=user, session_token=token if user else "")


async def _read_form(request: ConsoleRequest, exchange: Exchange) -> tuple[Mapping[str, str], Mapping[str, bytes]]:
    """Return the fields and files of a POST form. Raise RequestTooLarge beyond the limits, ServerBusy."""
    http_request = request.http_request
    if http_request.method != "POST":
        return {}, {}
    upload_limit = UPLOAD_LIMIT_BYTES.get(http_request.path, 0)
    body = await read_body(exchange, FORM_LIMIT_BYTES + upload_limit, request.client_address)
    content_type = http_request.headers.get("content-type", "")
    if upload_limit and forms.is_multipart(content_type):
        return forms.parse_multipart(content_type, body)
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MAX_FORM_FIELDS, errors="strict")
    except ValueError:
        raise RequestTooLarge(f"{MAX_FORM_FIELDS} fields") from None
    return {name: value.replace("\0", "") for name, value in pairs}, {}


def _negotiate_language(context: ConsoleContext, http_request: Request) -> str:
    """Return the chosen language, else the browser's first that has a catalogue, else the setting's."""
    chosen = http_request.cookies.get(LANGUAGE_COOKIE, "")
    if chosen in render.LANGUAGES:
        return chosen
    accepted = (
        language.partition(";")[0].strip().partition("-")[0].lower()
        for language in http_request.headers.get("accept-language", "").split(",")
    )
    return next((language for language in accepted if language in render.LANGUAGES), context.settings.language)
