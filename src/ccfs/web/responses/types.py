"""Answers as values: JSON, a kept file, a zip of kept files. How they are sent is send.py's business."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import ClassVar
from urllib.parse import quote

from ccfs.model.blobs.blob_ref import BlobRef
from ccfs.model.formats.stored_zip import ZipMember, ZipSegment, build_segments, total_size
from ccfs.protocol.responses import BINARY_TYPE, JSON_TYPE
from ccfs.web.transcode_pool import EncodeJob

_SAFE_FILE_NAME = re.compile(r"[A-Za-z0-9._ -]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class BytesResponse:
    """Bytes that are at hand."""

    body: bytes
    content_type: str = JSON_TYPE
    status: int = 200
    allowed_methods: str = ""  # the methods that a 405 must name
    extra_headers: tuple[tuple[str, str], ...] = ()  # further headers, which come in the place of usual ones


@dataclass(frozen=True, slots=True, kw_only=True)
class BlobResponse:
    """One kept file under the name that the receiver should save it as."""

    blob: BlobRef
    name: str
    content_type: str = BINARY_TYPE
    is_inline: bool = False  # whether a browser may show or play it, rather than save it

    @property
    def size(self) -> int:
        """Bytes."""
        return self.blob.size

    @property
    def etag(self) -> str:
        """Names the bytes: the same tag, the same bytes."""
        return f'"{self.blob.sha256[:32]}"'


@dataclass(frozen=True, slots=True, kw_only=True)
class BlobZipResponse:
    """Several kept files as one stored zip."""

    segments: Sequence[ZipSegment]
    blobs: Sequence[BlobRef]
    name: str
    etag: str
    content_type: ClassVar[str] = BINARY_TYPE
    is_inline: ClassVar[bool] = False

    @property
    def size(self) -> int:
        """Bytes."""
        return total_size(self.segments)


@dataclass(frozen=True, slots=True, kw_only=True)
class RangeStreamResponse:
    """Bytes that are made while they are sent, always the same ones."""

    iter_range: Callable[
        [int, int], Iterator[bytes]
    ]  # of [start, end); made in a thread. Gone where they cannot be had
    size: int
    name: str
    etag: str
    content_type: str = "application/zip"
    is_inline: ClassVar[bool] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkedResponse:
    """A file whose length shows only when it has been made, so that no part of it can be asked for."""

    chunks: Iterator[bytes]  # made in a thread
    name: str
    content_type: str


def build_zip_response(files: Sequence[tuple[BlobRef, ZipMember]], name: str) -> BlobZipResponse:
    """The zip of the files in their order; the same files under the same names give the same bytes and tag."""
    segments = build_segments([member for _, member in files])
    tag = sha256(b"".join(segment.data for segment in segments))  # headers hold every name, size, time and CRC
    for kept, _ in files:
        tag.update(bytes.fromhex(kept.sha256))
    return BlobZipResponse(
        segments=segments, blobs=[kept for kept, _ in files], name=name, etag=f'"{tag.hexdigest()[:32]}"'
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodedResponse:
    """A file that is made while it is sent; made.py lets its place go afterwards."""

    encode_job: EncodeJob
    name: str
    content_type: str
    size: int | None  # bytes; None: only making it tells
    is_inline: bool = False


def format_content_disposition(name: str) -> str:
    """Content-Disposition: attachment; a name beyond plain ASCII stands in its RFC 6266 form, too."""
    base = name.rpartition("/")[2]
    if _SAFE_FILE_NAME.fullmatch(base):
        return f'attachment; filename="{base}"'
    plain = "".join(c if c.isascii() and (c.isalnum() or c in "._- ") else "_" for c in base)
    extended = "" if plain == base else f"; filename*=UTF-8''{quote(base)}"
    return f'attachment; filename="{plain}"{extended}'


Response = BytesResponse | BlobResponse | BlobZipResponse | EncodedResponse | RangeStreamResponse | ChunkedResponse
