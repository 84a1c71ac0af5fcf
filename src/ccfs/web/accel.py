"""Handing files over to nginx (X-Accel-Redirect): which answers, and under which name. Not what nginx makes of it.

nginx is given the plain cases, in which it sends what send.py would: a whole file, or the one range that was asked for. A
file on a disk it opens; one in S3 it fetches by a presigned URL, of which it is told all but the host.
"""

import asyncio
from urllib.parse import quote, urlsplit

from ccfs.logs import log
from ccfs.model.errors import Unavailable
from ccfs.model.recording import Kept
from ccfs.web.answers import Answer, KeptFile
from ccfs.web.files import Presigning, must_be_whole, must_have_its_size, path_of
from ccfs.web.here import Here
from ccfs.web.request import Request

# Conditions that nginx would look at and that ccfs does not: such a request is answered here.
CONDITIONS = ("if-match", "if-unmodified-since", "if-modified-since")
ITSELF = "x-ccfs-itself"  # nginx could not fetch what was handed over, and asks once more, for the bytes
FETCH_SECONDS = 60  # that a presigned URL is good for: nginx asks at once
ASIDE = (
    "content-disposition",
    "cache-control",
)  # nginx would keep them for whatever it sends in the end, a failure too

Headers = list[tuple[str, str]]


async def headers(
    here: Here, request: Request, answer: Answer, span: tuple[int, int] | None, usual: Headers
) -> Headers | None:
    """The headers of an answer that hands over; None where ccfs sends the bytes. Raises Unavailable if they are not whole.

    Only a trusted proxy is told: whoever connects directly gets the bytes.
    """
    if not isinstance(answer, KeptFile) or not _may(here, request, answer, span):
        return None
    if request.headers.get(ITSELF):
        log().warning("nginx could not fetch a file", action="handover_failed", location=answer.kept.location_id)
        return None
    path = path_of(here, answer.kept)
    if path is None:
        return await _of_s3(here, answer, span, usual)
    return _of_file(here, path, answer.kept, span, usual)


def _may(here: Here, request: Request, answer: KeptFile, span: tuple[int, int] | None) -> bool:
    settings = here.settings
    if not (settings.x_accel or settings.x_accel_s3) or request.method == "HEAD" or answer.size == 0:
        return False
    if "range" in request.headers and span is None:  # nginx reads some headers as ranges that are none
        return False
    if "x-forwarded-for" not in request.headers:  # a peer on the proxies' network, which would get an empty answer
        return False
    return request.is_from(settings.trusted_proxies) and not any(name in request.headers for name in CONDITIONS)


def _of_file(here: Here, path: str, kept: Kept, span: tuple[int, int] | None, usual: Headers) -> Headers | None:
    """To prefix/location/key; nginx's location for it leads to the location's folder. nginx adds Accept-Ranges to whole
    files by itself, but not to ranges. Keys are ours and need no escape; what does is escaped all the same, for nginx
    reads a URI."""
    if not here.settings.x_accel:
        return None
    must_have_its_size(path, kept)
    kept_headers = usual if span else [pair for pair in usual if pair[0] != "accept-ranges"]
    place = f"{here.settings.x_accel}/{quote(kept.location_id, safe='')}/{quote(kept.key)}"
    return [*kept_headers, *_to(place)]


async def _of_s3(here: Here, answer: KeptFile, span: tuple[int, int] | None, usual: Headers) -> Headers | None:
    """To prefix/location/ and the presigned URL's path and query. The host nginx has from its own configuration, so that
    nothing said here leads it elsewhere; the range it is told, so that the service need not judge the client's."""
    if not here.settings.x_accel_s3:
        return None
    place = await asyncio.to_thread(_presigned_place, here, answer.kept)
    if place is None:
        return None
    aside = [(f"x-ccfs-{name}" if name in ASIDE else name, value) for name, value in usual if name != "accept-ranges"]
    range_ = [("x-ccfs-range", f"bytes={span[0]}-{span[1] - 1}")] if span else []
    return [*aside, *range_, *_to(place)]


def _presigned_place(here: Here, kept: Kept) -> str | None:
    location = here.locations.get(kept.location_id)
    if not isinstance(location, Presigning):
        return None
    must_be_whole(here, [kept])
    try:
        url = urlsplit(location.presigned(kept.key, FETCH_SECONDS))
    except OSError as error:
        raise Unavailable from error
    return f"{here.settings.x_accel_s3}/{quote(kept.location_id, safe='')}{url.path}?{url.query}"


def _to(place: str) -> Headers:
    """nginx keeps the connection to us only where it is told that no body follows."""
    return [("content-length", "0"), ("x-accel-redirect", place)]
