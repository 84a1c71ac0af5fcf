"""Drafts: the entries of a form that was not sent because its session was over.

The login form holds them in hidden fields, and an encrypted cookie while the user signs in at a provider. After the login, a
page shows them, and the user sends them.
"""

import base64
import json
import secrets
import zlib
from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from sqlalchemy.engine import Connection

from ccfs.console.forms import notes
from ccfs.console.forms.confirmation import CONFIRMED
from ccfs.console.forms.state import UNKEPT
from ccfs.console.request import HOME_PATH, ConsoleRequest, sanitize_redirect
from ccfs.model.errors import OperatorError
from ccfs.model.identity.user import User
from ccfs.web.responses.types import BytesResponse, Response

PREFIX: Final = "draft."  # of the login form's fields that hold another form's
PATH_FIELD: Final = "draft-path"
MAX_FIELDS: Final = 60
MAX_CHARACTERS: Final = 20_000
COOKIE: Final = "ccfs_draft"
COOKIE_LIFETIME: Final = timedelta(minutes=10)  # time to sign in at the provider
MAX_COOKIE_LENGTH: Final = 2600  # with the other headers, a response stays below the 4 KB that proxies take
MAX_UNPACKED_BYTES: Final = 1 << 18
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


def build_cookie(request: ConsoleRequest, draft: Mapping[str, str]) -> tuple[str, str]:
    """Return an id of the draft, and the cookie that holds it during a login at a provider; "" and "" if it is too large.

    The address that starts the login names the id, so that no other login of this browser shows the draft.
    """
    draft_id = secrets.token_urlsafe(9)
    until = int((request.context.now() + COOKIE_LIFETIME).timestamp())
    content = zlib.compress(json.dumps({"id": draft_id, "until": until, "draft": dict(draft)}).encode())
    sealed = request.context.secret_box.encrypt(base64.b85encode(content).decode())
    if len(sealed) > MAX_COOKIE_LENGTH:
        return "", ""
    return draft_id, request.build_cookie(COOKIE, sealed, int(COOKIE_LIFETIME.total_seconds()))


def read_cookie(request: ConsoleRequest, draft_id: str) -> Mapping[str, str]:
    """Return the draft of that id from its cookie; {} if there is none."""
    sealed = request.cookies.get(COOKIE, "")
    if not draft_id or not sealed:
        return NO_DRAFT
    try:
        packed = base64.b85decode(request.context.secret_box.decrypt(sealed))
        content = json.loads(zlib.decompressobj().decompress(packed, MAX_UNPACKED_BYTES))
        is_right = secrets.compare_digest(str(content["id"]).encode(), draft_id.encode())
        until, draft = int(content["until"]), {str(name): str(value) for name, value in content["draft"].items()}
    except (OperatorError, ValueError, TypeError, KeyError, AttributeError, zlib.error):
        return NO_DRAFT
    is_valid = is_right and request.context.now().timestamp() < until
    return draft if is_valid and PATH_FIELD in draft and _is_small(draft) else NO_DRAFT


def list_clearing_cookies(request: ConsoleRequest) -> tuple[str, ...]:
    """Return the cookies that delete a draft: none if the browser has none."""
    return (request.build_cookie(COOKIE, "", 0),) if COOKIE in request.cookies else ()


async def redirect_to_draft(
    request: ConsoleRequest, user: User, draft: Mapping[str, str], next_path: str, *cookies: str
) -> Response:
    """Return the redirect after a login to the page that shows a draft."""
    content = {**draft, "next": next_path}
    token, sealed = secrets.token_urlsafe(24), request.context.secret_box.encrypt(json.dumps(content))

    def change(connection: Connection) -> None:
        notes.add(connection, request, user, token, sealed)

    await request.context.transaction(change)
    return request.redirect("/console/resume", *cookies, **{notes.PARAMETER: token})


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
