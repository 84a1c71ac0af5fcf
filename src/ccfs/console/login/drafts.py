"""Drafts: the entries of a form that was not sent because its session was over.

The login form holds them in hidden fields. After the login, a page shows them, and the user sends them.
"""

import json
import secrets
from collections.abc import Mapping
from typing import Final

from sqlalchemy.engine import Connection

from ccfs.console.forms import notes
from ccfs.console.forms.confirmation import CONFIRMED
from ccfs.console.forms.state import UNKEPT
from ccfs.console.request import HOME_PATH, ConsoleRequest, sanitize_redirect
from ccfs.model.identity.user import User
from ccfs.web.responses.types import BytesResponse, Response

PREFIX: Final = "draft."  # of the login form's fields that hold another form's
PATH_FIELD: Final = "draft-path"
MAX_FIELDS: Final = 60
MAX_CHARACTERS: Final = 20_000
NO_DRAFT: Final[Mapping[str, str]] = {}
_UNKEPT: Final = UNKEPT | {"csrf", "secret", "link", CONFIRMED}


def build_draft(request: ConsoleRequest) -> Mapping[str, str]:
    """Return the request's form as fields of the login form; {} if it is too large to be kept."""
    kept = {name: value for name, value in request.form.items() if name not in _UNKEPT}
    if sanitize_redirect(request.url) != request.url or not _is_small(kept):
        return NO_DRAFT
    return {PATH_FIELD: request.url} | {f"{PREFIX}{name}": value for name, value in kept.items()}


def get_sent_draft(request: ConsoleRequest) -> Mapping[str, str]:
    """Return the draft that the login form holds; {} if there is none."""
    draft = {name: value for name, value in request.form.items() if name.startswith(PREFIX) or name == PATH_FIELD}
    return draft if PATH_FIELD in draft and _is_small(draft) else NO_DRAFT


def _is_small(fields: Mapping[str, str]) -> bool:
    return len(fields) <= MAX_FIELDS and sum(map(len, fields.values())) <= MAX_CHARACTERS


async def redirect_to_draft(request: ConsoleRequest, user: User, next_path: str, cookie: str) -> Response:
    """Return the redirect after a login to the page that shows the draft of the login form."""
    content = {**get_sent_draft(request), "next": next_path}
    token, sealed = secrets.token_urlsafe(24), request.context.secret_box.encrypt(json.dumps(content))

    def change(connection: Connection) -> None:
        notes.add(connection, request, user, token, sealed)

    await request.context.transaction(change)
    return request.redirect("/console/resume", cookie, **{notes.PARAMETER: token})


async def show_draft(request: ConsoleRequest) -> Response:
    """Show the entries of a form that was not sent because the session was over."""
    content = await notes.read(request)
    if PATH_FIELD not in content:
        return request.redirect(HOME_PATH)
    return render_draft(request, content, sanitize_redirect(content.get("next", "")), 200)


def render_draft(request: ConsoleRequest, draft: Mapping[str, str], cancel_path: str, status: int) -> BytesResponse:
    """Return the page with the entries of a form that was not sent."""
    if PATH_FIELD not in draft:
        return request.render_error("stale_form", status)
    fields = {name.removeprefix(PREFIX): value for name, value in draft.items() if name.startswith(PREFIX)}
    return request.render_page(
        "resume.html", status, action=sanitize_redirect(draft[PATH_FIELD]), fields=fields, cancel_path=cancel_path
    )
