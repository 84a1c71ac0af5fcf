"""The console's router: session, CSRF check, access check, handler. Errors become pages."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from ccfs.console import last_account, render
from ccfs.console.access import Route, authorize
from ccfs.console.admin.certificates import MAX_KEY_STORE_BYTES
from ccfs.console.compression import compress, compress_static, is_compressible
from ccfs.console.context import ConsoleContext
from ccfs.console.forms import confirmation, csrf, multipart
from ccfs.console.login import second_factor, session_end
from ccfs.console.request import LANGUAGE_COOKIE, SESSION_COOKIE, ConsoleRequest, PageResponse
from ccfs.console.routes import find_route
from ccfs.db.system.certificates.certificate_files import MAX_FILE_BYTES
from ccfs.db.system.console import sessions
from ccfs.http_server.errors import ClientDisconnected
from ccfs.http_server.exchange import Exchange
from ccfs.logs import get_logger
from ccfs.model.errors import FileUnavailable, InvalidRequest, NotFound, OperatorError, RequestTooLarge, ServerBusy
from ccfs.web.request import Request, read_body
from ccfs.web.responses.types import BytesResponse, Response

FORM_LIMIT_BYTES: Final = 1 << 16
MAX_FORM_FIELDS: Final = 100
FIELD_LIMIT: Final = {  # of forms with many fields, by path
    "/console/evaluation-form/edit": 300,
    "/console/evaluation": 200,
    "/console/evaluation/draft": 200,
}
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
        file = render.get_static_file(http_request.path)
        return (
            compress_static(request, file) if file else await _render(request, request.render_error("not_found", 404))
        )
    response = await _respond(request, exchange)
    return await _render(request, response) if isinstance(response, PageResponse) else response


async def _render(request: ConsoleRequest, response: Response) -> Response:
    """Return a response with its page rendered, and compressed where that is safe."""
    if isinstance(response, PageResponse):
        return await asyncio.to_thread(_render_in_thread, request, response)
    if isinstance(response, BytesResponse) and is_compressible(request, response):
        return await asyncio.to_thread(compress, response)
    return response


def _render_in_thread(request: ConsoleRequest, page: PageResponse) -> BytesResponse:
    response = BytesResponse(
        body=page.render(), content_type=page.content_type, status=page.status, extra_headers=page.extra_headers
    )
    return compress(response) if not page.has_secret and is_compressible(request, response) else response


async def _respond(request: ConsoleRequest, exchange: Exchange) -> Response:
    http_request = request.http_request
    try:
        form, files = await _read_form(request, exchange)
        request = await _with_session(replace(request, form=form, files=files))
        return await _render(request, await _dispatch(request))
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
    is_sessionless = route is not None and route.is_sessionless
    if request.http_request.method == "POST" and not is_sessionless and not _is_from_our_page(request):
        return request.render_error("stale_form", 403)
    if request.user is None and not is_public:
        return session_end.require_login(request, is_route=route is not None)
    if request.http_request.method == "POST" and not is_public and not _has_csrf_token(request):
        return session_end.reject_stale_form(request)
    if route is None:
        raise NotFound
    if not is_public and second_factor.must_set_up(request) and not second_factor.is_allowed_before(route.path):
        return request.redirect(second_factor.SETUP_PATH)
    return await _run(route, await authorize(request, route))


async def _run(route: Route, request: ConsoleRequest) -> Response:
    if route.question and not confirmation.is_confirmed(request):
        question = await route.question(request)
        if question:
            return confirmation.render_question(request, question)
    response = await route.handler(request)
    await last_account.remember(request, response)
    return response


def _is_from_our_page(request: ConsoleRequest) -> bool:
    """Whether a POST comes from a page of this host, by the browser's Origin."""
    headers = request.http_request.headers
    origin = headers.get("origin")
    return origin is not None and urlsplit(origin).netloc == headers.get("host")


def _has_csrf_token(request: ConsoleRequest) -> bool:
    """Whether a form has the token of its session."""
    return csrf.is_token_of(request.session_token, request.form.get("csrf", ""))


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
    language = user.preferences.language if user else ""
    return replace(request, user=user, session_token=token if user else "", language=language or request.language)


async def _read_form(request: ConsoleRequest, exchange: Exchange) -> tuple[Mapping[str, str], Mapping[str, bytes]]:
    """Return the fields and files of a POST form. Raise RequestTooLarge beyond the limits, ServerBusy."""
    http_request = request.http_request
    if http_request.method != "POST":
        return {}, {}
    upload_limit = UPLOAD_LIMIT_BYTES.get(http_request.path, 0)
    body = await read_body(exchange, FORM_LIMIT_BYTES + upload_limit, request.client_address)
    max_fields = FIELD_LIMIT.get(http_request.path, MAX_FORM_FIELDS)
    content_type = http_request.headers.get("content-type", "")
    if upload_limit and multipart.is_multipart(content_type):
        return multipart.parse_multipart(content_type, body)
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=max_fields, errors="strict")
    except ValueError:
        raise RequestTooLarge(f"{max_fields} fields") from None
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
