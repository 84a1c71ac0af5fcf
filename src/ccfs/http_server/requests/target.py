"""The request target: path and query exactly as sent.

Nothing is decoded, collapsed or resolved: `/%6detrics`, `//metrics` and `/x/../metrics` are different paths from `/metrics`. The
signature covers the same text, and a proxy that blocks a path blocks what the server would serve.
"""

import re

from ccfs.http_server.errors import BadRequest

_VISIBLE = re.compile(r"[!-\"$-~]+")  # visible ASCII without "#"
_ABSOLUTE = re.compile(r"https?://([^/?@\\]+)(?=[/?]|\Z)", re.IGNORECASE)  # without user information


def split_target(target: str) -> tuple[str, str, str | None]:
    """Return path, query and, for a target in absolute form, its authority. Raise BadRequest."""
    if not _VISIBLE.fullmatch(target):
        raise BadRequest(400)
    authority = None
    if not target.startswith("/") and target != "*":
        match = _ABSOLUTE.match(target)
        if match is None:
            raise BadRequest(400)
        authority, target = match[1], target[match.end() :]
        if not target.startswith("/"):
            target = f"/{target}"
    path, _, query = target.partition("?")
    return path, query, authority
