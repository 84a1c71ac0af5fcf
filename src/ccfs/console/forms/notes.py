"""Notes to the page that a redirect leads to: a new SK or link, shown once; entries of a form that was not sent."""

import json
import secrets
from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from sqlalchemy.engine import Connection

from ccfs.console.request import ConsoleRequest
from ccfs.db.encryption import DecryptionFailed
from ccfs.db.system.console import notes
from ccfs.model.identity.user import User
from ccfs.web.responses.types import BytesResponse

LIFETIME: Final = timedelta(hours=1)
PARAMETER: Final = "note"  # of the page that shows it

Content = Mapping[str, str]


async def redirect(request: ConsoleRequest, path: str, content: Content, **query: str) -> BytesResponse:
    """Return a redirect to a page of the signed-in user that shows the content."""
    token, sealed = secrets.token_urlsafe(24), request.context.secret_box.encrypt(json.dumps(dict(content)))

    def change(connection: Connection) -> None:
        add(connection, request, request.current_user, token, sealed)

    await request.context.transaction(change)
    return request.redirect(path, **query, **{PARAMETER: token})


def add(connection: Connection, request: ConsoleRequest, user: User, token: str, sealed: str) -> None:
    """Add an encrypted note for a user within a transaction."""
    notes.add(connection, user, token, sealed, request.context.now() + LIFETIME)


async def take(request: ConsoleRequest) -> Content:
    """Return the content of the note that the query names, and delete it. Return {} without one."""
    token = request.query_params.get(PARAMETER, "")
    if not token or request.http_request.method != "GET":
        return {}
    user, now = request.current_user, request.context.now()
    return _open(request, await request.context.transaction(lambda c: notes.take(c, user, token, now)))


async def read(request: ConsoleRequest) -> Content:
    """Return the content of the note that the query names, which stays until it expires. Return {} without one."""
    token = request.query_params.get(PARAMETER, "")
    user, now = request.current_user, request.context.now()
    return _open(request, await request.context.query(lambda c: notes.find(c, user, token, now)))


def _open(request: ConsoleRequest, sealed: str | None) -> Content:
    try:
        content = json.loads(request.context.secret_box.decrypt(sealed)) if sealed else {}
    except DecryptionFailed:  # a node key was removed meanwhile
        content = {}
    return {str(name): str(value) for name, value in content.items()}
