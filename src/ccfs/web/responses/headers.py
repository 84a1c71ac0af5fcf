"""Headers of responses, and the range of a body that a request selects."""

import re
from dataclasses import dataclass
from urllib.parse import quote

from ccfs.model.formats.http_range import RangeNotSatisfiable, if_range_matches, is_not_modified, parse_range
from ccfs.web.request import Request
from ccfs.web.responses.types import BytesResponse, FileResponse

Headers = list[tuple[str, str]]
_SAFE_FILE_NAME = re.compile(r"[A-Za-z0-9._ -]+")


@dataclass(frozen=True, slots=True)
class SelectedRange:
    """The bytes [start, end) of a body that a request selects, with the corresponding status and headers."""

    status: int  # 200, 206, or 304 and 416, which have no body
    start: int
    end: int
    headers: Headers

    @property
    def size(self) -> int:
        """Number of selected bytes."""
        return self.end - self.start

    @property
    def has_body(self) -> bool:
        """Whether a response to GET has a body."""
        return self.status in (200, 206)


def build_bytes_headers(request: Request, response: BytesResponse) -> Headers:
    """Return the headers of a body at hand; extra ones replace defaults of the same name."""
    headers = [
        ("content-type", response.content_type),
        ("content-length", str(len(response.body))),
        ("cache-control", "no-store"),
        *_build_common_headers(request),
    ]
    if response.allowed_methods:
        headers.append(("allow", response.allowed_methods))
    replaced = {name for name, _ in response.extra_headers}
    return [pair for pair in headers if pair[0] not in replaced] + list(response.extra_headers)


def build_file_headers(request: Request, response: FileResponse) -> Headers:
    """Return the headers of a file, apart from those of its length and range."""
    if response.has_ranges:
        # A proxy must not store a call. A player may revalidate by the tag.
        caching = [("etag", response.etag), ("accept-ranges", "bytes"), ("cache-control", "private, no-cache")]
    else:
        caching = [("accept-ranges", "none"), ("cache-control", "no-store")]
    return [
        ("content-type", response.content_type),
        *caching,
        ("content-disposition", "inline" if response.is_inline else format_content_disposition(response.name)),
        *_build_common_headers(request),
    ]


def _build_common_headers(request: Request) -> Headers:
    return [("x-content-type-options", "nosniff"), ("x-request-id", request.id)]


def select_range(request: Request, etag: str, size: int | None) -> SelectedRange:
    """Return the range that the request's Range, If-Range and If-None-Match select; all of a body without ETag or size."""
    if size is None or not etag:
        return SelectedRange(200, 0, size or 0, [] if size is None else [("content-length", str(size))])
    if request.method in ("GET", "HEAD") and is_not_modified(request.headers.get("if-none-match"), etag):
        return SelectedRange(304, 0, 0, [])
    try:
        selected = _parse_requested_range(request, etag, size)
    except RangeNotSatisfiable:
        return SelectedRange(416, 0, 0, [("content-range", f"bytes */{size}"), ("content-length", "0")])
    if selected is None:
        return SelectedRange(200, 0, size, [("content-length", str(size))])
    start, end = selected
    headers = [("content-length", str(end - start)), ("content-range", f"bytes {start}-{end - 1}/{size}")]
    return SelectedRange(206, start, end, headers)


def _parse_requested_range(request: Request, etag: str, size: int) -> tuple[int, int] | None:
    if request.method == "HEAD" or not if_range_matches(request.headers.get("if-range"), etag):
        return None
    return parse_range(request.headers.get("range"), size)


def format_content_disposition(name: str) -> str:
    """Return Content-Disposition: attachment. A name beyond plain ASCII is given in its RFC 6266 form, too."""
    base = name.rpartition("/")[2]
    if _SAFE_FILE_NAME.fullmatch(base):
        return f'attachment; filename="{base}"'
    plain = "".join(c if c.isascii() and (c.isalnum() or c in "._- ") else "_" for c in base)
    extended = "" if plain == base else f"; filename*=UTF-8''{quote(base)}"
    return f'attachment; filename="{plain}"{extended}'
