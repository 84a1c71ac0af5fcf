"""Requests whose session is over, or whose form is of an earlier session.

A page leads to signing in. A script gets a status and a header, since it could not use the page. The entries of a form are kept.
"""

from dataclasses import replace
from typing import Final
from urllib.parse import urlsplit

from ccfs.console.login import drafts, password
from ccfs.console.request import ConsoleRequest, sanitize_redirect
from ccfs.web.responses.types import BytesResponse, Response

SESSION_HEADER: Final = (
    "ccfs-session"  # of responses to scripts: "ended", or "renewed" for a form of an earlier session
)


def is_from_script(request: ConsoleRequest) -> bool:
    """Return whether a script or a player sent the request, rather than the browser to show a page."""
    headers = request.http_request.headers
    return headers.get("hx-request") == "true" or headers.get("sec-fetch-mode", "navigate") != "navigate"


def require_login(request: ConsoleRequest, *, is_route: bool) -> Response:
    """Return the response to a request without a session. It does not reveal which pages exist."""
    if is_from_script(request):
        return _add_header(request.render_error("session_ended", 401), "ended")
    path = request.http_request.path
    if request.http_request.method == "POST" and not request.form.get("csrf"):  # no form of our pages
        return request.render_error("stale_form", 403)
    if path == "/console/logout":
        return request.redirect("/console/login", logged_out="yes")
    if request.http_request.method == "POST":
        problem = request.translate("You were signed out, so nothing was sent. Sign in to continue.")
        return password.render_login(
            request,
            _find_form_page(request),
            401,
            problem,
            draft=drafts.build_draft(request),
            page_url="/console/login",
        )
    if not is_route or path in ("/console", "/console/"):
        return request.redirect("/console/login")
    return request.redirect("/console/login", next=request.url)


def reject_stale_form(request: ConsoleRequest) -> Response:
    """Return the response to our own page's form of an earlier session: its entries, to be sent again."""
    if is_from_script(request):
        return _add_header(request.render_error("stale_form", 403), "renewed")
    return drafts.render_draft(request, drafts.build_draft(request), _find_form_page(request), 403)


def _find_form_page(request: ConsoleRequest) -> str:
    """Return the page of our own that held the form, else the section's."""
    referer = urlsplit(request.http_request.headers.get("referer", ""))
    if referer.netloc == request.http_request.headers.get("host") and referer.path != "/console/login":
        url = f"{referer.path}?{referer.query}" if referer.query else referer.path
        if sanitize_redirect(url) == url:
            return url
    return sanitize_redirect(request.section_path)


def _add_header(response: BytesResponse, value: str) -> BytesResponse:
    return replace(response, extra_headers=(*response.extra_headers, (SESSION_HEADER, value)))
