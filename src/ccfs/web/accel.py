"""Handing files over to nginx (X-Accel-Redirect): which answers, and under which name. Not what nginx makes of it.

nginx is given the plain cases, in which it sends what send.py would: a whole file, or the one range that was asked for.
"""

from urllib.parse import quote

from ccfs.model.recording import Kept
from ccfs.web.answers import Answer, KeptFile
from ccfs.web.files import must_have_its_size, path_of
from ccfs.web.here import Here
from ccfs.web.request import Request

# Conditions that nginx would look at and that ccfs does not: such a request is answered here.
CONDITIONS = ("if-match", "if-unmodified-since", "if-modified-since")


def place(here: Here, request: Request, answer: Answer, span: tuple[int, int] | None) -> str | None:
    """Where nginx finds the answer's bytes; None where ccfs sends them itself. Raises Unavailable if they are not whole.

    Only a trusted proxy is told: whoever connects directly gets the bytes.
    """
    settings = here.settings
    if not settings.x_accel or not isinstance(answer, KeptFile) or request.method == "HEAD" or answer.size == 0:
        return None
    if "range" in request.headers and span is None:  # nginx reads some headers as ranges that are none
        return None
    if "x-forwarded-for" not in request.headers:  # a peer on the proxies' network, which would get an empty answer
        return None
    if not request.is_from(settings.trusted_proxies) or any(name in request.headers for name in CONDITIONS):
        return None
    return _name(here, settings.x_accel, answer.kept)


def headers(usual: list[tuple[str, str]], span: tuple[int, int] | None, place: str) -> list[tuple[str, str]]:
    """The headers that hand over. nginx adds Accept-Ranges to whole files by itself, but not to ranges; and it keeps the
    connection to us only where it is told that no body follows."""
    kept = usual if span else [pair for pair in usual if pair[0] != "accept-ranges"]
    return [*kept, ("content-length", "0"), ("x-accel-redirect", place)]


def _name(here: Here, prefix: str, kept: Kept) -> str | None:
    """prefix/location/key; nginx's location for it leads to the location's folder. Keys are ours and need no escape;
    what does is escaped all the same, for nginx reads a URI."""
    path = path_of(here, kept)
    if path is None:
        return None
    must_have_its_size(path, kept)
    return f"{prefix}/{quote(kept.location_id, safe='')}/{quote(kept.key)}"
