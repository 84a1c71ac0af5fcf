"""Responses as values: bytes at hand, one stored blob, a body that is generated while it is sent."""

from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass

from ccfs.model.blobs.blob_ref import BlobRef
from ccfs.protocol.responses import BINARY_TYPE, JSON_TYPE


@dataclass(frozen=True, slots=True, kw_only=True)
class BytesResponse:
    """A body that is at hand."""

    body: bytes
    content_type: str = JSON_TYPE
    status: int = 200
    allowed_methods: str = ""  # the methods that a 405 must name
    extra_headers: tuple[tuple[str, str], ...] = ()  # they replace default headers of the same name


@dataclass(frozen=True, slots=True, kw_only=True)
class BlobResponse:
    """One stored blob, under the name that the client should save it as."""

    blob: BlobRef
    name: str
    content_type: str = BINARY_TYPE
    is_inline: bool = False  # whether a browser may show or play it, rather than save it

    @property
    def size(self) -> int:
        """Size of the body in bytes."""
        return self.blob.size

    @property
    def etag(self) -> str:
        """Entity tag: equal tags mean equal bytes. A blob of unknown hash has an empty one."""
        return f'"{self.blob.sha256[:32]}"'

    @property
    def has_ranges(self) -> bool:
        """Whether a part of it can be requested."""
        return True


async def _close_nothing() -> None:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamedResponse:
    """A file that is generated while it is sent.

    With an ETag its bytes are always the same and its size is known: it can be requested by range, and a body below
    the buffer size is generated whole before it is sent. Without one it is sent from its first byte on as it is generated.
    """

    # Returns the bytes [start, end) in chunks; the whole file without an ETag. It runs in a thread. BlobNotFound, OSError and
    # SQLAlchemyError before the first chunk become a FileUnavailable response.
    chunks: Callable[[int, int], Iterator[bytes]]
    name: str
    content_type: str = BINARY_TYPE
    size: int | None = None  # bytes; None if only generating it tells
    etag: str = ""
    is_inline: bool = False
    check: Callable[[], object] = bool  # raises as `chunks` does if the body is unavailable: for HEAD
    close: Callable[[], Awaitable[None]] = _close_nothing  # called once, whether or not anything was sent
    executor: Executor | None = None  # threads that generate the chunks; None for the default ones
    stall_timeout: float | None = None  # seconds after which a client that reads nothing is disconnected

    @property
    def has_ranges(self) -> bool:
        """Whether a part of it can be requested."""
        return bool(self.etag)


Response = BytesResponse | BlobResponse | StreamedResponse
FileResponse = BlobResponse | StreamedResponse
