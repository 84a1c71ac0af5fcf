"""Handing files over to nginx (X-Accel-Redirect): which answers, and under which name. Not what nginx makes of it.

nginx is given the plain cases, in which it sends what send.py would: a whole file, or the one range that was asked for. A
file on a disk it opens; one in S3 it fetches by a presigned URL, of which it is told all but the host.
"""

import asyncio
from urllib.parse import quote, urlsplit

from ccfs.logs import get_logger
from ccfs.model.blobs.blob_ref import BlobRef
from ccfs.model.errors import FileUnavailable
from ccfs.web.context import WebContext
from ccfs.web.request import Request
from ccfs.web.responses.blob_checks import SupportsPresign, get_local_path, verify_blob_sizes, verify_file_size
from ccfs.web.responses.types import BlobResponse, Response

# Conditions that nginx would look at and that ccfs does not: such a request is answered here.
CONDITIONAL_HEADERS = ("if-match", "if-unmodified-since", "if-modified-since")
FALLBACK_HEADER = "x-ccfs-itself"  # nginx could not fetch what was handed over, and asks once more, for the bytes
PRESIGNED_URL_SECONDS = 60  # that a presigned URL is good for: nginx asks at once
DEFERRED_HEADERS = (
    "content-disposition",
    "cache-control",
)  # nginx would keep them for whatever it sends in the end, a failure too

Headers = list[tuple[str, str]]


async def build_headers(
    here: WebContext, request: Request, answer: Response, span: tuple[int, int] | None, usual: Headers
) -> Headers | None:
    """The headers of an answer that hands over; None where ccfs sends the bytes. Raises Unavailable if they are not whole.

    Only a trusted proxy is told: whoever connects directly gets the bytes.
    """
    if not isinstance(answer, BlobResponse) or not _can_hand_off(here, request, answer, span):
        return None
    if request.headers.get(FALLBACK_HEADER):
        get_logger().warning("nginx could not fetch a file", action="handover_failed", location=answer.blob.location_id)
        return None
    path = get_local_path(here, answer.blob)
    if path is None:
        return await _build_s3_headers(here, answer, span, usual)
    return _build_disk_headers(here, path, answer.blob, span, usual)


def _can_hand_off(here: WebContext, request: Request, answer: BlobResponse, span: tuple[int, int] | None) -> bool:
    settings = here.settings
    if not (settings.x_accel or settings.x_accel_s3) or request.method == "HEAD" or answer.size == 0:
        return False
    if "range" in request.headers and span is None:  # nginx reads some headers as ranges that are none
        return False
    if "x-forwarded-for" not in request.headers:  # a peer on the proxies' network, which would get an empty answer
        return False
    return request.is_from(settings.trusted_proxies) and not any(
        name in request.headers for name in CONDITIONAL_HEADERS
    )


def _build_disk_headers(
    here: WebContext, path: str, kept: BlobRef, span: tuple[int, int] | None, usual: Headers
) -> Headers | None:
    """To prefix/location/key; nginx's location for it leads to the location's folder. nginx adds Accept-Ranges to whole
    files by itself, but not to ranges. Keys are ours and need no escape; what does is escaped all the same, for nginx
    reads a URI."""
    if not here.settings.x_accel:
        return None
    verify_file_size(path, kept)
    kept_headers = usual if span else [pair for pair in usual if pair[0] != "accept-ranges"]
    place = f"{here.settings.x_accel}/{quote(kept.location_id, safe='')}/{quote(kept.key)}"
    return [*kept_headers, *_redirect_headers(place)]


async def _build_s3_headers(
    here: WebContext, answer: BlobResponse, span: tuple[int, int] | None, usual: Headers
) -> Headers | None:
    """To prefix/location/ and the presigned URL's path and query. The host nginx has from its own configuration, so that
    nothing said here leads it elsewhere; the range it is told, so that the service need not judge the client's."""
    if not here.settings.x_accel_s3:
        return None
    place = await asyncio.to_thread(_build_presigned_uri, here, answer.blob)
    if place is None:
        return None
    aside = [
        (f"x-ccfs-{name}" if name in DEFERRED_HEADERS else name, value)
        for name, value in usual
        if name != "accept-ranges"
    ]
    range_ = [("x-ccfs-range", f"bytes={span[0]}-{span[1] - 1}")] if span else []
    return [*aside, *range_, *_redirect_headers(place)]


def _build_presigned_uri(here: WebContext, kept: BlobRef) -> str | None:
    location = here.locations.get(kept.location_id)
    if not isinstance(location, SupportsPresign):
        return None
    verify_blob_sizes(here, [kept])
    try:
        url = urlsplit(location.presign(kept.key, PRESIGNED_URL_SECONDS))
    except OSError as error:
        raise FileUnavailable from error
    return f"{here.settings.x_accel_s3}/{quote(kept.location_id, safe='')}{url.path}?{url.query}"


def _redirect_headers(place: str) -> Headers:
    """nginx keeps the connection to us only where it is told that no body follows."""
    return [("content-length", "0"), ("x-accel-redirect", place)]
