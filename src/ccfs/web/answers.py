"""Answers as values: JSON, a kept file, a zip of kept files. How they are sent is send.py's business."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import ClassVar
from urllib.parse import quote

from ccfs.model.recording import Kept
from ccfs.model.stored_zip import Member, Segment, layout, length
from ccfs.wire.envelope import BINARY_TYPE, JSON_TYPE

_PLAIN = re.compile(r"[A-Za-z0-9._ -]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plain:
    """Bytes that are at hand."""

    body: bytes
    content_type: str = JSON_TYPE
    status: int = 200
    allow: str = ""  # the methods that a 405 must name
    more: tuple[tuple[str, str], ...] = ()  # further headers, which come in the place of usual ones


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptFile:
    """One kept file under the name that the receiver should save it as."""

    kept: Kept
    name: str
    content_type: str = BINARY_TYPE
    is_inline: bool = False  # whether a browser may show or play it, rather than save it

    @property
    def size(self) -> int:
        """Bytes."""
        return self.kept.size

    @property
    def etag(self) -> str:
        """Names the bytes: the same tag, the same bytes."""
        return f'"{self.kept.sha256[:32]}"'


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptZip:
    """Several kept files as one stored zip."""

    segments: Sequence[Segment]
    files: Sequence[Kept]
    name: str
    etag: str
    content_type: ClassVar[str] = BINARY_TYPE
    is_inline: ClassVar[bool] = False

    @property
    def size(self) -> int:
        """Bytes."""
        return length(self.segments)


def zip_of(files: Sequence[tuple[Kept, Member]], name: str) -> KeptZip:
    """The zip of the files in their order; the same files under the same names give the same bytes and tag."""
    segments = layout([member for _, member in files])
    tag = sha256(b"".join(segment.data for segment in segments))  # headers hold every name, size, time and CRC
    for kept, _ in files:
        tag.update(bytes.fromhex(kept.sha256))
    return KeptZip(segments=segments, files=[kept for kept, _ in files], name=name, etag=f'"{tag.hexdigest()[:32]}"')


def disposition(name: str) -> str:
    """Content-Disposition: attachment; a name beyond plain ASCII stands in its RFC 6266 form, too."""
    base = name.rpartition("/")[2]
    if _PLAIN.fullmatch(base):
        return f'attachment; filename="{base}"'
    plain = "".join(c if c.isascii() and (c.isalnum() or c in "._- ") else "_" for c in base)
    extended = "" if plain == base else f"; filename*=UTF-8''{quote(base)}"
    return f'attachment; filename="{plain}"{extended}'


Answer = Plain | KeptFile | KeptZip
