"""Handing responses over to nginx by X-Accel-Redirect: which ones, and under which internal path.

nginx gets the plain cases, in which it sends what send.py would: a whole file, or the one requested range. It opens a
file on a disk itself. It fetches a blob in S3 by a presigned URL, of which it is given all but the host.
"""

import asyncio
from urllib.parse import quote, urlsplit

from ccfs.logs import get_logger
from ccfs.model.blobs.blob_ref import BlobRef
from ccfs.model.errors import FileUnavailable
from ccfs.web.context import WebContext
from ccfs.web.request import Request
from ccfs.web.responses.blob_checks import SupportsPresign, get_local_path, verify_blob_size, verify_file_size
from ccfs.web.responses.headers import Headers, SelectedRange
from ccfs.web.responses.types import BlobResponse

# Conditions that nginx would evaluate and that ccfs ignores: ccfs sends the bytes of such requests itself.
CONDITIONAL_HEADERS = ("if-match", "if-unmodified-since", "if-modified-since")
FALLBACK_HEADER = "x-ccfs-itself"  # nginx could not fetch what was handed over, and requests the bytes themselves
PRESIGNED_URL_SECONDS = 60  # lifetime of a presigned URL: nginx uses it at once
# nginx would send these with whatever response it ends with, a failure too. It renames them once the fetch succeeds.
DEFERRED_HEADERS = ("content-disposition", "cache-control")


async def build_headers(
    context: WebContext, request: Request, response: BlobResponse, selected: SelectedRange, usual: Headers
) -> Headers | None:
    """Return the headers that hand the response over, or None if ccfs sends the bytes.

    Raise FileUnavailable if the bytes do not have the recorded size. Only a trusted proxy gets these headers: a client that
    connects directly gets the bytes.
    """
    if not _can_hand_off(context, request, selected):
        return None
    if request.headers.get(FALLBACK_HEADER):
        location = response.blob.location_id
        get_logger().warning("nginx could not fetch a file", action="handover_failed", location=location)
        return None
    path = get_local_path(context, response.blob)
    if path is None:
        return await _build_s3_headers(context, response.blob, selected, usual)
    return _build_disk_headers(context, path, response.blob, selected, usual)


def _can_hand_off(context: WebContext, request: Request, selected: SelectedRange) -> bool:
    settings = context.settings
    if not (settings.x_accel or settings.x_accel_s3) or request.method == "HEAD" or selected.size == 0:
        return False
    if "range" in request.headers and selected.status != 206:  # nginx honours some headers that are no valid range
        return False
    if "x-forwarded-for" not in request.headers:  # a peer on the proxies' network, which would get an empty body
        return False
    return request.is_from(settings.trusted_proxies) and not any(
        name in request.headers for name in CONDITIONAL_HEADERS
    )


def _build_disk_headers(
    context: WebContext, path: str, blob: BlobRef, selected: SelectedRange, usual: Headers
) -> Headers | None:
    """Return a redirect to prefix/location/key, which nginx maps to the location's folder.

    nginx adds Accept-Ranges to whole files by itself, but not to ranges. Our keys need no escape; the path is quoted all the
    same, because nginx reads a URI.
    """
    if not context.settings.x_accel:
        return None
    verify_file_size(path, blob)
    headers = usual if selected.status == 206 else [pair for pair in usual if pair[0] != "accept-ranges"]
    target = f"{context.settings.x_accel}/{quote(blob.location_id, safe='')}/{quote(blob.key)}"
    return [*headers, *_build_redirect(target)]


async def _build_s3_headers(
    context: WebContext, blob: BlobRef, selected: SelectedRange, usual: Headers
) -> Headers | None:
    """Return a redirect to prefix/location/ and the presigned URL's path and query.

    nginx has the host from its own configuration, so that no response can lead it elsewhere. It gets the range from
    us, so that the service need not judge the client's header.
    """
    if not context.settings.x_accel_s3:
        return None
    target = await asyncio.to_thread(_build_presigned_uri, context, blob)
    if target is None:
        return None
    headers = [
        (f"x-ccfs-{name}" if name in DEFERRED_HEADERS else name, value)
        for name, value in usual
        if name != "accept-ranges"
    ]
    if selected.status == 206:
        headers.append(("x-ccfs-range", f"bytes={selected.start}-{selected.end - 1}"))
    return [*headers, *_build_redirect(target)]


def _build_presigned_uri(context: WebContext, blob: BlobRef) -> str | None:
    location = context.locations.get(blob.location_id)
    if not isinstance(location, SupportsPresign):
        return None
    verify_blob_size(context, blob)
    try:
        url = urlsplit(location.presign(blob.key, PRESIGNED_URL_SECONDS))
    except OSError as error:
        raise FileUnavailable from error
    return f"{context.settings.x_accel_s3}/{quote(blob.location_id, safe='')}{url.path}?{url.query}"


def _build_redirect(target: str) -> Headers:
    """Return the redirect. Without the length, nginx would not keep its connection to us."""
    return [("content-length", "0"), ("x-accel-redirect", target)]
