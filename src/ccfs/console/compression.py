"""Compressed responses of the console, by gzip.

A compressed length can reveal a secret if an attacker chooses a part of the page, requests it many times, and sees the lengths
(BREACH). Therefore a page is compressed only if one of our own pages or the user requested it, never if another site did. The
CSRF token has another mask in each page, and a page with a new key, link or second factor is not compressed at all. Audio and
downloads are not compressed: they are sent by range, and audio is compressed already.
"""

import gzip
from dataclasses import replace
from functools import lru_cache
from typing import Final
from urllib.parse import urlsplit

from ccfs.console.request import ConsoleRequest
from ccfs.web.responses.types import BytesResponse

MIN_BYTES: Final = 600  # of a body that is worth it
LEVEL: Final = 6  # of 1 to 9; a page of 40 KB takes a third of a millisecond
STATIC_LEVEL: Final = 9  # done once
_TYPES: Final = ("text/html", "text/css", "text/javascript", "application/json", "image/svg+xml")
_OWN_SITES: Final = ("same-origin", "none")  # Sec-Fetch-Site of our own pages, and of an address that the user entered
_VARY: Final = ("vary", "Accept-Encoding")


def is_compressible(request: ConsoleRequest, response: BytesResponse) -> bool:
    """Return whether to compress a page or a script's data."""
    return _is_worth_it(response) and _accepts_gzip(request) and _is_own_request(request)


def compress(response: BytesResponse) -> BytesResponse:
    """Return a response with a compressed body. Call it in a thread."""
    return _replace_body(response, gzip.compress(response.body, LEVEL, mtime=0))


def compress_static(request: ConsoleRequest, response: BytesResponse) -> BytesResponse:
    """Return a static file, which is no secret, compressed if the client accepts that."""
    if not _is_worth_it(response):
        return response
    if not _accepts_gzip(request):
        return replace(response, extra_headers=(*response.extra_headers, _VARY))
    return _replace_body(response, _compress_once(response.body))


@lru_cache(maxsize=64)
def _compress_once(body: bytes) -> bytes:
    return gzip.compress(body, STATIC_LEVEL, mtime=0)


def _replace_body(response: BytesResponse, body: bytes) -> BytesResponse:
    headers = (*response.extra_headers, ("content-encoding", "gzip"), _VARY)
    return replace(response, body=body, extra_headers=headers)


def _is_worth_it(response: BytesResponse) -> bool:
    return len(response.body) >= MIN_BYTES and response.content_type.startswith(_TYPES)


def _accepts_gzip(request: ConsoleRequest) -> bool:
    """Return whether Accept-Encoding names gzip, unless with a weight of 0."""
    for coding in request.http_request.headers.get("accept-encoding", "").lower().split(","):
        name, _, parameter = coding.partition(";")
        if name.strip() == "gzip":
            return parameter.replace(" ", "").rstrip("0") not in ("q=", "q=0.")
    return False


def _is_own_request(request: ConsoleRequest) -> bool:
    """Return whether our own page or the user made the request, not another site."""
    headers = request.http_request.headers
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site in _OWN_SITES
    return urlsplit(headers.get("referer", "")).netloc == headers.get("host", "-")
